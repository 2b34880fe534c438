package drivertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/motia-go/motia/driver"
)

func deliveryFields(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{})
	large := bytes.Repeat([]byte{0, 1, 0xff, '\n'}, 64<<10)
	header := driver.Header{
		TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		TraceState:  "a=b,c=d",
		Step:        "a step / with \"quotes\" and ü",
		Hops:        7,
	}
	past := time.Now().Add(-time.Hour).Truncate(time.Millisecond)
	tests := []driver.Message{
		{Topic: topic, Data: []byte("plain")},
		{Topic: topic},
		{Topic: topic, Data: large},
		{Topic: topic, ID: "an id", Group: "a group", NotBefore: past, Header: header, Data: []byte("all")},
		{Topic: topic, Group: "another", Header: driver.Header{Hops: 1}, Data: []byte("some")},
	}
	deliveries := make(chan driver.Delivery, 100)
	x.consume(sub, 1, func(_ context.Context, d *driver.Delivery) driver.Result {
		deliveries <- *d
		return driver.Result{}
	})
	for _, want := range tests {
		before := bytes.Clone(want.Data)
		x.publish(want)
		x.eventually(func() bool { return len(deliveries) > 0 }, "%.40q was not delivered", want.Data)
		d := <-deliveries
		got := d.Message
		if got.Topic != want.Topic || got.ID != want.ID || got.Group != want.Group || got.Header != want.Header {
			x.errorf("the published message is %+v, the delivered one %+v", brief(want), brief(got))
		}
		if !got.NotBefore.Equal(want.NotBefore) {
			x.errorf("%.40q: NotBefore was %v, is %v", want.Data, want.NotBefore, got.NotBefore)
		}
		if !bytes.Equal(got.Data, want.Data) || !bytes.Equal(want.Data, before) {
			x.errorf("data of %d bytes was delivered with %d bytes, or changed", len(before), len(got.Data))
		}
		if d.Lease == nil {
			x.errorf("a delivery has no lease")
		}
	}
}

// brief omits the data, which may be large.
func brief(m driver.Message) driver.Message {
	m.Data = m.Data[:min(len(m.Data), 40)]
	return m
}

func deliveryIdentity(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{Retry: x.retry(1, 0)})
	var j journal
	published := time.Now()
	enqueued := make(map[string]time.Time)
	x.consume(sub, 1, func(_ context.Context, d *driver.Delivery) driver.Result {
		j.note(d)
		if first, ok := enqueued[string(d.Data)]; ok && !first.Equal(d.Enqueued) {
			x.errorf("%s: Enqueued was %v, but %v in the next attempt", d.Data, first, d.Enqueued)
		}
		enqueued[string(d.Data)] = d.Enqueued
		if off := d.Enqueued.Sub(published).Abs(); off > x.h.Patience {
			x.errorf("Enqueued is %v, which is off by %v", d.Enqueued, off)
		}
		if d.Attempt == 1 {
			return driver.Result{Outcome: driver.OutcomeRetry, Error: "again"}
		}
		return driver.Result{}
	})
	x.publish(texts("a", "b", "c")...)
	x.expectSorted(&j, "a1 b1 c1 a2 b2 c2")
	owner := make(map[uint64]string)
	for _, s := range j.all() {
		if other, ok := owner[s.sequence]; ok && other != s.text {
			x.errorf("%s and %s have the same Sequence", other, s.text)
		}
		owner[s.sequence] = s.text
	}
	if len(owner) != 3 {
		x.errorf("3 messages had %d different values of Sequence in 2 attempts each, want 3", len(owner))
	}
}

func fanOut(x *trial) {
	subscriptions := []string{"one", "two", "three"}
	for _, s := range subscriptions {
		x.bind(topic, s, driver.SubscriptionConfig{})
	}
	x.bind("other", "four", driver.SubscriptionConfig{})
	x.publish(texts("a", "b")...)
	for _, s := range subscriptions {
		x.expectHeld(s, "a", "b")
	}
	x.expectHeld("four")
}

func compete(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{})
	var j journal
	for _, b := range x.instances(3) {
		x.consumeOn(b, sub, 2, j.done)
	}
	n := x.h.Messages
	published := x.h.Messages / 8
	x.together(8, func(i int) {
		for k := range published {
			if err := x.backend.Queue.Publish(x.ctx, message("", fmt.Sprintf("%d-%d", i, k))); err != nil {
				x.errorf("Publish: %v", err)
			}
		}
	})
	n = 8 * published
	x.eventually(func() bool { return j.len() >= n }, "some of %d messages were not delivered", n)
	x.settle()
	seen := make(map[string]bool)
	for _, s := range j.all() {
		if seen[s.text] {
			x.errorf("%s was delivered twice", s.text)
		}
		seen[s.text] = true
	}
	if len(seen) != n {
		x.errorf("%d of %d messages were delivered", len(seen), n)
	}
}

func unboundTopic(x *trial) {
	x.publish(texts("lost")...)
	x.bind(topic, sub, driver.SubscriptionConfig{})
	x.publish(texts("kept")...)
	x.publish(driver.Message{Topic: "nothing bound", ID: "id"})
	x.expectHeld(sub, "kept")
}

func severalTopics(x *trial) {
	x.bind("a", sub, driver.SubscriptionConfig{})
	x.bind("b", sub, driver.SubscriptionConfig{})
	deliveries := make(chan string, 100)
	x.consume(sub, 1, func(_ context.Context, d *driver.Delivery) driver.Result {
		deliveries <- d.Topic
		return driver.Result{}
	})
	for _, name := range []string{"b", "a", "b"} {
		x.publish(driver.Message{Topic: name})
		x.eventually(func() bool { return len(deliveries) > 0 }, "a message to %q was not delivered", name)
		if got := <-deliveries; got != name {
			x.errorf("a message to %q was delivered with the topic %q", name, got)
		}
	}
}

func bindAgain(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{MaxPending: 1})
	x.publish(texts("a")...)
	x.publishFull("a second message with MaxPending 1", texts("b")...)
	x.bind(topic, sub, driver.SubscriptionConfig{MaxPending: 2})
	x.publish(texts("c")...)
	x.bind(topic, sub, driver.SubscriptionConfig{MaxPending: 2})
	x.publishFull("a third message with MaxPending 2", texts("d")...)
	x.expectHeld(sub, "a", "c")
}

func bindElsewhere(x *trial) {
	both := x.instances(2)
	x.must(both[1].Queue.Bind(x.ctx, topic, sub, driver.SubscriptionConfig{}), "Bind")
	x.publish(texts("a")...)
	var j journal
	x.consumeOn(both[1], sub, 1, j.done)
	x.expect(&j, "a1")
}

func slots(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{})
	var running, most atomic.Int32
	gate := make(chan struct{})
	x.consume(sub, 3, func(context.Context, *driver.Delivery) driver.Result {
		n := running.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		x.hold(gate)
		running.Add(-1)
		return driver.Result{}
	})
	x.publish(texts("a", "b", "c", "d", "e", "f", "g")...)
	x.eventually(func() bool { return running.Load() >= 3 }, "3 slots did not run 3 handlers at once")
	x.settle()
	close(gate)
	x.settle()
	if most.Load() != 3 {
		x.errorf("3 slots ran %d handlers at once", most.Load())
	}
}

func slotsRefused(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{})
	ctx, cancel := context.WithTimeout(x.ctx, x.h.Patience)
	defer cancel()
	err := x.backend.Queue.Consume(ctx, sub, driver.ConsumeOptions{}, func(context.Context, *driver.Delivery) driver.Result { return driver.Result{} })
	if err == nil || errors.Is(err, context.DeadlineExceeded) {
		x.errorf("Consume without a slot returned %v, want an error", err)
	}
}

func sliceStaysTheCallers(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{})
	messages := texts("a", "b")
	x.publish(messages...)
	if len(messages) != 2 || string(messages[0].Data) != "a" || string(messages[1].Data) != "b" {
		x.errorf("Publish changed the caller's messages: %+v", messages)
	}
	messages[0], messages[1] = message("", "c"), message("", "c")
	x.expectHeld(sub, "a", "b")
}

func durableQueue(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{Retry: x.retry(5, 0)})
	x.publish(append(numbered("g", 3), message("", "plain"))...)
	later := message("", "later")
	later.NotBefore = time.Now().Add(x.units(2))
	x.publish(later)
	x.close(x.backend)
	x.backend = x.open()
	var j journal
	start := time.Now()
	x.consume(sub, 1, j.done)
	x.eventually(j.saw("later", 1), "the delayed message was lost in the restart")
	if early := later.NotBefore.Sub(j.of("later")[0].at); early > x.h.Unit/20 {
		x.errorf("the delayed message was delivered %v too early, %v after the start", early, time.Since(start))
	}
	x.settle()
	if got := j.len(); got != 5 {
		x.errorf("%d messages were delivered after a restart, want the 5 that were accepted: %s", got, &j)
	}
	last := -1
	for _, s := range j.all() {
		var n int
		if _, err := fmt.Sscanf(s.text, "g/%d", &n); err == nil {
			if n <= last {
				x.errorf("g/%d was delivered after g/%d", n, last)
			}
			last = n
		}
	}
}
