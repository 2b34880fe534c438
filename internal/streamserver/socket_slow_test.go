package streamserver_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

const slowNotes motia.StreamName[map[string]any] = "notes"

// slowClient is a client that does not read until the test calls read. Pipes have no buffer, so each write to it
// waits.
type slowClient struct {
	*socketClient // nil while it does not read
	t             testing.TB
	conn          *websocket.Conn
	official      *officialClient
}

func slowDial(t testing.TB, l *testkit.Pipes) *slowClient {
	t.Helper()
	conn, _, err := websocket.Dial(t.Context(), "ws://motia.test/", &websocket.DialOptions{HTTPClient: l.Client(t)})
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.CloseNow() })
	return &slowClient{t: t, conn: conn, official: newOfficialClient(t)}
}

func (c *slowClient) join(group, id string) {
	c.t.Helper()
	require.NoError(c.t, c.conn.Write(context.Background(), websocket.MessageText, []byte(c.official.follow(group, id))))
	synctest.Wait()
}

// read reads everything that there is, as the official clients do, and returns it: "group/id type" and the member n.
func (c *slowClient) read() (texts []string) {
	c.t.Helper()
	if c.socketClient == nil {
		c.socketClient = socketRead(c.t, c.conn)
	}
	for _, f := range c.frames() {
		c.official.receive(f)
		text := f.GroupID + "/" + f.ID + " " + f.Event.Type
		switch f.Event.Type {
		case "sync":
			if f.ID == "" {
				var items []json.RawMessage
				require.NoError(c.t, json.Unmarshal(f.Event.Data, &items))
				text += fmt.Sprint(" of ", len(items))
			}
		case "event":
			text += " " + string(f.Event.Event.Data)
		default:
			var item struct{ N int }
			require.NoError(c.t, json.Unmarshal(f.Event.Data, &item))
			text += fmt.Sprint(" ", item.N)
		}
		texts = append(texts, text)
	}
	return texts
}

// check compares what the client has with what is stored.
func (c *slowClient) check(app *motia.App, groups ...string) {
	c.t.Helper()
	stored := make(map[string]map[string]map[string]any)
	for _, group := range groups {
		items, err := slowNotes.List(app.Context(c.t.Context()), group)
		require.NoError(c.t, err)
		stored[group] = make(map[string]map[string]any)
		for _, item := range items {
			stored[group][item["id"].(string)] = item
		}
	}
	c.official.check(stored, "slow client")
}

// slowSet stores the item; others have it when it returns.
func slowSet(t testing.TB, app *motia.App, group, id string, n int) {
	t.Helper()
	_, err := slowNotes.Set(app.Context(t.Context()), group, id, map[string]any{"id": id, "n": n})
	require.NoError(t, err)
	synctest.Wait()
}

func slowSend(t testing.TB, app *motia.App, group, id string, n int) {
	t.Helper()
	require.NoError(t, slowNotes.Send(app.Context(t.Context()), group, id, "e", n))
	synctest.Wait()
}

func slowApp(t testing.TB, buffer int) (*motia.App, *testkit.Pipes) {
	app, l, _ := socketApp(t, limited(motia.StreamLimits{Buffer: buffer}), motia.StreamConfig{})
	return app, l
}

func TestAClientThatDoesNotReadHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, l := slowApp(t, 16)
		stalled, other := slowDial(t, l), slowDial(t, l)
		stalled.join("g", "")
		other.join("g", "")
		require.Equal(t, []string{"g/ sync of 0"}, other.read())
		began := time.Now()
		for n := range 1000 {
			id, kind := fmt.Sprint(n%100), "update"
			if n < 100 {
				kind = "create"
			}
			slowSet(t, app, "g", id, n)
			require.Equal(t, []string{fmt.Sprintf("g/%s %s %d", id, kind, n)}, other.read())
		}
		require.Zero(t, time.Since(began), "the writer never waits")
		require.Equal(t, []string{"g/ sync of 0", "g/ sync of 100"}, stalled.read())
		stalled.check(app, "g")
		other.check(app, "g")
	})
}

func TestUpdatesThatASlowClientHasNotReadCoalesceToTheNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, l := slowApp(t, 4)
		c := slowDial(t, l)
		slowSet(t, app, "g", "b", 0)
		c.join("g", "")
		for n := range 1000 {
			slowSet(t, app, "g", "a", n)
			slowSet(t, app, "g", "b", n+1)
		}
		read := c.read()
		require.Equal(t, []string{"g/ sync of 1", "g/a create 0"}, read[:2])
		require.LessOrEqual(t, len(read), 6)
		require.NotContains(t, read[1:], "g/ sync of 2", "it has missed nothing that counts")
		require.Equal(t, []string{"g/a update 999", "g/b update 1000"}, read[len(read)-2:])
		c.check(app, "g")
	})
}

func TestAClientThatIsTooSlowIsResynchronisedAndGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, l := slowApp(t, 4)
		c := slowDial(t, l)
		slowSet(t, app, "g", "gone", 0)
		c.join("g", "")
		c.join("g", "gone")
		c.join("g", "1")
		for n := range 100 {
			slowSet(t, app, "g", fmt.Sprint(n%10), n)
		}
		_, _, err := slowNotes.Delete(app.Context(t.Context()), "g", "gone")
		require.NoError(t, err)
		// The official clients apply the deletion, which is meant for the item, to the group as well.
		require.Equal(t, []string{"g/ sync of 1", "g/ sync of 10", "g/gone delete 0", "g/1 sync"}, c.read())
		c.check(app, "g")
		slowSet(t, app, "g", "1", 1000)
		slowSet(t, app, "g", "gone", 1001)
		require.Equal(t, []string{"g/1 update 1000", "g/gone create 1001"}, c.read())
		c.check(app, "g")
	})
}

func TestSentEventsThatASlowClientMissesAreFollowedByASync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, l := slowApp(t, 4)
		c := slowDial(t, l)
		c.join("g", "")
		for n := range 4 {
			slowSend(t, app, "g", "", n)
		}
		require.Equal(t, []string{"g/ sync of 0", "g/ event 0", "g/ event 1", "g/ event 2", "g/ event 3"}, c.read())

		c = slowDial(t, l)
		c.join("g", "")
		for n := range 5 {
			slowSend(t, app, "g", "", n)
		}
		require.Equal(t, []string{"g/ sync of 0", "g/ sync of 0"}, c.read())
		slowSend(t, app, "g", "", 5)
		require.Equal(t, []string{"g/ event 5"}, c.read())
	})
}

func TestAGroupThatFloodsASocketTakesNothingFromTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, l := slowApp(t, 8)
		c := slowDial(t, l)
		for _, group := range []string{"quiet", "busy", "late"} {
			c.join(group, "")
		}
		slowSet(t, app, "quiet", "a", 1)
		slowSend(t, app, "quiet", "", 2)
		for n := range 4 {
			slowSet(t, app, "busy", fmt.Sprint(n), n)
		}
		slowSend(t, app, "late", "", 3) // there is no room for it
		for n := range 100 {
			slowSet(t, app, "busy", fmt.Sprint(n), n)
		}
		slowSet(t, app, "late", "a", 4)
		slowSend(t, app, "quiet", "a", 5)
		require.Equal(t, []string{
			"quiet/ sync of 0", // it had been taken for writing
			"quiet/a create 1", "quiet/ event 2", "quiet/a event 5",
			"late/ sync of 1", "busy/ sync of 100",
		}, c.read())
		c.check(app, "quiet", "busy", "late")
	})
}

func TestAClientMayJoinWhileItLags(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, l := slowApp(t, 4)
		c := slowDial(t, l)
		c.join("g", "")
		for n := range 10 {
			slowSet(t, app, "g", fmt.Sprint(n), n)
		}
		c.join("g", "1")
		c.join("g", "missing")
		c.join("g", "")
		c.join("h", "")
		slowSet(t, app, "g", "1", 11)
		require.Equal(t, []string{"g/ sync of 0", "h/ sync of 0", "g/ sync of 10", "g/1 sync", "g/missing delete 0"}, c.read())
		c.check(app, "g", "h")
		slowSet(t, app, "g", "missing", 12)
		require.Equal(t, []string{"g/missing create 12"}, c.read())
		c.check(app, "g", "h")
	})
}

func TestAClientThatDoesNotReadIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const patience = 3 * time.Second
		began := time.Now()
		var left []time.Duration
		app, l, _ := socketApp(t, limited(motia.StreamLimits{WriteTimeout: patience}),
			motia.StreamConfig{OnLeave: func(context.Context, motia.StreamJoin) { left = append(left, time.Since(began)) }})
		idle := slowDial(t, l)
		idle.join("g", "")
		require.Equal(t, []string{"g/ sync of 0"}, idle.read())
		time.Sleep(time.Hour) // a client that has read everything may be slow
		stalled := slowDial(t, l)
		stalled.join("g", "")
		began = time.Now()
		time.Sleep(patience - 1)
		synctest.Wait()
		require.Empty(t, left)
		slowSet(t, app, "g", "a", 1)
		require.Equal(t, []string{"g/a create 1"}, idle.read())
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		require.Equal(t, []time.Duration{patience}, left)
		_, _, err := stalled.conn.Read(t.Context())
		require.Error(t, err)
		slowSet(t, app, "g", "a", 2)
		require.Equal(t, []string{"g/a update 2"}, idle.read())
	})
}

func TestShutdownDoesNotWaitForClientsThatDoNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, l := slowApp(t, 4)
		stop := testkit.Start(t, app)
		c := slowDial(t, l)
		c.join("g", "")
		events, err := l.Dial(t.Context(), "", "")
		require.NoError(t, err)
		defer func() { _ = events.Close() }()
		r, err := http.NewRequest(http.MethodGet, "http://motia.test/notes/g", http.NoBody)
		require.NoError(t, err)
		require.NoError(t, r.Write(events))
		synctest.Wait()
		time.Sleep(5 * time.Second)
		began := time.Now()
		require.NoError(t, stop())
		require.LessOrEqual(t, time.Since(began), 2*time.Second)
	})
}
