package streamclient_test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
	"github.com/motia-go/motia/streamclient"
)

// Over real sockets, a subscription whose connections are cut again and again sees what one in process sees.
func TestASubscriptionWhoseConnectionsAreCutMissesNothing(t *testing.T) {
	const rounds, writers, writes = 20, 3, 20
	app, handler := newApp(t, motia.Options{StreamServer: motia.StreamServerOptions{Limits: motia.StreamLimits{Buffer: 10_000}}}, motia.StreamConfig{History: motia.StreamHistory{Events: 10_000}})
	connected := make(chan struct{}, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connected <- struct{}{}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	client := streamclient.New(server.URL+"/streams", &streamclient.Options{MaxDelay: time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	remote := subscribe(t, client, "g")
	require.Equal(t, "sync notes/g/", next(t, remote)) // else the first connection may be lost before, and a later snapshot comes first
	local, err := testkit.Notes.Subscribe(app.Context(t.Context()), "g", motia.Buffer(10_000))
	require.NoError(t, err)
	defer local.Close()

	var wg sync.WaitGroup
	wg.Go(func() {
		for round := range rounds {
			<-connected
			var writing sync.WaitGroup
			for w := range writers {
				writing.Go(func() {
					random := rand.New(rand.NewPCG(uint64(round), uint64(w)))
					ctx := app.Context(t.Context())
					for n := range writes {
						id := fmt.Sprint(w, "-", random.IntN(3))
						var err error
						switch random.IntN(4) {
						case 0:
							_, _, err = testkit.Notes.Delete(ctx, "g", id)
						case 1:
							err = testkit.Notes.Send(ctx, "g", id, "ping", n)
						default:
							_, err = testkit.Notes.Set(ctx, "g", id, testkit.Note{N: round*writes + n + 1})
						}
						if err != nil {
							t.Error(err)
						}
						if w == 0 && n == writes/2 {
							server.CloseClientConnections()
						}
					}
				})
			}
			writing.Wait()
		}
		testkit.SetNote(t, app, "g", "done", 1)
	})
	collect := func(next func() (motia.StreamInput[testkit.Note], error)) (texts []string) {
		for {
			event, err := next()
			if err != nil {
				t.Error(err)
				return texts
			}
			if event.Event.Type != motia.EventSync {
				texts = append(texts, text(event))
			}
			if event.ItemID == "done" {
				return texts
			}
		}
	}
	var want, got []string
	wg.Go(func() {
		want = collect(func() (motia.StreamInput[testkit.Note], error) { return local.Next(t.Context()) })
	})
	wg.Go(func() {
		got = collect(func() (motia.StreamInput[testkit.Note], error) { return remote.Next(t.Context()) })
	})
	wg.Wait()
	require.Equal(t, want, got)
	require.Greater(t, len(got), rounds*writes)
}
