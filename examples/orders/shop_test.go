package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
)

// shopLog receives the log of the test that runs.
var shopLog = new(logRecorder)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(motia.LogHandler(slog.NewJSONHandler(shopLog, nil))))
	os.Exit(m.Run())
}

// shop is the running service and a client of it. It lives in a synctest bubble: its connections are in-memory pipes.
type shop struct {
	t      *testing.T
	app    *motia.App
	client *http.Client
	stop   func() error // stops the service and returns the result of run
}

// openShop starts the service with the flags, and with further steps for the test.
func openShop(t *testing.T, flags []string, more ...motia.Step) *shop {
	t.Helper()
	shopLog.reset()
	config, err := parseFlags(flags, io.Discard)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	app, err := newApp(config, nil)
	require.NoError(t, err)
	require.NoError(t, app.Register(more...))

	listener := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	transport := &http.Transport{DialContext: listener.dial}
	ended := make(chan error, 1)
	go func() { ended <- app.Serve(ctx, listener) }()
	s := &shop{t: t, app: app, client: &http.Client{Transport: transport}}
	s.stop = sync.OnceValue(func() error {
		cancel()
		transport.CloseIdleConnections()
		return <-ended
	})
	t.Cleanup(func() { _ = s.stop() }) // tests that care stop themselves
	return s
}

// request does one request and returns the answer with its body read.
func (s *shop) request(method, path, body string) (*http.Response, string) {
	s.t.Helper()
	req, err := http.NewRequest(method, "http://shop"+path, strings.NewReader(body))
	require.NoError(s.t, err)
	req.Header.Set("Content-Type", "application/json")
	res, err := s.client.Do(req)
	require.NoError(s.t, err)
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	require.NoError(s.t, err)
	return res, string(text)
}

// place places an order, which the service must accept.
func (s *shop) place(order NewOrder) {
	s.t.Helper()
	body, err := json.Marshal(order)
	require.NoError(s.t, err)
	res, text := s.request("POST", "/orders", string(body))
	require.Equal(s.t, http.StatusCreated, res.StatusCode, text)
}

func (s *shop) order(id string) Order {
	s.t.Helper()
	res, text := s.request("GET", "/orders/"+id, "")
	require.Equal(s.t, http.StatusOK, res.StatusCode, text)
	var order Order
	require.NoError(s.t, json.Unmarshal([]byte(text), &order))
	return order
}

func (s *shop) deadLetters() []motia.DeadLetter {
	s.t.Helper()
	_, text := s.request("GET", "/dead-letters", "")
	var answer struct {
		Count       int
		DeadLetters []motia.DeadLetter
	}
	require.NoError(s.t, json.Unmarshal([]byte(text), &answer))
	require.Len(s.t, answer.DeadLetters, answer.Count)
	return answer.DeadLetters
}

// settle lets enough time pass for everything to finish.
func settle() { time.Sleep(time.Minute) }

// orderOf is an order of 28.00 EUR.
func orderOf(id, customer string) NewOrder {
	return NewOrder{
		ID:       id,
		Customer: Customer{ID: customer, Email: customer + "@example.com"},
		Items:    []Item{{SKU: "tea", Qty: 2, Price: 450}, {SKU: "pot", Qty: 1, Price: 1900}},
		Currency: "EUR",
	}
}

// declinedOrder returns the id of an order whose charge is declined the given number of times before it succeeds,
// with the default flags.
func declinedOrder(times int) string {
	t := terminal{failRate: 0.5, seed: 1}
	for i := 1; ; i++ {
		if id := fmt.Sprintf("order-%d", i); t.chargesUntilPaid(id) == times+1 {
			return id
		}
	}
}

func (t terminal) chargesUntilPaid(id string) int {
	n := 0
	for t.declines(id, n) {
		n++
	}
	return n + 1
}

// logRecorder keeps log records in JSON lines.
type logRecorder struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logRecorder) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logRecorder) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf.Reset()
}

// records returns the records with the message.
func (l *logRecorder) records(t *testing.T, message string) []map[string]any {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []map[string]any
	for line := range strings.Lines(l.buf.String()) {
		var record map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &record))
		if record["msg"] == message {
			found = append(found, record)
		}
	}
	return found
}

// pipeListener accepts connections that are pipes, which work in a bubble, unlike a network.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }
