package memqueue_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/memqueue"
)

func TestCloseRefusesFurtherCalls(t *testing.T) {
	ctx := t.Context()
	q := memqueue.New(memqueue.Options{})
	bind(t, q, "topic", "s", driver.SubscriptionConfig{Delay: time.Hour})
	publish(t, q, text("a")...)
	for range 2 {
		if err := q.Close(ctx); err != nil {
			t.Fatal(err)
		}
	}
	calls := map[string]error{
		"bind":         q.Bind(ctx, "topic", "s", driver.SubscriptionConfig{}),
		"publish":      q.Publish(ctx, text("b")...),
		"publish more": q.Publish(ctx, text("b", "c")...),
		"no topic":     q.Publish(ctx, driver.Message{Topic: "none"}),
		"consume":      q.Consume(ctx, "s", driver.ConsumeOptions{Slots: 1}, nil),
	}
	_, calls["dead"] = q.Dead(ctx, "s", "", 1)
	_, calls["stats"] = q.Stats(ctx, "s")
	for name, err := range calls {
		if !errors.Is(err, driver.ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCloseWhileBusyDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := memqueue.New(memqueue.Options{})
		bind(t, q, "topic", "s", driver.SubscriptionConfig{Retry: driver.RetryPolicy{MaxRetries: 1, Base: time.Second}})
		var j journal
		c := consumeInBackground(t, q, 2, func(_ context.Context, d *driver.Delivery) driver.Result {
			time.Sleep(time.Minute)
			j.add(string(d.Data))
			return driver.Result{Outcome: driver.OutcomeRetry} // sets no alarm after Close
		})
		idle := consumeInBackground(t, q, 2, j.record)
		publish(t, q, text("a", "b", "c", "d", "e")...)
		synctest.Wait()
		if err := q.Close(t.Context()); err != nil {
			t.Error(err)
		}
		for _, err := range []error{<-c.err, <-idle.err} {
			if !errors.Is(err, driver.ErrClosed) {
				t.Error(err)
			}
		}
		time.Sleep(time.Hour)
	})
}

func TestCloseEndsHandlersWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := memqueue.New(memqueue.Options{})
		bind(t, q, "topic", "s", driver.SubscriptionConfig{})
		c := consumeInBackground(t, q, 1, func(ctx context.Context, _ *driver.Delivery) driver.Result {
			<-ctx.Done()
			if !errors.Is(context.Cause(ctx), driver.ErrClosed) {
				t.Errorf("cause is %v", context.Cause(ctx))
			}
			return driver.Result{Outcome: driver.OutcomeRelease}
		})
		publish(t, q, text("a")...)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		if err := q.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if took := time.Since(start); took != time.Minute {
			t.Errorf("it took %v", took)
		}
		if err := <-c.err; !errors.Is(err, driver.ErrClosed) {
			t.Error(err)
		}
		if err := q.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
