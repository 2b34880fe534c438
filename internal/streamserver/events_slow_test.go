package streamserver_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

// sseModel applies events like a client that trusts them.
type sseModel struct {
	items map[string]string
	kinds map[string]int
	times map[string]int64
}

// apply checks that the event fits what came before.
func (m *sseModel) apply(t testing.TB, f sseFrame) {
	t.Helper()
	if m.kinds == nil {
		m.kinds, m.times = map[string]int{}, map[string]int64{}
	}
	m.kinds[f.event]++
	d := f.decode(t)
	_, known := m.items[d.ID]
	switch f.event {
	case "sync", "resync":
		m.items = map[string]string{}
		for _, item := range d.Items {
			m.items[item.ID] = string(item.Data)
		}
	case "create":
		require.False(t, known, "create of what is there: %s", f.raw)
		m.items[d.ID] = string(d.Data)
	case "update":
		require.True(t, known, "update of what is not there: %s", f.raw)
		m.items[d.ID] = string(d.Data)
	case "delete":
		require.True(t, known, "delete of what is not there: %s", f.raw)
		require.NotEmpty(t, d.Data, "the last value is missing: %s", f.raw)
		delete(m.items, d.ID)
	}
	if f.event != "sync" && f.event != "resync" && d.ID != "" {
		require.Greater(t, d.Timestamp, m.times[d.ID], "time of an item stands still: %s", f.raw)
		m.times[d.ID] = d.Timestamp
	}
}

// sseStored is what is stored in the group, in the form of the model.
func sseStored(t testing.TB, app *motia.App, group string, ids ...string) map[string]string {
	t.Helper()
	stored := map[string]string{}
	for _, id := range ids {
		var data any
		found, err := testkit.StreamsOf(t, app).Get("notes").Get(group, id, &data)
		require.NoError(t, err)
		if found {
			stored[id] = fmt.Sprintf("%v", data)
		}
	}
	return stored
}

// A client that reads slowly gets the latest event of each item; if that is not enough it is resynchronised. The
// connection has no buffer, so the client decides what the server can write.
func TestASlowReaderOfEventsEndsInTheStoredState(t *testing.T) {
	for name, c := range map[string]struct {
		write func(n int, random *rand.Rand) (id string, data any) // nil data deletes
		sent  bool
		kinds map[string]int // exactly; nil: any
	}{
		"updates of few items coalesce": {
			func(n int, _ *rand.Rand) (string, any) { return fmt.Sprint("i", n%3), n },
			false, nil,
		},
		"many items": {
			func(n int, _ *rand.Rand) (string, any) { return fmt.Sprint("i", n%30), n }, false, nil,
		},
		"items that come and go": {
			func(n int, random *rand.Rand) (string, any) {
				id := fmt.Sprint("i", random.IntN(10))
				if random.IntN(2) == 0 {
					return id, nil
				}
				return id, n
			}, false, nil,
		},
		"sent events among them": {
			func(n int, _ *rand.Rand) (string, any) { return fmt.Sprint("i", n%5), n }, true, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(1, 2))
				app := sseApp(t, limited(motia.StreamLimits{Buffer: 16}), motia.StreamConfig{})
				s := sseServe(t, app)
				response := sseRequest(t.Context(), t, s, http.MethodGet, "/notes/g")
				defer response.Body.Close()
				reader := bufio.NewReaderSize(response.Body, 16)
				var m sseModel
				var f sseFrame
				read := func() { // a line
					line, err := reader.ReadString('\n')
					require.NoError(t, err)
					f.raw += line
					if line == "\n" {
						if f.event != "" {
							m.apply(t, f)
						}
						f = sseFrame{}
					}
					name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
					switch name {
					case "event":
						f.event = value
					case "data":
						f.data = value
					}
				}
				for m.kinds["sync"] == 0 {
					read()
				}
				notes := testkit.StreamsOf(t, app).Get("notes")
				ids := map[string]bool{}
				for n := range 3000 {
					id, data := c.write(n, random)
					ids[id] = true
					var err error
					switch {
					case data == nil:
						_, err = notes.Delete("g", id)
					case c.sent && random.IntN(2) == 0:
						err = notes.Send("g", id, "ping", n)
					default:
						_, err = notes.Set("g", id, data)
					}
					require.NoError(t, err)
					if random.IntN(20) == 0 {
						synctest.Wait()
					}
					if random.IntN(10) == 0 {
						read()
					}
				}
				_, err := notes.Set("g", "last", 1)
				require.NoError(t, err)
				for ids["last"] = true; m.items["last"] == ""; {
					read()
				}
				var all []string
				for id := range ids {
					all = append(all, id)
				}
				require.Equal(t, sseStored(t, app, "g", all...), m.items)
				require.Equal(t, 1, m.kinds["sync"])
				if name == "updates of few items coalesce" {
					require.Zero(t, m.kinds["resync"], "what coalesces fits")
				} else {
					require.NotZero(t, m.kinds["resync"], "%v", m.kinds)
				}
				require.Less(t, m.kinds["update"], 2000, "the reader was slow: %v", m.kinds)
			})
		})
	}
}

// Neither the writer nor other clients notice a client that does not read.
func TestAStalledReaderOfEventsHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := sseApp(t, motia.Options{}, motia.StreamConfig{})
		s := sseServe(t, app)
		response := sseRequest(t.Context(), t, s, http.MethodGet, "/notes/g")
		defer response.Body.Close()
		other := sseOpen(t, s, "/notes/g")
		began := time.Now()
		for n := range 1000 {
			testkit.SetNote(t, app, "g", "a", n)
			synctest.Wait()
		}
		require.Zero(t, time.Since(began))
		require.Len(t, other.all(), 1+1000)
	})
}
