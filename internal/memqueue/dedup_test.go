package memqueue_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/memqueue"
)

func withID(topic, id string) driver.Message { return driver.Message{Topic: topic, ID: id} }

func TestDuplicatesAreDroppedWithinTheWindow(t *testing.T) {
	tests := []struct {
		options memqueue.Options
		window  time.Duration
	}{
		{memqueue.Options{}, 2 * time.Minute},
		{memqueue.Options{DedupWindow: time.Hour}, time.Hour},
	}
	for _, test := range tests {
		synctest.Test(t, func(t *testing.T) {
			q := memqueue.New(test.options)
			bind(t, q, "topic", "s", driver.SubscriptionConfig{})
			bind(t, q, "other", "s", driver.SubscriptionConfig{})
			publish(t, q, withID("topic", "a"))
			time.Sleep(test.window - time.Nanosecond)
			publish(t, q, withID("topic", "a"))
			wantStats(t, q, "s", driver.SubscriptionStats{Ready: 1})
			publish(t, q, withID("topic", "b"), withID("other", "a"), withID("", "a"))
			wantStats(t, q, "s", driver.SubscriptionStats{Ready: 3})
			time.Sleep(time.Nanosecond) // a duplicate does not renew the window
			publish(t, q, withID("topic", "a"), withID("topic", "b"))
			wantStats(t, q, "s", driver.SubscriptionStats{Ready: 4})
		})
	}
}

func TestDuplicatesWithinOneCall(t *testing.T) {
	q := memqueue.New(memqueue.Options{})
	bind(t, q, "topic", "s", driver.SubscriptionConfig{})
	bind(t, q, "other", "s", driver.SubscriptionConfig{})
	publish(t, q, withID("topic", "a"), withID("other", "a"), withID("topic", "a"), withID("topic", ""), withID("topic", ""))
	wantStats(t, q, "s", driver.SubscriptionStats{Ready: 4})
}

func TestRefusedMessageIsNotRemembered(t *testing.T) {
	q := memqueue.New(memqueue.Options{})
	bind(t, q, "topic", "s", driver.SubscriptionConfig{MaxPending: 2})
	publish(t, q, withID("topic", "a"))
	for range 2 {
		if err := q.Publish(t.Context(), withID("topic", "b"), withID("topic", "c")); !errors.Is(err, driver.ErrFull) {
			t.Fatal(err)
		}
	}
	publish(t, q, withID("topic", "b"))
	// Duplicates are dropped without an error, also when the queue is full.
	publish(t, q, withID("topic", "a"), withID("topic", "b"), withID("topic", "a"))
	if err := q.Publish(t.Context(), withID("topic", "a"), withID("topic", "d")); !errors.Is(err, driver.ErrFull) {
		t.Fatal(err)
	}
	wantStats(t, q, "s", driver.SubscriptionStats{Ready: 2})
}

func TestOneOfManyPublishersWins(t *testing.T) {
	q := memqueue.New(memqueue.Options{})
	for _, topic := range []string{"a", "b"} {
		bind(t, q, topic, topic, driver.SubscriptionConfig{})
		bind(t, q, topic, "both", driver.SubscriptionConfig{})
	}
	const ids = 1000
	var wg sync.WaitGroup
	for publisher := range 8 {
		wg.Go(func() {
			for i := range ids {
				m := []driver.Message{withID("a", fmt.Sprint(i)), withID("b", fmt.Sprint(i))}
				if publisher%2 == 1 { // in the other order, which would be a deadlock if locks followed it
					m[0], m[1] = m[1], m[0]
				}
				publish(t, q, m...)
			}
		})
	}
	wg.Wait()
	wantStats(t, q, "a", driver.SubscriptionStats{Ready: ids})
	wantStats(t, q, "b", driver.SubscriptionStats{Ready: ids})
	wantStats(t, q, "both", driver.SubscriptionStats{Ready: 2 * ids})
}
