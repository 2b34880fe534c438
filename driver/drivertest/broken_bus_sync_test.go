package drivertest_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

func breakBusSync(add func(fault, cases string, breaks func(b *bus))) {
	add("waits for nothing", "sync sync-end", func(b *bus) {
		b.sync = func(context.Context, string) error { return nil }
	})
	add("delivers events after a moment", "sync sync-others", func(b *bus) {
		b.subscribers(func(f func([]byte)) func([]byte) {
			return func(data []byte) { time.AfterFunc(time.Millisecond, func() { f(data) }) }
		})
	})
	add("waits for the subscribers of all subjects", "sync-others", func(b *bus) {
		var mu sync.Mutex
		subjects := make(map[string]bool)
		b.subscribe = func(ctx context.Context, subject string, f func([]byte)) (func(), error) {
			mu.Lock()
			subjects[subject] = true
			mu.Unlock()
			return b.Bus.Subscribe(ctx, subject, f)
		}
		b.sync = func(ctx context.Context, _ string) error {
			mu.Lock()
			var names []string
			for name := range subjects {
				names = append(names, name)
			}
			mu.Unlock()
			for _, name := range names {
				if err := b.Bus.SyncSubject(ctx, name); err != nil {
					return err
				}
			}
			return nil
		}
	})
	add("complains when nobody has subscribed", "sync-others", func(b *bus) {
		subscribed := false
		b.subscribe = func(ctx context.Context, subject string, f func([]byte)) (func(), error) {
			subscribed = true
			return b.Bus.Subscribe(ctx, subject, f)
		}
		b.sync = func(ctx context.Context, subject string) error {
			if !subscribed {
				return errors.New("nobody has subscribed")
			}
			return b.Bus.SyncSubject(ctx, subject)
		}
	})
	add("does not wrap the error of a context", "sync-end context", func(b *bus) {
		b.sync = func(ctx context.Context, subject string) error {
			if err := b.Bus.SyncSubject(ctx, subject); err != nil {
				return fmt.Errorf("subscribers are slow: %v", err)
			}
			return nil
		}
	})
	add("waits for a subscription that was stopped", "sync-end", func(b *bus) {
		var mu sync.Mutex
		ended := false
		b.stops(func(stop func()) func() {
			return func() {
				mu.Lock()
				ended = true
				mu.Unlock()
				stop()
			}
		})
		b.sync = func(ctx context.Context, subject string) error {
			err := b.Bus.SyncSubject(ctx, subject)
			mu.Lock()
			defer mu.Unlock()
			if err == nil && ended {
				<-ctx.Done()
				return ctx.Err()
			}
			return err
		}
	})
}
