package streamserver_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

func TestAShutdownSendsClientsAwayAndTellsOnLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		left := new(testkit.List[string])
		app, l, _ := socketApp(t, motia.Options{}, motia.StreamConfig{
			OnLeave: func(ctx context.Context, j motia.StreamJoin) {
				_, err := authUsers.Set(ctx, "left", j.GroupID) // the backend is still there
				left.Add(j.GroupID)
				require.NoError(t, err)
			},
			Presence: func(any) motia.Member { return motia.Member{ID: "x"} },
		})
		stop := testkit.Start(t, app)
		var clients []*socketClient
		for range 10 {
			c := socketDial(t, l)
			c.join("g", "")
			clients = append(clients, c)
		}
		idle := socketDial(t, l) // is in no room
		begin := time.Now()
		require.NoError(t, stop())
		require.Less(t, time.Since(begin), 100*time.Millisecond)
		for _, c := range append(clients, idle) {
			require.EqualValues(t, 1001, c.closed())
		}
		require.Len(t, left.All(), 10)
		require.Empty(t, leftovers(app))

		response, err := authDial(t, l, nil)
		require.Error(t, err)
		require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
		require.Equal(t, "1", response.Header.Get("Retry-After"))
	})
}

func TestAClientThatDoesNotAnswerHoldsUpNoShutdown(t *testing.T) {
	for name, reads := range map[string]bool{"reads but does not close": true, "does not even read": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				left := new(testkit.List[string])
				app, l, _ := socketApp(t, motia.Options{}, motia.StreamConfig{
					OnLeave: func(context.Context, motia.StreamJoin) { left.Add("left") },
				})
				stop := testkit.Start(t, app)
				for range 3 {
					conn, r := socketRaw(t, l)
					_, err := io.WriteString(conn, socketMasked(0x81, socketRequest("join", "notes", "g", "", "s")))
					require.NoError(t, err)
					if reads {
						go func() { _, _ = io.Copy(io.Discard, r) }()
					}
				}
				synctest.Wait()
				socketSet(t, app, "g", "i", `{}`)
				begin := time.Now()
				require.NoError(t, stop())
				require.LessOrEqual(t, time.Since(begin), 2*time.Second)
				require.Len(t, left.All(), 3)
				require.Empty(t, leftovers(app))
			})
		})
	}
}

// A client that connects while the app shuts down is either refused or disconnected.
func TestClientsThatComeDuringAShutdownDoNotStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, _ := testkit.NewApp(t, &motia.Options{Streams: []motia.StreamConfig{{Name: "notes", OnJoin: func(ctx context.Context, _ motia.StreamJoin) error {
			time.Sleep(5 * time.Second)
			return nil
		}}}})
		l := socketServe(t, app)
		stop := testkit.Start(t, app)
		c := socketDial(t, l)
		c.join("g", "") // takes 5 s
		begin := time.Now()
		require.NoError(t, stop())
		require.LessOrEqual(t, time.Since(begin), 6*time.Second)
		require.Contains(t, []websocket.StatusCode{1001, -1}, c.closed())
		require.Empty(t, c.kinds())
		require.Empty(t, leftovers(app))
	})
}

// Over real connections, which the shutdown of http.Server ignores.
func TestListenAndServeEndsAtOnceWithClientsConnected(t *testing.T) {
	app, _ := testkit.NewApp(t, &motia.Options{Streams: []motia.StreamConfig{{Name: "notes"}}})
	server := httptest.NewServer(app.StreamHandler())
	defer server.Close()
	stop := testkit.Start(t, app)
	var clients []*socketClient
	for range 20 {
		conn, _, err := websocket.Dial(t.Context(), server.URL, nil)
		require.NoError(t, err)
		clients = append(clients, socketRead(t, conn))
	}
	begin := time.Now()
	require.NoError(t, stop())
	require.Less(t, time.Since(begin), 900*time.Millisecond, "less than the closing handshake may take")
	for _, c := range clients {
		require.EqualValues(t, 1001, c.closed())
	}
}
