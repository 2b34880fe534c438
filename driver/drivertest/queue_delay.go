package drivertest

import (
	"fmt"
	"time"

	"github.com/motia-go/motia/driver"
)

// delayed returns a message that is due after the given number of units.
func (x *trial) delayed(group, text string, units float64) driver.Message {
	m := message(group, text)
	m.NotBefore = time.Now().Add(x.units(units))
	return m
}

func notBefore(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{})
	var j journal
	x.consume(sub, 1, j.done)
	start := time.Now()
	x.publish(x.delayed("", "c", 3), x.delayed("", "a", 1))
	x.publish(x.delayed("", "past", -1000), x.delayed("", "b", 2))
	x.expect(&j, "past1")
	x.eventually(func() bool { return j.len() >= 4 }, "delayed messages were not delivered")
	for i, want := range []string{"past", "a", "b", "c"} {
		s := j.all()[i]
		if s.text != want {
			x.fatalf("the order was %s, want past, a, b, c", &j)
		}
		x.onTime(want, s.at.Sub(start), x.units(float64(i)))
	}
}

func subscriptionDelay(x *trial) {
	x.bind(topic, "delays", driver.SubscriptionConfig{Delay: x.units(2)})
	x.bind(topic, "does not", driver.SubscriptionConfig{})
	var delays, other journal
	x.consume("delays", 1, delays.done)
	x.consume("does not", 1, other.done)
	start := time.Now()
	x.publish(message("", "plain"), x.delayed("", "later", 4))
	x.expect(&other, "plain1")
	x.expectNone(&delays, "before the delay has passed")
	x.publish(x.delayed("", "sooner", 1))
	x.eventually(func() bool { return delays.len() >= 3 }, "some delayed messages were not delivered: %s", &delays)
	for text, units := range map[string]float64{"plain": 2, "sooner": 2, "later": 4} {
		if seen := delays.of(text); len(seen) != 1 {
			x.errorf("%s was delivered %d times", text, len(seen))
		} else {
			x.onTime(text, seen[0].at.Sub(start), x.units(units))
		}
	}
}

func delayJoinsGroup(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{})
	var j journal
	x.consume(sub, 4, j.done)
	x.publish(x.delayed("g", "late", 2), message("g", "a"), message("g", "b"))
	x.expect(&j, "a1 b1")
	x.pass(1)
	x.publish(message("g", "c"))
	x.expect(&j, "a1 b1 c1")
	x.expect(&j, "a1 b1 c1 late1")
}

func delayedGroupOrder(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{Delay: x.units(1)})
	var j journal
	x.consume(sub, 4, j.done)
	const n = 30
	want := ""
	for i, m := range numbered("g", n) {
		x.publish(m)
		want += fmt.Sprintf("g/%d1 ", i)
	}
	x.expect(&j, want[:len(want)-1])
}

func dueBehindRunning(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{Retry: x.retry(1, 2)})
	var j journal
	x.consume(sub, 4, x.failing(&j, retry))
	x.publish(message("g", "a"), x.delayed("g", "late", 1), message("g", "b"))
	x.expect(&j, "a1 a2 b1 late1")
}
