package streamserver_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/streamserver"
	"github.com/motia-go/motia/internal/testkit"
)

// socketServe serves the streams of the app, which need not run, within a bubble.
func socketServe(t testing.TB, app *motia.App) *testkit.Pipes {
	t.Helper()
	l := testkit.NewPipes()
	server := &http.Server{Handler: app.StreamHandler(), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return l
}

// socketApp is an app with the stream "notes" as configured, served within a bubble.
func socketApp(t testing.TB, opts motia.Options, config motia.StreamConfig) (*motia.App, *testkit.Pipes, *testkit.Log) {
	t.Helper()
	config.Name = "notes"
	opts.Streams = []motia.StreamConfig{config, {Name: "others"}}
	app, log := testkit.NewApp(t, &opts)
	return app, socketServe(t, app), log
}

// limited are options with these limits for clients.
func limited(limits motia.StreamLimits) motia.Options {
	return motia.Options{StreamServer: motia.StreamServerOptions{Limits: limits}}
}

// socketFrame is a frame from the server.
type socketFrame struct {
	text       string
	Timestamp  int64
	StreamName string
	GroupID    string
	ID         string
	Event      struct {
		Type  string
		Data  json.RawMessage
		Event struct {
			Type string
			Data json.RawMessage
		}
	}
}

// socketClient is a client that reads all the time.
type socketClient struct {
	t    testing.TB
	conn *websocket.Conn
	done chan struct{} // closed when the connection has ended

	mu     sync.Mutex
	unread []socketFrame
	err    error // why the connection has ended
}

// socketDial connects a client within a bubble.
func socketDial(t testing.TB, l *testkit.Pipes, opts ...func(*websocket.DialOptions)) *socketClient {
	t.Helper()
	o := &websocket.DialOptions{HTTPClient: l.Client(t)}
	for _, opt := range opts {
		opt(o)
	}
	conn, _, err := websocket.Dial(t.Context(), "ws://motia.test/any/path?authToken=query", o)
	require.NoError(t, err)
	return socketRead(t, conn)
}

func socketRead(t testing.TB, conn *websocket.Conn) *socketClient {
	c := &socketClient{t: t, conn: conn, done: make(chan struct{})}
	conn.SetReadLimit(-1)
	go func() {
		defer close(c.done)
		for {
			_, text, err := conn.Read(context.Background())
			frame := socketFrame{text: string(text)}
			if err == nil {
				err = json.Unmarshal(text, &frame)
			}
			c.mu.Lock()
			if err != nil {
				c.err = err
				c.mu.Unlock()
				return
			}
			c.unread = append(c.unread, frame)
			c.mu.Unlock()
		}
	}()
	t.Cleanup(c.cut)
	return c
}

// cut ends the connection without a closing handshake.
func (c *socketClient) cut() {
	_ = c.conn.CloseNow()
	<-c.done
}

func (c *socketClient) send(text string) {
	c.t.Helper()
	require.NoError(c.t, c.conn.Write(context.Background(), websocket.MessageText, []byte(text)))
}

// ask sends a join or leave and waits until it is done; without an item, id is empty.
func (c *socketClient) ask(kind, stream, group, id, subscription string) {
	c.t.Helper()
	c.send(socketRequest(kind, stream, group, id, subscription))
	synctest.Wait()
}

func socketRequest(kind, stream, group, id, subscription string) string {
	data := map[string]string{"streamName": stream, "groupId": group, "subscriptionId": subscription}
	if id != "" {
		data["id"] = id
	}
	text, _ := json.Marshal(map[string]any{"type": kind, "data": data})
	return string(text)
}

func (c *socketClient) join(group, id string) {
	c.t.Helper()
	c.ask("join", "notes", group, id, "s"+id)
}
func (c *socketClient) leave(group, id string) {
	c.t.Helper()
	c.ask("leave", "notes", group, id, "s"+id)
}

// frames returns everything that has come since the last call.
func (c *socketClient) frames() []socketFrame {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	frames := c.unread
	c.unread = nil
	return frames
}

// texts returns the frames that have come since the last call, unchanged except for their timestamps.
func (c *socketClient) texts() []string {
	c.t.Helper()
	texts := []string{}
	for _, f := range c.frames() {
		rest, ok := strings.CutPrefix(f.text, fmt.Sprintf(`{"timestamp":%d,`, f.Timestamp))
		require.True(c.t, ok, f.text)
		texts = append(texts, "{"+rest)
	}
	return texts
}

// kinds returns the frames that have come since the last call in short: item, type, name.
func (c *socketClient) kinds() []string {
	c.t.Helper()
	kinds := []string{}
	for _, f := range c.frames() {
		kinds = append(kinds, strings.TrimSpace(f.ID+" "+f.Event.Type+" "+f.Event.Event.Type))
	}
	return kinds
}

// closed waits for the end of the connection, and returns the code that it was closed with, -1 for none.
func (c *socketClient) closed() websocket.StatusCode {
	<-c.done
	c.mu.Lock()
	defer c.mu.Unlock()
	return websocket.CloseStatus(c.err)
}

// open checks that the connection is open.
func (c *socketClient) open() {
	c.t.Helper()
	synctest.Wait()
	select {
	case <-c.done:
		c.mu.Lock()
		defer c.mu.Unlock()
		require.NoError(c.t, c.err)
	default:
	}
}

// socketSet stores an item as JSON; the text "-" deletes it.
func socketSet(t testing.TB, app *motia.App, group, id, text string) {
	t.Helper()
	inv, _ := motia.FromContext(app.Context(context.Background()))
	notes := inv.Streams.Get("notes")
	var err error
	if text == "-" {
		_, err = notes.Delete(group, id)
	} else {
		_, err = notes.Set(group, id, json.RawMessage(text))
	}
	require.NoError(t, err)
}

func socketSend(t testing.TB, app *motia.App, group, id, name string, data any) {
	t.Helper()
	inv, _ := motia.FromContext(app.Context(context.Background()))
	require.NoError(t, inv.Streams.Get("notes").Send(group, id, name, data))
}

// leftovers describes what the app holds for streams that somebody follows; it is empty when nobody does.
func leftovers(app *motia.App) []string {
	return app.StreamHandler().(*streamserver.Server).Leftovers()
}
