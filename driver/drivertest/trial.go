package drivertest

import (
	"context"
	"crypto/rand"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/motia-go/motia/driver"
)

// trial is one run of a case: its store, what it has started, and where its violations go.
type trial struct {
	h       Harness
	tb      testing.TB
	store   string
	backend *driver.Backend // the first instance
	ctx     context.Context
	over    chan struct{} // closed when the case has ended, so that no handler waits any longer

	mu         sync.Mutex
	report     func(violation string) // nil after the end
	violations int
	cleanups   []func()
	opened     []*driver.Backend
}

func newTrial(tb testing.TB, h Harness, report func(violation string)) *trial {
	return &trial{
		h:      h,
		tb:     tb,
		store:  "drivertest-" + strings.ToLower(rand.Text()),
		ctx:    context.Background(),
		over:   make(chan struct{}),
		report: report,
	}
}

// end stops what the case has started, in reverse order.
func (x *trial) end() {
	close(x.over)
	for len(x.cleanups) > 0 {
		last := len(x.cleanups) - 1
		f := x.cleanups[last]
		x.cleanups = x.cleanups[:last]
		f()
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.report = nil
}

// cleanup registers a function to be called when the case ends. Only the case's own goroutine calls it.
func (x *trial) cleanup(f func()) { x.cleanups = append(x.cleanups, f) }

// enough is how many violations of one case are reported.
const enough = 20

// errorf reports a violation. It may be called on any goroutine.
func (x *trial) errorf(format string, args ...any) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.report == nil {
		return
	}
	switch x.violations++; {
	case x.violations <= enough:
		x.report(fmt.Sprintf(format, args...))
	case x.violations == enough+1:
		x.report("further violations are not reported")
	}
}

// fatalf reports a violation and ends the goroutine, which must be the case's own.
func (x *trial) fatalf(format string, args ...any) {
	x.errorf(format, args...)
	runtime.Goexit()
}

// must ends the case unless err is nil.
func (x *trial) must(err error, format string, args ...any) {
	if err != nil {
		x.fatalf("%s: %v", fmt.Sprintf(format, args...), err)
	}
}

// open opens one more instance of the store.
func (x *trial) open() *driver.Backend {
	b := x.h.Open(x.tb, x.store)
	x.opened = append(x.opened, b)
	x.cleanup(func() { x.close(b) })
	return b
}

// close closes an instance, unless it is already closed or has crashed.
func (x *trial) close(b *driver.Backend) {
	if !slices.Contains(x.opened, b) {
		return
	}
	x.forget(b)
	if b.Close == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), x.h.Patience)
	defer cancel()
	if err := b.Close(ctx); err != nil {
		x.errorf("Close: %v", err)
	}
}

// forget makes the case responsible for the end of an instance.
func (x *trial) forget(b *driver.Backend) {
	x.opened = slices.DeleteFunc(x.opened, func(other *driver.Backend) bool { return other == b })
}

// crash ends an instance without closing it.
func (x *trial) crash(b *driver.Backend) {
	x.forget(b)
	x.h.Crash(b)
}

// instances returns n instances of the store: separate ones if the driver is distributed, otherwise the same one n
// times.
func (x *trial) instances(n int) []*driver.Backend {
	list := []*driver.Backend{x.backend}
	for len(list) < n {
		if x.backend.Features.Distributed {
			list = append(list, x.open())
		} else {
			list = append(list, x.backend)
		}
	}
	return list
}

// settle returns when everything that can happen now has happened.
func (x *trial) settle() { x.h.settle() }

// units is a length of time.
func (x *trial) units(n float64) time.Duration { return time.Duration(n * float64(x.h.Unit)) }

// pass lets time pass.
func (x *trial) pass(units float64) { time.Sleep(x.units(units)) }

// eventually waits until the condition is true. It fails and ends the case when the patience is exhausted.
func (x *trial) eventually(condition func() bool, format string, args ...any) {
	deadline := time.Now().Add(x.h.Patience)
	for pause := x.h.Unit / 100; ; pause = min(pause*5/4, x.h.Unit/10) {
		if x.h.virtual() {
			x.settle()
		}
		if condition() {
			return
		}
		if time.Now().After(deadline) {
			x.fatalf("gave up after %v: %s", x.h.Patience, fmt.Sprintf(format, args...))
		}
		time.Sleep(pause)
	}
}

// await waits for a channel to be closed, and reports whether that happened within the patience.
func (x *trial) await(c <-chan struct{}) bool {
	timer := time.NewTimer(x.h.Patience)
	defer timer.Stop()
	select {
	case <-c:
		return true
	case <-timer.C:
		return false
	}
}

// hold waits until the gate is open or the case is over. Handlers wait with it.
func (x *trial) hold(gate <-chan struct{}) {
	select {
	case <-gate:
	case <-x.over:
	}
}

// together runs f n times at once and returns when all have ended.
func (x *trial) together(n int, f func(i int)) {
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { f(i) })
	}
	group.Wait()
}

// background runs f on a goroutine until the case ends. At its end the case cancels the context of f and waits for f.
func (x *trial) background(what string, f func(ctx context.Context)) *task {
	ctx, cancel := context.WithCancel(x.ctx)
	t := &task{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(t.done)
		f(ctx)
	}()
	x.cleanup(func() {
		cancel()
		if !x.await(t.done) {
			x.errorf("%s has not returned %v after its context has ended", what, x.h.Patience)
		}
	})
	return t
}

// task is something that runs in the background.
type task struct {
	cancel context.CancelFunc
	done   chan struct{} // closed when it has returned
}

// stop ends the task and waits for it.
func (x *trial) stop(t *task) {
	t.cancel()
	if !x.await(t.done) {
		x.fatalf("a call has not returned %v after its context has ended", x.h.Patience)
	}
}

// onTime checks that a length of time is what it should be, or a little more.
func (x *trial) onTime(what string, got, want time.Duration) {
	early := x.h.Unit / 20 // clocks of other machines differ a little, and some count milliseconds
	if x.h.virtual() {
		early = 0
	}
	if got < want-early {
		x.errorf("%s came after %v, want at least %v", what, got, want)
	}
	if got > want+x.h.Lateness {
		x.errorf("%s came after %v, want %v and at most %v more", what, got, want, x.h.Lateness)
	}
}
