package motia_test

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

func TestASlowSubscriberIsToldThatItMissedEventsAndHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := testkit.NotesApp(t)
		slow := testkit.SubscribeNotes(t, app, "g", motia.Buffer(3))
		slowItem := testkit.SubscribeNotes(t, app, "g", motia.Buffer(1), motia.ForItem("i"))
		fast := testkit.SubscribeNotes(t, app, "g", motia.Buffer(200))
		began := time.Now()
		for n := range 100 {
			testkit.SetNote(t, app, "g", "i", n)
		}
		require.Zero(t, time.Since(began), "the writer never waits")
		for _, want := range []string{
			"g/ sync", "g/i create 0", "g/i update 1", // its buffer
			"g/ resync i=99",
		} {
			require.Equal(t, want, testkit.NoteText(testkit.NextNote(t, slow)))
		}
		testkit.NoNote(t, slow)
		require.Equal(t, "g/i sync", testkit.NoteText(testkit.NextNote(t, slowItem)))
		require.Equal(t, "g/i resync i=99", testkit.NoteText(testkit.NextNote(t, slowItem)))
		testkit.NoNote(t, slowItem)
		testkit.NextNote(t, fast)
		for n := range 100 {
			require.Equal(t, n, testkit.NextNote(t, fast).Event.Data.N)
		}

		testkit.SetNote(t, app, "g", "i", 100) // after its resync it gets events again
		require.Equal(t, "g/i update 100", testkit.NoteText(testkit.NextNote(t, slow)))
		require.Equal(t, "g/i update 100", testkit.NoteText(testkit.NextNote(t, slowItem)))
		for range 5 {
			require.NoError(t, testkit.Notes.Send(app.Context(t.Context()), "g", "", "ping", nil))
		}
		for range 3 {
			require.Equal(t, "g/ event ping null", testkit.NoteText(testkit.NextNote(t, slow)))
		}
		require.Equal(t, "g/ resync i=100", testkit.NoteText(testkit.NextNote(t, slow)), "missed sent events are told of as well")
	})
}

func TestASlowSubscriberDisturbsNoOtherSubscriber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := testkit.NotesApp(t)
		slow, fast := testkit.SubscribeNotes(t, app, "g", motia.Buffer(1)), testkit.SubscribeNotes(t, app, "g")
		item, other := testkit.SubscribeNotes(t, app, "g", motia.ForItem("i")), testkit.SubscribeNotes(t, app, "h")
		for n := range 3 {
			testkit.SetNote(t, app, "g", "i", n)
		}
		for _, want := range []string{"g/ sync", "g/i create 0", "g/i update 1", "g/i update 2"} {
			require.Equal(t, want, testkit.NoteText(testkit.NextNote(t, fast)), "every event once")
		}
		for _, want := range []string{"g/i sync", "g/i create 0", "g/i update 1", "g/i update 2"} {
			require.Equal(t, want, testkit.NoteText(testkit.NextNote(t, item)), "every event once")
		}
		require.Equal(t, "g/ sync", testkit.NoteText(testkit.NextNote(t, slow)))
		require.Equal(t, "g/ resync i=2", testkit.NoteText(testkit.NextNote(t, slow)))
		require.Equal(t, "h/ sync", testkit.NoteText(testkit.NextNote(t, other)))
		for _, sub := range []*motia.Subscription[testkit.Note]{slow, fast, item, other} {
			testkit.NoNote(t, sub)
		}
	})
}

func TestTheDefaultBufferHolds64Events(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := testkit.NotesApp(t)
		sub := testkit.SubscribeNotes(t, app, "g")
		for n := range 64 { // with the snapshot one too many
			testkit.SetNote(t, app, "g", "i", n)
		}
		for n := range 64 {
			require.NotEqual(t, motia.EventResync, testkit.NextNote(t, sub).Event.Type, "event %d", n)
		}
		require.Equal(t, motia.EventResync, testkit.NextNote(t, sub).Event.Type)
	})
}

// Whatever a subscriber misses, what it makes of its events is a state that the group had, and moves forward only.
func TestASubscriberThatLagsAgainAndAgainNeverSeesAGap(t *testing.T) {
	const writes, subscribers = 20000, 6
	app := testkit.NotesApp(t)
	var group sync.WaitGroup
	resyncs := make([]int, subscribers)
	patience, cancel := context.WithTimeout(t.Context(), time.Minute) // a subscriber that is not woken must not hang the tests
	defer cancel()
	for s := range subscribers {
		sub := testkit.SubscribeNotes(t, app, "g", motia.Buffer(1+s))
		group.Go(func() {
			last, at := -1, time.Time{}
			for last < writes-1 {
				event, err := sub.Next(patience)
				if !assert.NoError(t, err) {
					return
				}
				n, least := event.Event.Data.N, last+1
				if items := event.Event.Items; len(items) == 1 {
					n = items[0].Data.N
				}
				switch event.Event.Type {
				case motia.EventSync:
					n, least = -1, -1
				case motia.EventResync:
					resyncs[s]++ // of sent events: what is there is what it knows
					least = last
				case motia.EventSent:
					n, least = last, last
				}
				exact := event.Event.Type != motia.EventResync
				if n < least || exact && n != least || !event.Timestamp.After(at) {
					t.Errorf("%s at %v, after %d at %v", testkit.NoteText(event), event.Timestamp, last, at)
					return
				}
				last, at = n, event.Timestamp
				for range rand.IntN(20) {
					runtime.Gosched()
				}
			}
		})
	}
	ctx := app.Context(t.Context())
	for n := range writes {
		testkit.SetNote(t, app, "g", "i", n)
		if n%5 == 0 {
			require.NoError(t, testkit.Notes.Send(ctx, "g", "i", "e", n))
		}
		if n%50 == 0 {
			runtime.Gosched()
		}
	}
	group.Wait()
	require.NotZero(t, resyncs[0])
}

func TestALaggingSubscriberIsResynchronisedBeforeItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := testkit.NotesApp(t)
		ctx, cancel := context.WithCancel(app.Context(t.Context()))
		sub, err := testkit.Notes.Subscribe(ctx, "g", motia.Buffer(1))
		require.NoError(t, err)
		testkit.SetNote(t, app, "g", "i", 7)
		cancel()
		synctest.Wait()
		require.Equal(t, "g/ sync", testkit.NoteText(testkit.NextNote(t, sub)))
		require.Equal(t, "g/ resync i=7", testkit.NoteText(testkit.NextNote(t, sub)))
		_, err = sub.Next(t.Context())
		require.ErrorIs(t, err, context.Canceled)
	})
}
