package drivertest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/motia-go/motia/driver"
)

func visibility(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{Visibility: x.units(2), Retry: x.retry(1, 1)})
	var j journal
	x.consume(sub, 1, func(ctx context.Context, d *driver.Delivery) driver.Result {
		j.note(d)
		if d.Attempt == 1 {
			start := time.Now()
			x.hold(ctx.Done())
			x.onTime("the end of the handler's context", time.Since(start), x.units(2))
			if ctx.Err() == nil {
				x.errorf("the context of an expired delivery has no error")
			}
		}
		return driver.Result{}
	})
	x.publish(texts("a")...)
	x.expect(&j, "a1 a2")
	all := j.all()
	pause := all[1].at.Sub(all[0].at)
	if low, high := x.units(3)-x.h.Unit/10, x.units(3)+2*x.h.Lateness; pause < low || pause > high {
		x.errorf("the second attempt came %v after the first, want %v to %v, which is the bound and the pause", pause, low, high)
	}
}

func expiredTold(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{Visibility: x.units(1), Retry: x.retry(1, 0)})
	var handled, told journal
	drain := make(chan struct{})
	options := driver.ConsumeOptions{Slots: 1, Drain: drain, Expired: told.note}
	t := x.background("Consume", func(ctx context.Context) {
		err := x.backend.Queue.Consume(ctx, sub, options, func(ctx context.Context, d *driver.Delivery) driver.Result {
			handled.note(d)
			if string(d.Data) == "slow" && d.Attempt == 1 {
				x.hold(ctx.Done())
			}
			return driver.Result{}
		})
		if err != nil {
			x.errorf("Consume: %v", err)
		}
	})
	x.publish(texts("slow", "quick")...)
	x.expectSorted(&handled, "slow1 slow2 quick1")
	x.expect(&told, "slow1")
	close(drain)
	if !x.await(t.done) {
		x.errorf("Consume did not return after its drain")
	}
}

// stuck has a handler that ignores its context outlive the bound, and returns when the next attempt is done.
func stuck(x *trial, j *journal, late driver.Outcome) {
	x.bind(topic, sub, driver.SubscriptionConfig{Visibility: x.units(1), Retry: x.retry(1, 1)})
	gate, second := make(chan struct{}), make(chan struct{})
	open := sync.OnceFunc(func() { close(gate) }) // once, even if a driver delivers an attempt twice
	x.consume(sub, 2, func(_ context.Context, d *driver.Delivery) driver.Result {
		j.note(d)
		switch {
		case string(d.Data) != "g/0":
		case d.Attempt == 1:
			x.hold(gate)
			return driver.Result{Outcome: late, Error: "late"}
		case d.Attempt == 2:
			open() // the late result comes while this attempt runs
			x.hold(second)
		}
		return driver.Result{}
	})
	x.publish(numbered("g", 2)...)
	x.eventually(j.saw("g/0", 2), "the message of a stuck handler was not delivered again")
	x.settle()
	if got := j.of("g/1"); len(got) > 0 {
		x.fatalf("g/1 was delivered before g/0 was done")
	}
	close(second)
	x.eventually(j.saw("g/1", 1), "g/1 was not delivered after g/0: %s", j)
	x.settle()
}

func lateResult(x *trial) {
	var j journal
	stuck(x, &j, driver.OutcomeDone)
	x.expect(&j, "g/01 g/02 g/11")
}

func lateFailure(x *trial) {
	var j journal
	stuck(x, &j, driver.OutcomeRetry)
	x.pass(3)
	x.expect(&j, "g/01 g/02 g/11")
}

func extend(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{Visibility: x.units(1), Retry: x.retry(1, 0)})
	var j journal
	x.consume(sub, 2, func(ctx context.Context, d *driver.Delivery) driver.Result {
		j.note(d)
		start := time.Now()
		if d.Attempt > 1 {
			return driver.Result{}
		}
		for range 3 {
			x.pass(0.5)
			if err := d.Lease.Extend(ctx, x.units(1)); err != nil {
				x.errorf("Extend: %v", err)
			}
			deadline, ok := ctx.Deadline()
			if left := time.Until(deadline); !ok || (left-x.units(1)).Abs() > x.h.Lateness {
				x.errorf("an extension by %v moved the deadline to %v from now (has deadline: %v)", x.units(1), left, ok)
			}
		}
		if ctx.Err() != nil {
			x.errorf("the context of an extended delivery ended: %v", ctx.Err())
		}
		if string(d.Data) == "expires" {
			x.hold(ctx.Done())
			x.onTime("the end of the extended context", time.Since(start), x.units(2.5))
		}
		return driver.Result{}
	})
	x.publish(texts("works")...)
	x.expect(&j, "works1")
	x.publish(texts("expires")...)
	x.expect(&j, "works1 expires1 expires2")
}

func extendLate(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{Visibility: x.units(1), Retry: x.retry(1, 0)})
	var j journal
	second := make(chan struct{})
	begun := sync.OnceFunc(func() { close(second) })
	answers := make(chan error, 1)
	x.consume(sub, 2, func(ctx context.Context, d *driver.Delivery) driver.Result {
		j.note(d)
		if d.Attempt == 1 {
			x.hold(second)
			answers <- d.Lease.Extend(context.WithoutCancel(ctx), x.units(5))
			return driver.Result{}
		}
		begun()
		x.pass(0.1)
		return driver.Result{}
	})
	x.publish(texts("a")...)
	x.expect(&j, "a1 a2")
	x.eventually(func() bool { return len(answers) == 1 }, "Extend did not return")
	if err := <-answers; !errors.Is(err, driver.ErrLeaseLost) {
		x.errorf("Extend after the bound, while another attempt was running, returned %v, want ErrLeaseLost", err)
	}
}

func noBound(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{Retry: x.retry(5, 0)})
	var j journal
	gate := make(chan struct{})
	x.consume(sub, 2, func(ctx context.Context, d *driver.Delivery) driver.Result {
		j.note(d)
		if _, ok := ctx.Deadline(); ok {
			x.errorf("a delivery without a bound has a deadline")
		}
		if err := d.Lease.Extend(ctx, x.units(0.5)); err != nil {
			x.errorf("Extend without a bound returned %v", err)
		}
		x.hold(gate)
		if ctx.Err() != nil {
			x.errorf("the context of a delivery without a bound ended: %v", ctx.Err())
		}
		return driver.Result{}
	})
	x.publish(texts("a")...)
	x.eventually(j.saw("a", 1), "a was not delivered")
	x.pass(5)
	close(gate)
	x.expect(&j, "a1")
}

func lostAttemptsEnd(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{Visibility: x.units(1), Retry: x.retry(1, 0)})
	var j journal
	x.consume(sub, 1, func(ctx context.Context, d *driver.Delivery) driver.Result {
		j.note(d)
		if string(d.Data) == "g/0" {
			x.hold(ctx.Done())
		}
		return driver.Result{}
	})
	x.publish(numbered("g", 2)...)
	x.expect(&j, "g/01 g/02 g/11")
}

func contextDeadline(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{Visibility: x.units(4)})
	deadlines := make(chan error, 2)
	handle := func(want time.Duration) driver.Handler {
		return func(ctx context.Context, _ *driver.Delivery) driver.Result {
			deadline, ok := ctx.Deadline()
			if left := time.Until(deadline); !ok || (left-want).Abs() > x.h.Lateness {
				deadlines <- fmt.Errorf("the deadline is %v from now (has deadline: %v), want %v", left, ok, want)
			} else {
				deadlines <- nil
			}
			return driver.Result{}
		}
	}
	check := func(who string) {
		x.eventually(func() bool { return len(deadlines) > 0 }, "nothing was delivered")
		if err := <-deadlines; err != nil {
			x.errorf("%s: %v", who, err)
		}
	}
	c := x.consume(sub, 1, handle(x.units(4)))
	x.publish(texts("a")...)
	check("with a bound")
	c.stop()
	ctx, cancel := context.WithTimeout(x.ctx, x.units(2))
	defer cancel()
	drain := make(chan struct{})
	t := x.background("Consume", func(context.Context) {
		options := driver.ConsumeOptions{Slots: 1, Drain: drain}
		_ = x.backend.Queue.Consume(ctx, sub, options, handle(x.units(2)))
	})
	x.publish(texts("b")...)
	check("with an earlier deadline of Consume")
	close(drain)
	x.stop(t)
}

func contextDerived(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{Visibility: x.units(1)})
	type key struct{}
	derive := []func(context.Context) (context.Context, context.CancelFunc){
		context.WithCancel,
		func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Hour)
		},
		func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithCancel(context.WithValue(ctx, key{}, 1))
		},
	}
	for _, f := range derive {
		ended := make(chan time.Duration, 1)
		c := x.consume(sub, 1, func(ctx context.Context, _ *driver.Delivery) driver.Result {
			start := time.Now()
			derived, cancel := f(ctx)
			defer cancel()
			x.hold(derived.Done())
			if derived.Err() == nil || ctx.Err() == nil {
				x.errorf("the errors of the contexts are %v and %v", derived.Err(), ctx.Err())
			}
			ended <- time.Since(start)
			return driver.Result{}
		})
		x.publish(texts("a")...)
		x.eventually(func() bool { return len(ended) > 0 }, "a derived context did not end with the lease")
		x.onTime("the end of a derived context", <-ended, x.units(1))
		c.stop()
	}
}

func contextValues(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{})
	type key struct{}
	ctx, cancel := context.WithCancel(context.WithValue(x.ctx, key{}, "value"))
	defer cancel()
	values := make(chan any, 1)
	drain := make(chan struct{})
	t := x.background("Consume", func(context.Context) {
		options := driver.ConsumeOptions{Slots: 1, Drain: drain}
		err := x.backend.Queue.Consume(ctx, sub, options, func(ctx context.Context, _ *driver.Delivery) driver.Result {
			values <- ctx.Value(key{})
			return driver.Result{}
		})
		if err != nil {
			x.errorf("Consume: %v", err)
		}
	})
	x.publish(texts("a")...)
	x.eventually(func() bool { return len(values) > 0 }, "nothing was delivered")
	if got := <-values; got != "value" {
		x.errorf("a handler's context has the value %v, want that of Consume's context", got)
	}
	close(drain)
	if !x.await(t.done) {
		x.errorf("Consume did not return after its drain")
	}
}
