package testkit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/driver"
)

// Lag is how long a watch of a LaggingApp takes for each event.
const Lag = 10 * time.Millisecond

// LaggingApp returns an app with the stream "notes", whose group "g" has a subscriber and a writer until the test
// ends. The watch is slow and the writer does not wait for it, so it is always behind. It is for synctest bubbles.
func LaggingApp(t testing.TB) *motia.App {
	t.Helper()
	t.Cleanup(func() { time.Sleep(time.Minute) }) // runs last, so that the lagging watch can finish
	backend := motia.InMemory(nil)
	backend.KV = laggingKV{backend.KV, backend.KV.(driver.WatchSyncer)}
	app, _ := NewApp(t, &motia.Options{Backend: backend, Streams: []motia.StreamConfig{{Name: "notes"}}})
	SubscribeNotes(t, app, "g")
	ctx, cancel := context.WithCancel(context.Background())
	var writing sync.WaitGroup
	writing.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			if _, err := Notes.Set(app.Context(ctx), "g", "busy", Note{N: n}); err != nil {
				assert.True(t, ctx.Err() != nil || errors.Is(err, motia.ErrShutdown), err)
				return
			}
			time.Sleep(Lag * 3 / 2) // otherwise the watch would never catch up
		}
	})
	t.Cleanup(func() { cancel(); writing.Wait() })
	time.Sleep(Lag)
	return app
}

type laggingKV struct {
	driver.KV
	driver.WatchSyncer
}

func (k laggingKV) Watch(ctx context.Context, bucket, scope string, see func(driver.Entry)) error {
	return k.KV.Watch(ctx, bucket, scope, func(e driver.Entry) {
		if e.Revision != 0 {
			time.Sleep(Lag)
		}
		see(e)
	})
}

// Stuck is a KV whose SyncWatches does not work unless Works is true: for the scope "fails" it returns ErrBroken, for
// others it waits until its context ends.
type Stuck struct {
	driver.KV
	Works atomic.Bool
}

// SyncWatches implements driver.WatchSyncer.
func (k *Stuck) SyncWatches(ctx context.Context, bucket, scope string) error {
	switch {
	case k.Works.Load():
		return k.KV.(driver.WatchSyncer).SyncWatches(ctx, bucket, scope)
	case scope == "fails":
		return ErrBroken
	}
	<-ctx.Done()
	return fmt.Errorf("stuck: %w", ctx.Err())
}
