package streamclient_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
	"github.com/motia-go/motia/streamclient"
)

// What comes over the network is what comes in process.
func TestASubscriptionGetsWhatOneInProcessGets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, handler := newApp(t, motia.Options{}, motia.StreamConfig{})
		client := newNetwork(t, handler).client(t, streamclient.Options{})
		ctx := app.Context(t.Context())
		for _, group := range []string{"g", "", "a/b?c#d%2Fe ü\x00"} {
			for _, item := range []string{"", "i", "i/j?k"} {
				var opts []streamclient.Option
				var inProcess []motia.SubscribeOption
				if item != "" {
					opts, inProcess = append(opts, streamclient.ForItem(item)), append(inProcess, motia.ForItem(item))
				}
				testkit.SetNote(t, app, group, "i", 1)
				remote := subscribe(t, client, group, opts...)
				local, err := testkit.Notes.Subscribe(ctx, group, inProcess...)
				require.NoError(t, err)
				for _, id := range []string{"i", "i/j?k", "j"} {
					testkit.SetNote(t, app, group, id, 2)
					testkit.SetNote(t, app, group, id, 3)
					synctest.Wait()
					require.NoError(t, testkit.Notes.Send(ctx, group, id, "ping", map[string]int{"a": 1}))
					synctest.Wait()
					_, _, err = testkit.Notes.Delete(ctx, group, id)
					require.NoError(t, err)
				}
				require.NoError(t, testkit.Notes.Send(ctx, group, "", "typing", nil))
				synctest.Wait()
				last := "i"
				if item != "" {
					last = item
				}
				testkit.SetNote(t, app, group, last, 4)
				for seen := 0; ; seen++ {
					want, err := local.Next(ctx)
					require.NoError(t, err)
					got, err := remote.Next(ctx)
					require.NoError(t, err)
					require.WithinDuration(t, want.Timestamp, got.Timestamp, time.Second)
					got.Timestamp = want.Timestamp // in milliseconds, and never the same twice for an item
					require.Equal(t, want, got)
					if want.Event.Data.N == 4 {
						require.Greater(t, seen, 4)
						break
					}
				}
				quiet(t, remote)
				remote.Close()
				local.Close()
				_, _, err = testkit.Notes.Delete(ctx, group, last)
				require.NoError(t, err)
			}
		}
	})
}

func TestTheTypeOfItemsCanBeNamedInPlaceOfTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, handler := newApp(t, motia.Options{}, motia.StreamConfig{})
		client := newNetwork(t, handler).client(t, streamclient.Options{})
		testkit.SetNote(t, app, "g", "a", 1)
		sub, err := streamclient.Subscribe[json.RawMessage](t.Context(), client, "notes", "g")
		require.NoError(t, err)
		defer sub.Close()
		event, err := sub.Next(t.Context())
		require.NoError(t, err)
		require.JSONEq(t, `{"text":"","n":1}`, string(event.Event.Items[0].Data))
	})
}

func TestTheFirstRefusalIsReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, handler := newApp(t, motia.Options{
			StreamServer: motia.StreamServerOptions{Auth: func(_ context.Context, r *http.Request) (any, error) {
				if motia.StreamToken(r) == "" {
					return nil, errors.New("no token")
				}
				return motia.StreamToken(r), nil
			}},
		}, motia.StreamConfig{OnJoin: func(_ context.Context, join motia.StreamJoin) error {
			if join.GroupID != join.Principal {
				return motia.HTTPError(http.StatusForbidden, errors.New("not your group"))
			}
			return nil
		}})
		n := newNetwork(t, handler)
		for name, c := range map[string]struct {
			token, stream, group string
			status               int
			text                 string
		}{
			"no token":      {"", "notes", "ann", 401, `streamclient: subscribe to stream "notes": server answers 401 Unauthorized: authentication failed`},
			"another group": {"ann", "notes", "bob", 403, `streamclient: subscribe to stream "notes": server answers 403 Forbidden: not your group`},
			"undeclared":    {"ann", "others", "ann", 404, `streamclient: subscribe to stream "others": server answers 404 Not Found: stream is not declared`},
		} {
			client := n.client(t, streamclient.Options{Token: c.token})
			_, err := streamclient.Subscribe[testkit.Note](t.Context(), client, motia.StreamName[testkit.Note](c.stream), c.group)
			var refused *streamclient.Error
			require.ErrorAs(t, err, &refused, name)
			require.Equal(t, c.status, refused.Status, name)
			require.Equal(t, c.status, refused.Problem.Status, name)
			require.Len(t, refused.Problem.TraceID, 32, name)
			require.EqualError(t, err, c.text, name)
		}
		require.Equal(t, "sync notes/ann/", next(t, subscribe(t, n.client(t, streamclient.Options{Token: "ann"}), "ann")))
	})
}

func TestAnAnswerThatIsNoStreamIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, nil)
		client := n.client(t, streamclient.Options{})
		for name, c := range map[string]struct {
			status     int
			kind, body string
			want       string
		}{
			"a page":            {200, "text/html; charset=utf-8", "<html>", `server answers 200 OK: response is "text/html", not server-sent events`},
			"no type":           {200, "", "", `server answers 200 OK: response is "", not server-sent events`},
			"no content":        {204, "", "", "server answers 204 No Content"},
			"plain":             {404, "text/plain", "404 page not found", "server answers 404 Not Found"},
			"broken problem":    {500, "application/problem+json", "{", "server answers 500 Internal Server Error"},
			"problem too large": {500, "application/problem+json", `{"detail":"` + strings.Repeat("x", 100_000) + `"}`, "server answers 500 Internal Server Error"},
			"events of a 500":   {500, "text/event-stream", emptySync, "server answers 500 Internal Server Error"},
		} {
			n.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", c.kind)
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			}))
			_, err := streamclient.Subscribe(t.Context(), client, testkit.Notes, "g")
			require.EqualError(t, err, `streamclient: subscribe to stream "notes": `+c.want, name)
			var refused *streamclient.Error
			require.ErrorAs(t, err, &refused)
			require.Equal(t, c.status, refused.Status)
		}
		n.refuse(true)
		began := time.Now()
		_, err := streamclient.Subscribe(t.Context(), client, testkit.Notes, "g")
		require.ErrorContains(t, err, "connection refused")
		require.Zero(t, time.Since(began), "the first attempt is the only one")
	})
}

func TestMistakesAreReportedBySubscribe(t *testing.T) {
	for name, c := range map[string]struct {
		address string
		opts    *streamclient.Options
		stream  motia.StreamName[testkit.Note]
		item    []streamclient.Option
		want    string
	}{
		"no URL":         {"", nil, testkit.Notes, nil, `"" is not an absolute http or https URL`},
		"no host":        {"http:///streams", nil, testkit.Notes, nil, "not an absolute"},
		"another scheme": {"ws://app.test/", nil, testkit.Notes, nil, "not an absolute"},
		"bad URL":        {"http://a b/", nil, testkit.Notes, nil, "invalid character"},
		"negative":       {"http://app.test", &streamclient.Options{Silence: -1}, testkit.Notes, nil, "negative"},
		"no stream":      {"http://app.test", nil, "", nil, "name is empty"},
		"empty item":     {"http://app.test", nil, testkit.Notes, []streamclient.Option{streamclient.ForItem("")}, "item is empty"},
		"two items":      {"http://app.test", nil, testkit.Notes, []streamclient.Option{streamclient.ForItem("a"), nil, streamclient.ForItem("b")}, "item is given twice"},
	} {
		_, err := streamclient.Subscribe(t.Context(), streamclient.New(c.address, c.opts), c.stream, "g", c.item...)
		require.ErrorContains(t, err, c.want, name)
	}
}

func TestARequestCarriesWhatTheOptionsSay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, script(nil))
		header := http.Header{"X-Tenant": {"t1"}, "Accept": {"text/plain"}}
		transport := &http.Transport{DialContext: n.dial, DisableKeepAlives: true}
		client := streamclient.New("http://app.test/st%2Freams/?key=a%20b", &streamclient.Options{
			HTTPClient: &http.Client{Transport: transport, Timeout: time.Second}, // a subscription has no end
			Token:      "secret", Header: header, Silence: 2 * time.Hour,
		})
		header.Set("X-Tenant", "changed later")
		sub, err := streamclient.Subscribe(t.Context(), client, testkit.Notes, "a/b", streamclient.ForItem("ü"))
		require.NoError(t, err)
		defer sub.Close()
		r := n.asked()[0]
		require.Equal(t, "/st%2Freams/notes/a%2Fb/%C3%BC?key=a%20b", r.RequestURI)
		require.Equal(t, "t1", r.Header.Get("X-Tenant"))
		require.Equal(t, "text/event-stream", r.Header.Get("Accept"))
		require.Equal(t, "Bearer secret", r.Header.Get("Authorization"))
		require.Empty(t, r.Header.Values("Last-Event-Id"))
		require.NotContains(t, header, "Authorization", "the caller's header stays as it is")
		time.Sleep(time.Hour)
		require.Len(t, n.asked(), 1)
	})
}

func TestASubscriptionEndsWithItsContextOrClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, handler := newApp(t, motia.Options{}, motia.StreamConfig{})
		n := newNetwork(t, handler)
		client := n.client(t, streamclient.Options{})
		cause := errors.New("enough")
		for _, connected := range []bool{true, false} {
			for _, read := range []bool{true, false} { // else the snapshot waits to be taken
				open := func() (*streamclient.Subscription[testkit.Note], context.CancelCauseFunc) {
					ctx, cancel := context.WithCancelCause(t.Context())
					sub, err := streamclient.Subscribe(ctx, client, testkit.Notes, "g")
					require.NoError(t, err)
					if read {
						require.Equal(t, "sync notes/g/", next(t, sub))
						if !connected {
							n.refuse(true)
							n.cut()
							time.Sleep(10 * time.Second)
						}
					}
					return sub, cancel
				}
				sub, cancel := open()
				waiting := make(chan error, 1)
				if read {
					go func() { _, err := sub.Next(context.Background()); waiting <- err }()
					synctest.Wait()
				}
				sub.Close()
				if read {
					require.ErrorIs(t, <-waiting, motia.ErrSubscriptionClosed)
				}
				sub.Close()
				_, err := sub.Next(t.Context())
				require.ErrorIs(t, err, motia.ErrSubscriptionClosed)
				for range sub.Events(t.Context()) {
					require.Fail(t, "nothing follows")
				}
				cancel(nil)
				n.refuse(false)

				sub, cancel = open()
				cancel(cause)
				synctest.Wait()
				_, err = sub.Next(t.Context())
				require.Equal(t, cause, err)
				for range sub.Events(t.Context()) {
					require.Fail(t, "nothing follows")
				}
				n.refuse(false)
			}
		}
		// A context that has ended before, or does while the server thinks.
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		n.serve(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { cancel(cause) }))
		for range 2 {
			_, err := streamclient.Subscribe(ctx, client, testkit.Notes, "g")
			require.ErrorIs(t, err, cause)
		}
	}) // which fails if a goroutine is left
}

// slowBody takes a while to be closed.
type slowBody struct {
	ctx    context.Context
	closed *atomic.Bool
}

func (b slowBody) Read([]byte) (int, error) {
	<-b.ctx.Done()
	return 0, b.ctx.Err()
}

func (b slowBody) Close() error {
	time.Sleep(time.Second)
	b.closed.Store(true)
	return nil
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestCloseReturnsWhenNothingIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var closed atomic.Bool
		transport := roundTrip(func(r *http.Request) (*http.Response, error) {
			header := http.Header{"Content-Type": {"text/event-stream"}}
			return &http.Response{StatusCode: 200, Header: header, Body: slowBody{r.Context(), &closed}, Request: r}, nil
		})
		client := streamclient.New("http://app.test", &streamclient.Options{HTTPClient: &http.Client{Transport: transport}})
		sub, err := streamclient.Subscribe(t.Context(), client, testkit.Notes, "g")
		require.NoError(t, err)
		sub.Close()
		require.True(t, closed.Load())
	})
}

func TestTheContextOfNextDoesNotEndTheSubscription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, handler := newApp(t, motia.Options{}, motia.StreamConfig{})
		n := newNetwork(t, handler)
		sub := subscribe(t, n.client(t, streamclient.Options{}), "g")
		require.Equal(t, "sync notes/g/", next(t, sub))
		quiet(t, sub)
		testkit.SetNote(t, app, "g", "a", 1)
		require.Equal(t, "create notes/g/a 1", next(t, sub))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		testkit.SetNote(t, app, "g", "a", 2)
		for event, err := range sub.Events(ctx) {
			require.NoError(t, err)
			require.Equal(t, "update notes/g/a 2", text(event))
			cancel()
		}
		testkit.SetNote(t, app, "g", "a", 3)
		require.Equal(t, "update notes/g/a 3", next(t, sub))
		require.Len(t, n.asked(), 1)
	})
}

func requireItemError(t *testing.T, err error, id, text string) {
	t.Helper()
	var item *motia.ItemError
	require.ErrorAs(t, err, &item)
	require.Equal(t, [...]string{"notes", "g", id}, [...]string{item.Stream, item.GroupID, item.ItemID})
	require.ErrorContains(t, err, text)
}

func TestAnItemThatDoesNotDecodeComesWithAnErrorAndTheSubscriptionGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, handler := newApp(t, motia.Options{}, motia.StreamConfig{})
		inv, _ := motia.FromContext(app.Context(t.Context()))
		notes := inv.Streams.Get("notes")
		for id, value := range map[string]any{"a": "text", "b": testkit.Note{N: 1}} {
			_, err := notes.Set("g", id, value)
			require.NoError(t, err)
		}
		sub := subscribe(t, newNetwork(t, handler).client(t, streamclient.Options{}), "g")
		var seen []string
		for event, err := range sub.Events(t.Context()) {
			seen = append(seen, text(event))
			switch len(seen) {
			case 1:
				requireItemError(t, err, "a", `motia: item "a" of stream "notes", group "g": wrong type: value must be an object, not a string`)
				_, err = notes.Set("g", "b", 7)
				require.NoError(t, err)
			case 2:
				requireItemError(t, err, "b", `motia: item "b" of stream "notes", group "g": wrong type: value must be an object, not a number`)
				testkit.SetNote(t, app, "g", "a", 2)
			case 3:
				require.NoError(t, err)
				sub.Close()
			}
		}
		require.Equal(t, []string{"sync notes/g/ a=0 b=1", "update notes/g/b 0", "update notes/g/a 2"}, seen)
	})
}
