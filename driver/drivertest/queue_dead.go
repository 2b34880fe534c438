package drivertest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/motia-go/motia/driver"
)

// dead returns all dead letters of a subscription.
func (x *trial) dead(subscription string) []driver.DeadLetter {
	letters, err := x.backend.Queue.(driver.DeadLetters).Dead(x.ctx, subscription, "", 1<<20)
	x.must(err, "Dead")
	return letters
}

func (x *trial) countDead(subscription string) int {
	n, err := x.backend.Queue.(driver.DeadLetters).CountDead(x.ctx, subscription)
	x.must(err, "CountDead")
	return n
}

func (x *trial) redrive(want int, ids ...string) {
	n, err := x.backend.Queue.(driver.DeadLetters).Redrive(x.ctx, sub, ids...)
	if n != want || err != nil {
		x.errorf("Redrive moved %d of %d, %v; want %d", n, len(ids), err, want)
	}
}

func (x *trial) discard(want int, ids ...string) {
	n, err := x.backend.Queue.(driver.DeadLetters).Discard(x.ctx, sub, ids...)
	if n != want || err != nil {
		x.errorf("Discard removed %d of %d, %v; want %d", n, len(ids), err, want)
	}
}

func deadIDs(letters []driver.DeadLetter) []string {
	var ids []string
	for _, l := range letters {
		ids = append(ids, l.DeadID)
	}
	return ids
}

func deadTexts(letters []driver.DeadLetter) []string {
	var list []string
	for _, l := range letters {
		list = append(list, string(l.Data))
	}
	return list
}

// bury publishes the messages and makes them dead letters, one after the other.
func (x *trial) bury(subscription string, messages ...driver.Message) {
	before := x.countDead(subscription)
	x.publish(messages...)
	x.buryHeld(subscription, before+len(messages))
}

// buryHeld makes dead letters of what a subscription holds, until there are n of them.
func (x *trial) buryHeld(subscription string, n int) {
	c := x.consume(subscription, 1, func(_ context.Context, d *driver.Delivery) driver.Result {
		return driver.Result{Outcome: driver.OutcomeDead, Error: "died of " + string(d.Data)}
	})
	x.eventually(func() bool { return x.countDead(subscription) >= n }, "there are fewer than %d dead letters", n)
	c.stop()
}

// expectDead compares the texts of the dead letters, and their count.
func (x *trial) expectDead(subscription string, want ...string) []driver.DeadLetter {
	letters := x.dead(subscription)
	if got := deadTexts(letters); !slices.Equal(got, want) {
		x.errorf("dead letters are %q, want %q", got, want)
	}
	if n := x.countDead(subscription); n != len(letters) {
		x.errorf("CountDead returned %d, but Dead lists %d", n, len(letters))
	}
	return letters
}

func deadFields(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{Retry: x.retry(2, 1)})
	want := driver.Message{
		Topic:     topic,
		ID:        "id",
		Group:     "group",
		NotBefore: time.Now().Add(x.units(0.5)).Truncate(time.Millisecond),
		Header:    driver.Header{TraceParent: "00-a-b-01", TraceState: "a=b", Step: "step", Hops: 3},
		Data:      []byte{0, 1, 2, 0xff},
	}
	x.publish(want)
	n := 0
	var enqueued, begun time.Time
	x.consume(sub, 1, func(_ context.Context, d *driver.Delivery) driver.Result {
		enqueued, begun = d.Enqueued, time.Now()
		n++
		x.pass(0.5)
		return driver.Result{Outcome: driver.OutcomeRetry, Error: fmt.Sprint("failure ", n)}
	})
	x.eventually(func() bool { return x.countDead(sub) == 1 }, "there is no dead letter after the last retry")
	letters := x.dead(sub)
	if len(letters) != 1 {
		x.fatalf("%d dead letters, want 1", len(letters))
	}
	l := letters[0]
	if l.Topic != want.Topic || l.ID != want.ID || l.Group != want.Group || l.Header != want.Header || !bytes.Equal(l.Data, want.Data) ||
		!l.NotBefore.Equal(want.NotBefore) {
		x.errorf("the published message is %+v, that of the dead letter %+v", want, l.Message)
	}
	if l.DeadID == "" || !l.Enqueued.Equal(enqueued) || l.Died.Sub(begun) < x.units(0.5)-x.h.Unit/20 {
		x.errorf("DeadID is %q; Enqueued is %v, want %v; Died is %v, want later than %v", l.DeadID, l.Enqueued, enqueued, l.Died, begun)
	}
	if len(l.Attempts) != 3 {
		x.fatalf("%d attempts, want 3: %+v", len(l.Attempts), l.Attempts)
	}
	for i, a := range l.Attempts {
		if text := fmt.Sprint("failure ", i+1); a.Error != text {
			x.errorf("the error of attempt %d is %q, want %q", i+1, a.Error, text)
		}
		x.onTime(fmt.Sprintf("the recorded end of attempt %d", i+1), a.Ended.Sub(a.Started), x.units(0.5))
		if i > 0 {
			x.onTime("the recorded pause between attempts", a.Started.Sub(l.Attempts[i-1].Ended), x.units(1))
		}
	}
}

// deadCounts makes dead letters, redrives and discards them at the same time. Only the case itself removes any, so
// the counts can only grow between two of its looks.
func deadCounts(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{Retry: x.retry(1, 0)})
	n := max(x.h.Messages/4, 20)
	var mu sync.Mutex
	attempts := make(map[string]uint64)
	done := 0
	x.consume(sub, 8, func(_ context.Context, d *driver.Delivery) driver.Result {
		mu.Lock()
		defer mu.Unlock()
		attempts[string(d.Data)]++
		if attempts[string(d.Data)] <= d.Sequence%6 {
			return driver.Result{Outcome: driver.OutcomeRetry, Error: "x"}
		}
		done++
		return driver.Result{}
	})
	x.background("Publish", func(context.Context) {
		for i := range n {
			if err := x.backend.Queue.Publish(x.ctx, message("", fmt.Sprint(i))); err != nil {
				x.errorf("Publish: %v", err)
			}
		}
	})
	discarded := 0
	x.eventually(func() bool {
		before := x.countDead(sub)
		letters := x.dead(sub)
		after := x.countDead(sub)
		if before > len(letters) || len(letters) > after {
			x.fatalf("CountDead returned %d, then Dead listed %d, then CountDead returned %d", before, len(letters), after)
		}
		ids := deadIDs(letters)
		some := len(ids) / 4
		x.discard(some, ids[:some]...)
		x.redrive(len(ids)-some, ids[some:]...)
		discarded += some
		mu.Lock()
		defer mu.Unlock()
		return done+discarded >= n
	}, "some of %d messages are neither done nor discarded", n)
	x.settle()
	mu.Lock()
	defer mu.Unlock()
	if done+discarded != n {
		x.errorf("%d are done and %d discarded, of %d messages", done, discarded, n)
	}
}

func deadPaging(x *trial) {
	const n = 23
	x.bind(topic, sub, driver.SubscriptionConfig{})
	x.bury(sub, numbered("g", n)...)
	var want []string
	for i := range n {
		want = append(want, fmt.Sprintf("g/%d", i))
	}
	x.expectDead(sub, want...)
	var paged []string
	after := ""
	for pages := 0; ; pages++ {
		page, err := x.backend.Queue.(driver.DeadLetters).Dead(x.ctx, sub, after, 5)
		x.must(err, "Dead")
		if len(page) > 5 || pages > n {
			x.fatalf("page %d of size 5 holds %d dead letters", pages, len(page))
		}
		paged = append(paged, deadTexts(page)...)
		if len(page) < 5 {
			break
		}
		after = page[4].DeadID
		if pages == 1 {
			x.discard(1, after) // the next page begins after it all the same
		}
	}
	if !slices.Equal(paged, want) {
		x.errorf("the pages hold %q, want %q", paged, want)
	}
}

func deadFreesGroup(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{})
	var j journal
	x.consume(sub, 1, x.failing(&j, driver.Result{Outcome: driver.OutcomeDead, Error: "x"}))
	x.publish(numbered("g", 2)...)
	x.expect(&j, "g/01 g/11")
	x.expectDead(sub, "g/0")
}

func redriveOrder(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{})
	x.bury(sub, numbered("g", 5)...)
	ids := deadIDs(x.expectDead(sub, "g/0", "g/1", "g/2", "g/3", "g/4"))
	x.redrive(4, ids[0], ids[1], ids[3], ids[2])
	x.expectDead(sub, "g/4")
	var j journal
	x.consume(sub, 4, j.done)
	x.expect(&j, "g/01 g/11 g/31 g/21")
}

func redriveHistory(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{Retry: x.retry(1, 0)})
	var j journal
	n := 0
	x.consume(sub, 1, func(_ context.Context, d *driver.Delivery) driver.Result {
		j.note(d)
		n++
		return driver.Result{Outcome: driver.OutcomeRetry, Error: fmt.Sprint("failure ", n)}
	})
	x.publish(texts("a")...)
	x.eventually(func() bool { return x.countDead(sub) == 1 }, "there is no dead letter")
	first := x.expectDead(sub, "a")
	x.redrive(1, deadIDs(first)...)
	x.expect(&j, "a1 a2 a1 a2")
	x.eventually(func() bool { return x.countDead(sub) == 1 }, "there is no dead letter after a redrive")
	again := x.expectDead(sub, "a")[0]
	var history []string
	for _, a := range again.Attempts {
		history = append(history, a.Error)
	}
	if want := []string{"failure 1", "failure 2", "failure 3", "failure 4"}; !slices.Equal(history, want) {
		x.errorf("the history is %q, want %q", history, want)
	}
	if !again.Enqueued.Equal(first[0].Enqueued) || again.Died.Before(first[0].Died) {
		x.errorf("after a redrive Enqueued is %[2]v, want %[1]v; Died is %[4]v, want no earlier than %[3]v", first[0].Enqueued, again.Enqueued, first[0].Died, again.Died)
	}
}

func redriveIntoFull(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{MaxPending: 2})
	x.bury(sub, texts("a", "b")...)
	x.publish(texts("c", "d")...)
	x.redrive(2, deadIDs(x.dead(sub))...)
	x.publishFull("a message when 4 are pending and MaxPending is 2", texts("e")...)
	x.expectDead(sub)
	x.expectHeld(sub, "a", "b", "c", "d")
}

func redriveWithID(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{})
	x.bury(sub, withID("id", "a"))
	x.redrive(1, deadIDs(x.dead(sub))...)
	x.expectHeld(sub, "a")
	x.bury(sub, withID("another", "b"))
	x.publish(withID("another", "again"))
	x.redrive(1, deadIDs(x.dead(sub))...)
	x.expectHeld(sub, "b")
}

func unknownDeadIDs(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{})
	x.bury(sub, texts("a", "b", "c")...)
	ids := deadIDs(x.dead(sub))
	strange := []string{"", "unknown", "0", "-1", "a\x00b", "\xff", "99999999999999999999999"}
	x.redrive(0, strange...)
	x.discard(0, strange...)
	x.redrive(0)
	x.discard(0)
	x.expectDead(sub, "a", "b", "c")
	x.redrive(1, "unknown", ids[1], ids[1], "")
	x.redrive(0, ids[1])
	x.discard(1, ids[0], "unknown", ids[0])
	x.discard(0, ids[0], ids[1])
	x.expectDead(sub, "c")
	x.expectHeld(sub, "b")
}

func discardForGood(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{})
	x.bury(sub, numbered("g", 6)...)
	ids := deadIDs(x.dead(sub))
	x.discard(3, ids[0], ids[3], ids[5])
	x.expectDead(sub, "g/1", "g/2", "g/4")
	x.redrive(0, ids[0], ids[3], ids[5])
	x.expectHeld(sub)
}

func deadPerSubscription(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{})
	x.bind(topic, "other", driver.SubscriptionConfig{})
	x.bury(sub, texts("a")...)
	x.expectDead("other")
	x.publish(texts("b")...)
	x.buryHeld("other", 2) // with "a", which it still holds
	ids := deadIDs(x.expectDead(sub, "a"))
	x.discard(1, ids...)
	x.expectDead(sub)
	x.expectDead("other", "a", "b")
}

func stats(x *trial) {
	x.bind(topic, sub, driver.SubscriptionConfig{Retry: x.retry(1, 1000)})
	x.bind("other", "other", driver.SubscriptionConfig{})
	expect := func(what string, want driver.SubscriptionStats) {
		var got driver.SubscriptionStats
		x.eventually(func() bool {
			var err error
			got, err = x.backend.Queue.(driver.StatsReader).Stats(x.ctx, sub)
			x.must(err, "Stats")
			return got == want
		}, "%s: Stats did not become %+v", what, want)
	}
	expect("empty", driver.SubscriptionStats{})
	x.publish(append(numbered("g", 2), texts("a", "dies", "retries")...)...)
	x.publish(x.delayed("", "delayed", 1000), x.delayed("g", "g/later", 1000))
	expect("before the messages are consumed", driver.SubscriptionStats{Ready: 5, Delayed: 2})
	gate := make(chan struct{})
	x.consume(sub, 4, func(_ context.Context, d *driver.Delivery) driver.Result {
		switch string(d.Data) {
		case "g/0", "a":
			x.hold(gate)
			return driver.Result{}
		case "retries":
			return retry
		}
		return driver.Result{Outcome: driver.OutcomeDead, Error: "x"}
	})
	want := driver.SubscriptionStats{Ready: 1, Delayed: 3, Running: 2, Dead: 1}
	if _, ok := x.backend.Queue.(driver.DeadLetters); !ok {
		want.Dead = 0
	}
	expect("while handlers run", want)
	close(gate)
	want.Ready, want.Running = 0, 0
	if want.Dead > 0 {
		want.Dead++
	}
	expect("after the handlers", want)
}
