package drivertest

import (
	"context"
	"fmt"

	"github.com/motia-go/motia/driver"
)

// failing returns a handler that notes its deliveries and returns the results in turn, and then OutcomeDone.
func (x *trial) failing(j *journal, results ...driver.Result) driver.Handler {
	n := 0
	return func(_ context.Context, d *driver.Delivery) driver.Result {
		j.note(d)
		if n++; n <= len(results) {
			return results[n-1]
		}
		return driver.Result{}
	}
}

var (
	retry   = driver.Result{Outcome: driver.OutcomeRetry, Error: "retry"}
	release = driver.Result{Outcome: driver.OutcomeRelease}
)

// expectPauses checks the pauses between the deliveries, in units.
func (x *trial) expectPauses(j *journal, units ...float64) {
	x.eventually(func() bool { return j.len() >= len(units)+1 }, "fewer than %d deliveries", len(units)+1)
	all := j.all()
	for i, want := range units {
		x.onTime(fmt.Sprintf("attempt %d", i+2), all[i+1].at.Sub(all[i].at), x.units(want))
	}
}

func retryTiming(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{
		Retry: driver.RetryPolicy{MaxRetries: 4, Base: x.units(1), Factor: 2, Cap: x.units(3)},
	})
	var j journal
	x.consume(sub, 1, x.failing(&j, retry, retry, retry, retry))
	x.publish(texts("a")...)
	x.expectPauses(&j, 1, 2, 3, 3)
	x.expect(&j, "a1 a2 a3 a4 a5")
}

func retryJitter(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{
		Retry: driver.RetryPolicy{MaxRetries: 1, Base: x.units(2), Jitter: 0.5},
	})
	var j journal
	x.consume(sub, 8, func(_ context.Context, d *driver.Delivery) driver.Result {
		j.note(d)
		return retry
	})
	const n = 20
	for i := range n {
		x.publish(texts(fmt.Sprint("m", i))...)
	}
	x.eventually(func() bool { return j.len() >= 2*n }, "fewer than 2 attempts of %d messages", n)
	for i := range n {
		seen := j.of(fmt.Sprint("m", i))
		if len(seen) != 2 {
			x.fatalf("m%d was delivered %d times", i, len(seen))
		}
		pause := seen[1].at.Sub(seen[0].at)
		if low, high := x.units(1)-x.h.Unit/20, x.units(2)+x.h.Lateness; pause < low || pause > high {
			x.errorf("the pause was %v, want %v to %v", pause, low, high)
		}
	}
}

func retryLimit(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{Retry: x.retry(2, 0)})
	var j journal
	x.consume(sub, 1, x.failing(&j, retry, retry, retry))
	x.publish(numbered("g", 2)...)
	x.expect(&j, "g/01 g/02 g/03 g/11")
	x.pass(2)
	x.expect(&j, "g/01 g/02 g/03 g/11")
}

func noRetries(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{})
	var j journal
	x.consume(sub, 1, x.failing(&j, retry, driver.Result{Outcome: driver.OutcomeRetryAfter, Error: "x"}))
	x.publish(numbered("g", 3)...)
	x.expect(&j, "g/01 g/11 g/21")
}

func retryAfter(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{Retry: x.retry(3, 20)})
	after := func(units float64) driver.Result {
		return driver.Result{Outcome: driver.OutcomeRetryAfter, Delay: x.units(units), Error: "later"}
	}
	var j journal
	x.consume(sub, 1, x.failing(&j, after(2), after(0), after(1), after(0)))
	x.publish(numbered("g", 2)...)
	x.expectPauses(&j, 2, 0, 1)
	x.expect(&j, "g/01 g/02 g/03 g/04 g/11")
}

func deadAtOnce(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{Retry: x.retry(9, 0)})
	var j journal
	x.consume(sub, 1, x.failing(&j, driver.Result{Outcome: driver.OutcomeDead, Error: "hopeless"}))
	x.publish(numbered("g", 2)...)
	x.expect(&j, "g/01 g/11")
	x.pass(1)
	x.expect(&j, "g/01 g/11")
}

func releaseKeepsItsPlace(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{})
	var j journal
	x.consume(sub, 1, x.failing(&j, release, release))
	x.publish(numbered("g", 3)...)
	x.expect(&j, "g/01 g/01 g/01 g/11 g/21")
}

func attemptCount(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{Retry: x.retry(2, 0)})
	var j journal
	x.consume(sub, 1, x.failing(&j, release, retry, release, release, driver.Result{Outcome: driver.OutcomeRetryAfter, Error: "x"}, release))
	x.publish(texts("a")...)
	x.expect(&j, "a1 a1 a2 a2 a2 a3 a3")
}
