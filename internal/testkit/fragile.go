package testkit

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/driver"
)

// Fragile is an in-memory backend whose watches and bus can be made to fail. It counts open watches and
// subscriptions.
type Fragile struct {
	driver.KV
	Watches atomic.Int64 // that are open
	Busses  atomic.Int64 // subscriptions that are open
	FailBus atomic.Bool  // makes Subscribe fail

	bus    driver.Bus
	mu     sync.Mutex
	broken chan struct{} // closed to end all watches
}

// ErrBroken is the error with which the watches and the bus of a Fragile fail.
var ErrBroken = errors.New("connection lost")

// NewFragile returns a backend and the Fragile that breaks it.
func NewFragile() (*driver.Backend, *Fragile) {
	backend := motia.InMemory(nil)
	f := &Fragile{KV: backend.KV, bus: backend.Bus, broken: make(chan struct{})}
	backend.KV, backend.Bus = f, f
	return backend, f
}

// Watch implements driver.KV.
func (f *Fragile) Watch(ctx context.Context, bucket, scope string, see func(driver.Entry)) error {
	f.Watches.Add(1)
	defer f.Watches.Add(-1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	f.mu.Lock()
	broken := f.broken
	f.mu.Unlock()
	ended := make(chan error, 1)
	go func() { ended <- f.KV.Watch(ctx, bucket, scope, see) }()
	select {
	case err := <-ended:
		return err
	case <-broken:
		cancel()
		<-ended
		return ErrBroken
	}
}

// Send implements driver.Bus.
func (f *Fragile) Send(ctx context.Context, subject string, data []byte) error {
	return f.bus.Send(ctx, subject, data)
}

// Subscribe implements driver.Bus.
func (f *Fragile) Subscribe(ctx context.Context, subject string, see func([]byte)) (func(), error) {
	if f.FailBus.Load() {
		return nil, ErrBroken
	}
	stop, err := f.bus.Subscribe(ctx, subject, see)
	f.Busses.Add(1)
	return func() { stop(); f.Busses.Add(-1) }, err
}

// BreakWatches ends all watches with ErrBroken. Later ones work.
func (f *Fragile) BreakWatches() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.broken)
	f.broken = make(chan struct{})
}
