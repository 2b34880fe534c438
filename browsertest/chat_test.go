package browsertest_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
)

// Chat is the stream that the official clients follow.
const Chat motia.StreamName[any] = "chat"

// chat is a server with streams, behind a proxy, and its host.
type chat struct {
	t     *testing.T
	ctx   context.Context // of the host code
	addr  string          // of the server
	stop  func() error    // shuts the app down, and returns the result of Run
	left  chan motia.StreamJoin
	proxy *proxy
}

// startChat starts a server behind the proxy, or behind a new one if it is nil.
func startChat(t *testing.T, p *proxy) *chat {
	t.Helper()
	c := &chat{t: t, left: make(chan motia.StreamJoin, 100), proxy: p}
	app := motia.New(&motia.Options{
		Logger: slog.New(slog.DiscardHandler),
		Streams: []motia.StreamConfig{{
			Name: string(Chat),
			OnJoin: func(_ context.Context, join motia.StreamJoin) error {
				if join.GroupID == "secret" {
					return motia.HTTPError(http.StatusForbidden, errors.New("members only"))
				}
				return nil
			},
			OnLeave: func(_ context.Context, join motia.StreamJoin) { c.left <- join },
		}, {
			Name:     "room",
			Presence: func(principal any) motia.Member { return motia.Member{ID: principal.(string)} },
		}},
		StreamServer: motia.StreamServerOptions{Auth: func(_ context.Context, r *http.Request) (any, error) {
			switch token := motia.StreamToken(r); token {
			case "ann-s", "bo-s":
				return token[:len(token)-2], nil
			default:
				return nil, errors.New("unknown token")
			}
		}},
	})
	mux := http.NewServeMux()
	mux.Handle("/", clientPage(t))
	mux.Handle("/streams/", http.StripPrefix("/streams", app.StreamHandler()))
	server := httptest.NewServer(mux)
	running, shutDown := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- app.Run(running) }()
	stopped := false
	c.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		shutDown()
		return <-ended
	}
	c.ctx = app.Context(context.Background())
	c.addr = server.Listener.Addr().String()
	if c.proxy == nil {
		c.proxy = newProxy(t, c.addr)
	}
	t.Cleanup(func() {
		require.NoError(t, c.stop())
		server.Close()
	})
	return c
}

// connect makes a client connect through the proxy.
func (c *chat) connect(start func(t *testing.T, site string) *client, query string, protocols ...string) *client {
	c.t.Helper()
	client := start(c.t, "http://"+c.proxy.addr()+"/")
	open := map[string]any{"do": "open", "url": "ws://" + c.proxy.addr() + "/streams/" + query}
	if len(protocols) > 0 {
		open["protocols"] = protocols
	}
	client.say(open)
	return client
}

// untilLeft waits until the server has noticed that clients have left the rooms.
func (c *chat) untilLeft(rooms ...motia.StreamJoin) {
	c.t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	var left []motia.StreamJoin
	for range rooms {
		select {
		case room := <-c.left:
			left = append(left, room)
		case <-timeout.C:
			require.Fail(c.t, "nobody has left", "%v", rooms)
		}
	}
	require.ElementsMatch(c.t, rooms, left)
}

func (c *chat) set(group, id string, item any) {
	c.t.Helper()
	_, err := Chat.Set(c.ctx, group, id, item)
	require.NoError(c.t, err)
}

func (c *chat) delete(group, id string) {
	c.t.Helper()
	_, _, err := Chat.Delete(c.ctx, group, id)
	require.NoError(c.t, err)
}

func (c *chat) send(group, id, event string, data any) {
	c.t.Helper()
	require.NoError(c.t, Chat.Send(c.ctx, group, id, event, data))
}

// text is an item.
func text(s string) any { return map[string]string{"text": s} }
