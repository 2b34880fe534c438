package memqueue_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/memqueue"
)

func TestVisibilityTimeoutWithStuckHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := memqueue.New(memqueue.Options{})
		bind(t, q, "topic", "s", driver.SubscriptionConfig{
			Visibility: 15 * time.Minute,
			Retry:      driver.RetryPolicy{MaxRetries: 1, Base: time.Minute},
		})
		var j journal
		start := time.Now()
		release := make(chan struct{})
		stop := consume(t, q, "s", 1, func(ctx context.Context, d *driver.Delivery) driver.Result {
			j.add(fmt.Sprint(string(d.Data), d.Attempt, " ", time.Since(start).Minutes()))
			if string(d.Data) == "stuck" {
				<-release // whatever the context says
				if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
					t.Errorf("context ended with %v", ctx.Err())
				}
				if err := d.Lease.Extend(context.Background(), time.Hour); !errors.Is(err, driver.ErrLeaseLost) {
					t.Errorf("extend: %v", err)
				}
			}
			return driver.Result{Outcome: driver.OutcomeDone}
		})
		publish(t, q, text("stuck", "next")...)
		time.Sleep(time.Hour)
		// The slot of the stuck handler serves the next message, and then its retry.
		if got, want := strings.Join(j.list(), ", "), "stuck1 0, next1 15, stuck2 16"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		wantStats(t, q, "s", driver.SubscriptionStats{Dead: 1})
		close(release) // two late results, which change nothing
		synctest.Wait()
		wantStats(t, q, "s", driver.SubscriptionStats{Dead: 1})
		letter := dead(t, q, "s")[0]
		for _, a := range letter.Attempts {
			if a.Error != "visibility timeout of 15m0s expired" || a.Ended.Sub(a.Started) != 15*time.Minute {
				t.Errorf("attempt is %+v", a)
			}
		}
		publish(t, q, text("after")...)
		synctest.Wait()
		if got := j.list(); !strings.HasPrefix(got[len(got)-1], "after1") {
			t.Errorf("got %q", got)
		}
		stop()
	})
}

func TestHandlerThatReturnsTooLateHasFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := memqueue.New(memqueue.Options{})
		bind(t, q, "topic", "s", driver.SubscriptionConfig{Visibility: time.Minute})
		defer consume(t, q, "s", 1, func(ctx context.Context, _ *driver.Delivery) driver.Result {
			time.Sleep(time.Minute) // returns in the very moment
			return driver.Result{Outcome: driver.OutcomeDone}
		})()
		publish(t, q, text("a", "b")...)
		time.Sleep(time.Hour)
		wantStats(t, q, "s", driver.SubscriptionStats{Dead: 2})
	})
}

func TestExtendMovesTheBound(t *testing.T) {
	tests := []struct {
		name string
		// extend is called after 30 seconds, with a bound of one minute.
		extend time.Duration
		want   time.Duration
	}{
		{"later", 10 * time.Minute, 30*time.Second + 10*time.Minute},
		{"earlier", 10 * time.Second, 40 * time.Second},
		{"now", 0, 30 * time.Second},
		{"before now", -time.Hour, 30 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := memqueue.New(memqueue.Options{})
				bind(t, q, "topic", "s", driver.SubscriptionConfig{Visibility: time.Minute})
				defer consume(t, q, "s", 1, func(ctx context.Context, d *driver.Delivery) driver.Result {
					start := time.Now()
					if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) != time.Minute {
						t.Errorf("deadline is %v, %v", deadline, ok)
					}
					done := ctx.Done()
					time.Sleep(30 * time.Second)
					if err := d.Lease.Extend(ctx, test.extend); err != nil {
						t.Error(err)
					}
					if deadline, ok := ctx.Deadline(); !ok || deadline.Sub(start) != test.want {
						t.Errorf("deadline is after %v, want %v", deadline.Sub(start), test.want)
					}
					<-done
					if took := time.Since(start); took != test.want || !errors.Is(ctx.Err(), context.DeadlineExceeded) {
						t.Errorf("ended after %v with %v, want %v", took, ctx.Err(), test.want)
					}
					return driver.Result{}
				})()
				publish(t, q, text("a")...)
				time.Sleep(time.Hour)
				wantStats(t, q, "s", driver.SubscriptionStats{Dead: 1})
			})
		})
	}
}

func TestExtendInTimeSavesTheAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := memqueue.New(memqueue.Options{})
		bind(t, q, "topic", "s", driver.SubscriptionConfig{Visibility: time.Minute})
		defer consume(t, q, "s", 4, func(ctx context.Context, d *driver.Delivery) driver.Result {
			for range 100 {
				time.Sleep(50 * time.Second)
				if err := d.Lease.Extend(ctx, time.Minute); err != nil {
					t.Error(err)
				}
			}
			return driver.Result{}
		})()
		publish(t, q, text("a", "b", "c")...)
		time.Sleep(24 * time.Hour)
		wantStats(t, q, "s", driver.SubscriptionStats{})
	})
}

func TestExtendWithoutBoundKeepsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := memqueue.New(memqueue.Options{})
		bind(t, q, "topic", "s", driver.SubscriptionConfig{})
		defer consume(t, q, "s", 1, func(ctx context.Context, d *driver.Delivery) driver.Result {
			if err := d.Lease.Extend(ctx, time.Second); err != nil {
				t.Error(err)
			}
			if deadline, ok := ctx.Deadline(); ok {
				t.Errorf("deadline is %v", deadline)
			}
			time.Sleep(time.Hour)
			return driver.Result{}
		})()
		publish(t, q, text("a")...)
		time.Sleep(2 * time.Hour)
		wantStats(t, q, "s", driver.SubscriptionStats{})
	})
}

func TestExtendAfterTheHandlerHasReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := memqueue.New(memqueue.Options{})
		bind(t, q, "topic", "s", driver.SubscriptionConfig{Visibility: time.Minute})
		var lease driver.Lease
		defer consume(t, q, "s", 1, func(_ context.Context, d *driver.Delivery) driver.Result {
			lease = d.Lease
			return driver.Result{}
		})()
		publish(t, q, text("a")...)
		synctest.Wait()
		if err := lease.Extend(t.Context(), time.Hour); !errors.Is(err, driver.ErrLeaseLost) {
			t.Error(err)
		}
	})
}

func TestExtendWithEndedContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := memqueue.New(memqueue.Options{})
		bind(t, q, "topic", "s", driver.SubscriptionConfig{Visibility: time.Minute})
		defer consume(t, q, "s", 1, func(ctx context.Context, d *driver.Delivery) driver.Result {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			if err := d.Lease.Extend(ctx, time.Hour); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			return driver.Result{}
		})()
		publish(t, q, text("a")...)
		synctest.Wait()
	})
}
