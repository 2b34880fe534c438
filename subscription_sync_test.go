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

// holding returns the value of an item in a snapshot, -1 where it is missing.
func holding(event noteInput, id string) int {
	for _, item := range event.Event.Items {
		if item.ID == id {
			return item.Data.N
		}
	}
	return -1
}

func TestASnapshotHoldsEveryWriteThatHasReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := testkit.LaggingApp(t)
		for n := range 100 {
			var opts []motia.SubscribeOption
			if n%2 == 1 {
				opts = append(opts, motia.ForItem("mine"))
			}
			testkit.SetNote(t, app, "g", "mine", n)
			sub := testkit.SubscribeNotes(t, app, "g", opts...)
			first := testkit.NextNote(t, sub)
			require.Equal(t, motia.EventSync, first.Event.Type)
			require.Equal(t, n, holding(first, "mine"))
			sub.Close()
			time.Sleep(testkit.Lag / 3)
		}
	})
}

func TestASnapshotHoldsEveryWriteThatHasReturnedWhileManyWrite(t *testing.T) {
	const subscribers, writers, burst, rounds = 200, 4, 40, 300
	app := testkit.NotesApp(t)
	for range subscribers {
		testkit.SubscribeNotes(t, app, "g")
	}
	var writing sync.WaitGroup
	begin := make([]chan int, writers)
	for w := range begin {
		begin[w] = make(chan int, rounds)
		writing.Go(func() {
			for round := range begin[w] {
				for n := range burst {
					_, err := testkit.Notes.Set(app.Context(context.Background()), "g", fmt.Sprint(w), testkit.Note{N: round*burst + n})
					assert.NoError(t, err)
				}
			}
		})
	}
	for round := range rounds {
		for _, c := range begin {
			c <- round
		}
		testkit.SetNote(t, app, "g", "mine", round)
		sub := testkit.SubscribeNotes(t, app, "g")
		require.Equal(t, round, holding(testkit.NextNote(t, sub), "mine"))
		sub.Close()
	}
	for _, c := range begin {
		close(c)
	}
	writing.Wait()
}

func TestTheEventsBeforeTheEndOfASubscriptionComeAlsoWhileOthersWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := testkit.LaggingApp(t)
		for n := range 100 {
			ctx, cancel := context.WithCancel(app.Context(t.Context()))
			sub, err := testkit.Notes.Subscribe(ctx, "g", motia.ForItem("mine"))
			require.NoError(t, err)
			testkit.SetNote(t, app, "g", "mine", n)
			// Next may be called with the context of the subscription, with one that derives from it, and with another one.
			next, cancelNext := context.WithCancel(ctx)
			contexts := []context.Context{ctx, next, t.Context()}
			cancel()
			var last int
			for {
				event, err := sub.Next(contexts[n%3])
				if err != nil {
					require.ErrorIs(t, err, context.Canceled)
					break
				}
				last = event.Event.Data.N
			}
			require.Equal(t, n, last)
			cancelNext()
			time.Sleep(testkit.Lag / 3)
		}
	})
}

// streamLaggingBus takes its time to tell subscribers, and lets the senders go meanwhile.
type streamLaggingBus struct {
	driver.Bus
	driver.SubjectSyncer
}

func (b streamLaggingBus) Subscribe(ctx context.Context, subject string, see func([]byte)) (func(), error) {
	return b.Bus.Subscribe(ctx, subject, func(data []byte) {
		time.Sleep(testkit.Lag)
		see(data)
	})
}

func TestTheEventsSentBeforeTheEndOfASubscriptionComeAlsoWhileOthersSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(func() { time.Sleep(time.Minute) })
		backend := motia.InMemory(nil)
		backend.Bus = streamLaggingBus{backend.Bus, backend.Bus.(driver.SubjectSyncer)}
		app, _ := testkit.NewApp(t, &motia.Options{Backend: backend, Streams: []motia.StreamConfig{{Name: "notes"}}})
		stop := testkit.Start(t, app)
		remaining := testkit.SubscribeNotes(t, app, "g", motia.ForItem("last"))
		var sending sync.WaitGroup
		done := make(chan struct{})
		sending.Go(func() {
			for {
				select {
				case <-done:
					return
				case <-time.After(testkit.Lag * 3 / 2):
					assert.NoError(t, testkit.Notes.Send(app.Context(context.Background()), "g", "busy", "e", 0))
				}
			}
		})
		for n := range 100 {
			ctx, cancel := context.WithCancel(app.Context(t.Context()))
			sub, err := testkit.Notes.Subscribe(ctx, "g", motia.ForItem("mine"))
			require.NoError(t, err)
			require.NoError(t, testkit.Notes.Send(ctx, "g", "mine", "e", n))
			cancel()
			testkit.NextNote(t, sub)
			require.Equal(t, fmt.Sprintf("g/mine event e %d", n), testkit.NoteText(testkit.NextNote(t, sub)))
			_, err = sub.Next(t.Context())
			require.ErrorIs(t, err, context.Canceled)
			time.Sleep(testkit.Lag / 3)
		}
		close(done)
		sending.Wait()
		sending.Go(func() { assert.NoError(t, testkit.Notes.Send(app.Context(t.Context()), "g", "busy", "e", 1)) })
		synctest.Wait()
		require.NoError(t, testkit.Notes.Send(app.Context(t.Context()), "g", "last", "e", 1))
		require.NoError(t, stop())
		sending.Wait()
		testkit.NextNote(t, remaining)
		require.Equal(t, "g/last event e 1", testkit.NoteText(testkit.NextNote(t, remaining)))
	})
}

func TestTheEventsBeforeAShutdownComeAlsoWhileOthersWrite(t *testing.T) {
	for n := range 10 {
		synctest.Test(t, func(t *testing.T) {
			app := testkit.LaggingApp(t)
			stop := testkit.Start(t, app)
			sub := testkit.SubscribeNotes(t, app, "g", motia.ForItem("mine"))
			time.Sleep(time.Duration(n) * testkit.Lag / 3)
			testkit.SetNote(t, app, "g", "mine", 1)
			require.NoError(t, stop())
			testkit.NextNote(t, sub)
			require.Equal(t, "g/mine create 1", testkit.NoteText(testkit.NextNote(t, sub)))
			_, err := sub.Next(t.Context())
			require.ErrorIs(t, err, motia.ErrShutdown)
		})
	}
}

func TestNextReturnsWhatIsInTheBufferBeforeTheEndOfItsContextAndNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := testkit.NotesApp(t)
		sub := testkit.SubscribeNotes(t, app, "g", motia.Buffer(4))
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		for range 2 {
			for n := range 8 { // two too many for the snapshot, and three for the second time
				testkit.SetNote(t, app, "g", "i", n)
			}
			var kinds []motia.StreamEventType
			for {
				event, err := sub.Next(ended)
				if err != nil {
					require.ErrorIs(t, err, context.Canceled)
					break
				}
				kinds = append(kinds, event.Event.Type)
				testkit.SetNote(t, app, "g", "j", len(kinds)) // a writer that is faster than the reader
				require.Less(t, len(kinds), 100, "the iteration does not end")
			}
			require.GreaterOrEqual(t, len(kinds), 5)
			require.Contains(t, kinds, motia.EventResync)
			for { // nothing is lost by it
				if event := testkit.NextNote(t, sub); event.ItemID == "j" && event.Event.Data.N == len(kinds) || holding(event, "j") == len(kinds) {
					break
				}
			}
		}
		_, err := sub.Next(ended)
		require.ErrorIs(t, err, context.Canceled)
		sub.Close()
		_, err = sub.Next(ended)
		require.ErrorIs(t, err, motia.ErrSubscriptionClosed)
	})
}

// While Next begins to wait, an event and the end of its context may both come.
func TestNextReturnsAnEventThatComesJustBeforeTheEndOfItsContext(t *testing.T) {
	app := testkit.NotesApp(t)
	sub := testkit.SubscribeNotes(t, app, "g")
	testkit.NextNote(t, sub)
	contexts, results := make(chan context.Context), make(chan error)
	go func() {
		defer close(results)
		for ctx := range contexts {
			_, err := sub.Next(ctx)
			results <- err
		}
	}()
	for n := range 20_000 {
		ctx, cancel := context.WithCancel(context.Background())
		contexts <- ctx
		testkit.SetNote(t, app, "g", "i", n)
		cancel()
		require.NoError(t, <-results)
	}
	close(contexts)
	<-results
}

func TestAWaitForTheLatestWritesThatFailsIsAnErrorAndHangsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend, fragile := testkit.NewFragile()
		backend.KV = &testkit.Stuck{KV: fragile}
		app, _ := testkit.NewApp(t, &motia.Options{Backend: backend, Streams: []motia.StreamConfig{{Name: "notes"}}})

		begin := time.Now()
		_, err := testkit.Notes.Subscribe(app.Context(t.Context()), "g")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, `stream "notes"`)
		require.Equal(t, 10*time.Second, time.Since(begin))

		cause := errors.New("client is gone")
		ctx, cancel := context.WithTimeoutCause(app.Context(t.Context()), time.Second, cause)
		defer cancel()
		_, err = testkit.Notes.Subscribe(ctx, "g")
		require.ErrorIs(t, err, cause)

		_, err = testkit.Notes.Subscribe(app.Context(t.Context()), "fails")
		require.ErrorIs(t, err, testkit.ErrBroken)

		synctest.Wait()
		require.Zero(t, fragile.Watches.Load(), "nothing is left behind")
		require.Zero(t, fragile.Busses.Load())
	})
}

func TestAShutdownEndsTheWaitOfASubscriberForTheLatestWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend := motia.InMemory(nil)
		backend.KV = &testkit.Stuck{KV: backend.KV}
		app, _ := testkit.NewApp(t, &motia.Options{Backend: backend, Streams: []motia.StreamConfig{{Name: "notes"}}})
		stop := testkit.Start(t, app)
		subscribed := make(chan error, 1)
		go func() {
			_, err := testkit.Notes.Subscribe(app.Context(context.Background()), "g")
			subscribed <- err
		}()
		synctest.Wait()
		begin := time.Now()
		require.NoError(t, stop())
		require.ErrorIs(t, <-subscribed, motia.ErrShutdown)
		require.Zero(t, time.Since(begin))
	})
}

func TestTheEndOfASubscriptionWaitsASecondForTheEventsBeforeAndNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend := motia.InMemory(nil)
		stuck := &testkit.Stuck{KV: backend.KV}
		stuck.Works.Store(true)
		backend.KV = stuck
		app, _ := testkit.NewApp(t, &motia.Options{Backend: backend, Streams: []motia.StreamConfig{{Name: "notes"}, {Name: "others"}}})
		stop := testkit.Start(t, app)
		ctx, cancel := context.WithCancel(app.Context(t.Context()))
		ends := make([]*motia.Subscription[testkit.Note], 3)
		for i := range ends {
			var err error
			ends[i], err = testkit.Notes.Subscribe(ctx, "g")
			require.NoError(t, err)
		}
		var remaining []*motia.Subscription[testkit.Note]
		for i := range 3 {
			remaining = append(remaining, testkit.SubscribeNotes(t, app, fmt.Sprint(i)))
		}
		stuck.Works.Store(false)
		begin := time.Now()
		cancel()
		for _, sub := range ends {
			testkit.NextNote(t, sub)
			_, err := sub.Next(t.Context())
			require.ErrorIs(t, err, context.Canceled)
		}
		require.Equal(t, time.Second, time.Since(begin))

		begin = time.Now()
		require.NoError(t, stop())
		require.Less(t, time.Since(begin), 2*time.Second)
		for _, sub := range remaining {
			testkit.NextNote(t, sub)
			_, err := sub.Next(t.Context())
			require.ErrorIs(t, err, motia.ErrShutdown)
		}
	})
}

func TestABackendThatCannotTellWhenItsWatchersAreToldServesSubscribersAsWell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, _ := streamFragileApp(t)
		testkit.SetNote(t, app, "g", "i", 1)
		ctx, cancel := context.WithCancel(app.Context(t.Context()))
		sub, err := testkit.Notes.Subscribe(ctx, "g")
		require.NoError(t, err)
		require.Equal(t, "g/ sync i=1", testkit.NoteText(testkit.NextNote(t, sub)))
		synctest.Wait() // what comes meanwhile may come later
		testkit.SetNote(t, app, "g", "i", 2)
		cancel()
		require.Equal(t, "g/i update 2", testkit.NoteText(testkit.NextNote(t, sub)))
		_, err = sub.Next(t.Context())
		require.ErrorIs(t, err, context.Canceled)
	})
}
