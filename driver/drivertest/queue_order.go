package drivertest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/motia-go/motia/driver"
)

// orderCheck checks the order from within handlers. It knows for each group which message is next and whether one is
// running.
type orderCheck struct {
	x       *trial
	mu      sync.Mutex
	next    map[string]int
	running map[string]bool
	total   int // of messages that are done
}

// begin notes that message n of the group has started, and end that it has ended; done says that it will not be
// retried.
func (o *orderCheck) begin(group string, n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.running[group] {
		o.x.errorf("%s/%d started while another message of its group ran", group, n)
	}
	o.running[group] = true
	if want := o.next[group]; n != want {
		o.x.errorf("%s/%d was delivered when %s/%d was next", group, n, group, want)
	}
}

func (o *orderCheck) end(group string, n int, done bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.running[group] = false
	if done {
		o.next[group] = n + 1
		o.total++
	}
}

func (o *orderCheck) done() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.total
}

// groupOrder: workers of several instances, publishers of several instances, failures and releases.
func groupOrder(x *trial) {
	const groups = 8
	x.bind(topic, sub, driver.SubscriptionConfig{Retry: x.retry(3, 0.1)})
	all := x.instances(3)
	o := &orderCheck{x: x, next: make(map[string]int), running: make(map[string]bool)}
	var mu sync.Mutex
	released := make(map[string]bool)
	handle := func(_ context.Context, d *driver.Delivery) driver.Result {
		_, digits, _ := strings.Cut(string(d.Data), "/")
		var n int
		_, _ = fmt.Sscan(digits, &n)
		o.begin(d.Group, n)
		time.Sleep(x.units(0.005))
		mu.Lock()
		again := n%11 == 5 && !released[string(d.Data)]
		released[string(d.Data)] = true
		mu.Unlock()
		switch {
		case again:
			o.end(d.Group, n, false)
			return driver.Result{Outcome: driver.OutcomeRelease}
		case n%7 == 3 && d.Attempt == 1:
			o.end(d.Group, n, false)
			return driver.Result{Outcome: driver.OutcomeRetry, Error: "flaky"}
		}
		o.end(d.Group, n, true)
		return driver.Result{}
	}
	for _, b := range all {
		x.consumeOn(b, sub, 4, handle)
	}
	each := max(x.h.Messages/groups/4, 10)
	for n := 0; n < each; n++ {
		b := all[n%len(all)]
		var batch []driver.Message
		for g := range groups {
			group := fmt.Sprint("g", g)
			batch = append(batch, message(group, fmt.Sprintf("%s/%d", group, n)))
		}
		if n+1 < each && n%3 == 0 { // two of each group in one call
			n++
			for g := range groups {
				group := fmt.Sprint("g", g)
				batch = append(batch, message(group, fmt.Sprintf("%s/%d", group, n)))
			}
		}
		x.must(b.Queue.Publish(x.ctx, batch...), "Publish")
	}
	x.eventually(func() bool { return o.done() >= groups*each }, "some of %d messages in %d groups are not done", groups*each, groups)
}

func groupsIndependent(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{})
	var j journal
	gate := make(chan struct{})
	x.consume(sub, 2, func(_ context.Context, d *driver.Delivery) driver.Result {
		j.note(d)
		if string(d.Data) == "a/0" {
			x.hold(gate)
		}
		return driver.Result{}
	})
	x.publish(numbered("a", 2)...)
	x.eventually(j.saw("a/0", 1), "a/0 was not delivered")
	x.publish(append(numbered("b", 2), message("", "none"))...)
	x.eventually(func() bool { return j.len() >= 4 }, "other groups wait for a handler of one group: only these were delivered: %s", &j)
	x.settle()
	if len(j.of("a/1")) > 0 {
		x.errorf("a/1 was delivered while a/0 ran")
	}
	close(gate)
	x.eventually(j.saw("a/1", 1), "a/1 was not delivered after a/0")
}

func failingHoldsItsGroup(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{Retry: x.retry(3, 2)})
	var j journal
	x.consume(sub, 1, func(_ context.Context, d *driver.Delivery) driver.Result {
		j.note(d)
		if string(d.Data) == "a/0" && d.Attempt == 1 {
			return driver.Result{Outcome: driver.OutcomeRetry, Error: "fails"}
		}
		return driver.Result{}
	})
	x.publish(append(numbered("a", 2), append(numbered("b", 2), message("", "none"))...)...)
	x.eventually(func() bool { return j.len() >= 4 }, "other messages wait for a failing one: only these were delivered: %s", &j)
	x.settle()
	got := strings.Fields(j.String())
	slices.Sort(got)
	if want := []string{"a/01", "b/01", "b/11", "none1"}; !slices.Equal(got, want) {
		x.fatalf("before the retry of a/0 %q were delivered, want %q", got, want)
	}
	x.eventually(func() bool { return j.len() >= 6 }, "a/0 or a/1 was not delivered: %s", &j)
	if all := j.all(); all[4].text != "a/0" || all[5].text != "a/1" {
		x.errorf("the last deliveries are %s and %s, want a/0 and a/1", all[4].text, all[5].text)
	}
}

func ungroupedConcurrent(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{Retry: x.retry(1, 2)})
	var j journal
	gate := make(chan struct{})
	x.consume(sub, 4, func(_ context.Context, d *driver.Delivery) driver.Result {
		j.note(d)
		switch string(d.Data) {
		case "fails":
			if d.Attempt == 1 {
				return driver.Result{Outcome: driver.OutcomeRetry, Error: "fails"}
			}
		case "after":
		default:
			x.hold(gate)
		}
		return driver.Result{}
	})
	x.publish(texts("fails", "a", "b", "c", "after")...)
	x.eventually(func() bool { return j.len() >= 5 }, "messages without a group wait for each other: only these were delivered: %s", &j)
	close(gate)
	x.eventually(j.saw("fails", 2), "the failed message was not delivered again")
}

func orderedSubscription(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{Ordered: true, Retry: x.retry(1, 0.2)})
	o := &orderCheck{x: x, next: make(map[string]int), running: make(map[string]bool)}
	handle := func(_ context.Context, d *driver.Delivery) driver.Result {
		var n int
		_, _ = fmt.Sscan(string(d.Data), &n)
		o.begin("", n)
		time.Sleep(x.units(0.005))
		fails := n%10 == 4 && d.Attempt == 1
		o.end("", n, !fails)
		if fails {
			return driver.Result{Outcome: driver.OutcomeRetry, Error: "flaky"}
		}
		return driver.Result{}
	}
	for _, b := range x.instances(2) {
		x.consumeOn(b, sub, 4, handle)
	}
	const n = 40
	for i := range n {
		x.publish(texts(fmt.Sprint(i))...)
	}
	x.eventually(func() bool { return o.done() >= n }, "some of %d messages are not done", n)
}

func orderedAndGrouped(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{Ordered: true})
	var j journal
	gate := make(chan struct{})
	x.consume(sub, 3, func(_ context.Context, d *driver.Delivery) driver.Result {
		j.note(d)
		if d.Group == "" {
			x.hold(gate)
		}
		return driver.Result{}
	})
	x.publish(message("", "none/0"), message("", "none/1"), message("g", "g/0"))
	x.eventually(func() bool { return j.len() >= 2 }, "a group waits for messages without a group: only these were delivered: %s", &j)
	x.settle()
	if len(j.of("none/1")) > 0 || len(j.of("g/0")) != 1 {
		x.errorf("while none/0 was running, these were delivered: %s", &j)
	}
	close(gate)
	x.eventually(j.saw("none/1", 1), "none/1 was not delivered")
}

func orderPerSubscription(x *trial) {
	x.bind(topic, "fails", driver.SubscriptionConfig{Retry: x.retry(9, 20)})
	x.bind(topic, "works", driver.SubscriptionConfig{})
	var failing, working journal
	x.consume("fails", 1, func(_ context.Context, d *driver.Delivery) driver.Result {
		failing.note(d)
		return driver.Result{Outcome: driver.OutcomeRetry, Error: "fails"}
	})
	x.consume("works", 1, working.done)
	x.publish(numbered("g", 3)...)
	x.expect(&working, "g/01 g/11 g/21")
	x.expect(&failing, "g/01")
}
