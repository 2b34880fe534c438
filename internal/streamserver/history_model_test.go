package streamserver_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

// sseCutter is a client that loses its connection at random points, in the middle of events as well, and comes back.
type sseCutter struct {
	model sseModel
	last  string          // id of the latest complete event
	ids   map[string]bool // of all events
	seen  []string        // all events but snapshots
	cuts  int

	connected chan struct{} // there is a connection, a new one since this was read
	mu        sync.Mutex
	cut       func() // ends the connection
}

func newSSECutter() *sseCutter {
	return &sseCutter{ids: map[string]bool{}, connected: make(chan struct{}, 1), cut: func() {}}
}

// follow reads up to limit bytes of one connection, or only the first event if limit is 0, and reports whether the
// item that is written last has arrived.
func (c *sseCutter) follow(t *testing.T, url string, limit int) (done bool) {
	ctx, cut := context.WithCancel(t.Context())
	defer cut()
	c.mu.Lock()
	c.cut = cut
	c.mu.Unlock()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	require.NoError(t, err)
	if c.last != "" {
		request.Header.Set("Last-Event-ID", c.last)
	}
	response, err := http.DefaultClient.Do(request)
	if ctx.Err() != nil {
		return false
	}
	require.NoError(t, err)
	select {
	case c.connected <- struct{}{}:
	default:
	}
	defer response.Body.Close()
	reader := bufio.NewReader(response.Body)
	var f sseFrame
	for first := limit == 0; ; {
		line, err := reader.ReadString('\n')
		if ctx.Err() != nil {
			return false
		}
		require.NoError(t, err)
		if limit -= len(line); limit <= 0 && !first { // the client never saw all of the line
			return false
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "id":
			f.id = value
		case "event":
			f.event = value
		case "data":
			f.data = value
		case "":
			if line != "\n" || f.event == "" {
				continue
			}
			require.False(t, c.ids[f.id], "an event comes twice: %s", f.id)
			if f.id != "" {
				c.ids[f.id] = true
			}
			c.last = f.id
			c.model.apply(t, f)
			if f.event != "sync" && f.event != "resync" {
				c.seen = append(c.seen, f.text(t))
			}
			if c.model.items["done"] != "" || first {
				return !first
			}
			f = sseFrame{}
		}
	}
}

// Whatever happens to its connections, a client sees every event once and in order if the history goes back far
// enough. If it does not, the client is told, and still ends with what is stored.
func TestAClientThatLosesItsConnectionAgainAndAgainMissesNothing(t *testing.T) {
	const writers, writes, rounds = 3, 10, 40
	for name, history := range map[string]motia.StreamHistory{
		"history reaches":         {Events: 10_000},
		"history does not always": {Events: 8},
		"history is missing":      {Events: -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := sseApp(t, limited(motia.StreamLimits{Buffer: 10_000}), motia.StreamConfig{History: history})
			server := httptest.NewServer(app.StreamHandler())
			defer server.Close()
			defer testkit.ShutDown(t, app)
			url := server.URL + "/notes/g"

			cutter, witness := newSSECutter(), newSSECutter()
			require.False(t, cutter.follow(t, url, 0)) // the empty snapshot, and the connection is lost
			stream := newSSEWitness(t, url)
			var wg sync.WaitGroup
			wg.Go(func() {
				for f := range stream {
					witness.model.apply(t, f)
					if f.event != "sync" {
						witness.seen = append(witness.seen, f.text(t))
					}
					if witness.model.items["done"] != "" {
						return
					}
				}
			})
			wg.Go(func() {
				for round := range rounds {
					<-cutter.connected
					var writing sync.WaitGroup
					for w := range writers {
						writing.Go(func() { sseWrite(t, app, w, round, writes) })
					}
					writing.Wait()
					cutter.mu.Lock()
					cutter.cut()
					cutter.mu.Unlock()
				}
				testkit.SetNote(t, app, "g", "done", 1)
			})
			random := rand.New(rand.NewPCG(7, uint64(len(name))))
			for !cutter.follow(t, url, 100+random.IntN(2000)) {
				cutter.cuts++
			}
			wg.Wait()
			require.Greater(t, cutter.cuts, rounds/2)
			require.Equal(t, witness.model.items, cutter.model.items)
			items, err := testkit.Notes.List(app.Context(t.Context()), "g")
			require.NoError(t, err)
			require.Len(t, cutter.model.items, len(items))
			switch snapshots := cutter.model.kinds["sync"] + cutter.model.kinds["resync"]; {
			case history.Events > 1000:
				require.Equal(t, 1, snapshots)
				require.Equal(t, witness.seen, cutter.seen)
			default:
				require.Greater(t, snapshots, 1)
			}
		})
	}
}

// newSSEWitness follows a stream over a connection that is not lost. Its first event has been received.
func newSSEWitness(t *testing.T, url string) <-chan sseFrame {
	s := &sseServer{client: http.DefaultClient}
	stream := sseOpenURL(t, s, url)
	frames := make(chan sseFrame, 1)
	frames <- stream.next(t)
	go func() {
		defer close(frames)
		for f := range stream.frames {
			if f.event != "" {
				frames <- f
			}
		}
	}()
	return frames
}

// sseWrite changes, deletes and sends at random.
func sseWrite(t *testing.T, app *motia.App, writer, round, writes int) {
	random := rand.New(rand.NewPCG(uint64(writer), uint64(round)))
	notes := testkit.StreamsOf(t, app).Get("notes")
	for n := range writes {
		id := fmt.Sprintf("w%d-%d", writer, random.IntN(3))
		var err error
		switch random.IntN(4) {
		case 0:
			_, err = notes.Delete("g", id)
		case 1:
			err = notes.Send("g", id, "ping", n)
		default:
			_, err = notes.Set("g", id, testkit.Note{N: round*writes + n + 1})
		}
		if err != nil {
			t.Error(err)
		}
	}
}
