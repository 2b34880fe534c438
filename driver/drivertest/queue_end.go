package drivertest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/motia-go/motia/driver"
)

func drain(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{})
	var j journal
	gate := make(chan struct{})
	c := x.consume(sub, 2, func(ctx context.Context, d *driver.Delivery) driver.Result {
		j.note(d)
		x.hold(gate)
		if ctx.Err() != nil {
			x.errorf("the drain ended the context of a handler: %v", ctx.Err())
		}
		return driver.Result{}
	})
	x.publish(texts("a", "b", "c", "d", "e", "f")...)
	x.eventually(func() bool { return j.len() == 2 }, "2 slots did not run 2 handlers at once")
	c.drain()
	x.settle()
	x.pass(1)
	select {
	case <-c.task.done:
		x.errorf("Consume returned before its handlers")
	default:
	}
	close(gate)
	if !x.await(c.task.done) || c.err != nil {
		x.fatalf("Consume did not return nil after its drain: %v", c.err)
	}
	x.settle()
	if n := j.len(); n != 2 {
		x.errorf("%d handlers were started after the drain", n-2)
	}
}

func drainUnharmed(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{})
	all := x.instances(2)
	x.publish(append(numbered("g", 6), texts("a", "b", "c", "d")...)...)
	var first, rest journal
	gate := make(chan struct{})
	c := x.consumeOn(all[0], sub, 2, func(_ context.Context, d *driver.Delivery) driver.Result {
		first.note(d)
		x.hold(gate)
		return driver.Result{}
	})
	x.eventually(func() bool { return first.len() == 2 }, "2 slots did not run 2 handlers at once")
	c.drain()
	x.settle()
	close(gate)
	c.stop()
	x.consumeOn(all[1], sub, 1, rest.done)
	x.eventually(func() bool { return rest.len() >= 8 }, "after a drain fewer than 8 messages were delivered: %s", &rest)
	x.settle()
	last := ""
	for _, s := range rest.all() {
		if s.attempt != 1 {
			x.errorf("%s had not reached a handler, but was delivered as attempt %d", s.text, s.attempt)
		}
		if s.text[0] == 'g' {
			if s.text < last {
				x.errorf("%s was delivered after %s", s.text, last)
			}
			last = s.text
		}
	}
	if n := rest.len(); n != 8 {
		x.errorf("%d messages were delivered after the drain, want 8: %s", n, &rest)
	}
}

func drainIdle(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{})
	for range 2 {
		var j journal
		c := x.consume(sub, 2, j.done)
		x.publish(texts("a")...)
		x.expect(&j, "a1")
		c.stop()
		if c.err != nil {
			x.errorf("Consume returned %v", c.err)
		}
	}
}

func kill(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{Retry: x.retry(9, 1000)})
	all := x.instances(2)
	var first, second journal
	var heeded atomic.Int32
	c := x.consumeOn(all[0], sub, 2, func(ctx context.Context, d *driver.Delivery) driver.Result {
		first.note(d)
		select {
		case <-ctx.Done():
			heeded.Add(1)
			return release
		case <-x.over:
			return driver.Result{}
		}
	})
	c.ends = true
	x.publish(append(numbered("g", 2), texts("a")...)...)
	x.eventually(func() bool { return first.len() == 2 }, "2 slots did not run 2 handlers at once")
	x.stop(c.task)
	if n := heeded.Load(); n != 2 {
		x.errorf("%d of the contexts of 2 handlers ended with Consume's", n)
	}
	if !errors.Is(c.err, context.Canceled) {
		x.errorf("Consume returned %v, want an error that wraps the context's", c.err)
	}
	x.consumeOn(all[1], sub, 1, second.done)
	x.expectSorted(&second, "a1 g/01 g/11")
}

func killIgnored(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{Visibility: x.units(20), Retry: x.retry(9, 0)})
	all := x.instances(2)
	var first, second journal
	gate := make(chan struct{})
	c := x.consumeOn(all[0], sub, 1, func(_ context.Context, d *driver.Delivery) driver.Result {
		first.note(d)
		x.hold(gate) // even though the context has ended
		return driver.Result{Outcome: driver.OutcomeDead, Error: "late"}
	})
	c.ends = true
	x.publish(numbered("g", 2)...)
	x.expect(&first, "g/01")
	x.stop(c.task)
	x.consumeOn(all[1], sub, 2, func(_ context.Context, d *driver.Delivery) driver.Result {
		second.note(d)
		return driver.Result{}
	})
	x.eventually(second.saw("g/1", 1), "the message of a handler that does not return was lost: %s", &second)
	close(gate)
	x.settle()
	if n := len(second.of("g/0")); n != 1 {
		x.errorf("g/0 was delivered %d times after its worker was lost, want 1", n)
	}
	if all := second.all(); all[0].text != "g/0" {
		x.errorf("%s was delivered first, want g/0", all[0].text)
	}
}

func crashed(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{Visibility: x.units(5), Retry: x.retry(9, 0)})
	all := x.instances(2)
	var first, second journal
	c := x.consumeOn(all[1], sub, 1, func(_ context.Context, d *driver.Delivery) driver.Result {
		first.note(d)
		x.hold(nil)
		return driver.Result{}
	})
	c.ends = true
	x.publish(numbered("g", 3)...)
	x.expect(&first, "g/01")
	x.crash(all[1])
	c.task.cancel()
	x.consumeOn(all[0], sub, 2, second.done)
	x.eventually(func() bool { return second.len() >= 3 }, "after a crash only these were delivered: %s", &second)
	x.settle()
	for i, s := range second.all() {
		if want := fmt.Sprint("g/", i); s.text != want {
			x.errorf("%s was delivered when %s was next", s.text, want)
		}
	}
}

func queueContext(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{})
	ctx, cancel := context.WithCancel(x.ctx)
	cancel()
	q := x.backend.Queue
	nothing := func(context.Context, *driver.Delivery) driver.Result { return driver.Result{} }
	errs := map[string]error{
		"Bind":    q.Bind(ctx, topic, sub, driver.SubscriptionConfig{}),
		"Publish": q.Publish(ctx, texts("x")...),
		"Consume": q.Consume(ctx, sub, driver.ConsumeOptions{Slots: 1}, nothing),
	}
	if d, ok := q.(driver.DeadLetters); ok {
		_, errs["Dead"] = d.Dead(ctx, sub, "", 1)
		_, errs["CountDead"] = d.CountDead(ctx, sub)
	}
	if s, ok := q.(driver.StatsReader); ok {
		_, errs["Stats"] = s.Stats(ctx, sub)
	}
	for method, err := range errs {
		if !errors.Is(err, context.Canceled) {
			x.errorf("%s with an ended context returned %v, want an error that wraps the context's", method, err)
		}
	}
}

func queueClosed(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{})
	x.publish(texts("a")...)
	q := x.backend.Queue
	x.close(x.backend)
	ctx, cancel := context.WithTimeout(x.ctx, x.h.Patience)
	defer cancel()
	nothing := func(context.Context, *driver.Delivery) driver.Result { return driver.Result{} }
	errs := map[string]error{
		"Bind":    q.Bind(ctx, topic, sub, driver.SubscriptionConfig{}),
		"Publish": q.Publish(ctx, texts("x")...),
		"Consume": q.Consume(ctx, sub, driver.ConsumeOptions{Slots: 1}, nothing),
	}
	if d, ok := q.(driver.DeadLetters); ok {
		_, errs["Dead"] = d.Dead(ctx, sub, "", 1)
		_, errs["CountDead"] = d.CountDead(ctx, sub)
		_, errs["Redrive"] = d.Redrive(ctx, sub, "x")
		_, errs["Discard"] = d.Discard(ctx, sub, "x")
	}
	if s, ok := q.(driver.StatsReader); ok {
		_, errs["Stats"] = s.Stats(ctx, sub)
	}
	x.expectClosed(errs)
}

// expectClosed checks the errors of methods after Close.
func (x *trial) expectClosed(errs map[string]error) {
	for method, err := range errs {
		if !errors.Is(err, driver.ErrClosed) {
			x.errorf("%s after Close returned %v, want ErrClosed", method, err)
		}
	}
}

func queueCloseBusy(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{})
	var running atomic.Int32
	c := x.consume(sub, 2, func(ctx context.Context, _ *driver.Delivery) driver.Result {
		running.Add(1)
		select {
		case <-ctx.Done():
			return release
		case <-x.over: // if released, it would be delivered again at once
			return driver.Result{}
		}
	})
	c.ends = true
	x.bind(topic, "idle", driver.SubscriptionConfig{})
	idle := x.consume("idle", 1, func(context.Context, *driver.Delivery) driver.Result { return driver.Result{} })
	idle.ends = true
	x.publish(texts("a", "b", "c", "d", "e", "f")...)
	x.eventually(func() bool { return running.Load() > 0 }, "no handler was started")
	ctx, cancel := context.WithTimeout(x.ctx, x.units(2))
	defer cancel()
	closed := make(chan struct{})
	b := x.backend
	x.forget(b)
	x.background("Close", func(context.Context) {
		defer close(closed)
		_ = b.Close(ctx) // it may return an error, but it returns
	})
	if !x.await(closed) {
		x.fatalf("Close did not return after its context had ended")
	}
	for _, c := range []*consumer{c, idle} {
		if !x.await(c.task.done) {
			x.fatalf("Consume did not return after Close")
		}
		if c.err != nil && !errors.Is(c.err, driver.ErrClosed) {
			x.errorf("Consume returned %v after Close", c.err)
		}
	}
}
