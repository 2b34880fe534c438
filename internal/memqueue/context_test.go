package memqueue_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/memqueue"
)

// Derived contexts end with the lease, for the same reason, and no goroutine follows it for them.
func TestDerivedContextsEndWithTheLease(t *testing.T) {
	type key struct{}
	type wrapper struct{ context.Context }
	tests := []struct {
		name   string
		derive func(context.Context) (context.Context, context.CancelFunc)
	}{
		{"WithCancel", context.WithCancel},
		{"WithTimeout", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Hour)
		}},
		{"WithValue, WithCancel", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithCancel(context.WithValue(ctx, key{}, 1))
		}},
		{"a struct around it, WithTimeout", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(wrapper{ctx}, time.Hour)
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := memqueue.New(memqueue.Options{})
				bind(t, q, "topic", "s", driver.SubscriptionConfig{Visibility: time.Minute})
				ctx := context.WithValue(t.Context(), key{}, "value")
				drain := make(chan struct{})
				defer close(drain)
				var derived context.Context
				var end context.CancelFunc
				go q.Consume(ctx, "s", driver.ConsumeOptions{Slots: 1, Drain: drain}, func(ctx context.Context, d *driver.Delivery) driver.Result {
					goroutines := runtime.NumGoroutine()
					derived, end = test.derive(ctx)
					if got := runtime.NumGoroutine(); got != goroutines {
						t.Errorf("%d more goroutines", got-goroutines)
					}
					if got := ctx.Value(key{}); got != "value" {
						t.Errorf("value is %v", got)
					}
					if string(d.Data) == "quick" {
						return driver.Result{}
					}
					start := time.Now()
					<-derived.Done()
					if took := time.Since(start); took != time.Minute {
						t.Errorf("ended after %v", took)
					}
					if err := derived.Err(); !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("err is %v", err)
					}
					if err := context.Cause(derived); !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("cause is %v", err)
					}
					return driver.Result{}
				})
				publish(t, q, text("slow")...)
				time.Sleep(time.Hour)
				synctest.Wait()
				end()
				publish(t, q, text("quick")...)
				synctest.Wait()
				select {
				case <-derived.Done():
				default:
					t.Error("derived context outlives the handler")
				}
				if !errors.Is(derived.Err(), context.Canceled) || !errors.Is(context.Cause(derived), context.Canceled) {
					t.Errorf("err is %v, cause is %v", derived.Err(), context.Cause(derived))
				}
				end()
			})
		})
	}
}

func TestConcurrentUseOfAContext(t *testing.T) {
	q := memqueue.New(memqueue.Options{})
	bind(t, q, "topic", "s", driver.SubscriptionConfig{Visibility: time.Hour})
	stop := consume(t, q, "s", 4, func(ctx context.Context, _ *driver.Delivery) driver.Result {
		var channels [4]<-chan struct{}
		var wg sync.WaitGroup
		for i := range channels {
			wg.Go(func() {
				channels[i] = ctx.Done()
				if ctx.Err() != nil || ctx.Value("key") != nil {
					t.Error("context has ended, or has a value")
				}
			})
		}
		wg.Wait()
		for _, c := range channels {
			if c != channels[0] {
				t.Error("channels differ")
			}
		}
		return driver.Result{}
	})
	publish(t, q, text(make([]string, 1000)...)...)
	for stats(t, q, "s").Ready > 0 {
		runtime.Gosched()
	}
	stop()
}

func TestContextOutlivesItsHandlerAsEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := memqueue.New(memqueue.Options{})
		bind(t, q, "topic", "s", driver.SubscriptionConfig{})
		var kept context.Context
		defer consume(t, q, "s", 1, func(ctx context.Context, _ *driver.Delivery) driver.Result {
			kept = ctx
			if ctx.Err() != nil {
				t.Errorf("err is %v", ctx.Err())
			}
			return driver.Result{}
		})()
		publish(t, q, text("a")...)
		synctest.Wait()
		if !errors.Is(kept.Err(), context.Canceled) || !errors.Is(context.Cause(kept), context.Canceled) {
			t.Errorf("err is %v, cause is %v", kept.Err(), context.Cause(kept))
		}
		<-kept.Done()
		if !errors.Is(kept.Err(), context.Canceled) {
			t.Errorf("err is %v", kept.Err())
		}
	})
}

func TestDeadlineIsTheEarlierOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := memqueue.New(memqueue.Options{})
		bind(t, q, "topic", "s", driver.SubscriptionConfig{Visibility: time.Hour})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		publish(t, q, text("a")...)
		err := q.Consume(ctx, "s", driver.ConsumeOptions{Slots: 1}, func(ctx context.Context, _ *driver.Delivery) driver.Result {
			if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) != time.Minute {
				t.Errorf("deadline is %v, %v", deadline, ok)
			}
			<-ctx.Done()
			if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
				t.Errorf("err is %v", ctx.Err())
			}
			return driver.Result{}
		})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

func TestAllocations(t *testing.T) {
	tests := []struct {
		name          string
		subscriptions []string
		message       driver.Message
		want          float64
	}{
		{"plain: an item, a lease", []string{"a"}, driver.Message{}, 2},
		{"in a group: also the group", []string{"a"}, driver.Message{Group: "g"}, 3},
		// And one more under the race detector, where a sync.Pool forgets at random.
		{"to four subscriptions", []string{"a", "b", "c", "d"}, driver.Message{}, 9},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			q := benchQueue(t, test.subscriptions...)
			handled := make(chan struct{})
			for _, s := range test.subscriptions {
				defer consume(t, q, s, 1, func(ctx context.Context, _ *driver.Delivery) driver.Result {
					ctx.Deadline() // these are free
					ctx.Err()
					ctx.Value("key")
					handled <- struct{}{}
					return driver.Result{}
				})()
			}
			test.message.Topic = "topic"
			messages := []driver.Message{test.message}
			got := testing.AllocsPerRun(1000, func() {
				publish(t, q, messages...)
				for range test.subscriptions {
					<-handled
				}
			})
			if got > test.want {
				t.Errorf("%v allocations, want %v", got, test.want)
			}
		})
	}
}
