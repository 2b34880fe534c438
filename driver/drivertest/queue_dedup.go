package drivertest

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/motia-go/motia/driver"
)

// withID returns a message for the usual topic.
func withID(id, text string) driver.Message {
	return driver.Message{Topic: topic, ID: id, Data: []byte(text)}
}

func dedup(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{})
	x.publish(withID("id", "first"))
	x.publish(withID("id", "second"))
	x.publish(withID("other", "other"))
	x.expectHeld(sub, "first", "other")
	x.publish(withID("id", "third")) // even when it is done
	x.publish(withID("", "end"))
	x.expectHeld(sub, "end")
}

func dedupInOneCall(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{})
	x.publish(withID("id", "a"), withID("", "b"), withID("id", "c"), withID("", "d"), withID("else", "e"))
	x.expectHeld(sub, "a", "b", "d", "e")
}

func dedupPerTopic(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{})
	x.bind("other", sub, driver.SubscriptionConfig{})
	x.bind(topic, "second", driver.SubscriptionConfig{})
	x.publish(withID("id", "a"))
	x.publish(driver.Message{Topic: "other", ID: "id", Data: []byte("b")})
	x.expectHeld(sub, "a", "b")
	x.expectHeld("second", "a")
}

func dedupWindow(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{})
	x.publish(withID("id", "first"))
	time.Sleep(x.h.DedupWindow - x.h.DedupWindow/4)
	x.publish(withID("id", "within"))
	time.Sleep(x.h.DedupWindow/4 + x.h.Lateness)
	x.publish(withID("id", "after"))
	x.expectHeld(sub, "first", "after")
}

func dedupWhenFull(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{MaxPending: 2})
	x.publish(withID("a", "a"), withID("b", "b"))
	x.publishFull("a third message with MaxPending 2", withID("c", "c"))
	x.publish(withID("a", "again"))
	x.publish(withID("b", "again"), withID("a", "again"))
	x.expectHeld(sub, "a", "b")
}

func refusedNotRemembered(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{MaxPending: 1})
	x.publish(withID("a", "a"))
	x.publishFull("a second message with MaxPending 1", withID("b", "b"))
	x.expectHeld(sub, "a")
	x.publish(withID("b", "b"))
	x.expectHeld(sub, "b")
}

func dedupRace(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{})
	all := x.instances(2)
	var failed atomic.Int32
	x.together(8, func(i int) {
		for _, id := range []string{"a", "b", "c", "d", "e"} {
			if err := all[i%2].Queue.Publish(x.ctx, withID(id, id)); err != nil {
				failed.Add(1)
			}
		}
	})
	if n := failed.Load(); n > 0 {
		x.errorf("%d of 40 calls of Publish failed", n)
	}
	x.expectHeld(sub, "a", "b", "c", "d", "e")
}

func fullRefusesAll(x *trial) {
	x.bind(topic, "bounded", driver.SubscriptionConfig{MaxPending: 3})
	x.bind(topic, "free", driver.SubscriptionConfig{})
	x.publishFull("4 messages with MaxPending 3", texts("w", "x", "y", "z")...)
	x.publish(texts("a", "b")...)
	x.publishFull("2 messages with room for 1", texts("c", "d")...)
	x.publish(texts("e")...)
	x.publishFull("1 message without room", texts("f")...)
	x.expectHeld("bounded", "a", "b", "e")
	x.expectHeld("free", "a", "b", "e")
}

func atomicPublish(x *trial) {
	x.bind("bounded", "bounded", driver.SubscriptionConfig{MaxPending: 1})
	x.bind("free", "free", driver.SubscriptionConfig{})
	to := func(topic, text string) driver.Message { return driver.Message{Topic: topic, Data: []byte(text)} }
	x.publish(to("bounded", "a"), to("free", "a"))
	x.publishFull("one call with the bounded topic last", to("free", "b"), to("bounded", "b"))
	x.publishFull("one call with the bounded topic first", to("bounded", "c"), to("free", "c"))
	x.expectHeld("free", "a")
	x.expectHeld("bounded", "a")
}

func pendingCounts(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{MaxPending: 3, Retry: x.retry(1, 3)})
	x.publish(x.delayed("", "delayed", 1000), message("g", "runs"), message("g", "waits"))
	x.publishFull("a message when 1 delayed and 2 ready ones are pending", texts("x")...)
	var j journal
	gates := make(chan driver.Result)
	x.consume(sub, 4, func(_ context.Context, d *driver.Delivery) driver.Result {
		j.note(d)
		select {
		case r := <-gates:
			return r
		case <-x.over:
			return driver.Result{}
		}
	})
	next := func(r driver.Result) {
		select {
		case gates <- r:
		case <-time.After(x.h.Patience):
			x.fatalf("no handler runs: %s", &j)
		}
		x.settle()
	}
	x.expect(&j, "runs1")
	x.publishFull("a message while one is running", texts("x")...)
	next(retry)
	x.publishFull("a message while one waits for a retry", texts("x")...)
	x.eventually(j.saw("runs", 2), "there was no retry when the subscription was full")
	x.publishFull("a message while one is running again", texts("x")...)
	next(driver.Result{})
	x.eventually(j.saw("waits", 1), "the next message of the group was not delivered")
	x.eventually(func() bool {
		err := x.backend.Queue.Publish(x.ctx, x.delayed("", "y", 1000))
		if err != nil && !errors.Is(err, driver.ErrFull) {
			x.fatalf("Publish: %v", err)
		}
		return err == nil
	}, "Publish returns ErrFull although a message is done")
	x.publishFull("a message after one has replaced the one that is done", texts("x")...)
	next(driver.Result{Outcome: driver.OutcomeDead, Error: "dead"})
	x.eventually(func() bool { return x.backend.Queue.Publish(x.ctx, x.delayed("", "z", 1000)) == nil }, "Publish fails although a message has become a dead letter")
	x.publishFull("a message after one has replaced the dead letter", texts("x")...)
}

func boundUnderLoad(x *trial) {
	const limit = 50
	x.bind(topic, sub, driver.SubscriptionConfig{MaxPending: limit})
	all := x.instances(2)
	var accepted atomic.Int32
	try := func(b *driver.Backend) bool {
		err := b.Queue.Publish(x.ctx, texts("a")...)
		if err != nil && !errors.Is(err, driver.ErrFull) {
			x.errorf("Publish: %v", err)
		}
		if err == nil {
			accepted.Add(1)
		}
		return err == nil
	}
	x.together(8, func(i int) {
		for range limit / 4 {
			try(all[i%2])
		}
	})
	for range limit + 1 {
		if !try(all[0]) {
			break
		}
	}
	if n := accepted.Load(); n != limit {
		x.errorf("with MaxPending %d, %d messages were accepted", limit, n)
	}
	if n := len(x.collect(sub, int(accepted.Load()))); n != limit {
		x.errorf("with MaxPending %d, %d messages were delivered", limit, n)
	}
}
