package streamserver_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

// The format is a promise to everybody who reads the events without our client.
func TestServerSentEventsHaveTheAgreedForm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := testkit.NotesApp(t)
		s := sseServe(t, app)
		ctx := app.Context(t.Context())
		notes := testkit.StreamsOf(t, app).Get("notes")
		set := func(id string, value any) {
			t.Helper()
			_, err := notes.Set("g", id, value)
			require.NoError(t, err)
		}
		set("b", map[string]any{"text": "<1>\u2028\n"})
		set("a", nil)
		time.Sleep(time.Second)
		group, item, missing := sseOpen(t, s, "/notes/g"), sseOpen(t, s, "/notes/g/b"), sseOpen(t, s, "/notes/g/x")
		time.Sleep(time.Second)
		set("c", []int{1, 2})
		set("b", "two")
		set("b", "three")
		set("b", "three") // no change
		require.NoError(t, testkit.Notes.Send(ctx, "g", "", "typing", map[string]any{"who": "Ann"}))
		require.NoError(t, testkit.Notes.Send(ctx, "g", "b", "ping", nil))
		synctest.Wait()
		for range 2 {
			_, err := notes.Delete("g", "b")
			require.NoError(t, err)
		}
		set("b", 7)

		const sync = "id: ID\nevent: sync\ndata: "
		for name, c := range map[string]struct {
			stream *sseStream
			want   []string
		}{
			"group": {group, []string{
				sync + `{"timestamp":946684801000,"items":[{"id":"a","data":null},{"id":"b","data":{"text":"\u003c1\u003e\u2028\n"}}]}`,
				"id: ID\nevent: create\ndata: " + `{"timestamp":946684802000,"id":"c","data":[1,2]}`,
				"id: ID\nevent: update\ndata: " + `{"timestamp":946684802000,"id":"b","data":"two"}`,
				"id: ID\nevent: update\ndata: " + `{"timestamp":946684802001,"id":"b","data":"three"}`,
				"id: ID\nevent: event\ndata: " + `{"timestamp":946684802000,"name":"typing","payload":{"who":"Ann"}}`,
				"id: ID\nevent: event\ndata: " + `{"timestamp":946684802002,"id":"b","name":"ping","payload":null}`,
				"id: ID\nevent: delete\ndata: " + `{"timestamp":946684802003,"id":"b","data":"three"}`,
				"id: ID\nevent: create\ndata: " + `{"timestamp":946684802004,"id":"b","data":7}`,
			}},
			"item": {item, []string{
				sync + `{"timestamp":946684801000,"id":"b","items":[{"id":"b","data":{"text":"\u003c1\u003e\u2028\n"}}]}`,
				"id: ID\nevent: update\ndata: " + `{"timestamp":946684802000,"id":"b","data":"two"}`,
				"id: ID\nevent: update\ndata: " + `{"timestamp":946684802001,"id":"b","data":"three"}`,
				"id: ID\nevent: event\ndata: " + `{"timestamp":946684802002,"id":"b","name":"ping","payload":null}`,
				"id: ID\nevent: delete\ndata: " + `{"timestamp":946684802003,"id":"b","data":"three"}`,
				"id: ID\nevent: create\ndata: " + `{"timestamp":946684802004,"id":"b","data":7}`,
			}},
			"missing item": {missing, []string{sync + `{"timestamp":946684801000,"id":"x","items":[]}`}},
		} {
			var got []string
			ids := map[string]bool{}
			for _, f := range c.stream.all() {
				require.NotEmpty(t, f.id)
				require.False(t, ids[f.id], "%s: id comes twice", name)
				ids[f.id] = true
				got = append(got, strings.TrimSuffix(regexp.MustCompile(`(?m)^id: \S+$`).ReplaceAllString(f.raw, "id: ID"), "\n\n"))
			}
			require.Equal(t, c.want, got, name)
			require.Equal(t, "no-store", c.stream.response.Header.Get("Cache-Control"))
		}
	})
}

func TestWhatIsNotUTF8IsWrittenAlikeOnEveryRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := sseApp(t, motia.Options{}, motia.StreamConfig{})
		stream := sseOpen(t, sseServe(t, app), "/notes/g")
		_, err := testkit.StreamsOf(t, app).Get("notes").Set("g", "\xff", "a\xff")
		require.NoError(t, err)
		sseSend(t, app, "g", "", "e\xff", []string{"\xff"})
		require.Equal(t, []string{"sync", "create \uFFFD \"a\uFFFD\"", "event e\uFFFD [\"\uFFFD\"]"}, stream.texts(t))
		sync := sseOpen(t, sseServe(t, app), "/notes/g").next(t)
		require.Contains(t, sync.data, "[{\"id\":\"\uFFFD\",\"data\":\"a\uFFFD\"}]")
	})
}

func TestNamesInThePathOfAStreamArePercentEncoded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, _ := testkit.NewApp(t, &motia.Options{Streams: []motia.StreamConfig{{Name: "notes"}, {Name: "a/b ü"}}})
		s := sseServe(t, app)
		for path, where := range map[string][3]string{
			"/notes/g%2Fh":             {"notes", "g/h", ""},
			"/notes/g%2Fh/i%2F%2F":     {"notes", "g/h", "i//"},
			"/notes/%F0%9F%98%80/%00":  {"notes", "😀", "\x00"},
			"/notes/😀/a%25b":           {"notes", "😀", "a%b"},
			"/notes/a+b/c%20d%3Fe=%23": {"notes", "a+b", "c d?e=#"},
			"/notes/":                  {"notes", "", ""},
			"/notes//i":                {"notes", "", "i"},
			"/notes/../..":             {"notes", "..", ".."},
			"/a%2Fb%20%C3%BC/%2e":      {"a/b ü", ".", ""},
		} {
			stream := sseOpen(t, s, path)
			item := where[2]
			if item == "" {
				item = "any"
			}
			_, err := testkit.StreamsOf(t, app).Get(where[0]).Set(where[1], item, 1)
			require.NoError(t, err)
			texts := stream.texts(t)
			require.Len(t, texts, 2, path)
			require.Equal(t, "create "+item+" 1", texts[1], path)
			stream.cut()
		}
	})
}

func TestAStreamThatCannotBeginIsAProblem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var joins, leaves testkit.List[string]
		app := sseApp(t, motia.Options{
			StreamServer: motia.StreamServerOptions{
				Origins: []string{"*.example.com"},
				Auth: func(_ context.Context, r *http.Request) (any, error) {
					switch token := motia.StreamToken(r); token {
					case "panic":
						panic("secret")
					case "teapot":
						return nil, motia.HTTPError(http.StatusTeapot, errors.New("no coffee"))
					case "broken":
						return nil, motia.HTTPError(http.StatusBadGateway, errors.New("directory is down"))
					case "":
						return nil, errors.New("secret")
					default:
						return token, nil
					}
				},
			},
		}, motia.StreamConfig{
			OnJoin: func(_ context.Context, join motia.StreamJoin) error {
				joins.Add(join.Principal.(string) + " " + join.GroupID + " " + join.ItemID)
				switch join.Principal {
				case "stranger":
					return errors.New("secret")
				case "early":
					return motia.HTTPError(http.StatusForbidden, errors.New("not before noon"))
				case "reckless":
					panic("secret")
				}
				return nil
			},
			OnLeave: func(context.Context, motia.StreamJoin) { leaves.Add("left") },
		})
		s := sseServe(t, app)
		for name, c := range map[string]struct {
			method, path, token, origin string
			status                      int
			detail                      string
		}{
			"no token":           {"GET", "/notes/g", "", "", 401, "authentication failed"},
			"panic":              {"GET", "/notes/g", "panic", "", 401, "authentication failed"},
			"chosen status":      {"GET", "/notes/g", "teapot", "", 418, "no coffee"},
			"chosen 5xx":         {"GET", "/notes/g", "broken", "", 502, "directory is down"},
			"denied":             {"GET", "/notes/g", "stranger", "", 403, "join is refused"},
			"denied with words":  {"GET", "/notes/g/i", "early", "", 403, "not before noon"},
			"OnJoin panics":      {"GET", "/notes/g/i", "reckless", "", 403, "join is refused"},
			"HEAD denied":        {"HEAD", "/notes/g", "stranger", "", 403, ""},
			"other origin":       {"GET", "/notes/g", "friend", "https://example.org", 403, "origin is not allowed"},
			"null origin":        {"GET", "/notes/g", "friend", "null", 403, "origin is not allowed"},
			"undeclared":         {"GET", "/others/g", "friend", "", 404, "stream is not declared"},
			"no group":           {"GET", "/notes", "friend", "", 404, "the path is not /{stream}/{group} or /{stream}/{group}/{item}"},
			"no stream":          {"GET", "/", "friend", "", 404, "the path is not /{stream}/{group} or /{stream}/{group}/{item}"},
			"empty stream":       {"GET", "//g", "friend", "", 404, "the path is not /{stream}/{group} or /{stream}/{group}/{item}"},
			"empty item":         {"GET", "/notes/g/", "friend", "", 404, "the path is not /{stream}/{group} or /{stream}/{group}/{item}"},
			"too many segments":  {"GET", "/notes/g/i/j", "friend", "", 404, "the path is not /{stream}/{group} or /{stream}/{group}/{item}"},
			"POST":               {"POST", "/notes/g", "friend", "", 405, "POST is not allowed for this path"},
			"POST, allowed page": {"POST", "/notes/g", "friend", "https://www.example.com", 405, "POST is not allowed for this path"},
		} {
			headers := []string{}
			if c.token != "" {
				headers = append(headers, "Authorization", "Bearer "+c.token)
			}
			if c.origin != "" {
				headers = append(headers, "Origin", c.origin)
			}
			response := sseRequest(t.Context(), t, s, c.method, c.path, headers...)
			require.Equal(t, c.status, response.StatusCode, name)
			if c.method != http.MethodHead {
				require.Equal(t, c.detail, sseProblem(t, response).Detail, name)
			}
			require.Equal(t, c.status == 405, response.Header.Get("Allow") == "GET, HEAD", name)
			require.Equal(t, c.status == 401, response.Header.Get("WWW-Authenticate") == "Bearer", name)
			// Pages that are allowed may read why.
			require.Equal(t, strings.HasSuffix(c.origin, ".example.com"), response.Header.Get("Access-Control-Allow-Origin") != "", name)
		}
		require.ElementsMatch(t, []string{"stranger g ", "early g i", "reckless g i", "stranger g "}, joins.All())
		require.Empty(t, leaves.All(), "OnLeave is called only for clients that joined")

		stop := testkit.Start(t, app)
		synctest.Wait()
		require.NoError(t, stop())
		response := sseRequest(t.Context(), t, s, "GET", "/notes/g", "Authorization", "Bearer friend", "Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
		require.Equal(t, "1", response.Header.Get("Retry-After"))
		p := sseProblem(t, response)
		require.Equal(t, 503, p.Status)
		require.Equal(t, "server is shutting down", p.Detail)
		require.Equal(t, "0af7651916cd43dd8448eb211c80319c", p.TraceID)
	})
}

func TestPagesOfAllowedOriginsMayReadStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sseServe(t, sseApp(t, motia.Options{StreamServer: motia.StreamServerOptions{Origins: []string{"*.example.com"}}}, motia.StreamConfig{}))
		for _, origin := range []string{"https://www.example.com", "http://app.test", "HTTP://APP.TEST", ""} {
			stream := sseOpen(t, s, "/notes/g", "Origin", origin)
			h := stream.response.Header
			require.Equal(t, origin, h.Get("Access-Control-Allow-Origin"))
			if origin != "" {
				require.Equal(t, "true", h.Get("Access-Control-Allow-Credentials"))
				require.Equal(t, "Origin", h.Get("Vary"))
			}
			stream.cut()
		}
	})
}

func TestHEADAsksWithoutJoining(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen testkit.List[string]
		app := sseApp(t, motia.Options{StreamServer: motia.StreamServerOptions{Auth: func(context.Context, *http.Request) (any, error) { return "ann", nil }}}, motia.StreamConfig{
			OnJoin:   func(context.Context, motia.StreamJoin) error { seen.Add("join"); return nil },
			OnLeave:  func(context.Context, motia.StreamJoin) { seen.Add("leave") },
			Presence: func(principal any) motia.Member { return motia.Member{ID: principal.(string)} },
		})
		s := sseServe(t, app)
		watching := testkit.SubscribeNotes(t, app, "g")
		testkit.NextNote(t, watching)
		response := sseRequest(t.Context(), t, s, http.MethodHead, "/notes/g")
		require.Equal(t, http.StatusOK, response.StatusCode)
		require.Equal(t, "text/event-stream", response.Header.Get("Content-Type"))
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.Empty(t, body)
		require.Equal(t, []string{"join", "leave"}, seen.All())
		testkit.NoNote(t, watching) // nobody was present
	})
}

func TestAnIdleStreamIsKeptAliveByComments(t *testing.T) {
	for name, configure := range map[string]func(*http.Server){
		"HTTP/1": func(s *http.Server) {},
		// The limits of a server for all its requests must not end a stream.
		"HTTP/1 with time limits": func(s *http.Server) { s.ReadTimeout, s.WriteTimeout = 5*time.Second, 5*time.Second },
		// HTTP/2 ends a stream when the deadline for writing passes, even if nobody writes.
		"HTTP/2": func(s *http.Server) { s.Protocols = new(http.Protocols); s.Protocols.SetUnencryptedHTTP2(true) },
		"HTTP/2 with time limits": func(s *http.Server) {
			s.Protocols = new(http.Protocols)
			s.Protocols.SetUnencryptedHTTP2(true)
			s.ReadTimeout, s.WriteTimeout = 5*time.Second, 5*time.Second
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app := testkit.NotesApp(t)
				s := sseServe(t, app, configure)
				s.client.Transport.(*http.Transport).Protocols = s.server.Protocols
				stream := sseOpen(t, s, "/notes/g")
				require.Equal(t, "sync", stream.next(t).text(t))
				began := time.Now()
				for range 5 {
					require.Equal(t, ": alive\n\n", stream.next(t).raw)
				}
				require.Equal(t, 150*time.Second, time.Since(began))
				testkit.SetNote(t, app, "g", "a", 1)
				require.Equal(t, `create a {"text":"","n":1}`, stream.next(t).text(t))
				stream.cut()
			})
		})
	}
}

func TestShutdownEndsStreamsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var left testkit.List[string]
		app := sseApp(t, motia.Options{}, motia.StreamConfig{
			OnLeave: func(_ context.Context, join motia.StreamJoin) { left.Add(join.GroupID + "/" + join.ItemID) },
		})
		pipes := testkit.NewPipes()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- app.Serve(ctx, pipes) }()
		s := &sseServer{client: sseHTTPClient(t, pipes)}
		group, item := sseOpen(t, s, "/streams/notes/g"), sseOpen(t, s, "/streams/notes/g/i")
		time.Sleep(20 * time.Second) // beyond the time for a write
		began := time.Now()
		cancel()
		require.NoError(t, <-done)
		require.Less(t, time.Since(began), 100*time.Millisecond)
		require.ErrorIs(t, group.ended(), io.EOF)
		require.ErrorIs(t, item.ended(), io.EOF)
		require.ElementsMatch(t, []string{"g/", "g/i"}, left.All())
	})
}

func TestAClientThatIsGoneIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var left testkit.List[string]
		app := sseApp(t, motia.Options{}, motia.StreamConfig{OnLeave: func(context.Context, motia.StreamJoin) { left.Add("left") }})
		s := sseServe(t, app)
		stream := sseOpen(t, s, "/notes/g")
		stream.cut()
		synctest.Wait()
		require.Equal(t, []string{"left"}, left.All())

		// A client that stops reading is cut off once a write takes too long.
		response := sseRequest(t.Context(), t, s, http.MethodGet, "/notes/g")
		defer response.Body.Close()
		for n := range 3 {
			_, err := testkit.StreamsOf(t, app).Get("notes").Set("g", "a", strings.Repeat("x", 100_000)+string(rune('a'+n)))
			require.NoError(t, err)
		}
		time.Sleep(10*time.Second - time.Nanosecond)
		synctest.Wait()
		require.Len(t, left.All(), 1)
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		require.Len(t, left.All(), 2)
	})
}

// A writer that cannot flush cannot stream.
func TestAStreamNeedsAWriterThatFlushes(t *testing.T) {
	var left testkit.List[string]
	app := sseApp(t, motia.Options{}, motia.StreamConfig{OnLeave: func(context.Context, motia.StreamJoin) { left.Add("left") }})
	recorder := httptest.NewRecorder()
	app.StreamHandler().ServeHTTP(struct{ http.ResponseWriter }{recorder}, httptest.NewRequest(http.MethodGet, "/notes/g", nil))
	require.Equal(t, []string{"left"}, left.All())
}
