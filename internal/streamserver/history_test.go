package streamserver_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/testkit"
)

// sseWatches counts the watches of a backend: a hub holds one.
type sseWatches struct {
	driver.KV
	running atomic.Int32
	total   atomic.Int32
}

func (w *sseWatches) Watch(ctx context.Context, bucket, scope string, f func(driver.Entry)) error {
	w.running.Add(1)
	w.total.Add(1)
	defer w.running.Add(-1)
	return w.KV.Watch(ctx, bucket, scope, f)
}

// sseHistoryApp is an app with the stream "notes" whose hubs are counted.
func sseHistoryApp(t testing.TB, history motia.StreamHistory) (*motia.App, *sseWatches) {
	t.Helper()
	backend := motia.InMemory(nil)
	watches := &sseWatches{KV: backend.KV}
	backend.KV = watches
	return sseApp(t, motia.Options{Backend: backend}, motia.StreamConfig{History: history}), watches
}

// last returns the id of the last event.
func (s *sseStream) last(t testing.TB) string {
	t.Helper()
	all := s.all()
	require.NotEmpty(t, all)
	id := all[len(all)-1].id
	require.NotEmpty(t, id)
	return id
}

func TestAClientThatComesBackGetsWhatItMissedAndNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, _ := sseHistoryApp(t, motia.StreamHistory{})
		s := sseServe(t, app)
		testkit.SetNote(t, app, "g", "a", 0)
		stream, item := sseOpen(t, s, "/notes/g"), sseOpen(t, s, "/notes/g/a")
		testkit.SetNote(t, app, "g", "a", 1)
		id, itemID := stream.last(t), item.last(t)
		stream.cut()
		item.cut()
		synctest.Wait()

		for _, again := range []*sseStream{
			sseOpen(t, s, "/notes/g", "Last-Event-ID", id),
			sseOpen(t, s, "/notes/g?lastEventId="+id),
			sseOpen(t, s, "/notes/g?lastEventId=other", "Last-Event-ID", id), // EventSource reconnects to the same URL
		} {
			require.Empty(t, again.all(), "nothing was missed")
			again.cut()
		}
		testkit.SetNote(t, app, "g", "a", 2)
		testkit.SetNote(t, app, "g", "b", 3)
		sseDelete(t, app, "g", "b")
		synctest.Wait()
		sseSend(t, app, "g", "a", "ping", 4)
		sseSend(t, app, "g", "", "ping", 5)
		synctest.Wait()
		testkit.SetNote(t, app, "h", "a", 6) // another group
		again, itemAgain := sseOpen(t, s, "/notes/g", "Last-Event-ID", id), sseOpen(t, s, "/notes/g/a", "Last-Event-ID", itemID)
		synctest.Wait()
		testkit.SetNote(t, app, "g", "a", 7)
		want := []string{`update a {"text":"","n":2}`, `create b {"text":"","n":3}`, `delete b {"text":"","n":3}`, `event a ping 4`, `event ping 5`, `update a {"text":"","n":7}`}
		frames := again.all()
		for i, f := range frames {
			require.Equal(t, want[i], f.text(t))
		}
		require.Len(t, frames, len(want))
		require.Equal(t, []string{want[0], want[3], want[5]}, itemAgain.texts(t))

		// After any of the events, those that came later follow.
		again.cut()
		for i, f := range frames {
			rest := sseOpen(t, s, "/notes/g", "Last-Event-ID", f.id)
			require.ElementsMatch(t, want[i+1:], rest.texts(t))
			rest.cut()
		}
	})
}

func TestAClientThatComesBackTooLateIsResynchronised(t *testing.T) {
	for name, c := range map[string]struct {
		history motia.StreamHistory
		missed  int           // events
		away    time.Duration // after them
		resync  bool
	}{
		"all of the count":   {motia.StreamHistory{Events: 3}, 3, 0, false},
		"beyond the count":   {motia.StreamHistory{Events: 3}, 4, 0, true},
		"default count":      {motia.StreamHistory{}, 256, 0, false},
		"beyond the default": {motia.StreamHistory{}, 257, 0, true},
		"all of the age":     {motia.StreamHistory{Age: time.Minute}, 1, time.Minute, false},
		"beyond the age":     {motia.StreamHistory{Age: time.Minute}, 1, time.Minute + time.Second, true},
		"default age":        {motia.StreamHistory{}, 1, 2 * time.Minute, false},
		"beyond default age": {motia.StreamHistory{}, 1, 2*time.Minute + time.Second, true},
		"old, nothing since": {motia.StreamHistory{Age: time.Minute}, 0, time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app, _ := sseHistoryApp(t, c.history)
				s := sseServe(t, app)
				other := sseOpen(t, s, "/notes/g") // keeps the hub of the group running
				stream := sseOpen(t, s, "/notes/g")
				id := stream.last(t)
				stream.cut()
				for n := range c.missed {
					testkit.SetNote(t, app, "g", "a", n+1)
					synctest.Wait() // so that the other client is not slow
				}
				time.Sleep(c.away)
				texts := sseOpen(t, s, "/notes/g", "Last-Event-ID", id).texts(t)
				if !c.resync {
					require.Len(t, texts, c.missed)
					require.NotContains(t, strings.Join(texts, "\n"), "sync")
				} else {
					require.Equal(t, []string{fmt.Sprintf(`resync a={"text":"","n":%d}`, c.missed)}, texts)
				}
				require.Len(t, other.texts(t), 1+c.missed)
			})
		})
	}
}

// Whatever a client claims to have seen, it ends with the current state.
func TestAnUnknownLastEventIDMeansResync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, _ := sseHistoryApp(t, motia.StreamHistory{})
		s := sseServe(t, app)
		testkit.SetNote(t, app, "g", "a", 1)
		stream := sseOpen(t, s, "/notes/g")
		id := stream.last(t)
		epoch, at, _ := strings.Cut(id, "-")
		elsewhere := sseOpen(t, s, "/notes/h")
		other, _ := sseHistoryApp(t, motia.StreamHistory{})
		otherServer := sseServe(t, other)
		for name, id := range map[string]string{
			"another group":         elsewhere.last(t),
			"another app":           sseOpen(t, otherServer, "/notes/g").last(t),
			"garbage":               "garbage",
			"a dash":                "-",
			"no time":               epoch + "-",
			"no epoch":              "-" + at,
			"no base 36":            epoch + "-" + at + "é",
			"before everything":     epoch + "-0",
			"negative":              epoch + "--" + at,
			"after everything":      epoch + "-" + at + "0",
			"the end of time":       epoch + "-1y2p0ij32e8e7",
			"beyond the end":        epoch + "-1y2p0ij32e8e8",
			"very long":             strings.Repeat("x", 10_000),
			"an epoch and a dash -": epoch + "-" + at + "-1",
		} {
			for path, want := range map[string]string{"/notes/g": "resync", "/notes/g/a": "resync a", "/notes/g/x": "resync x"} {
				again := sseOpen(t, s, path, "Last-Event-ID", id)
				if path != "/notes/g/x" {
					want += ` a={"text":"","n":1}`
				}
				require.Equal(t, []string{want}, again.texts(t), name)
				again.cut()
			}
		}
	})
}

func TestWithoutAHistoryEveryReturnIsAResync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, watches := sseHistoryApp(t, motia.StreamHistory{Events: -1})
		s := sseServe(t, app)
		stream := sseOpen(t, s, "/notes/g")
		testkit.SetNote(t, app, "g", "a", 1)
		frames := stream.all()
		require.Len(t, frames, 2)
		for _, f := range frames {
			require.Empty(t, f.id, "nobody could come back with it")
		}
		for _, id := range []string{"x", "x-1", "-1", "-"} {
			again := sseOpen(t, s, "/notes/g", "Last-Event-ID", id)
			require.Equal(t, []string{`resync a={"text":"","n":1}`}, again.texts(t))
			again.cut()
		}
		stream.cut()
		synctest.Wait()
		require.Zero(t, watches.running.Load(), "nobody can come back")
	})
}

func TestAGroupGoesOnForThoseThatMayComeBack(t *testing.T) {
	const age = time.Minute
	synctest.Test(t, func(t *testing.T) {
		app, watches := sseHistoryApp(t, motia.StreamHistory{Age: age})
		s := sseServe(t, app)
		first := sseOpen(t, s, "/notes/g")
		id := first.last(t)
		first.cut()
		// They leave at different times; the last one counts.
		for range 3 {
			time.Sleep(age - time.Second)
			again := sseOpen(t, s, "/notes/g", "Last-Event-ID", id)
			require.Empty(t, again.all())
			time.Sleep(time.Second / 2)
			again.cut()
		}
		time.Sleep(age - time.Second)
		testkit.SetNote(t, app, "g", "a", 1)
		synctest.Wait()
		require.EqualValues(t, 1, watches.running.Load())
		again := sseOpen(t, s, "/notes/g", "Last-Event-ID", id)
		require.Equal(t, []string{`create a {"text":"","n":1}`}, again.texts(t))

		// Somebody else may be there longer, or only for a moment.
		sub := testkit.SubscribeNotes(t, app, "g")
		again.cut()
		sub.Close()
		time.Sleep(age / 2)
		again = sseOpen(t, s, "/notes/g", "Last-Event-ID", id)
		require.Equal(t, []string{`create a {"text":"","n":1}`}, again.texts(t))
		again.cut()
		require.EqualValues(t, 1, watches.total.Load(), "it was one hub all the time")

		time.Sleep(age + time.Second)
		synctest.Wait()
		require.Zero(t, watches.running.Load(), "nobody came")
		again = sseOpen(t, s, "/notes/g", "Last-Event-ID", id)
		require.Equal(t, []string{`resync a={"text":"","n":1}`}, again.texts(t))
	})
}

// Subscribers that cannot come back leave nothing behind. Clients can invent any number of groups.
func TestNoMoreThanAThousandGroupsGoOnForThoseThatMayComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, watches := sseHistoryApp(t, motia.StreamHistory{Age: time.Minute})
		s := sseServe(t, app)
		for i := range 1010 {
			stream := sseOpen(t, s, fmt.Sprint("/notes/", i))
			stream.cut()
		}
		synctest.Wait()
		require.EqualValues(t, 1000, watches.running.Load())
		stream := sseOpen(t, s, "/notes/0") // one comes back
		sseOpen(t, s, "/notes/another").cut()
		synctest.Wait()
		require.EqualValues(t, 1001, watches.running.Load())
		stream.cut()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		require.Zero(t, watches.running.Load())
		sseOpen(t, s, "/notes/0").cut() // there is room again
		synctest.Wait()
		require.EqualValues(t, 1, watches.running.Load())
		time.Sleep(2 * time.Minute)
	})
}

func TestAGroupWithoutClientsThatComeBackEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, watches := sseHistoryApp(t, motia.StreamHistory{})
		sub := testkit.SubscribeNotes(t, app, "g")
		synctest.Wait()
		require.EqualValues(t, 1, watches.running.Load())
		sub.Close()
		synctest.Wait()
		require.Zero(t, watches.running.Load())
	})
}

// When the backend fails, the streams of a group and what is kept for clients that may come back end. The next client
// starts afresh.
func TestAGroupWhoseBackendFailsIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend, fragile := testkit.NewFragile()
		app, _ := testkit.NewApp(t, &motia.Options{Backend: backend, Streams: []motia.StreamConfig{{Name: "notes"}}})
		s := sseServe(t, app)
		stream := sseOpen(t, s, "/notes/g")
		id := stream.last(t)
		gone := sseOpen(t, s, "/notes/h") // of a group that is only kept
		gone.cut()
		synctest.Wait()
		fragile.BreakWatches()
		require.ErrorIs(t, stream.ended(), io.EOF)
		synctest.Wait()
		require.Zero(t, fragile.Watches.Load())
		require.Zero(t, fragile.Busses.Load())
		again := sseOpen(t, s, "/notes/g", "Last-Event-ID", id)
		require.Equal(t, []string{"resync"}, again.texts(t))
	})
}

func TestAStreamThatBeganWithASharedSnapshotCanBeContinued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, _ := sseHistoryApp(t, motia.StreamHistory{})
		s := sseServe(t, app)
		testkit.SetNote(t, app, "g", "a", 1)
		first, second := sseOpen(t, s, "/notes/g"), sseOpen(t, s, "/notes/g")
		require.Equal(t, first.next(t), second.next(t))
		testkit.SetNote(t, app, "g", "a", 2)
		id := second.last(t)
		require.Equal(t, id, first.last(t), "an event has the same id for all clients")
		second.cut()
		testkit.SetNote(t, app, "g", "a", 3)
		require.Equal(t, []string{`update a {"text":"","n":3}`}, sseOpen(t, s, "/notes/g", "Last-Event-ID", id).texts(t))
	})
}
