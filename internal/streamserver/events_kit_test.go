package streamserver_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

// sseServer is an app's StreamHandler on a network in memory, and a client of it.
type sseServer struct {
	pipes  *testkit.Pipes
	server *http.Server
	client *http.Client
}

// sseServe serves until the test ends.
func sseServe(t testing.TB, app *motia.App, configure ...func(*http.Server)) *sseServer {
	t.Helper()
	s := &sseServer{pipes: testkit.NewPipes(), server: &http.Server{Handler: app.StreamHandler()}}
	for _, f := range configure {
		f(s.server)
	}
	s.client = sseHTTPClient(t, s.pipes)
	served := make(chan error, 1)
	go func() { served <- s.server.Serve(s.pipes) }()
	t.Cleanup(func() {
		require.NoError(t, s.server.Close())
		require.ErrorIs(t, <-served, http.ErrServerClosed)
		testkit.ShutDown(t, app)
	})
	return s
}

func sseHTTPClient(t testing.TB, pipes *testkit.Pipes) *http.Client {
	transport := &http.Transport{DialContext: pipes.Dial, DisableKeepAlives: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// sseFrame is a block of a stream: an event, comments or a retry.
type sseFrame struct {
	id, event, data string
	raw             string
}

// sseData is the data of an event.
type sseData struct {
	Timestamp int64           `json:"timestamp"`
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Data      json.RawMessage `json:"data"`
	Payload   json.RawMessage `json:"payload"`
	Items     []struct {
		ID   string          `json:"id"`
		Data json.RawMessage `json:"data"`
	} `json:"items"`
}

func (f sseFrame) decode(t testing.TB) (d sseData) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(f.data), &d), f.raw)
	return d
}

// text is the event in a few words.
func (f sseFrame) text(t testing.TB) string {
	d := f.decode(t)
	words := []string{f.event}
	if d.ID != "" {
		words = append(words, d.ID)
	}
	for _, item := range d.Items {
		words = append(words, item.ID+"="+string(item.Data))
	}
	if d.Data != nil {
		words = append(words, string(d.Data))
	}
	if d.Name != "" {
		words = append(words, d.Name, string(d.Payload))
	}
	return strings.Join(words, " ")
}

// sseStream is a client of one stream.
type sseStream struct {
	response *http.Response
	frames   chan sseFrame // closed at the end
	err      error         // why it has ended
	cut      func()
}

// sseRequest makes a request; headers are pairs.
func sseRequest(ctx context.Context, t testing.TB, s *sseServer, method, path string, headers ...string) *http.Response {
	t.Helper()
	return sseRequestURL(ctx, t, s, method, "http://app.test"+path, headers...)
}

func sseRequestURL(ctx context.Context, t testing.TB, s *sseServer, method, url string, headers ...string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, method, url, nil)
	require.NoError(t, err)
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := s.client.Do(request)
	require.NoError(t, err)
	return response
}

// sseOpen begins to follow a stream, and checks how the response begins. The frames are read in the background.
func sseOpen(t testing.TB, s *sseServer, path string, headers ...string) *sseStream {
	t.Helper()
	return sseOpenURL(t, s, "http://app.test"+path, headers...)
}

func sseOpenURL(t testing.TB, s *sseServer, url string, headers ...string) *sseStream {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	response := sseRequestURL(ctx, t, s, http.MethodGet, url, headers...)
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, "text/event-stream", response.Header.Get("Content-Type"))
	stream := &sseStream{response: response, frames: make(chan sseFrame, 10_000)}
	go func() {
		defer close(stream.frames)
		defer response.Body.Close()
		lines := bufio.NewReader(response.Body)
		var f sseFrame
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				stream.err = err
				return
			}
			f.raw += line
			name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
			switch name {
			case "":
				if line == "\n" {
					stream.frames <- f
					f = sseFrame{}
				}
			case "id":
				f.id = value
			case "event":
				f.event = value
			case "data":
				f.data += value
			}
		}
	}()
	stream.cut = func() {
		cancel()
		for range stream.frames { // until the reader has ended
		}
	}
	require.Equal(t, "retry: 2000\n\n", stream.next(t).raw)
	return stream
}

// next waits for the next frame.
func (s *sseStream) next(t testing.TB) sseFrame {
	t.Helper()
	f, ok := <-s.frames
	require.True(t, ok, "stream has ended: %v", s.err)
	return f
}

// all returns the frames received so far, once everything has settled. It is for bubbles.
func (s *sseStream) all() []sseFrame {
	synctest.Wait()
	var all []sseFrame
	for {
		select {
		case f, ok := <-s.frames:
			if !ok {
				return all
			}
			all = append(all, f)
		default:
			return all
		}
	}
}

// texts is all in a few words, without comments.
func (s *sseStream) texts(t testing.TB) []string {
	t.Helper()
	var texts []string
	for _, f := range s.all() {
		if f.event != "" {
			texts = append(texts, f.text(t))
		}
	}
	return texts
}

// ended waits for the end of the stream, and returns why it has ended: io.EOF if the server ended it properly.
func (s *sseStream) ended() error {
	for range s.frames {
	}
	return s.err
}

// sseProblem reads a response that is a problem.
func sseProblem(t testing.TB, response *http.Response) motia.Problem {
	t.Helper()
	defer response.Body.Close()
	require.Equal(t, "application/problem+json", response.Header.Get("Content-Type"))
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	var p motia.Problem
	require.NoError(t, json.Unmarshal(body, &p))
	require.Equal(t, response.StatusCode, p.Status)
	require.Len(t, p.TraceID, 32)
	require.Equal(t, p.TraceID, response.Header.Get("X-Trace-Id"))
	return p
}

func sseSend(t testing.TB, app *motia.App, group, item, name string, data any) {
	t.Helper()
	require.NoError(t, testkit.Notes.Send(app.Context(t.Context()), group, item, name, data))
}

func sseDelete(t testing.TB, app *motia.App, group, item string) {
	t.Helper()
	_, _, err := testkit.Notes.Delete(app.Context(t.Context()), group, item)
	require.NoError(t, err)
}

// sseApp is an app with the stream "notes", configured.
func sseApp(t testing.TB, opts motia.Options, config motia.StreamConfig) *motia.App {
	t.Helper()
	config.Name = "notes"
	opts.Streams = []motia.StreamConfig{config}
	app, _ := testkit.NewApp(t, &opts)
	return app
}
