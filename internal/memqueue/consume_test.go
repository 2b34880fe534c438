package memqueue_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/memqueue"
)

// consuming is a call of Consume in the background.
type consuming struct {
	drain  chan struct{}
	cancel context.CancelCauseFunc
	err    chan error
}

func consumeInBackground(t *testing.T, q *memqueue.Queue, slots int, handle driver.Handler) *consuming {
	ctx, cancel := context.WithCancelCause(t.Context())
	c := &consuming{drain: make(chan struct{}), cancel: cancel, err: make(chan error, 1)}
	go func() {
		c.err <- q.Consume(ctx, "s", driver.ConsumeOptions{Slots: slots, Drain: c.drain}, handle)
	}()
	synctest.Wait()
	return c
}

// running reports whether Consume has not returned yet.
func (c *consuming) running() bool { return len(c.err) == 0 }

func TestDrainFinishesWhatRunsAndStartsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := memqueue.New(memqueue.Options{})
		bind(t, q, "topic", "s", driver.SubscriptionConfig{})
		c := consumeInBackground(t, q, 2, func(ctx context.Context, _ *driver.Delivery) driver.Result {
			time.Sleep(time.Minute)
			if ctx.Err() != nil {
				t.Errorf("drain ended the context: %v", ctx.Err())
			}
			return driver.Result{}
		})
		publish(t, q, text("a", "b", "c", "d", "e")...)
		time.Sleep(time.Second)
		close(c.drain)
		synctest.Wait()
		if !c.running() {
			t.Error("Consume did not wait for its handlers")
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if err := <-c.err; err != nil {
			t.Error(err)
		}
		wantStats(t, q, "s", driver.SubscriptionStats{Ready: 3})
		// They are left for the next consumer, and no attempt was counted.
		var j journal
		defer consume(t, q, "s", 1, func(_ context.Context, d *driver.Delivery) driver.Result {
			j.add(fmt.Sprint(string(d.Data), d.Attempt))
			return driver.Result{}
		})()
		synctest.Wait()
		if got := j.list(); !slices.Equal(got, []string{"c1", "d1", "e1"}) {
			t.Errorf("got %q", got)
		}
	})
}

func TestDrainOfIdleConsumer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, messages := range []int{0, 3} {
			q := memqueue.New(memqueue.Options{})
			bind(t, q, "topic", "s", driver.SubscriptionConfig{})
			var j journal
			c := consumeInBackground(t, q, 2, j.record)
			publish(t, q, text(make([]string, messages)...)...)
			synctest.Wait()
			close(c.drain)
			if err := <-c.err; err != nil {
				t.Error(err)
			}
			wantStats(t, q, "s", driver.SubscriptionStats{})
		}
	})
}

// Once drain is closed no handler starts, even before Consume itself has noticed, except in the other slot if it was
// just about to start one.
func TestNothingStartsAfterDrain(t *testing.T) {
	for range 200 {
		q := memqueue.New(memqueue.Options{})
		bind(t, q, "topic", "s", driver.SubscriptionConfig{})
		publish(t, q, text(make([]string, 200)...)...)
		var drained atomic.Bool
		var started, late atomic.Int32
		drain := make(chan struct{})
		options := driver.ConsumeOptions{Slots: 2, Drain: drain}
		err := q.Consume(t.Context(), "s", options, func(context.Context, *driver.Delivery) driver.Result {
			if drained.Load() {
				late.Add(1)
			}
			if started.Add(1) == 50 {
				close(drain)
				drained.Store(true)
			}
			return driver.Result{}
		})
		if err != nil {
			t.Error(err)
		}
		if late.Load() > 1 {
			t.Errorf("%d handlers started after drain", late.Load())
		}
		if s := stats(t, q, "s"); s.Running != 0 || s.Ready != 200-int(started.Load()) {
			t.Errorf("%d started, %+v", started.Load(), s)
		}
	}
}

func TestDrainLeavesTheRestToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := memqueue.New(memqueue.Options{})
		bind(t, q, "topic", "s", driver.SubscriptionConfig{})
		var j journal
		slow := func(ctx context.Context, d *driver.Delivery) driver.Result {
			time.Sleep(time.Second)
			return j.record(ctx, d)
		}
		first := consumeInBackground(t, q, 1, slow)
		second := consumeInBackground(t, q, 1, slow)
		publish(t, q, numbered("g", 10)...)
		time.Sleep(2500 * time.Millisecond)
		close(first.drain)
		time.Sleep(time.Minute)
		if got := j.list(); len(got) != 10 || !slices.IsSorted(got) {
			t.Errorf("got %q", got)
		}
		if !second.running() || first.running() {
			t.Error("the wrong consumer was drained")
		}
		close(second.drain)
	})
}

func TestEndOfContextEndsHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := memqueue.New(memqueue.Options{})
		bind(t, q, "topic", "s", driver.SubscriptionConfig{})
		reason := errors.New("the reason")
		c := consumeInBackground(t, q, 2, func(ctx context.Context, d *driver.Delivery) driver.Result {
			derived, cancel := context.WithTimeout(ctx, time.Hour)
			defer cancel()
			<-derived.Done()
			if !errors.Is(derived.Err(), context.Canceled) || !errors.Is(context.Cause(derived), reason) {
				t.Errorf("derived: err is %v, cause is %v", derived.Err(), context.Cause(derived))
			}
			if !errors.Is(ctx.Err(), context.Canceled) || !errors.Is(context.Cause(ctx), reason) {
				t.Errorf("err is %v, cause is %v", ctx.Err(), context.Cause(ctx))
			}
			time.Sleep(100 * time.Millisecond) // to unwind
			return driver.Result{Outcome: driver.OutcomeRelease}
		})
		publish(t, q, text("a", "b", "c")...)
		synctest.Wait()
		start := time.Now()
		c.cancel(reason)
		if err := <-c.err; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if took := time.Since(start); took != 100*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		wantStats(t, q, "s", driver.SubscriptionStats{Ready: 3})
	})
}

// The context of a handler reports at once that its parent has ended, like any derived context.
func TestContextFollowsConsumeWithoutDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, look := range []func(context.Context) bool{
			func(ctx context.Context) bool { return ctx.Err() != nil },
			func(ctx context.Context) bool {
				select {
				case <-ctx.Done():
					return true
				default:
					return false
				}
			},
		} {
			q := memqueue.New(memqueue.Options{})
			bind(t, q, "topic", "s", driver.SubscriptionConfig{})
			ctx, cancel := context.WithCancel(t.Context())
			publish(t, q, text("a")...)
			err := q.Consume(ctx, "s", driver.ConsumeOptions{Slots: 1}, func(ctx context.Context, _ *driver.Delivery) driver.Result {
				if look(ctx) {
					t.Error("ended too early")
				}
				cancel()
				if !look(ctx) {
					t.Error("has not ended")
				}
				return driver.Result{}
			})
			if !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
	})
}

func TestStuckHandlerDoesNotHoldUpTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := memqueue.New(memqueue.Options{})
		bind(t, q, "topic", "s", driver.SubscriptionConfig{Visibility: time.Minute})
		release := make(chan struct{})
		c := consumeInBackground(t, q, 4, func(_ context.Context, d *driver.Delivery) driver.Result {
			<-release
			return driver.Result{Outcome: driver.OutcomeDone}
		})
		publish(t, q, numbered("g", 2)...)
		publish(t, q, text("a", "b", "c", "d")...)
		synctest.Wait()
		wantStats(t, q, "s", driver.SubscriptionStats{Ready: 2, Running: 4})
		close(c.drain)
		start := time.Now()
		c.cancel(nil)
		if err := <-c.err; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("it took %v, want the grace of a second", took)
		}
		// The messages are back, in front of the others, and their attempts do not count.
		wantStats(t, q, "s", driver.SubscriptionStats{Ready: 6})
		var j journal
		defer consume(t, q, "s", 1, func(_ context.Context, d *driver.Delivery) driver.Result {
			j.add(fmt.Sprint(string(d.Data), d.Attempt))
			return driver.Result{}
		})()
		synctest.Wait()
		if got, want := j.list(), []string{"g/01", "a1", "b1", "c1", "d1", "g/11"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		close(release)
		synctest.Wait()
		wantStats(t, q, "s", driver.SubscriptionStats{})
	})
}

// A handler that has lost its lease still runs, so a drain waits for it.
func TestDrainWaitsForHandlersWithoutLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := memqueue.New(memqueue.Options{})
		bind(t, q, "topic", "s", driver.SubscriptionConfig{Visibility: time.Second})
		start := time.Now()
		c := consumeInBackground(t, q, 1, func(context.Context, *driver.Delivery) driver.Result {
			time.Sleep(time.Minute)
			return driver.Result{}
		})
		publish(t, q, text("a")...)
		time.Sleep(10 * time.Second)
		close(c.drain)
		if err := <-c.err; err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took != time.Minute {
			t.Errorf("it took %v", took)
		}
	})
}

// Workers are started when there is work, and reused. There are never more workers than slots.
func TestWorkersAreReused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := memqueue.New(memqueue.Options{})
		bind(t, q, "topic", "s", driver.SubscriptionConfig{})
		var most atomic.Int32
		var running atomic.Int32
		c := consumeInBackground(t, q, 1<<30, func(context.Context, *driver.Delivery) driver.Result {
			most.Store(max(most.Load(), running.Add(1)))
			time.Sleep(time.Second)
			running.Add(-1)
			return driver.Result{}
		})
		for range 100 {
			publish(t, q, text("a", "b", "c")...)
			time.Sleep(2 * time.Second)
		}
		if most.Load() != 3 {
			t.Errorf("%d ran at once, want 3", most.Load())
		}
		close(c.drain)
	})
}
