package streamserver_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

// authDial tries to connect, and returns the answer of the server.
func authDial(t testing.TB, l *testkit.Pipes, header http.Header, subprotocols ...string) (*http.Response, error) {
	t.Helper()
	conn, response, err := websocket.Dial(t.Context(), "ws://motia.test/x?authToken=query&x=1", &websocket.DialOptions{
		HTTPClient: l.Client(t), HTTPHeader: header, Subprotocols: subprotocols,
	})
	if err == nil {
		require.NoError(t, conn.CloseNow())
	}
	require.NotNil(t, response, err)
	return response, err
}

func TestAuthSeesHeadersQueryAndSubprotocols(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen *http.Request
		var token string
		_, l, _ := socketApp(t, motia.Options{StreamServer: motia.StreamServerOptions{Auth: func(_ context.Context, r *http.Request) (any, error) {
			seen, token = r, motia.StreamToken(r)
			return nil, nil
		}}}, motia.StreamConfig{})
		response, err := authDial(t, l, http.Header{"X-Tenant": {"a"}, "Cookie": {"session=7"}}, "Authorization", "t0ken")
		require.NoError(t, err)
		require.Equal(t, "t0ken", token)
		require.Equal(t, "a", seen.Header.Get("X-Tenant"))
		require.Equal(t, "session=7", seen.Header.Get("Cookie"))
		require.Equal(t, "1", seen.URL.Query().Get("x"))
		require.Equal(t, "Authorization", response.Header.Get("Sec-WebSocket-Protocol"), "the clients want one of theirs back, and the token is a secret")

		response, err = authDial(t, l, nil, "chat.v2", "chat.v1")
		require.NoError(t, err)
		require.Equal(t, "chat.v2", response.Header.Get("Sec-WebSocket-Protocol"))
		response, err = authDial(t, l, nil)
		require.NoError(t, err)
		require.NotContains(t, response.Header, "Sec-Websocket-Protocol")
		require.Equal(t, "query", token)
	})
}

func TestStreamTokenIsFoundWhereClientsPutIt(t *testing.T) {
	for _, c := range []struct {
		name, target, want string
		headers            []string
	}{
		{"none", "/", "", nil},
		{"query", "/?authToken=a%20b", "a b", nil},
		{"bearer", "/?authToken=q", "b", []string{"Authorization", "Bearer b"}},
		{"bearer in lower case", "/", "b", []string{"Authorization", "bearer  b "}},
		{"another scheme", "/?authToken=q", "q", []string{"Authorization", "Basic b"}},
		{"no token", "/?authToken=q", "q", []string{"Authorization", "Bearer"}},
		{"subprotocols in a line", "/?authToken=q", "s", []string{"Sec-WebSocket-Protocol", "Authorization, s"}},
		{"subprotocols in lines", "/", "s", []string{"Sec-WebSocket-Protocol", "authorization", "Sec-WebSocket-Protocol", "s"}},
		{"the name alone", "/?authToken=q", "q", []string{"Sec-WebSocket-Protocol", "Authorization"}},
		{"other subprotocols", "/", "", []string{"Sec-WebSocket-Protocol", "chat, Authorization, s"}},
		{"empty ones", "/", "s", []string{"Sec-WebSocket-Protocol", " ,Authorization, , s"}},
	} {
		r := httptest.NewRequest("GET", c.target, nil)
		for i := 0; i < len(c.headers); i += 2 {
			r.Header.Add(c.headers[i], c.headers[i+1])
		}
		require.Equal(t, c.want, motia.StreamToken(r), c.name)
	}
}

func TestARefusedClientGetsAProblemThatTellsNothing(t *testing.T) {
	for name, c := range map[string]struct {
		auth   func(context.Context) error
		status int
		detail string
	}{
		"error":     {func(context.Context) error { return errors.New("secret") }, 401, "authentication failed"},
		"panic":     {func(context.Context) error { panic("secret") }, 401, "authentication failed"},
		"nil panic": {func(context.Context) error { panic(nil) }, 401, "authentication failed"},
		"timeout":   {func(ctx context.Context) error { <-ctx.Done(); return nil }, 401, "authentication failed"},
		"deaf":      {func(context.Context) error { time.Sleep(time.Hour); return nil }, 401, "authentication failed"},
		"forbidden": {func(context.Context) error { return motia.HTTPError(403, errors.New("not for you")) }, 403, "not for you"},
		"limited":   {func(context.Context) error { return motia.HTTPError(429, nil) }, 429, ""},
		"outage":    {func(context.Context) error { return motia.HTTPError(503, errors.New("try later")) }, 503, "try later"},
		"no error":  {func(context.Context) error { return motia.HTTPError(200, errors.New("secret")) }, 401, "authentication failed"},
		"typed 401": {func(context.Context) error { return motia.HTTPError(401, errors.New("token is old")) }, 401, "token is old"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, l, log := socketApp(t, motia.Options{StreamServer: motia.StreamServerOptions{Auth: func(ctx context.Context, _ *http.Request) (any, error) { return "root", c.auth(ctx) }}}, motia.StreamConfig{})
				begin := time.Now()
				response, err := authDial(t, l, http.Header{"Traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}})
				require.Error(t, err)
				require.LessOrEqual(t, time.Since(begin), 10*time.Second)
				body, err := io.ReadAll(response.Body)
				require.NoError(t, err)
				require.Equal(t, c.status, response.StatusCode)
				require.Equal(t, "application/problem+json", response.Header.Get("Content-Type"))
				var p motia.Problem
				require.NoError(t, json.Unmarshal(body, &p))
				require.Equal(t, motia.Problem{Type: "about:blank", Title: http.StatusText(c.status), Status: c.status, Detail: c.detail, TraceID: "0af7651916cd43dd8448eb211c80319c"}, p)
				require.Equal(t, c.status == 401, response.Header.Get("WWW-Authenticate") == "Bearer")
				require.Len(t, log.Records(t, "stream client is refused"), 1)
				time.Sleep(time.Hour) // the deaf one ends
			})
		})
	}
}

func TestTheContextOfAuthBelongsToTheApp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		var denied error
		app, l, _ := socketApp(t, motia.Options{StreamServer: motia.StreamServerOptions{Auth: func(ctx context.Context, r *http.Request) (any, error) {
			user, _, err := authUsers.Get(ctx, motia.StreamToken(r))
			denied = err
			return user, err
		}}}, motia.StreamConfig{})
		_, err := authUsers.Set(app.Context(context.WithValue(t.Context(), key{}, 1)), "query", "ann")
		require.NoError(t, err)
		_, err = authDial(t, l, nil)
		require.NoError(t, err)
		require.NoError(t, denied)
	})
}

const authUsers motia.Scope[string] = "users"

func TestPagesOfOtherSitesAreRefused(t *testing.T) {
	for origin, allowed := range map[string]bool{
		"":                                    true, // not a browser
		"http://motia.test":                   true,
		"https://MOTIA.test":                  true,
		"https://board.example.com":           true,
		"https://Board.Example.com":           true,
		"https://other.test:8443":             true,
		"https://example.com":                 false,
		"https://evil.test":                   false,
		"https://other.test":                  false,
		"http://motia.test.evil.test":         false,
		"http://evil.test/motia.test":         false,
		"http://motia.test@evil.test":         false,
		"http://motia.test:81":                false,
		"null":                                false,
		"file://":                             false,
		"motia.test":                          false,
		"http://%zz":                          false,
		"https://board.example.com.evil.test": false,
		"https://a/b.example.com":             false,
	} {
		synctest.Test(t, func(t *testing.T) {
			asked := false
			_, l, _ := socketApp(t, motia.Options{
				StreamServer: motia.StreamServerOptions{
					Origins: []string{"*.example.com", "other.test:8443"},
					Auth:    func(context.Context, *http.Request) (any, error) { asked = true; return nil, nil },
				},
			}, motia.StreamConfig{})
			header := http.Header{}
			if origin != "" {
				header.Set("Origin", origin)
			}
			response, err := authDial(t, l, header)
			require.Equal(t, allowed, err == nil, origin)
			require.Equal(t, allowed, asked, origin)
			if !allowed {
				require.Equal(t, http.StatusForbidden, response.StatusCode, origin)
			}
		})
	}
}

func TestTheOriginsAreThoseAtTheTimeOfNew(t *testing.T) {
	origins := []string{"board.example.com"}
	app, _ := testkit.NewApp(t, &motia.Options{StreamServer: motia.StreamServerOptions{Origins: origins}})
	origins[0] = "evil.test"
	for origin, status := range map[string]int{"https://board.example.com": http.StatusNotFound, "https://evil.test": http.StatusForbidden} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Origin", origin)
		recorder := httptest.NewRecorder()
		app.StreamHandler().ServeHTTP(recorder, r)
		require.Equal(t, status, recorder.Code, origin)
	}
}

// An invalid upgrade request gets an answer, and leaves nothing behind.
func TestABadUpgradeIsAnswered(t *testing.T) {
	app, _ := testkit.NewApp(t, &motia.Options{Streams: []motia.StreamConfig{{Name: "notes"}}})
	for name, c := range map[string]struct {
		method  string
		headers string
		status  int
	}{
		"no Connection": {"GET", "Upgrade: websocket", 426},
		"no key":        {"GET", "Upgrade: websocket|Connection: Upgrade|Sec-WebSocket-Version: 13", 400},
		"bad key":       {"GET", "Upgrade: websocket|Connection: Upgrade|Sec-WebSocket-Version: 13|Sec-WebSocket-Key: x", 400},
		"version 8":     {"GET", "Upgrade: websocket|Connection: Upgrade|Sec-WebSocket-Version: 8|Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", 400},
		"POST":          {"POST", "Upgrade: websocket|Connection: Upgrade|Sec-WebSocket-Version: 13|Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", 405},
		"no hijacking":  {"GET", "Upgrade: websocket|Connection: Upgrade|Sec-WebSocket-Version: 13|Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", 501},
		"h2c":           {"GET", "Upgrade: h2c", 404},
	} {
		r := httptest.NewRequest(c.method, "/", nil)
		for header := range strings.SplitSeq(c.headers, "|") {
			key, value, _ := strings.Cut(header, ": ")
			r.Header.Set(key, value)
		}
		recorder := httptest.NewRecorder()
		app.StreamHandler().ServeHTTP(recorder, r)
		require.Equal(t, c.status, recorder.Code, name)
	}
}
