package motia_test

import (
	"context"
	"errors"
	"fmt"
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

func TestASubscriberGetsASnapshotAndThenEveryEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := testkit.NotesApp(t)
		ctx := app.Context(t.Context())
		testkit.SetNote(t, app, "g", "b", 1)
		testkit.SetNote(t, app, "g", "a", 2)
		testkit.SetNote(t, app, "h", "x", 3)
		sub := testkit.SubscribeNotes(t, app, "g")
		testkit.Start(t, app) // subscriptions work before Run and during it
		during := testkit.SubscribeNotes(t, app, "g")
		testkit.SetNote(t, app, "g", "c", 4)
		testkit.SetNote(t, app, "g", "c", 4) // no change
		testkit.SetNote(t, app, "g", "b", 5)
		_, err := testkit.Notes.Update(ctx, "g", "b", motia.Increment("n", 1))
		require.NoError(t, err)
		require.NoError(t, testkit.Notes.Send(ctx, "g", "b", "typing", "x"))
		require.NoError(t, testkit.Notes.Send(ctx, "g", "", "ping", nil))
		for range 2 {
			_, _, err = testkit.Notes.Delete(ctx, "g", "a")
			require.NoError(t, err)
		}
		testkit.SetNote(t, app, "g", "a", 7)
		testkit.SetNote(t, app, "h", "a", 8) // another group
		_, err = testkit.StreamsOf(t, app).Get("others").Set("g", "a", 9)
		require.NoError(t, err)
		for _, s := range []*motia.Subscription[testkit.Note]{sub, during} {
			for _, want := range []string{
				"g/ sync a=2 b=1", "g/c create 4", "g/b update 5", "g/b update 6", `g/b event typing "x"`, "g/ event ping null", "g/a delete 2", "g/a create 7",
			} {
				event := testkit.NextNote(t, s)
				require.Equal(t, want, testkit.NoteText(event))
				require.Equal(t, "notes", event.Stream)
			}
			testkit.NoNote(t, s)
		}
	})
}

func TestASubscriberOfAnItemSeesNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := testkit.NotesApp(t)
		ctx := app.Context(t.Context())
		missing := testkit.SubscribeNotes(t, app, "g", motia.ForItem("i"))
		testkit.SetNote(t, app, "g", "i", 1)
		there := testkit.SubscribeNotes(t, app, "g", motia.ForItem("i"))
		unnamed := testkit.SubscribeNotes(t, app, "g", motia.ForItem(""))
		for _, item := range []string{"j", "i", ""} {
			testkit.SetNote(t, app, "g", item, 2)
			require.NoError(t, testkit.Notes.Send(ctx, "g", item, "e", 1)) // for "" to the group
		}
		testkit.SetNote(t, app, "h", "i", 3)
		for sub, want := range map[*motia.Subscription[testkit.Note]][]string{
			missing: {"g/i sync", "g/i create 1", "g/i update 2", "g/i event e 1"},
			there:   {"g/i sync i=1", "g/i update 2", "g/i event e 1"},
			unnamed: {"g/ sync", "g/ create 2"},
		} {
			for _, w := range want {
				require.Equal(t, w, testkit.NoteText(testkit.NextNote(t, sub)))
			}
			testkit.NoNote(t, sub)
		}
	})
}

// The state that a subscriber builds from its events is, after each event, one that the item had at that time.
func TestNothingIsLostOrDoubledBetweenSnapshotAndEvents(t *testing.T) {
	const writers, writes, subscribers, items = 4, 400, 24, 6
	app := testkit.NotesApp(t)
	var writing, reading sync.WaitGroup
	for w := range writers {
		writing.Go(func() { // each writer has items of its own, so the order of their values is known
			ctx := app.Context(context.Background())
			for n := range writes {
				item := fmt.Sprint(w, ".", n%items)
				_, err := testkit.Notes.Set(ctx, "g", item, testkit.Note{N: n})
				if n%9 == 8 {
					_, _, err = testkit.Notes.Delete(ctx, "g", item)
				}
				assert.NoError(t, err)
			}
		})
	}
	for s := range subscribers {
		reading.Go(func() {
			for range rand.IntN(200) { // begins while the writers are at work
				runtime.Gosched()
			}
			opts := []motia.SubscribeOption{motia.Buffer(4 * writers * writes)}
			if s%3 == 0 {
				opts = append(opts, motia.ForItem("1.1"))
			}
			sub, err := testkit.Notes.Subscribe(app.Context(context.Background()), "g", opts...)
			if !assert.NoError(t, err) {
				return
			}
			defer sub.Close()
			streamCheckHistory(t, sub, writes, items)
		})
	}
	writing.Wait()
	ctx := app.Context(t.Context())
	_, err := testkit.Notes.Set(ctx, "g", "1.1", testkit.Note{Text: "end"})
	require.NoError(t, err)
	reading.Wait()
}

// streamCheckHistory reads until the item with the text "end", and checks that every item goes through its values
// without a gap.
func streamCheckHistory(t *testing.T, sub *motia.Subscription[testkit.Note], writes, items int) {
	have := make(map[string]int)  // item to value
	since := make(map[string]int) // item to the last value seen, also of deleted ones
	last := time.Time{}
	first := true
	for event, err := range sub.Events(context.Background()) {
		if !assert.NoError(t, err) || !assert.True(t, event.Timestamp.After(last), "timestamps increase") {
			return
		}
		last = event.Timestamp
		if first != (event.Event.Type == motia.EventSync) {
			t.Errorf("%v as first=%v", event.Event.Type, first)
			return
		}
		if first {
			first = false
			for _, i := range event.Event.Items {
				if i.Data.Text == "end" {
					return
				}
				have[i.ID], since[i.ID] = i.Data.N, i.Data.N
			}
			continue
		}
		old, known := have[event.ItemID]
		n := event.Event.Data.N
		if event.Event.Data.Text == "end" {
			return
		}
		ok := true
		previous, seen := since[event.ItemID]
		switch event.Event.Type {
		case motia.EventCreate:
			ok = !known && (!seen || n == previous+items)
		case motia.EventUpdate:
			ok = known && n == old+items
		case motia.EventDelete:
			ok = known && n == old && n%9 == 8
		}
		if !ok || n >= writes {
			t.Errorf("%s after %d, %v", testkit.NoteText(event), old, known)
			return
		}
		if event.Event.Type == motia.EventDelete {
			delete(have, event.ItemID)
		} else {
			have[event.ItemID] = n
		}
		since[event.ItemID] = n
	}
}

func TestTimestampsOfAStreamStrictlyIncreaseWithinOneInstant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // where time stands still
		app := testkit.NotesApp(t)
		ctx := app.Context(t.Context())
		g, h := testkit.SubscribeNotes(t, app, "g"), testkit.SubscribeNotes(t, app, "h")
		seen := make(map[time.Time]bool)
		last := time.Time{}
		for n := range 30 {
			for group, sub := range map[string]*motia.Subscription[testkit.Note]{"g": g, "h": h} {
				testkit.SetNote(t, app, group, "i", n)
				require.NoError(t, testkit.Notes.Send(ctx, group, "i", "e", n))
				want := 2
				if n == 0 {
					want++ // the snapshot
				}
				for range want {
					event := testkit.NextNote(t, sub)
					require.False(t, seen[event.Timestamp])
					seen[event.Timestamp] = true
					if event.Event.Type != motia.EventSync {
						require.True(t, event.Timestamp.After(last))
						last = event.Timestamp
					}
				}
			}
		}
		require.Len(t, seen, 122)
	})
}

func TestStoredChangesAndSentEventsEachKeepTheirOrder(t *testing.T) {
	app := testkit.NotesApp(t)
	ctx := app.Context(t.Context())
	sub := testkit.SubscribeNotes(t, app, "g", motia.Buffer(400))
	var want []string
	for n := range 100 {
		testkit.SetNote(t, app, "g", "i", n)
		require.NoError(t, testkit.Notes.Send(ctx, "g", "i", "e", n))
		want = append(want, fmt.Sprint(n))
	}
	testkit.NextNote(t, sub)
	var stored, sent []string
	for range 200 {
		if event := testkit.NextNote(t, sub).Event; event.Type == motia.EventSent {
			sent = append(sent, string(event.Payload))
		} else {
			stored = append(stored, fmt.Sprint(event.Data.N))
		}
	}
	require.Equal(t, want, stored)
	require.Equal(t, want, sent)
}

func TestAnEventThatDoesNotDecodeComesWithAnErrorAndTheSubscriptionGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := testkit.NotesApp(t)
		notes := testkit.StreamsOf(t, app).Get("notes")
		_, err := notes.Set("g", "bad", "text")
		require.NoError(t, err)
		_, err = notes.Set("g", "worse", 7)
		require.NoError(t, err)
		testkit.SetNote(t, app, "g", "good", 1)
		sub := testkit.SubscribeNotes(t, app, "g")
		_, err = notes.Set("g", "bad", "more")
		require.NoError(t, err)
		testkit.SetNote(t, app, "g", "good", 2)

		snapshot, err := sub.Next(t.Context())
		var bad *motia.ItemError
		require.ErrorAs(t, err, &bad)
		require.Equal(t, motia.ItemError{Stream: "notes", GroupID: "g", ItemID: "bad", Err: bad.Err}, *bad)
		require.ErrorContains(t, err, `motia: item "bad" of stream "notes", group "g": wrong type: value must be an object, not a string`)
		require.ErrorContains(t, err, `motia: item "worse" of stream "notes", group "g": wrong type: value must be an object, not a number`)
		require.Equal(t, "g/ sync bad=0 good=1 worse=0", testkit.NoteText(snapshot))
		var texts []string
		var failed []error
		for event, err := range sub.Events(t.Context()) {
			texts = append(texts, testkit.NoteText(event))
			failed = append(failed, err)
			if len(texts) == 2 {
				sub.Close()
			}
		}
		require.Equal(t, []string{"g/bad update 0", "g/good update 2"}, texts)
		require.ErrorAs(t, failed[0], &bad)
		require.NoError(t, failed[1])
		_, err = sub.Next(t.Context())
		require.ErrorIs(t, err, motia.ErrSubscriptionClosed)
		require.NotErrorAs(t, err, &bad, "it is the end")
	})
}

func TestABufferMustHoldAnEvent(t *testing.T) {
	app := testkit.NotesApp(t)
	for _, size := range []int{0, -1} {
		_, err := testkit.Notes.Subscribe(app.Context(t.Context()), "g", motia.Buffer(size))
		require.ErrorContains(t, err, "buffer")
	}
	cause := errors.New("gone")
	ended, cancel := context.WithCancelCause(app.Context(t.Context()))
	cancel(cause)
	_, err := testkit.Notes.Subscribe(ended, "g")
	require.ErrorIs(t, err, cause)
}
