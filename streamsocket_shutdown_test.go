package motia_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
)

func TestAShutdownSendsClientsAwayAndTellsOnLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		left := new(events)
		app, l, _ := socketApp(t, motia.Options{}, motia.StreamConfig{
			OnLeave: func(ctx context.Context, j motia.StreamJoin) {
				_, err := authUsers.Set(ctx, "left", j.GroupID) // the backend is still there
				left.add(j.GroupID)
				require.NoError(t, err)
			},
			Presence: func(any) motia.Member { return motia.Member{ID: "x"} },
		})
		stop := start(t, app)
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
		require.Len(t, left.all(), 10)
		require.Empty(t, app.StreamLeftovers())

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
				left := new(events)
				app, l, _ := socketApp(t, motia.Options{}, motia.StreamConfig{
					OnLeave: func(context.Context, motia.StreamJoin) { left.add("left") },
				})
				stop := start(t, app)
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
				require.Len(t, left.all(), 3)
				require.Empty(t, app.StreamLeftovers())
			})
		})
	}
}

// A client that comes in while the app shuts down is either refused or sent away.
func TestClientsThatComeDuringAShutdownDoNotStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, _ := newApp(t, &motia.Options{Streams: []motia.StreamConfig{{Name: "notes", OnJoin: func(ctx context.Context, _ motia.StreamJoin) error {
			time.Sleep(5 * time.Second)
			return nil
		}}}})
		l := socketServe(t, app)
		stop := start(t, app)
		c := socketDial(t, l)
		c.join("g", "") // takes 5 s
		begin := time.Now()
		require.NoError(t, stop())
		require.LessOrEqual(t, time.Since(begin), 6*time.Second)
		require.Contains(t, []websocket.StatusCode{1001, -1}, c.closed())
		require.Empty(t, c.kinds())
		require.Empty(t, app.StreamLeftovers())
	})
}

func TestServeMountsTheStreamsAtStreamPath(t *testing.T) {
	for path, c := range map[string]struct{ streams, routes []string }{
		"":          {[]string{"/streams", "/streams/", "/streams/x/y"}, []string{"/", "/streamsx", "/Streams", "/x/streams"}},
		"/streams/": {[]string{"/streams", "/streams/", "/streams/x/y"}, []string{"/", "/streamsx"}},
		"/a/live":   {[]string{"/a/live", "/a/live/x"}, []string{"/streams", "/a", "/a/lives"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			app, _ := newApp(t, &motia.Options{StreamPath: path, Streams: []motia.StreamConfig{{Name: "notes"}}})
			l, stop := socketServed(t, app)
			for _, target := range c.streams {
				conn, _, err := websocket.Dial(t.Context(), "ws://motia.test"+target, &websocket.DialOptions{HTTPClient: l.client(t)})
				require.NoError(t, err, target)
				client := socketRead(t, conn)
				client.join("g", "")
				require.Equal(t, []string{"sync"}, client.kinds())
				client.cut()
			}
			for _, target := range c.routes {
				_, response, err := websocket.Dial(t.Context(), "ws://motia.test"+target, &websocket.DialOptions{HTTPClient: l.client(t)})
				require.Error(t, err, target)
				require.Equal(t, http.StatusNotFound, response.StatusCode, target)
			}
			require.NoError(t, stop())
		})
	}
}

// Events of a stream with an odd name go through the mounted path too.
func TestServeLeavesTheEncodingOfPathsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, _ := newApp(t, &motia.Options{Streams: []motia.StreamConfig{{Name: "a/b c"}}})
		l, stop := socketServed(t, app)
		response, err := l.client(t).Get("http://motia.test/streams/a%2Fb%20c/%2F")
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, response.StatusCode)
		require.NoError(t, response.Body.Close())
		require.NoError(t, stop())
	})
}

func TestAnAppWithoutStreamsMountsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, _ := newApp(t, nil, motia.HTTPStep(motia.StepConfig{Name: "mine", Triggers: []motia.Trigger{motia.HTTP("GET", "/streams/x")}},
			func(*motia.HTTPInput[motia.None], *motia.FlowContext[motia.None, motia.None]) (motia.Response, error) {
				return motia.Response{Status: 204}, nil
			}))
		l, stop := socketServed(t, app)
		response, err := l.client(t).Get("http://motia.test/streams/x")
		require.NoError(t, err)
		require.Equal(t, 204, response.StatusCode)
		require.NoError(t, stop())
	})
}

func TestARouteBelowStreamPathIsAnErrorThatNamesTheStep(t *testing.T) {
	step := motia.HTTPStep(motia.StepConfig{Name: "hidden", Triggers: []motia.Trigger{motia.HTTP("GET", "/live/{id}"), motia.HTTP("GET", "/lives")}},
		func(*motia.HTTPInput[motia.None], *motia.FlowContext[motia.None, motia.None]) (motia.Response, error) {
			return motia.Response{}, nil
		})
	for path, wrong := range map[string]bool{"/live": true, "/live/": true, "/": true, "/live/x": false, "": false, "/li": false} {
		synctest.Test(t, func(t *testing.T) {
			app, _ := newApp(t, &motia.Options{StreamPath: path, Streams: []motia.StreamConfig{{Name: "notes"}}}, step)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			l := newSocketListener()
			err := app.Serve(ctx, l)
			if !wrong {
				require.NoError(t, err, path)
				return
			}
			require.ErrorContains(t, err, `step "hidden"`, path)
			require.ErrorContains(t, err, "/live/{id}")
			require.Equal(t, path == "/", strings.Contains(err.Error(), "/lives"))
			_, open := <-l.closed
			require.False(t, open, "the listener is closed")
			require.NoError(t, app.Run(ctx), "without a server there is nothing to hide")
		})
	}
}

func TestMistakesInTheOptionsOfStreamsAreReported(t *testing.T) {
	app := motia.New(&motia.Options{
		StreamLimits:  motia.StreamLimits{FrameSize: -1, FrameRate: -1, Joins: -1, Buffer: -1, PingInterval: -1, WriteTimeout: -1, AuthTimeout: -1},
		StreamOrigins: []string{"ok.example.com", "*.ok", "", "https://example.com", "[", "ok:8080"},
		StreamPath:    "streams",
		Streams:       []motia.StreamConfig{{Name: "ok"}, {Name: "old", History: motia.StreamHistory{Age: -1}}},
	})
	err := app.Register()
	for _, want := range []string{
		"StreamLimits.FrameSize", "StreamLimits.FrameRate", "StreamLimits.Joins", "StreamLimits.Buffer", "StreamLimits.PingInterval",
		"StreamLimits.WriteTimeout", "StreamLimits.AuthTimeout", "StreamOrigins[2]", "StreamOrigins[3]", "StreamOrigins[4]", "StreamPath", `"old": History.Age`,
	} {
		require.ErrorContains(t, err, want)
	}
	require.NotContains(t, err.Error(), "StreamOrigins[0]")
	require.NotContains(t, err.Error(), "StreamOrigins[1]")
	require.NotContains(t, err.Error(), "StreamOrigins[5]")
}

// Over real connections: the server's own shutdown does not know of them.
func TestListenAndServeEndsAtOnceWithClientsConnected(t *testing.T) {
	app, _ := newApp(t, &motia.Options{Streams: []motia.StreamConfig{{Name: "notes"}}})
	server := httptest.NewServer(app.StreamHandler())
	defer server.Close()
	stop := start(t, app)
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
