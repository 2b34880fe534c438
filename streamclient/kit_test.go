package streamclient_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
	"github.com/motia-go/motia/streamclient"
)

// network is an in-memory network that works within a bubble, with a server at any address.
type network struct {
	pipes *testkit.Pipes

	mu       sync.Mutex
	handler  http.Handler
	refusing bool
	conns    []net.Conn      // the clients' ends of the connections
	requests []*http.Request // in order
	times    []time.Time     // of attempts to connect
}

// newNetwork serves until the test ends.
func newNetwork(t testing.TB, handler http.Handler) *network {
	t.Helper()
	n := &network{pipes: testkit.NewPipes(), handler: handler}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.mu.Lock()
		n.requests = append(n.requests, r)
		handler := n.handler
		n.mu.Unlock()
		handler.ServeHTTP(w, r)
	})}
	served := make(chan error, 1)
	go func() { served <- server.Serve(n.pipes) }()
	t.Cleanup(func() {
		require.NoError(t, server.Close())
		require.ErrorIs(t, <-served, http.ErrServerClosed)
	})
	return n
}

func (n *network) dial(ctx context.Context, network, address string) (net.Conn, error) {
	n.mu.Lock()
	n.times = append(n.times, time.Now())
	refusing := n.refusing
	n.mu.Unlock()
	if refusing {
		return nil, testkit.ErrRefused
	}
	client, err := n.pipes.Dial(ctx, network, address)
	if err == nil {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.conns = append(n.conns, client)
	}
	return client, err
}

// cut ends all connections.
func (n *network) cut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, conn := range n.conns {
		_ = conn.Close()
	}
	n.conns = nil
}

func (n *network) refuse(yes bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.refusing = yes
}

func (n *network) serve(handler http.Handler) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.handler = handler
}

// asked returns the requests so far.
func (n *network) asked() []*http.Request {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.requests)
}

// attempts returns the times of attempts to connect, relative to the given time.
func (n *network) attempts(since time.Time) []time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	var after []time.Duration
	for _, at := range n.times {
		if at.After(since) {
			after = append(after, at.Sub(since))
		}
	}
	return after
}

// client returns a client on the network whose log goes nowhere.
func (n *network) client(t testing.TB, opts streamclient.Options) *streamclient.Client {
	transport := &http.Transport{DialContext: n.dial, DisableKeepAlives: true}
	t.Cleanup(transport.CloseIdleConnections)
	if opts.HTTPClient == nil {
		opts.HTTPClient = &http.Client{Transport: transport}
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	return streamclient.New("http://app.test/streams", &opts)
}

// newApp returns an app with the stream "notes" and its handler below /streams. It is shut down when the test ends.
func newApp(t testing.TB, opts motia.Options, config motia.StreamConfig) (*motia.App, http.Handler) {
	t.Helper()
	config.Name = string(testkit.Notes)
	opts.Streams = []motia.StreamConfig{config}
	app, _ := testkit.NewApp(t, &opts)
	t.Cleanup(func() { testkit.ShutDown(t, app) })
	return app, http.StripPrefix("/streams", app.StreamHandler())
}

func subscribe(t testing.TB, client *streamclient.Client, group string, opts ...streamclient.Option) *streamclient.Subscription[testkit.Note] {
	t.Helper()
	sub, err := streamclient.Subscribe(t.Context(), client, testkit.Notes, group, opts...)
	require.NoError(t, err)
	t.Cleanup(sub.Close)
	return sub
}

// next returns the next event in a few words.
func next(t testing.TB, sub *streamclient.Subscription[testkit.Note]) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	event, err := sub.Next(ctx)
	require.NoError(t, err)
	return text(event)
}

// quiet checks that no event comes. For bubbles.
func quiet(t testing.TB, sub *streamclient.Subscription[testkit.Note]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	event, err := sub.Next(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded, "%+v", event)
}

func text(in motia.StreamInput[testkit.Note]) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s/%s/%s", in.Event.Type, in.Stream, in.GroupID, in.ItemID)
	switch in.Event.Type {
	case motia.EventSync, motia.EventResync:
		for _, item := range in.Event.Items {
			fmt.Fprintf(&b, " %s=%d", item.ID, item.Data.N)
		}
	case motia.EventSent:
		fmt.Fprintf(&b, " %s %s", in.Event.Name, in.Event.Payload)
	default:
		fmt.Fprintf(&b, " %d", in.Event.Data.N)
	}
	return b.String()
}

// script answers with the texts from the channel, one by one, and ends the response when the channel is closed.
func script(texts <-chan string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		control := http.NewResponseController(w)
		_ = control.Flush()
		for {
			select {
			case text, ok := <-texts:
				if !ok {
					return
				}
				_, _ = io.WriteString(w, text)
				_ = control.Flush()
			case <-r.Context().Done():
				return
			}
		}
	})
}

// says answers with the text and ends.
func says(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		texts := make(chan string, 1)
		texts <- text
		close(texts)
		script(texts).ServeHTTP(w, r)
	})
}

const emptySync = "event: sync\ndata: {\"timestamp\":1,\"items\":[]}\n\n"
