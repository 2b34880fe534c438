package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// board is the program as it runs, and how to reach it.
type board struct {
	t   *testing.T
	url string
}

// serve runs the program until the test ends.
func serve(t *testing.T) *board {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	read, write := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, "127.0.0.1:0", write) }()
	line, err := bufio.NewReader(read).ReadString('\n')
	require.NoError(t, err)
	address, ok := strings.CutPrefix(strings.TrimSuffix(line, "; open it in several windows.\n"), "The board is at ")
	require.True(t, ok, line)
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-ended)
	})
	return &board{t, address}
}

// do makes a request as a window does.
func (b *board) do(method, path, body string) *http.Response {
	b.t.Helper()
	request, err := http.NewRequest(method, b.url+path, strings.NewReader(body))
	require.NoError(b.t, err)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	require.NoError(b.t, err)
	b.t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

// follower is an EventSource.
type follower struct {
	t      *testing.T
	stream *bufio.Reader
	lastID string
	close  func()
}

func (b *board) follow(name, lastID string) *follower {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.t.Context())
	request, err := http.NewRequestWithContext(ctx, "GET", b.url+"/streams/board/main?name="+url.QueryEscape(name), nil)
	require.NoError(b.t, err)
	if lastID != "" {
		request.Header.Set("Last-Event-ID", lastID)
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(b.t, err)
	b.t.Cleanup(cancel)
	require.Equal(b.t, http.StatusOK, response.StatusCode)
	require.Equal(b.t, "text/event-stream", response.Header.Get("Content-Type"))
	return &follower{t: b.t, stream: bufio.NewReader(response.Body), close: cancel}
}

// event is an event of the stream, without times.
type event struct {
	kind    string
	ID      string          `json:"id"`
	Data    *Note           `json:"data"`
	Name    string          `json:"name"`
	Payload json.RawMessage `json:"payload"`
	Items   []struct {
		ID   string `json:"id"`
		Data Note   `json:"data"`
	} `json:"items"`
}

// next waits for the next event of a kind, and skips others.
func (f *follower) next(kind string) event {
	f.t.Helper()
	var e event
	var id, data string
	for {
		line, err := f.stream.ReadString('\n')
		require.NoError(f.t, err, "waiting for %s", kind)
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch field {
		case "id":
			id = value
		case "event":
			e.kind = value
		case "data":
			data = value
		case "":
			if id != "" {
				require.NotEqual(f.t, f.lastID, id)
				f.lastID = id
			}
			if e.kind == kind {
				require.NoError(f.t, json.Unmarshal([]byte(data), &e))
				return e
			}
			e, id, data = event{}, "", ""
		}
	}
}

// named waits for the next sent event with the name, and returns its payload.
func (f *follower) named(name string) string {
	f.t.Helper()
	for {
		if e := f.next("event"); e.Name == name {
			return string(e.Payload)
		}
	}
}

func TestWindowsFollowTheBoardByServerSentEvents(t *testing.T) {
	b := serve(t)
	ann := b.follow("Ann", "")
	require.Empty(t, ann.next("sync").Items)
	bo := b.follow("Bo", "")
	bo.next("sync")
	for joined := ""; joined != `{"id":"Bo"}`; {
		joined = ann.named("presence:join")
	}

	created := b.do("POST", "/boards/main/notes?name=Bo", `{"text": "Buy milk", "color": "pink", "x": 0.1, "y": 0.2}`)
	require.Equal(t, http.StatusCreated, created.StatusCode)
	note := Note{NewNote{"Buy milk", "pink", 0.1, 0.2}, "Bo", 1}
	seen := ann.next("create")
	require.Equal(t, note, *seen.Data)
	require.Equal(t, "/boards/main/notes/"+seen.ID, created.Header.Get("Location"))
	require.Equal(t, seen.ID, bo.next("create").ID, "the writer sees it as well")
	b.do("POST", created.Header.Get("Location")+"/typing?name=Bo", "")
	require.Equal(t, `{"name":"Bo"}`, ann.named("typing"))

	// Ann's connection breaks. She reconnects and gets what she missed, not everything again.
	ann.close()
	require.Equal(t, `{"id":"Ann"}`, bo.named("presence:leave"))
	b.do("PATCH", created.Header.Get("Location")+"?name=Bo", `{"text": "Buy oat milk"}`)
	b.do("DELETE", created.Header.Get("Location")+"?name=Bo", "")
	ann = b.follow("Ann", ann.lastID)
	require.Equal(t, "Buy oat milk", ann.next("update").Data.Text)
	require.Equal(t, 2, ann.next("delete").Data.Version)
	require.Contains(t, ann.named("presence:list"), `{"id":"Bo"}`)

	// An unknown event id: she gets everything again.
	require.Empty(t, b.follow("Chiara", "from-another-server").next("resync").Items)
}

func TestTheStreamRefusesNamesAndBoardsThatCannotBe(t *testing.T) {
	b := serve(t)
	for path, want := range map[string]struct {
		status int
		detail string
	}{
		"/streams/board/main":                                 {401, "say who you are: the name is empty"},
		"/streams/board/main?name=A%0A1":                      {401, "the name has characters that cannot be shown"},
		"/streams/board/main?name=" + strings.Repeat("A", 25): {401, "the name is longer than 24 characters"},
		"/streams/board/NO!?name=Ann":                         {404, "a board's name has 1 to 40 small letters, digits and hyphens"},
	} {
		response := b.do("GET", path, "")
		require.Equal(t, want.status, response.StatusCode, path)
		require.Equal(t, want.detail, detail(t, response), path)
	}
}
