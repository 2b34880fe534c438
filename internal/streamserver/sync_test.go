package streamserver_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

func TestTheSnapshotOfANetworkClientHoldsEveryWriteThatHasReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := testkit.LaggingApp(t)
		l, s := socketServe(t, app), sseServe(t, app)
		c := socketDial(t, l)
		// sync returns the first sync that comes. A join waits for the hub.
		sync := func() string {
			time.Sleep(10 * testkit.Lag)
			frames := c.frames()
			i := slices.IndexFunc(frames, func(f socketFrame) bool { return f.Event.Type == "sync" })
			require.GreaterOrEqual(t, i, 0, frames)
			return frames[i].text
		}
		for n := range 50 {
			item, path := "", "/notes/g/mine"
			if n%2 == 1 {
				item, path = "mine", "/notes/g"
			}
			testkit.SetNote(t, app, "g", "mine", n)
			c.join("g", item)
			require.Contains(t, sync(), fmt.Sprintf(`"n":%d`, n))

			testkit.SetNote(t, app, "g", "mine", 1000+n)
			c.ask("join", "notes", "g", item, "again") // another subscription in the same room also begins with the state
			require.Contains(t, sync(), fmt.Sprintf(`"n":%d`, 1000+n))
			c.ask("leave", "notes", "g", item, "again")
			c.leave("g", item)
			c.frames()

			testkit.SetNote(t, app, "g", "mine", 2000+n)
			stream := sseOpen(t, s, path)
			first := stream.next(t)
			require.Equal(t, "sync", first.event)
			require.Contains(t, first.data, fmt.Sprintf(`"n":%d`, 2000+n))
			stream.cut()
			time.Sleep(testkit.Lag / 3)
		}
	})
}

func TestAClientThatCannotBeToldTheLatestWritesIsRefusedAndHangsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend := motia.InMemory(nil)
		stuck := &testkit.Stuck{KV: backend.KV}
		backend.KV = stuck
		app, log := testkit.NewApp(t, &motia.Options{Backend: backend, Streams: []motia.StreamConfig{{Name: "notes"}}})
		s := sseServe(t, app)
		c := socketDial(t, socketServe(t, app))
		for _, group := range []string{"fails", "g"} { // an error, and no answer
			begin := time.Now()
			response := sseRequest(t.Context(), t, s, http.MethodGet, "/notes/"+group)
			require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
			require.Equal(t, "stream is not available", sseProblem(t, response).Detail)
			require.LessOrEqual(t, time.Since(begin), 10*time.Second)
			c.join(group, "")
			time.Sleep(10 * time.Second)
			require.Equal(t, []string{"event error"}, c.kinds())
		}
		require.Contains(t, log.String(), testkit.ErrBroken.Error())
		require.Empty(t, leftovers(app)[1:], "nothing but the socket is left")

		stuck.Works.Store(true)
		c.join("g", "")
		require.Equal(t, []string{"sync"}, c.kinds())
		stuck.Works.Store(false)
		c.ask("join", "notes", "g", "", "again")
		time.Sleep(10 * time.Second)
		require.Equal(t, []string{"event error"}, c.kinds())
		testkit.SetNote(t, app, "g", "a", 1)
		require.Equal(t, []string{"a create"}, c.kinds(), "the client continues where it was before")
	})
}
