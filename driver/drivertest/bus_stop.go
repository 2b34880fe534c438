package drivertest

import (
	"context"
	"sync"
	"sync/atomic"
)

func busStop(x *trial) {
	stops, stays := x.listen(subject), x.listen(subject)
	x.send(subject, "1")
	x.expectEvents("a subscriber", stops, "1")
	x.inTime("stop", stops.stop)
	x.send(subject, "2")
	x.expectEvents("the subscriber that stays", stays, "1", "2")
	x.expectEvents("the subscriber that has stopped", stops, "1")
}

func busStopAgain(x *trial) {
	l, other := x.listen(subject), x.listen(subject)
	for range 3 {
		x.inTime("stop", l.stop)
	}
	x.together(8, func(int) { x.inTime("stop", l.stop) })
	x.send(subject, "1")
	x.expectEvents("another subscriber", other, "1")
	x.expectEvents("the subscriber that has stopped", l)
}

func busStopWaits(x *trial) {
	var running atomic.Bool
	started, gate := make(chan struct{}), make(chan struct{})
	var once sync.Once
	stop := x.subscribe(x.backend, subject, func([]byte) {
		running.Store(true)
		once.Do(func() { close(started) })
		x.hold(gate)
		x.pass(0.1)
		running.Store(false)
	})
	x.background("Send", func(ctx context.Context) { _ = x.backend.Bus.Send(ctx, subject, nil) })
	if !x.await(started) {
		x.fatalf("an event was not received")
	}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		stop()
		if running.Load() {
			x.errorf("stop returned while the function was still running")
		}
	}()
	x.settle()
	close(gate)
	if !x.await(stopped) {
		x.errorf("stop did not return")
	}
}

func busStopInside(x *trial) {
	var mu sync.Mutex
	calls := 0
	var stop func()
	ready, returned := make(chan struct{}), make(chan struct{})
	stop = x.subscribe(x.backend, subject, func([]byte) {
		mu.Lock()
		calls++
		first := calls == 1
		mu.Unlock()
		x.hold(ready)
		if first {
			stop()
			close(returned)
		}
	})
	close(ready)
	other := x.listen(subject)
	x.background("Send", func(context.Context) {
		for range 2 {
			if err := x.backend.Bus.Send(x.ctx, subject, []byte("e")); err != nil {
				x.errorf("Send: %v", err)
			}
		}
	})
	if !x.await(returned) {
		x.fatalf("stop did not return when the function itself called it")
	}
	x.expectEvents("another subscriber", other, "e", "e")
	mu.Lock()
	defer mu.Unlock()
	if calls != 1 {
		x.errorf("the function was called %d times, although it called stop in the first", calls)
	}
}
