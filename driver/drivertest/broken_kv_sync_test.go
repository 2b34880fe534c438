package drivertest_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/motia-go/motia/driver"
)

func breakSync(add kvAdder) {
	add("waits for nothing", "watch-sync watch-sync-snapshot watch-sync-end", func(k *kv) {
		k.sync = func(context.Context, string, string) error { return nil }
	})
	add("waits for a moment", "watch-sync-snapshot watch-sync-end", func(k *kv) {
		k.sync = func(ctx context.Context, _, _ string) error {
			time.Sleep(50 * time.Millisecond)
			return ctx.Err()
		}
	})
	add("shares a wait that is under way", "watch-sync-overlap", func(k *kv) {
		var mu sync.Mutex
		var underWay chan struct{}
		k.sync = func(ctx context.Context, bucket, scope string) error {
			mu.Lock()
			shared := underWay
			if shared == nil {
				underWay = make(chan struct{})
			}
			mine := underWay
			mu.Unlock()
			if shared != nil {
				<-shared
				return nil
			}
			err := k.KV.SyncWatches(ctx, bucket, scope)
			mu.Lock()
			underWay = nil
			mu.Unlock()
			close(mine)
			return err
		}
	})
	add("waits until events are queued, but not until f has returned for them", "watch-sync watch-sync-snapshot watch-sync-end", func(k *kv) {
		k.watch = func(ctx context.Context, bucket, scope string, f func(driver.Entry)) error {
			taken := make(chan driver.Entry, 100_000)
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				for e := range taken {
					if ctx.Err() == nil {
						f(e)
					}
				}
			}()
			err := k.KV.Watch(ctx, bucket, scope, func(e driver.Entry) { taken <- e })
			close(taken)
			<-ended
			return err
		}
	})
	add("waits until no events are left", "watch-sync-overlap", func(k *kv) {
		var mu sync.Mutex
		behind := make(map[string]bool)
		k.put = func(ctx context.Context, key driver.Key, value []byte, o driver.PutOptions) (old, new driver.Entry, err error) {
			mu.Lock()
			behind[key.ID] = true
			mu.Unlock()
			return k.KV.Put(ctx, key, value, o)
		}
		k.watch = func(ctx context.Context, bucket, scope string, f func(driver.Entry)) error {
			return k.KV.Watch(ctx, bucket, scope, func(e driver.Entry) {
				f(e)
				mu.Lock()
				defer mu.Unlock()
				delete(behind, e.Key.ID)
			})
		}
		k.sync = func(ctx context.Context, _, _ string) error {
			for {
				mu.Lock()
				n := len(behind)
				mu.Unlock()
				if n == 0 || ctx.Err() != nil {
					return ctx.Err()
				}
				time.Sleep(time.Millisecond)
			}
		}
	})
	add("does not wait for watches that are in their snapshot", "watch-sync-snapshot", func(k *kv) {
		var mu sync.Mutex
		snapshots := make(map[string]int)
		k.watch = func(ctx context.Context, bucket, scope string, f func(driver.Entry)) error {
			mu.Lock()
			snapshots[scope]++
			mu.Unlock()
			return k.KV.Watch(ctx, bucket, scope, func(e driver.Entry) {
				f(e)
				if e.Revision == 0 {
					mu.Lock()
					snapshots[scope]--
					mu.Unlock()
				}
			})
		}
		k.sync = func(ctx context.Context, bucket, scope string) error {
			mu.Lock()
			running := snapshots[scope]
			mu.Unlock()
			if running > 0 {
				return nil
			}
			return k.KV.SyncWatches(ctx, bucket, scope)
		}
	})
	add("waits for the watches of all scopes", "watch-sync-others", func(k *kv) {
		var mu sync.Mutex
		scopes := make(map[string]bool)
		k.watch = func(ctx context.Context, bucket, scope string, f func(driver.Entry)) error {
			mu.Lock()
			scopes[scope] = true
			mu.Unlock()
			return k.KV.Watch(ctx, bucket, scope, f)
		}
		k.sync = func(ctx context.Context, bucket, _ string) error {
			mu.Lock()
			var names []string
			for name := range scopes {
				names = append(names, name)
			}
			mu.Unlock()
			for _, name := range names {
				if err := k.KV.SyncWatches(ctx, bucket, name); err != nil {
					return err
				}
			}
			return nil
		}
	})
	add("complains when nobody watches", "watch-sync-others", func(k *kv) {
		watched := false
		k.watch = func(ctx context.Context, bucket, scope string, f func(driver.Entry)) error {
			watched = true
			return k.KV.Watch(ctx, bucket, scope, f)
		}
		k.sync = func(ctx context.Context, bucket, scope string) error {
			if !watched {
				return errors.New("nobody watches")
			}
			return k.KV.SyncWatches(ctx, bucket, scope)
		}
	})
	add("still waits after its context has ended", "watch-sync-end context", func(k *kv) {
		k.sync = func(ctx context.Context, bucket, scope string) error {
			err := k.KV.SyncWatches(ctx, bucket, scope)
			if ctx.Err() != nil {
				time.Sleep(ages)
				return nil
			}
			return err
		}
	})
	add("does not wrap the error of a context", "watch-sync-end context", func(k *kv) {
		k.sync = func(ctx context.Context, bucket, scope string) error {
			if err := k.KV.SyncWatches(ctx, bucket, scope); err != nil {
				return fmt.Errorf("watchers are slow: %v", err)
			}
			return nil
		}
	})
	add("waits for a watch that has ended", "watch-sync-end", func(k *kv) {
		var mu sync.Mutex
		forgotten := false
		k.watch = func(ctx context.Context, bucket, scope string, f func(driver.Entry)) error {
			err := k.KV.Watch(ctx, bucket, scope, f)
			mu.Lock()
			defer mu.Unlock()
			forgotten = true
			return err
		}
		k.sync = func(ctx context.Context, bucket, scope string) error {
			err := k.KV.SyncWatches(ctx, bucket, scope)
			time.Sleep(time.Millisecond)
			mu.Lock()
			ended := forgotten
			mu.Unlock()
			if err == nil && ended {
				<-ctx.Done()
				return ctx.Err()
			}
			return err
		}
	})
}
