package drivertest_test

import (
	"context"
	"time"

	"github.com/motia-go/motia/driver"
)

func breakWatch(add kvAdder) {
	add("loses an event now and then", "watch watch-empty watch-under-load watch-slow", func(k *kv) {
		k.events(func(e *driver.Entry) int {
			if e.Revision%3 == 0 && e.Revision != 0 {
				return 0
			}
			return 1
		})
	})
	add("reports deletions late or never", "watch-under-load watch-empty", func(k *kv) {
		k.events(func(e *driver.Entry) int {
			if e.Deleted {
				return 0
			}
			return 1
		})
	})
	add("repeats events", "watch watch-under-load no-change", func(k *kv) {
		k.events(func(e *driver.Entry) int { return 1 + int(e.Revision%2) })
	})
	add("begins the events before the snapshot", "watch-under-load", func(k *kv) {
		k.watch = func(ctx context.Context, bucket, scope string, f func(driver.Entry)) error {
			return k.KV.Watch(ctx, bucket, scope, func(e driver.Entry) {
				if e.Revision == 0 { // the snapshot again
					entries, err := k.KV.List(ctx, bucket, scope, nil, 1000)
					if err != nil {
						return
					}
					for _, e := range entries {
						f(e)
					}
				}
				f(e)
			})
		}
	})
	add("calls all watchers under one lock", "watch-slow", func(k *kv) {
		lock := make(channelLock, 1)
		k.watch = func(ctx context.Context, bucket, scope string, f func(driver.Entry)) error {
			return k.KV.Watch(ctx, bucket, scope, func(e driver.Entry) { lock.with(func() { f(e) }) })
		}
	})
	add("still watches after its context has ended", "watch-end", func(k *kv) {
		k.watch = func(ctx context.Context, bucket, scope string, f func(driver.Entry)) error {
			defer time.Sleep(ages)
			return k.KV.Watch(ctx, bucket, scope, f)
		}
	})
}

func breakChanges(add kvAdder) {
	records := func(k *kv, f func(ctx context.Context, r driver.Change, next recordFunc) error) {
		k.changes = func(ctx context.Context, bucket string, next recordFunc) error {
			return k.KV.Changes(ctx, bucket, func(ctx context.Context, r driver.Change) error { return f(ctx, r, next) })
		}
	}
	add("drops the headers of records", "changes changes-of-updates", func(k *kv) {
		records(k, func(ctx context.Context, r driver.Change, next recordFunc) error {
			r.Header = driver.Header{}
			return next(ctx, r)
		})
	})
	add("hands over out of order", "changes-under-load changes-resume", func(k *kv) {
		var held []driver.Change
		records(k, func(ctx context.Context, r driver.Change, next recordFunc) error {
			if held = append(held, r); len(held) < 3 {
				return nil
			}
			for _, r := range reversed(held) {
				if err := next(ctx, r); err != nil {
					return err
				}
			}
			held = nil
			return nil
		})
	})
	add("loses the records of updates", "changes-of-updates", func(k *kv) {
		records(k, func(ctx context.Context, r driver.Change, next recordFunc) error {
			if r.Header.Step != "" {
				return nil
			}
			return next(ctx, r)
		})
	})
	add("does not hand over failed records again", "changes-again changes-others-go-on changes-resume", func(k *kv) {
		records(k, func(ctx context.Context, r driver.Change, next recordFunc) error {
			_ = next(ctx, r)
			return nil
		})
	})
	add("lets a failing record hold back the others", "changes-others-go-on", func(k *kv) {
		records(k, func(ctx context.Context, r driver.Change, next recordFunc) error {
			for next(ctx, r) != nil && ctx.Err() == nil {
				time.Sleep(time.Second)
			}
			return nil
		})
	})
	add("runs for several records at once", "changes-one-runner", func(k *kv) {
		records(k, func(ctx context.Context, r driver.Change, next recordFunc) error {
			go func() { _ = next(ctx, r) }()
			return nil
		})
	})
	add("records expiries", "changes-of-expiry", func(k *kv) {
		k.put = func(ctx context.Context, key driver.Key, value []byte, o driver.PutOptions) (old, new driver.Entry, err error) {
			at := o.Expires
			o.Expires = time.Time{}
			old, new, err = k.KV.Put(ctx, key, value, o)
			if !at.IsZero() {
				time.AfterFunc(time.Until(at), func() { _, _, _ = k.KV.Put(ctx, key, nil, driver.PutOptions{Delete: true}) })
			}
			return old, new, err
		}
	})
	add("tracks a bucket when Changes is called for it", "changes-untracked", func(k *kv) {
		k.changes = func(ctx context.Context, bucket string, f recordFunc) error {
			if err := k.KV.Track(ctx, bucket); err != nil {
				return err
			}
			return k.KV.Changes(ctx, bucket, f)
		}
	})
	add("loses changes while no runner is active", "changes-resume changes-again", func(k *kv) {
		k.changes = func(ctx context.Context, bucket string, f recordFunc) error {
			start := time.Now()
			return k.KV.Changes(ctx, bucket, func(ctx context.Context, r driver.Change) error {
				if r.New.Time.Before(start.Add(time.Millisecond)) {
					return nil
				}
				return f(ctx, r)
			})
		}
	})
}
