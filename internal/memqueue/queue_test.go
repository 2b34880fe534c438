package memqueue_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/memqueue"
)

func TestEverySubscriptionGetsEveryMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := memqueue.New(memqueue.Options{})
		var journals [3]journal
		for i := range journals {
			name := fmt.Sprint(i)
			bind(t, q, "topic", name, driver.SubscriptionConfig{})
			bind(t, q, "topic", name, driver.SubscriptionConfig{}) // again: not twice
			defer consume(t, q, name, 1, journals[i].record)()
		}
		publish(t, q, text("a", "b", "c")...)
		synctest.Wait()
		for i := range journals {
			if got := journals[i].list(); !slices.Equal(got, []string{"a", "b", "c"}) {
				t.Errorf("subscription %d got %q", i, got)
			}
		}
	})
}

func TestSubscriptionGetsMessagesOfAllItsTopics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := memqueue.New(memqueue.Options{})
		bind(t, q, "one", "s", driver.SubscriptionConfig{})
		bind(t, q, "two", "s", driver.SubscriptionConfig{})
		var j journal
		defer consume(t, q, "s", 1, func(_ context.Context, d *driver.Delivery) driver.Result {
			j.add(d.Topic)
			return driver.Result{}
		})()
		publish(t, q, driver.Message{Topic: "one"}, driver.Message{Topic: "two"}, driver.Message{Topic: "three"})
		synctest.Wait()
		if got := j.list(); !slices.Equal(got, []string{"one", "two"}) {
			t.Errorf("got %q", got)
		}
	})
}

func TestConsumersOfASubscriptionCompete(t *testing.T) {
	const messages, consumers = 10000, 3
	q := memqueue.New(memqueue.Options{})
	bind(t, q, "topic", "s", driver.SubscriptionConfig{})
	var mu sync.Mutex
	seen := make(map[uint64]int)
	var handled sync.WaitGroup
	handled.Add(messages)
	for range consumers {
		defer consume(t, q, "s", 4, func(_ context.Context, d *driver.Delivery) driver.Result {
			mu.Lock()
			defer mu.Unlock()
			seen[d.Sequence]++
			handled.Done()
			return driver.Result{}
		})()
	}
	var publishers sync.WaitGroup
	for range 4 {
		publishers.Go(func() {
			for range messages / 4 {
				publish(t, q, driver.Message{Topic: "topic"})
			}
		})
	}
	publishers.Wait()
	handled.Wait()
	if len(seen) != messages {
		t.Errorf("%d messages were delivered, want %d", len(seen), messages)
	}
}

func TestSlotsBoundTheHandlersOfEachCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := memqueue.New(memqueue.Options{})
		bind(t, q, "topic", "s", driver.SubscriptionConfig{})
		block := func(context.Context, *driver.Delivery) driver.Result {
			time.Sleep(time.Minute)
			return driver.Result{}
		}
		defer consume(t, q, "s", 2, block)()
		publish(t, q, text(make([]string, 10)...)...)
		synctest.Wait()
		wantStats(t, q, "s", driver.SubscriptionStats{Ready: 8, Running: 2})
		defer consume(t, q, "s", 3, block)()
		synctest.Wait()
		wantStats(t, q, "s", driver.SubscriptionStats{Ready: 5, Running: 5})
		time.Sleep(time.Minute)
		synctest.Wait()
		wantStats(t, q, "s", driver.SubscriptionStats{Running: 5})
	})
}

func TestDeliveryIsWhatWasPublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := memqueue.New(memqueue.Options{})
		bind(t, q, "topic", "s", driver.SubscriptionConfig{Retry: driver.RetryPolicy{MaxRetries: 1}})
		published := time.Now()
		m := driver.Message{
			Topic:     "topic",
			ID:        "id",
			Group:     "group",
			NotBefore: published.Add(time.Hour).Round(0),
			Header:    driver.Header{TraceParent: "parent", TraceState: "state", Step: "step", Hops: 7},
			Data:      []byte("data"),
		}
		publish(t, q, m)
		var deliveries []driver.Delivery
		defer consume(t, q, "s", 1, func(_ context.Context, d *driver.Delivery) driver.Result {
			deliveries = append(deliveries, *d)
			return driver.Result{Outcome: driver.OutcomeRetry}
		})()
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(deliveries) != 2 {
			t.Fatalf("%d deliveries, want 2", len(deliveries))
		}
		for i, d := range deliveries {
			if !reflect.DeepEqual(d.Message, m) {
				t.Errorf("delivered %+v, want %+v", d.Message, m)
			}
			if &d.Data[0] != &m.Data[0] {
				t.Error("the data was copied")
			}
			if d.Attempt != i+1 || d.Sequence != 1 || !d.Enqueued.Equal(published) {
				t.Errorf("attempt %d has number %d, sequence %d and was enqueued at %v", i+1, d.Attempt, d.Sequence, d.Enqueued)
			}
		}
		if got := dead(t, q, "s")[0].Message; !reflect.DeepEqual(got, m) {
			t.Errorf("the dead letter is %+v, want %+v", got, m)
		}
	})
}

func TestMessagesAreDroppedWithoutSubscription(t *testing.T) {
	q := memqueue.New(memqueue.Options{})
	publish(t, q, text("lost")...)
	bind(t, q, "topic", "s", driver.SubscriptionConfig{})
	wantStats(t, q, "s", driver.SubscriptionStats{})
}

func TestUnboundSubscriptionIsAnError(t *testing.T) {
	ctx := t.Context()
	q := memqueue.New(memqueue.Options{})
	calls := map[string]func() error{
		"consume": func() error { return q.Consume(ctx, "s", driver.ConsumeOptions{Slots: 1}, nil) },
		"dead":    func() error { _, err := q.Dead(ctx, "s", "", 1); return err },
		"count":   func() error { _, err := q.CountDead(ctx, "s"); return err },
		"redrive": func() error { _, err := q.Redrive(ctx, "s"); return err },
		"discard": func() error { _, err := q.Discard(ctx, "s"); return err },
		"stats":   func() error { _, err := q.Stats(ctx, "s"); return err },
	}
	for name, call := range calls {
		if err := call(); !errors.Is(err, driver.ErrNotFound) || !strings.Contains(err.Error(), `"s"`) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEndedContextIsAnError(t *testing.T) {
	q := memqueue.New(memqueue.Options{})
	bind(t, q, "topic", "s", driver.SubscriptionConfig{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	calls := map[string]error{
		"bind":    q.Bind(ctx, "topic", "other", driver.SubscriptionConfig{}),
		"publish": q.Publish(ctx, text("a")...),
		"consume": q.Consume(ctx, "s", driver.ConsumeOptions{Slots: 1}, nil),
	}
	_, calls["stats"] = q.Stats(ctx, "s")
	for name, err := range calls {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
	wantStats(t, q, "s", driver.SubscriptionStats{})
}

func TestConsumeNeedsASlot(t *testing.T) {
	q := memqueue.New(memqueue.Options{})
	bind(t, q, "topic", "s", driver.SubscriptionConfig{})
	if err := q.Consume(t.Context(), "s", driver.ConsumeOptions{}, nil); err == nil {
		t.Error("no error")
	}
}

func TestBindingAgainReplacesTheConfig(t *testing.T) {
	q := memqueue.New(memqueue.Options{})
	bind(t, q, "topic", "s", driver.SubscriptionConfig{MaxPending: 1})
	publish(t, q, text("a")...)
	if err := q.Publish(t.Context(), text("b")...); !errors.Is(err, driver.ErrFull) {
		t.Fatal(err)
	}
	bind(t, q, "topic", "s", driver.SubscriptionConfig{MaxPending: 2})
	publish(t, q, text("b")...)
	wantStats(t, q, "s", driver.SubscriptionStats{Ready: 2})
}

// Any string is a legal name, and two different names never collide.
func TestHostileNames(t *testing.T) {
	names := []string{"", "\x00", "\x00\x00", "/", "a/b", "a", "a.b", "*", ">", " ", "\xff\xfe", "🐘", "é", "e\u0301", strings.Repeat("x", 64<<10)}
	synctest.Test(t, func(t *testing.T) {
		q := memqueue.New(memqueue.Options{})
		journals := make([]journal, len(names))
		for i, name := range names {
			bind(t, q, name, name, driver.SubscriptionConfig{Retry: driver.RetryPolicy{MaxRetries: 1}})
			defer consume(t, q, name, 3, func(_ context.Context, d *driver.Delivery) driver.Result {
				if d.Topic != name {
					t.Errorf("topic %.20q came as %.20q", name, d.Topic)
				}
				journals[i].add(d.Group + "|" + d.ID)
				return driver.Result{Outcome: driver.OutcomeRetry, Error: name}
			})()
		}
		for _, topic := range names {
			for _, group := range names {
				publish(t, q, driver.Message{Topic: topic, Group: group, ID: group})
			}
		}
		synctest.Wait()
		for i, name := range names {
			for _, group := range names {
				count := 0
				for _, entry := range journals[i].list() {
					if entry == group+"|"+group {
						count++
					}
				}
				if count != 2 {
					t.Errorf("topic %.20q, group %.20q: %d deliveries, want 2", name, group, count)
				}
			}
			if letters := dead(t, q, name); len(letters) != len(names) {
				t.Errorf("topic %.20q: %d dead letters, want %d", name, len(letters), len(names))
			}
			if n, err := q.Discard(t.Context(), name, names...); n != 0 || err != nil {
				t.Errorf("discarded %d letters with ids that do not exist, %v", n, err)
			}
		}
	})
}
