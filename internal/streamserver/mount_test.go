package streamserver_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

func TestServeMountsTheStreamsAtTheirPath(t *testing.T) {
	for path, c := range map[string]struct{ streams, routes []string }{
		"":          {[]string{"/streams", "/streams/", "/streams/x/y"}, []string{"/", "/streamsx", "/Streams", "/x/streams"}},
		"/streams/": {[]string{"/streams", "/streams/", "/streams/x/y"}, []string{"/", "/streamsx"}},
		"/a/live":   {[]string{"/a/live", "/a/live/x"}, []string{"/streams", "/a", "/a/lives"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			app, _ := testkit.NewApp(t, &motia.Options{StreamServer: motia.StreamServerOptions{Path: path}, Streams: []motia.StreamConfig{{Name: "notes"}}})
			l, stop := socketServed(t, app)
			for _, target := range c.streams {
				conn, _, err := websocket.Dial(t.Context(), "ws://motia.test"+target, &websocket.DialOptions{HTTPClient: l.Client(t)})
				require.NoError(t, err, target)
				client := socketRead(t, conn)
				client.join("g", "")
				require.Equal(t, []string{"sync"}, client.kinds())
				client.cut()
			}
			for _, target := range c.routes {
				_, response, err := websocket.Dial(t.Context(), "ws://motia.test"+target, &websocket.DialOptions{HTTPClient: l.Client(t)})
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
		app, _ := testkit.NewApp(t, &motia.Options{Streams: []motia.StreamConfig{{Name: "a/b c"}}})
		l, stop := socketServed(t, app)
		response, err := l.Client(t).Get("http://motia.test/streams/a%2Fb%20c/%2F")
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, response.StatusCode)
		require.NoError(t, response.Body.Close())
		require.NoError(t, stop())
	})
}

func TestAnAppWithoutStreamsMountsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, _ := testkit.NewApp(t, nil, motia.HTTPStep(motia.StepConfig{Name: "mine", Triggers: []motia.Trigger{motia.HTTP("GET", "/streams/x")}},
			func(*motia.HTTPInput[motia.None], *motia.FlowContext[motia.None, motia.None]) (motia.Response, error) {
				return motia.Response{Status: 204}, nil
			}))
		l, stop := socketServed(t, app)
		response, err := l.Client(t).Get("http://motia.test/streams/x")
		require.NoError(t, err)
		require.Equal(t, 204, response.StatusCode)
		require.NoError(t, stop())
	})
}

func TestARouteBelowThePathOfStreamsIsAnErrorThatNamesTheStep(t *testing.T) {
	step := motia.HTTPStep(motia.StepConfig{Name: "hidden", Triggers: []motia.Trigger{motia.HTTP("GET", "/live/{id}"), motia.HTTP("GET", "/lives")}},
		func(*motia.HTTPInput[motia.None], *motia.FlowContext[motia.None, motia.None]) (motia.Response, error) {
			return motia.Response{}, nil
		})
	for path, wrong := range map[string]bool{"/live": true, "/live/": true, "/": true, "/live/x": false, "": false, "/li": false} {
		synctest.Test(t, func(t *testing.T) {
			app, _ := testkit.NewApp(t, &motia.Options{StreamServer: motia.StreamServerOptions{Path: path}, Streams: []motia.StreamConfig{{Name: "notes"}}}, step)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			l := testkit.NewPipes()
			err := app.Serve(ctx, l)
			if !wrong {
				require.NoError(t, err, path)
				return
			}
			require.ErrorContains(t, err, `step "hidden"`, path)
			require.ErrorContains(t, err, "/live/{id}")
			require.Equal(t, path == "/", strings.Contains(err.Error(), "/lives"))
			_, err = l.Accept()
			require.ErrorIs(t, err, net.ErrClosed)
			require.NoError(t, app.Run(ctx), "without a server there is nothing to hide")
		})
	}
}
