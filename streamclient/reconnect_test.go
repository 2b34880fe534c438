package streamclient_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
	"github.com/motia-go/motia/streamclient"
)

func TestAfterALostConnectionWhatWasMissedFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, handler := newApp(t, motia.Options{}, motia.StreamConfig{})
		n := newNetwork(t, handler)
		client := n.client(t, streamclient.Options{})
		group, item := subscribe(t, client, "g"), subscribe(t, client, "g", streamclient.ForItem("a"))
		require.Equal(t, "sync notes/g/", next(t, group))
		require.Equal(t, "sync notes/g/a", next(t, item))
		for round := range 5 {
			n.cut()
			for k := range 3 {
				testkit.SetNote(t, app, "g", "a", 10*round+k+1)
				testkit.SetNote(t, app, "g", "b", 10*round+k+1)
			}
			for k := range 3 {
				kind := "update"
				if round+k == 0 {
					kind = "create"
				}
				require.Equal(t, fmt.Sprintf("%s notes/g/a %d", kind, 10*round+k+1), next(t, group))
				require.Equal(t, fmt.Sprintf("%s notes/g/b %d", kind, 10*round+k+1), next(t, group))
				require.Equal(t, fmt.Sprintf("%s notes/g/a %d", kind, 10*round+k+1), next(t, item))
			}
		}
		n.cut()
		quiet(t, group) // nothing was missed
		testkit.SetNote(t, app, "g", "c", 1)
		require.Equal(t, "create notes/g/c 1", next(t, group))
	})
}

func TestWhatCannotBeMadeUpForIsAResync(t *testing.T) {
	for name, history := range map[string]motia.StreamHistory{
		"too many":   {Events: 2},
		"no history": {Events: -1}, // the server begins with a sync, which would not say that events were missed
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app, handler := newApp(t, motia.Options{}, motia.StreamConfig{History: history})
				n := newNetwork(t, handler)
				sub := subscribe(t, n.client(t, streamclient.Options{}), "g")
				require.Equal(t, "sync notes/g/", next(t, sub))
				for round := range 3 {
					n.cut()
					for k := range 4 {
						testkit.SetNote(t, app, "g", "a", 10*round+k+1)
					}
					require.Equal(t, fmt.Sprintf("resync notes/g/ a=%d", 10*round+4), next(t, sub))
				}
				testkit.SetNote(t, app, "g", "a", 100)
				require.Equal(t, "update notes/g/a 100", next(t, sub))
			})
		})
	}
}

func TestASubscriptionSurvivesARestartOfTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, handler := newApp(t, motia.Options{}, motia.StreamConfig{})
		n := newNetwork(t, handler)
		sub := subscribe(t, n.client(t, streamclient.Options{}), "g")
		require.Equal(t, "sync notes/g/", next(t, sub))
		testkit.ShutDown(t, app) // it answers 503 from now on
		time.Sleep(10 * time.Minute)
		fresh, handler := newApp(t, motia.Options{}, motia.StreamConfig{})
		testkit.SetNote(t, fresh, "g", "a", 1)
		n.serve(handler)
		require.Equal(t, "resync notes/g/ a=1", next(t, sub))
	})
}

// If a connection is lost before the snapshot has arrived, the subscription still begins with a sync.
func TestTheSnapshotComesFirstHoweverOftenTheConnectionIsLostBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		texts := []string{"", ": alive\n\n", "id: 1\nevent: sync\ndata: {\"timestamp\"", "event: sync\ndata: {\"timestamp\":1,\"items\":[]}\n", "id: 7\nevent: sync\ndata: {\"timestamp\":1,\"items\":[]}\n\n", emptySync}
		n := newNetwork(t, nil)
		n.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			says(texts[min(len(n.asked()), len(texts))-1]).ServeHTTP(w, r)
		}))
		sub := subscribe(t, n.client(t, streamclient.Options{}), "g")
		require.Equal(t, "sync notes/g/", next(t, sub))
		require.Len(t, n.asked(), 5)
		require.Equal(t, "resync notes/g/", next(t, sub))
		for i, r := range n.asked()[:5] {
			require.Empty(t, r.Header.Get("Last-Event-Id"), i)
		}
		require.Equal(t, "7", n.asked()[5].Header.Get("Last-Event-Id"))
	})
}

// within checks that the pause before every attempt is the given delay, or up to a half less.
func within(t testing.TB, attempts []time.Duration, delays ...time.Duration) {
	t.Helper()
	require.Len(t, attempts, len(delays))
	var before time.Duration
	for i, at := range attempts {
		require.GreaterOrEqual(t, at-before, delays[i]/2, "attempt %d", i)
		require.LessOrEqual(t, at-before, delays[i]+time.Millisecond, "attempt %d", i)
		before = at
	}
}

func TestAttemptsToReconnectAreMadeLessAndLessOften(t *testing.T) {
	const second = time.Second
	for name, c := range map[string]struct {
		opts   streamclient.Options
		begin  string // of the stream
		delays []time.Duration
	}{
		"defaults": {
			streamclient.Options{}, emptySync,
			[]time.Duration{second / 2, second, 2 * second, 4 * second, 8 * second, 16 * second, 30 * second, 30 * second, 30 * second},
		},
		"options": {
			streamclient.Options{MinDelay: 2 * second, MaxDelay: 5 * second}, emptySync,
			[]time.Duration{2 * second, 4 * second, 5 * second, 5 * second},
		},
		"what the server says": {
			streamclient.Options{}, "retry: 1\n\nretry: 3000\n" + emptySync,
			[]time.Duration{3 * second, 6 * second, 12 * second, 24 * second, 30 * second},
		},
		"a server that is in a hurry": {
			streamclient.Options{}, "retry: 0\n\n" + emptySync,
			[]time.Duration{second / 10, second / 5, 2 * second / 5},
		},
		"a server that is not": {
			streamclient.Options{}, "retry: 2000000000\n\n" + emptySync,
			[]time.Duration{30 * second, 30 * second},
		},
		"retries that are none": {
			streamclient.Options{}, "retry: -1\nretry: 1s\nretry:\nretry: 99999999999999999999\n" + emptySync,
			[]time.Duration{second / 2, second},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork(t, says(c.begin))
				sub := subscribe(t, n.client(t, c.opts), "g")
				lost := time.Now()
				for i := range c.delays { // the last one is answered
					if i%2 == 0 {
						n.refuse(true)
					} else {
						n.refuse(false)
						n.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(502) }))
					}
					if i == 0 {
						require.Equal(t, "sync notes/g/", next(t, sub))
					}
					for len(n.attempts(lost)) == i {
						time.Sleep(time.Millisecond)
						synctest.Wait()
					}
				}
				within(t, n.attempts(lost), c.delays...)
				var longest time.Duration
				for _, delay := range c.delays {
					longest += delay
				}
				require.Less(t, n.attempts(lost)[len(c.delays)-1], longest-time.Millisecond, "not all clients come back at once")

				// Once something was received, the delays begin again with the first one.
				n.refuse(false)
				n.serve(says(": alive\n"))
				for asked := len(n.attempts(lost)); len(n.attempts(lost)) == asked; {
					time.Sleep(time.Millisecond)
					synctest.Wait()
				}
				asked := n.attempts(lost)
				heard := lost.Add(asked[len(asked)-1])
				n.refuse(true)
				for len(n.attempts(heard)) == 0 {
					time.Sleep(time.Millisecond)
					synctest.Wait()
				}
				within(t, n.attempts(heard), c.delays[0])
			})
		})
	}
}

// A server that accepts connections and sends nothing is treated like one that accepts none.
func TestAServerThatHangsUpAtOnceIsAskedLessAndLessOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, says(""))
		began := time.Now()
		sub := subscribe(t, n.client(t, streamclient.Options{}), "g")
		time.Sleep(10 * time.Minute)
		sub.Close()
		require.Less(t, len(n.attempts(began)), 45)
	})
}

func TestRetryAfterIsHeeded(t *testing.T) {
	for _, status := range []int{429, 408, 500, 503} {
		for name, after := range map[string]func() string{
			"seconds": func() string { return "100" },
			"date":    func() string { return time.Now().Add(100 * time.Second).UTC().Format(http.TimeFormat) },
		} {
			t.Run(fmt.Sprint(status, " ", name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					n := newNetwork(t, says(emptySync))
					sub := subscribe(t, n.client(t, streamclient.Options{}), "g")
					n.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						w.Header().Set("Retry-After", after())
						w.WriteHeader(status)
					}))
					require.Equal(t, "sync notes/g/", next(t, sub))
					time.Sleep(time.Second)
					told := time.Now()
					time.Sleep(90 * time.Second)
					require.Empty(t, n.attempts(told))
					n.serve(says(emptySync))
					require.Equal(t, "resync notes/g/", next(t, sub))
					require.Less(t, time.Since(told), 102*time.Second)
				})
			})
		}
	}
}

func TestARefusalAtAReconnectEndsTheSubscription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, status := range []int{204, 301, 400, 401, 403, 404, 410} {
			n := newNetwork(t, says(emptySync))
			sub := subscribe(t, n.client(t, streamclient.Options{}), "g")
			n.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(status) }))
			var seen []string
			var last error
			for event, err := range sub.Events(t.Context()) {
				if last = err; err == nil {
					seen = append(seen, text(event))
				}
			}
			require.Equal(t, []string{"sync notes/g/"}, seen)
			var refused *streamclient.Error
			require.ErrorAs(t, last, &refused)
			require.Equal(t, status, refused.Status)
			require.ErrorContains(t, last, `streamclient: stream "notes": server answers`)
			_, again := sub.Next(t.Context())
			require.Equal(t, last, again)
			require.Len(t, n.asked(), 2)
		}
	})
}

func TestAServerThatFallsSilentIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		texts := make(chan string)
		n := newNetwork(t, script(texts))
		sub := subscribe(t, n.client(t, streamclient.Options{Silence: time.Minute}), "g")
		texts <- "id: 1\n" + emptySync
		require.Equal(t, "sync notes/g/", next(t, sub))
		began := time.Now()
		for range 10 { // anything is a sign of life
			time.Sleep(50 * time.Second)
			texts <- ":\n"
		}
		time.Sleep(time.Minute - time.Nanosecond)
		synctest.Wait()
		require.Empty(t, n.attempts(began))
		time.Sleep(time.Second)
		synctest.Wait()
		require.Len(t, n.attempts(began), 1)
		require.Equal(t, "1", n.asked()[1].Header.Get("Last-Event-Id"))

		// So is one that does not even begin to answer.
		n.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
		n.cut()
		began = time.Now()
		time.Sleep(3*time.Minute + 3*time.Second)
		require.Len(t, n.attempts(began), 3)
		began = time.Now()
		_, err := streamclient.Subscribe(t.Context(), n.client(t, streamclient.Options{Silence: time.Minute}), testkit.Notes, "h")
		require.EqualError(t, err, `streamclient: subscribe to stream "notes": server is silent`)
		require.Equal(t, time.Minute, time.Since(began))
	})
}

// Only the server's silence counts, not that of a program that does not read.
func TestAProgramThatReadsSlowlyKeepsItsConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		texts := make(chan string, 10)
		n := newNetwork(t, script(texts))
		sub := subscribe(t, n.client(t, streamclient.Options{Silence: time.Second}), "g")
		texts <- emptySync + strings.Repeat("event: create\ndata: {\"timestamp\":1,\"id\":\"a\",\"data\":{\"n\":1}}\n\n", 2)
		for _, want := range []string{"sync notes/g/", "create notes/g/a 1", "create notes/g/a 1"} {
			time.Sleep(time.Hour)
			require.Equal(t, want, next(t, sub))
		}
		texts <- "event: update\ndata: {\"timestamp\":2,\"id\":\"a\",\"data\":{\"n\":2}}\n\n"
		require.Equal(t, "update notes/g/a 2", next(t, sub))
		require.Len(t, n.asked(), 1)
	})
}

// The server drops superseded updates and cuts off a client that does not read. It gets a resync when it reconnects.
func TestAProgramThatReadsSlowlyEndsInTheStoredState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, handler := newApp(t, motia.Options{StreamServer: motia.StreamServerOptions{Limits: motia.StreamLimits{Buffer: 8}}}, motia.StreamConfig{History: motia.StreamHistory{Events: 8}})
		n := newNetwork(t, handler)
		sub := subscribe(t, n.client(t, streamclient.Options{}), "g")
		state, kinds := map[string]int{}, map[motia.StreamEventType]int{}
		last := 0
		read := func() {
			event, err := sub.Next(t.Context())
			require.NoError(t, err)
			kinds[event.Event.Type]++
			switch event.Event.Type {
			case motia.EventSync, motia.EventResync:
				clear(state)
				for _, item := range event.Event.Items {
					state[item.ID] = item.Data.N
				}
			default:
				state[event.ItemID] = event.Event.Data.N
			}
		}
		want := map[string]int{}
		for round := range 30 {
			for range 20 * (round % 4) {
				last++
				id := fmt.Sprint("i", last%(1+round))
				testkit.SetNote(t, app, "g", id, last)
				want[id] = last
				if last%7 == 0 {
					synctest.Wait()
				}
			}
			read()
			time.Sleep(5 * time.Second)
		}
		last++
		testkit.SetNote(t, app, "g", "last", last)
		want["last"] = last
		for state["last"] != last {
			read()
		}
		require.Equal(t, want, state)
		require.Equal(t, 1, kinds[motia.EventSync])
		require.NotZero(t, kinds[motia.EventResync])
		require.NotZero(t, kinds[motia.EventUpdate])
	})
}

func TestAnEventThatCannotBeReadEndsTheSubscription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for text, want := range map[string]string{
			"event: create\ndata: " + strings.Repeat("x", 1001) + "\n\n":                     "event is larger than 1000 bytes",
			"event: create\n" + strings.Repeat("data: x\n", 501) + "\n":                      "event is larger than 1000 bytes",
			strings.Repeat("x", 1001):                                                        "event is larger than 1000 bytes",
			"event: create\ndata: {\n\n":                                                     `event "create" is not valid: malformed JSON: unexpected end of JSON input at line 1, column 2`,
			"event: update\ndata: []\n\n":                                                    `event "update" is not valid: wrong type: value must be an object, not an array`,
			"event: resync\ndata: {\"timestamp\":1}\n\n":                                     `event "resync" has no items`,
			"event: later\ndata: {\n\n: unknown events are skipped\nevent: event\ndata:\n\n": `event "event" is not valid`,
		} {
			n := newNetwork(t, says(emptySync+text))
			sub := subscribe(t, n.client(t, streamclient.Options{MaxEventSize: 1000}), "g")
			require.Equal(t, "sync notes/g/", next(t, sub))
			_, err := sub.Next(t.Context())
			require.ErrorContains(t, err, `streamclient: stream "notes": `+want)
			time.Sleep(time.Hour)
			require.Len(t, n.asked(), 1, "the client does not ask again")
		}
	})
}

func TestALostConnectionIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log testkit.Log
		n := newNetwork(t, says(emptySync))
		sub := subscribe(t, n.client(t, streamclient.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}), "g")
		require.Equal(t, "sync notes/g/", next(t, sub))
		synctest.Wait()
		require.Contains(t, log.String(), `level=WARN msg="stream connection is lost" url=http://app.test/streams/notes/g error=EOF next_attempt_in=`)
	})
}
