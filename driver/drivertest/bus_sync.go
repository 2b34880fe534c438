package drivertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/motia-go/motia/driver"
)

// syncSubject calls SyncSubject on an instance, with the patience of the suite.
func (x *trial) syncSubject(b *driver.Backend, subject string) error {
	ctx, cancel := context.WithTimeout(x.ctx, x.h.Patience)
	defer cancel()
	return b.Bus.(driver.SubjectSyncer).SyncSubject(ctx, subject)
}

// busSync has subscribers that take a little time for each event, and senders that keep them busy, so that they lag.
func busSync(x *trial) {
	const busy, subscribers = 3, 2
	type note struct {
		mu   sync.Mutex
		list []string
	}
	all := x.instances(2)
	var notes [2][]*note // by instance
	for i, b := range all {
		for range subscribers {
			n := new(note)
			x.subscribe(b, subject, func(data []byte) {
				x.pass(0.002)
				if strings.HasPrefix(string(data), "mine") {
					n.mu.Lock()
					defer n.mu.Unlock()
					n.list = append(n.list, string(data))
				}
			})
			notes[i] = append(notes[i], n)
		}
	}
	var sending sync.WaitGroup
	var enough atomic.Bool
	defer sending.Wait()
	defer enough.Store(true)
	for i := range busy {
		sending.Go(func() {
			for !enough.Load() {
				if err := all[i%2].Bus.Send(x.ctx, subject, []byte("busy")); err != nil {
					x.errorf("Send: %v", err)
					return
				}
				x.pass(0.03) // slower than a subscriber, which otherwise would never catch up
			}
		})
	}
	x.together(4, func(c int) {
		for n := range max(x.h.Messages/20, 10) {
			x.pass(0.003)
			b, text := all[(c+n)%2], fmt.Sprintf("mine %d %d", c, n)
			if err := b.Bus.Send(x.ctx, subject, []byte(text)); err != nil {
				x.errorf("Send: %v", err)
				return
			}
			if err := x.syncSubject(b, subject); err != nil {
				x.errorf("SyncSubject returned %v", err)
				return
			}
			for k, to := range notes[(c+n)%2] {
				to.mu.Lock()
				told := slices.Contains(to.list, text)
				to.mu.Unlock()
				if !told {
					x.errorf("SyncSubject returned before subscriber %d had received an event that was sent earlier", k)
					return
				}
			}
		}
	})
}

func busSyncOthers(x *trial) {
	if err := x.syncSubject(x.backend, subject); err != nil {
		x.errorf("SyncSubject without subscribers returned %v", err)
	}
	gate, reached := make(chan struct{}), make(chan struct{})
	var once sync.Once
	x.subscribe(x.backend, "other", func([]byte) {
		once.Do(func() { close(reached) })
		x.hold(gate)
	})
	x.background("Send", func(context.Context) { _ = x.backend.Bus.Send(x.ctx, "other", nil) })
	defer close(gate)
	if !x.await(reached) {
		x.fatalf("an event was not received")
	}
	l := x.listen(subject)
	x.send(subject, "1")
	waiting := x.background("SyncSubject", func(context.Context) {
		if err := x.syncSubject(x.backend, subject); err != nil {
			x.errorf("SyncSubject returned %v, although only a subscriber of another subject was slow", err)
		}
	})
	if !x.await(waiting.done) {
		x.fatalf("SyncSubject waits for a subscriber of another subject")
	}
	if got := l.String(); got != "1" {
		x.errorf("when SyncSubject returned, the subscriber had received %q, want 1", got)
	}
}

func busSyncEnd(x *trial) {
	gate, reached := make(chan struct{}), make(chan struct{})
	var once sync.Once
	stop := x.subscribe(x.backend, subject, func([]byte) {
		once.Do(func() { close(reached) })
		x.hold(gate)
	})
	x.background("Send", func(context.Context) { _ = x.backend.Bus.Send(x.ctx, subject, []byte("1")) }) // which may run the function
	if !x.await(reached) {
		x.fatalf("an event was not received")
	}
	x.send(subject, "2")

	ctx, cancel := context.WithTimeout(x.ctx, x.units(1))
	defer cancel()
	var err error
	limited := x.background("SyncSubject", func(context.Context) { err = x.backend.Bus.(driver.SubjectSyncer).SyncSubject(ctx, subject) })
	if !x.await(limited.done) {
		x.fatalf("SyncSubject has not returned %v after its context has ended", x.h.Patience)
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		x.errorf("SyncSubject returned %v when its context ended, want an error that wraps the context's", err)
	}

	waiting := x.background("SyncSubject", func(context.Context) {
		if err := x.syncSubject(x.backend, subject); err != nil {
			x.errorf("SyncSubject returned %v when the subscription that it waited for was stopped", err)
		}
	})
	x.settle()
	stopping := x.background("stop", func(context.Context) { stop() })
	x.settle()
	close(gate)
	if !x.await(stopping.done) {
		x.fatalf("stop did not return")
	}
	if !x.await(waiting.done) {
		x.fatalf("SyncSubject waits for a subscription that was stopped")
	}
}
