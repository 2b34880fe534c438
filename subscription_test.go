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
)

// noteNext returns the next event, which must be there.
func noteNext(t testing.TB, sub *motia.Subscription[noteItem]) noteItemInput {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	event, err := sub.Next(ctx)
	require.NoError(t, err)
	return event
}

// noteQuiet checks that no further event is there. For bubbles.
func noteQuiet(t *testing.T, sub *motia.Subscription[noteItem]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	event, err := sub.Next(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded, "%+v", event)
}

func noteSubscribe(t testing.TB, app *motia.App, group string, opts ...motia.SubscribeOption) *motia.Subscription[noteItem] {
	t.Helper()
	sub, err := noteStream.Subscribe(app.Context(t.Context()), group, opts...)
	require.NoError(t, err)
	t.Cleanup(sub.Close)
	return sub
}

func noteSet(t testing.TB, app *motia.App, group, item string, n int) {
	t.Helper()
	_, err := noteStream.Set(app.Context(t.Context()), group, item, noteItem{N: n})
	require.NoError(t, err)
}

func TestASubscriberGetsASnapshotAndThenEveryEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := streamNotesApp(t)
		ctx := app.Context(t.Context())
		noteSet(t, app, "g", "b", 1)
		noteSet(t, app, "g", "a", 2)
		noteSet(t, app, "h", "x", 3)
		sub := noteSubscribe(t, app, "g")
		start(t, app) // subscriptions work before Run and during it
		during := noteSubscribe(t, app, "g")
		noteSet(t, app, "g", "c", 4)
		noteSet(t, app, "g", "c", 4) // no change
		noteSet(t, app, "g", "b", 5)
		_, err := noteStream.Update(ctx, "g", "b", motia.Increment("n", 1))
		require.NoError(t, err)
		require.NoError(t, noteStream.Send(ctx, "g", "b", "typing", "x"))
		require.NoError(t, noteStream.Send(ctx, "g", "", "ping", nil))
		for range 2 {
			_, _, err = noteStream.Delete(ctx, "g", "a")
			require.NoError(t, err)
		}
		noteSet(t, app, "g", "a", 7)
		noteSet(t, app, "h", "a", 8) // another group
		_, err = streamsOf(t, app).Get("others").Set("g", "a", 9)
		require.NoError(t, err)
		for _, s := range []*motia.Subscription[noteItem]{sub, during} {
			for _, want := range []string{
				"g/ sync a=2 b=1", "g/c create 4", "g/b update 5", "g/b update 6", `g/b event typing "x"`, "g/ event ping null", "g/a delete 2", "g/a create 7",
			} {
				event := noteNext(t, s)
				require.Equal(t, want, noteText(event))
				require.Equal(t, "notes", event.Stream)
			}
			noteQuiet(t, s)
		}
	})
}

func TestASubscriberOfAnItemSeesNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := streamNotesApp(t)
		ctx := app.Context(t.Context())
		missing := noteSubscribe(t, app, "g", motia.ForItem("i"))
		noteSet(t, app, "g", "i", 1)
		there := noteSubscribe(t, app, "g", motia.ForItem("i"))
		unnamed := noteSubscribe(t, app, "g", motia.ForItem(""))
		for _, item := range []string{"j", "i", ""} {
			noteSet(t, app, "g", item, 2)
			require.NoError(t, noteStream.Send(ctx, "g", item, "e", 1)) // for "" to the group
		}
		noteSet(t, app, "h", "i", 3)
		for sub, want := range map[*motia.Subscription[noteItem]][]string{
			missing: {"g/i sync", "g/i create 1", "g/i update 2", "g/i event e 1"},
			there:   {"g/i sync i=1", "g/i update 2", "g/i event e 1"},
			unnamed: {"g/ sync", "g/ create 2"},
		} {
			for _, w := range want {
				require.Equal(t, w, noteText(noteNext(t, sub)))
			}
			noteQuiet(t, sub)
		}
	})
}

// The state that a subscriber builds from its events is, after each event, one that the item had at that time.
func TestNothingIsLostOrDoubledBetweenSnapshotAndEvents(t *testing.T) {
	const writers, writes, subscribers, items = 4, 400, 24, 6
	app := streamNotesApp(t)
	var writing, reading sync.WaitGroup
	for w := range writers {
		writing.Go(func() { // each writer has items of its own, so the order of their values is known
			ctx := app.Context(context.Background())
			for n := range writes {
				item := fmt.Sprint(w, ".", n%items)
				_, err := noteStream.Set(ctx, "g", item, noteItem{N: n})
				if n%9 == 8 {
					_, _, err = noteStream.Delete(ctx, "g", item)
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
			sub, err := noteStream.Subscribe(app.Context(context.Background()), "g", opts...)
			if !assert.NoError(t, err) {
				return
			}
			defer sub.Close()
			streamCheckHistory(t, sub, writes, items)
		})
	}
	writing.Wait()
	ctx := app.Context(t.Context())
	_, err := noteStream.Set(ctx, "g", "1.1", noteItem{Text: "end"})
	require.NoError(t, err)
	reading.Wait()
}

// streamCheckHistory reads until the item with the text "end", and checks that every item goes through its values
// without a gap.
func streamCheckHistory(t *testing.T, sub *motia.Subscription[noteItem], writes, items int) {
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
			t.Errorf("%s after %d, %v", noteText(event), old, known)
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
		app := streamNotesApp(t)
		ctx := app.Context(t.Context())
		g, h := noteSubscribe(t, app, "g"), noteSubscribe(t, app, "h")
		seen := make(map[time.Time]bool)
		last := time.Time{}
		for n := range 30 {
			for group, sub := range map[string]*motia.Subscription[noteItem]{"g": g, "h": h} {
				noteSet(t, app, group, "i", n)
				require.NoError(t, noteStream.Send(ctx, group, "i", "e", n))
				want := 2
				if n == 0 {
					want++ // the snapshot
				}
				for range want {
					event := noteNext(t, sub)
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
	app := streamNotesApp(t)
	ctx := app.Context(t.Context())
	sub := noteSubscribe(t, app, "g", motia.Buffer(400))
	var want []string
	for n := range 100 {
		noteSet(t, app, "g", "i", n)
		require.NoError(t, noteStream.Send(ctx, "g", "i", "e", n))
		want = append(want, fmt.Sprint(n))
	}
	noteNext(t, sub)
	var stored, sent []string
	for range 200 {
		if event := noteNext(t, sub).Event; event.Type == motia.EventSent {
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
		app := streamNotesApp(t)
		notes := streamsOf(t, app).Get("notes")
		_, err := notes.Set("g", "bad", "text")
		require.NoError(t, err)
		_, err = notes.Set("g", "worse", 7)
		require.NoError(t, err)
		noteSet(t, app, "g", "good", 1)
		sub := noteSubscribe(t, app, "g")
		_, err = notes.Set("g", "bad", "more")
		require.NoError(t, err)
		noteSet(t, app, "g", "good", 2)

		snapshot, err := sub.Next(t.Context())
		var bad *motia.ItemError
		require.ErrorAs(t, err, &bad)
		require.Equal(t, motia.ItemError{Stream: "notes", GroupID: "g", ItemID: "bad", Err: bad.Err}, *bad)
		require.ErrorContains(t, err, `motia: item "bad" of stream "notes", group "g": wrong type: value must be an object, not a string`)
		require.ErrorContains(t, err, `motia: item "worse" of stream "notes", group "g": wrong type: value must be an object, not a number`)
		require.Equal(t, "g/ sync bad=0 good=1 worse=0", noteText(snapshot))
		var texts []string
		var failed []error
		for event, err := range sub.Events(t.Context()) {
			texts = append(texts, noteText(event))
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
	app := streamNotesApp(t)
	for _, size := range []int{0, -1} {
		_, err := noteStream.Subscribe(app.Context(t.Context()), "g", motia.Buffer(size))
		require.ErrorContains(t, err, "buffer")
	}
	cause := errors.New("gone")
	ended, cancel := context.WithCancelCause(app.Context(t.Context()))
	cancel(cause)
	_, err := noteStream.Subscribe(ended, "g")
	require.ErrorIs(t, err, cause)
}
