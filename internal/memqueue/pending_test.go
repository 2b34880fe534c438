package memqueue_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/memqueue"
)

func TestFullSubscriptionRefusesTheWholeCall(t *testing.T) {
	q := memqueue.New(memqueue.Options{})
	bind(t, q, "one", "bounded", driver.SubscriptionConfig{MaxPending: 3})
	bind(t, q, "one", "free", driver.SubscriptionConfig{})
	bind(t, q, "two", "other", driver.SubscriptionConfig{})
	bind(t, q, "two", "bounded", driver.SubscriptionConfig{MaxPending: 3})
	one, two := driver.Message{Topic: "one"}, driver.Message{Topic: "two"}
	publish(t, q, one, two)
	err := q.Publish(t.Context(), two, one)
	if !errors.Is(err, driver.ErrFull) {
		t.Errorf("error is %v", err)
	}
	wantStats(t, q, "bounded", driver.SubscriptionStats{Ready: 2})
	wantStats(t, q, "free", driver.SubscriptionStats{Ready: 1})
	wantStats(t, q, "other", driver.SubscriptionStats{Ready: 1})
	publish(t, q, two)
	wantStats(t, q, "bounded", driver.SubscriptionStats{Ready: 3})
}

// Ready, delayed, running and waiting for a retry count; finished and dead ones do not.
func TestWhatCountsAsPending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := memqueue.New(memqueue.Options{})
		bind(t, q, "topic", "s", driver.SubscriptionConfig{MaxPending: 3, Retry: driver.RetryPolicy{MaxRetries: 1, Base: time.Minute}})
		full := func() bool {
			err := q.Publish(t.Context(), driver.Message{Topic: "topic", Data: []byte("probe"), NotBefore: time.Now().Add(time.Hour)})
			if err != nil && !errors.Is(err, driver.ErrFull) {
				t.Fatal(err)
			}
			return err != nil
		}
		publish(t, q, numbered("g", 2)...)
		if full() || !full() {
			t.Error("there is not room for exactly one more")
		}
		outcomes := make(chan driver.Outcome)
		defer consume(t, q, "s", 4, func(context.Context, *driver.Delivery) driver.Result {
			return driver.Result{Outcome: <-outcomes}
		})()
		synctest.Wait()
		wantStats(t, q, "s", driver.SubscriptionStats{Ready: 1, Delayed: 1, Running: 1})
		if !full() {
			t.Error("a running message does not count")
		}
		outcomes <- driver.OutcomeRetry
		synctest.Wait()
		wantStats(t, q, "s", driver.SubscriptionStats{Ready: 1, Delayed: 2})
		if !full() {
			t.Error("retries do not count")
		}
		time.Sleep(time.Minute)
		outcomes <- driver.OutcomeRetry
		synctest.Wait()
		wantStats(t, q, "s", driver.SubscriptionStats{Delayed: 1, Running: 1, Dead: 1})
		if full() || !full() {
			t.Error("dead letters count")
		}
		// A redriven one is not refused, but counts from then on.
		if n, err := q.Redrive(t.Context(), "s", dead(t, q, "s")[0].DeadID); n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		outcomes <- driver.OutcomeDone
		synctest.Wait()
		wantStats(t, q, "s", driver.SubscriptionStats{Delayed: 2, Running: 1})
		if !full() {
			t.Error("redriven messages do not count")
		}
		close(outcomes) // all done
		time.Sleep(2 * time.Hour)
		wantStats(t, q, "s", driver.SubscriptionStats{})
	})
}

func TestConcurrentPublishersNeverExceedTheBound(t *testing.T) {
	const limit = 100
	q := memqueue.New(memqueue.Options{})
	bind(t, q, "topic", "bounded", driver.SubscriptionConfig{MaxPending: limit})
	bind(t, q, "topic", "free", driver.SubscriptionConfig{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range limit {
				if err := q.Publish(t.Context(), text("a", "b", "c")...); err != nil && !errors.Is(err, driver.ErrFull) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	wantStats(t, q, "bounded", driver.SubscriptionStats{Ready: limit - limit%3})
	wantStats(t, q, "free", driver.SubscriptionStats{Ready: limit - limit%3})
}
