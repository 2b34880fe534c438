package motia_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/testkit"
)

func TestACloseEndsASubscriptionAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := testkit.NotesApp(t)
		unread, waiting := testkit.SubscribeNotes(t, app, "g", motia.Buffer(1)), testkit.SubscribeNotes(t, app, "g")
		testkit.SetNote(t, app, "g", "i", 1)
		unread.Close()
		unread.Close()
		_, err := unread.Next(t.Context())
		require.ErrorIs(t, err, motia.ErrSubscriptionClosed, "what was not read is dropped, and so is a resync")
		for range unread.Events(t.Context()) {
			t.Error("event after Close")
		}

		done := make(chan error)
		go func() {
			for {
				if _, err := waiting.Next(context.Background()); err != nil {
					done <- err
					return
				}
			}
		}()
		synctest.Wait()
		waiting.Close()
		require.ErrorIs(t, <-done, motia.ErrSubscriptionClosed)
	})
}

func TestTheEndOfItsContextEndsASubscriptionAfterTheEventsBefore(t *testing.T) {
	cause := errors.New("client is gone")
	for name, c := range map[string]struct {
		end  func(context.Context) (context.Context, func())
		want error
	}{
		"cancel": {func(ctx context.Context) (context.Context, func()) { return context.WithCancel(ctx) }, context.Canceled},
		"cause": {func(ctx context.Context) (context.Context, func()) {
			ctx, cancel := context.WithCancelCause(ctx)
			return ctx, func() { cancel(cause) }
		}, cause},
		"deadline": {func(ctx context.Context) (context.Context, func()) {
			ctx, cancel := context.WithTimeout(ctx, time.Minute)
			return ctx, func() { time.Sleep(2 * time.Minute); cancel() }
		}, context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app := testkit.NotesApp(t)
				ctx, end := c.end(app.Context(t.Context()))
				read, err := testkit.Notes.Subscribe(ctx, "g")
				require.NoError(t, err)
				iterated, err := testkit.Notes.Subscribe(ctx, "g")
				require.NoError(t, err)
				testkit.SetNote(t, app, "g", "i", 1)
				end()
				synctest.Wait()
				testkit.SetNote(t, app, "g", "i", 2)
				require.Equal(t, "g/ sync", testkit.NoteText(testkit.NextNote(t, read)))
				require.Equal(t, "g/i create 1", testkit.NoteText(testkit.NextNote(t, read)))
				_, err = read.Next(t.Context())
				require.ErrorIs(t, err, c.want)
				var texts []string
				for event, err := range iterated.Events(t.Context()) {
					require.NoError(t, err, "the end of its context is no error of the iteration")
					texts = append(texts, testkit.NoteText(event))
				}
				require.Equal(t, []string{"g/ sync", "g/i create 1"}, texts)
			})
		})
	}
}

func TestTheContextOfNextEndsOnlyTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := testkit.NotesApp(t)
		sub := testkit.SubscribeNotes(t, app, "g")
		testkit.NextNote(t, sub)
		testkit.NoNote(t, sub)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for event, err := range sub.Events(ctx) {
			t.Error(event, err)
		}
		testkit.SetNote(t, app, "g", "i", 1)
		require.Equal(t, "g/i create 1", testkit.NoteText(testkit.NextNote(t, sub)))
	})
}

func TestAShutdownEndsAllSubscriptionsWithErrShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := testkit.NotesApp(t)
		stop := testkit.Start(t, app)
		read, iterated := testkit.SubscribeNotes(t, app, "g"), testkit.SubscribeNotes(t, app, "h", motia.ForItem("i"))
		testkit.SetNote(t, app, "g", "i", 1)
		require.NoError(t, stop())
		testkit.NextNote(t, read)
		require.Equal(t, "g/i create 1", testkit.NoteText(testkit.NextNote(t, read)), "events before the end")
		for range 2 {
			_, err := read.Next(t.Context())
			require.ErrorIs(t, err, motia.ErrShutdown)
		}
		for event, err := range iterated.Events(t.Context()) {
			require.NoError(t, err, "a shutdown is a normal end of an iteration")
			require.Equal(t, "h/i sync", testkit.NoteText(event))
		}
		_, err := testkit.Notes.Subscribe(app.Context(t.Context()), "g")
		require.ErrorIs(t, err, motia.ErrShutdown)
		require.ErrorIs(t, testkit.Notes.Send(app.Context(t.Context()), "g", "i", "e", 1), motia.ErrShutdown)
	})
}

// streamFragileApp returns an app with the stream "notes" on a backend that can be made to fail.
func streamFragileApp(t testing.TB) (*motia.App, *testkit.Fragile) {
	backend, fragile := testkit.NewFragile()
	app, _ := testkit.NewApp(t, &motia.Options{Backend: backend, Streams: []motia.StreamConfig{{Name: "notes"}}})
	return app, fragile
}

func TestABrokenWatchEndsItsSubscriptionsAndTheNextOneStartsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, fragile := streamFragileApp(t)
		testkit.SetNote(t, app, "g", "i", 1)
		for range 3 {
			group, item := testkit.SubscribeNotes(t, app, "g"), testkit.SubscribeNotes(t, app, "g", motia.ForItem("i"))
			require.Equal(t, "g/ sync i=1", testkit.NoteText(testkit.NextNote(t, group)))
			require.Equal(t, "g/i sync i=1", testkit.NoteText(testkit.NextNote(t, item)))
			fragile.BreakWatches()
			for _, sub := range []*motia.Subscription[testkit.Note]{group, item} {
				_, err := sub.Next(t.Context())
				require.ErrorIs(t, err, testkit.ErrBroken)
				require.ErrorContains(t, err, `stream "notes"`)
				sub.Close() // after its end
			}
			synctest.Wait()
			require.Zero(t, fragile.Watches.Load())
			require.Zero(t, fragile.Busses.Load())
		}
		fragile.FailBus.Store(true)
		_, err := testkit.Notes.Subscribe(app.Context(t.Context()), "g")
		require.ErrorIs(t, err, testkit.ErrBroken)
		fragile.FailBus.Store(false)
		require.Equal(t, "g/ sync i=1", testkit.NoteText(testkit.NextNote(t, testkit.SubscribeNotes(t, app, "g"))))
	})
}

func TestASubscribeWhoseContextEndsMeanwhileLeavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, fragile := streamFragileApp(t)
		block := make(chan struct{})
		hold := streamHeldKV{fragile.KV, block}
		fragile.KV = hold
		ctx, cancel := context.WithTimeout(app.Context(t.Context()), time.Second)
		defer cancel()
		_, err := testkit.Notes.Subscribe(ctx, "g")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		close(block)
		synctest.Wait()
		require.Zero(t, fragile.Watches.Load())
		require.Zero(t, fragile.Busses.Load())
	})
}

// streamHeldKV does not begin to watch before it is let.
type streamHeldKV struct {
	driver.KV
	let chan struct{}
}

func (k streamHeldKV) Watch(ctx context.Context, bucket, scope string, see func(driver.Entry)) error {
	<-k.let
	return k.KV.Watch(ctx, bucket, scope, see)
}

// The bubble fails when a goroutine is left at its end.
func TestStormsOfSubscribingAndClosingLeaveNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, fragile := streamFragileApp(t)
		var group sync.WaitGroup
		for w := range 16 {
			group.Go(func() {
				for n := range 100 {
					ctx, cancel := context.WithCancel(app.Context(t.Context()))
					name := fmt.Sprint((w + n) % 3)
					var opts []motia.SubscribeOption
					if n%2 == 0 {
						opts = append(opts, motia.ForItem("i"))
					}
					sub, err := testkit.Notes.Subscribe(ctx, name, opts...)
					if !assert.NoError(t, err) {
						cancel()
						return
					}
					_, err = testkit.Notes.Set(ctx, name, "i", testkit.Note{N: w*1000 + n})
					assert.NoError(t, err)
					event, err := sub.Next(ctx)
					assert.NoError(t, err)
					assert.Equal(t, motia.EventSync, event.Event.Type)
					switch n % 4 {
					case 0:
						sub.Close()
					case 1:
						cancel()
					case 2:
						cancel()
						sub.Close()
					case 3:
						go sub.Close()
						sub.Close()
					}
					cancel()
				}
			})
		}
		group.Wait()
		synctest.Wait()
		require.Zero(t, fragile.Watches.Load())
		require.Zero(t, fragile.Busses.Load())
	})
}

func TestOneWatchServesAllSubscribersOfAGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, fragile := streamFragileApp(t)
		var subs []*motia.Subscription[testkit.Note]
		for n := range 300 {
			subs = append(subs, testkit.SubscribeNotes(t, app, fmt.Sprint(n%3)))
		}
		require.EqualValues(t, 3, fragile.Watches.Load())
		require.EqualValues(t, 3, fragile.Busses.Load())
		for n, sub := range subs {
			if n >= 3 {
				sub.Close()
			}
		}
		synctest.Wait()
		require.EqualValues(t, 3, fragile.Watches.Load())
		testkit.SetNote(t, app, "1", "i", 1)
		testkit.NextNote(t, subs[1])
		require.Equal(t, "1/i create 1", testkit.NoteText(testkit.NextNote(t, subs[1])))
	})
}

func TestSubscribersThatComeDuringAShutdownEndToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := testkit.NotesApp(t)
		stop := testkit.Start(t, app)
		synctest.Wait()
		var group sync.WaitGroup
		for w := range 8 {
			group.Go(func() {
				for {
					sub, err := testkit.Notes.Subscribe(app.Context(t.Context()), fmt.Sprint(w%2))
					if err != nil {
						assert.ErrorIs(t, err, motia.ErrShutdown)
						return
					}
					for err == nil {
						_, err = sub.Next(t.Context())
					}
					assert.ErrorIs(t, err, motia.ErrShutdown)
				}
			})
		}
		require.NoError(t, stop())
		group.Wait()
	})
}
