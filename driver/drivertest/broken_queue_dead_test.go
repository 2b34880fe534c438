package drivertest_test

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/motia-go/motia/driver"
)

func breakDead(add adder) {
	add("keeps only the last attempt", "dead-fields redrive-history", func(q *queue) {
		q.dead = func(ctx context.Context, subscription, after string, limit int) ([]driver.DeadLetter, error) {
			letters, err := q.Queue.Dead(ctx, subscription, after, limit)
			for i := range letters {
				letters[i].Attempts = letters[i].Attempts[len(letters[i].Attempts)-1:]
			}
			return letters, err
		}
	})
	add("counts dead letters that it does not list", "dead-count dead-paging discard dead-frees-group", func(q *queue) {
		q.count = func(ctx context.Context, subscription string) (int, error) {
			n, err := q.Queue.CountDead(ctx, subscription)
			return n + 1, err
		}
	})
	add("lists from the start", "dead-paging", func(q *queue) {
		q.dead = func(ctx context.Context, subscription, _ string, limit int) ([]driver.DeadLetter, error) {
			return q.Queue.Dead(ctx, subscription, "", limit)
		}
	})
	add("lists newest first", "dead-paging redrive-order", func(q *queue) {
		q.dead = func(ctx context.Context, subscription, after string, limit int) ([]driver.DeadLetter, error) {
			letters, err := q.Queue.Dead(ctx, subscription, after, limit)
			return reversed(letters), err
		}
	})
	add("redrives in reverse", "redrive-order", func(q *queue) {
		q.redrive = func(ctx context.Context, subscription string, ids ...string) (int, error) {
			return q.Queue.Redrive(ctx, subscription, reversed(ids)...)
		}
	})
	add("redrives by publishing again", "redrive-with-id redrive-history redrive-full", func(q *queue) {
		q.redrive = func(ctx context.Context, subscription string, ids ...string) (int, error) {
			letters, err := q.Queue.Dead(ctx, subscription, "", 1000)
			if err != nil {
				return 0, err
			}
			for _, l := range letters {
				if slices.Contains(ids, l.DeadID) {
					if err := q.Queue.Publish(ctx, l.Message); err != nil {
						return 0, err
					}
				}
			}
			return q.Queue.Discard(ctx, subscription, ids...)
		}
	})
	add("says that it redrives everything", "dead-unknown-ids discard", func(q *queue) {
		q.redrive = func(ctx context.Context, subscription string, ids ...string) (int, error) {
			_, err := q.Queue.Redrive(ctx, subscription, ids...)
			return len(ids), err
		}
	})
	add("discards nothing", "discard dead-count", func(q *queue) {
		q.discard = func(_ context.Context, _ string, ids ...string) (int, error) { return len(ids), nil }
	})
	add("has one list of dead letters", "dead-per-subscription", func(q *queue) {
		q.dead = func(ctx context.Context, _, after string, limit int) ([]driver.DeadLetter, error) {
			return q.Queue.Dead(ctx, "ship", after, limit)
		}
	})
	add("does not count running messages", "stats", func(q *queue) {
		q.stats = func(ctx context.Context, subscription string) (driver.SubscriptionStats, error) {
			s, err := q.Queue.Stats(ctx, subscription)
			s.Running = 0
			return s, err
		}
	})
}

func breakEnd(add adder) {
	add("kills instead of draining", "drain drain-idle", func(q *queue) {
		q.consume = func(ctx context.Context, subscription string, o driver.ConsumeOptions, h driver.Handler) error {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			go func() {
				select {
				case <-o.Drain:
				case <-ctx.Done():
				}
				cancel()
			}()
			return q.Queue.Consume(ctx, subscription, driver.ConsumeOptions{Slots: o.Slots}, h)
		}
	})
	add("counts attempts on drain", "drain-unharmed", func(q *queue) {
		q.consume = func(ctx context.Context, subscription string, o driver.ConsumeOptions, h driver.Handler) error {
			if err := q.Queue.Consume(ctx, subscription, o, h); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(ctx, time.Millisecond)
			defer cancel()
			_ = q.Queue.Consume(ctx, subscription, driver.ConsumeOptions{Slots: 1}, func(context.Context, *driver.Delivery) driver.Result {
				return driver.Result{Outcome: driver.OutcomeRetry, Error: "prefetched"}
			})
			return nil
		}
	})
	add("does not end with its context", "kill kill-ignored", func(q *queue) {
		q.consume = func(ctx context.Context, subscription string, o driver.ConsumeOptions, h driver.Handler) error {
			return q.Queue.Consume(context.WithoutCancel(ctx), subscription, o, h)
		}
	})
	add("waits for handlers that ignore their context", "kill-ignored", func(q *queue) {
		q.consume = func(ctx context.Context, subscription string, o driver.ConsumeOptions, h driver.Handler) error {
			var handlers sync.WaitGroup
			defer handlers.Wait()
			return q.Queue.Consume(ctx, subscription, o, func(ctx context.Context, d *driver.Delivery) driver.Result {
				handlers.Add(1)
				defer handlers.Done()
				return h(ctx, d)
			})
		}
	})
	add("still works after Close", "closed", func(q *queue) { q.close = noClose })
	add("does not return from Close", "close-busy", func(q *queue) { q.close = patient(q.close) })
}
