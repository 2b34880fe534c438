package motia_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

// httpHandler is a handler of HTTP steps that only their payload tells apart.
type httpHandler[T any] = func(in *motia.HTTPInput[T], ctx *motia.FlowContext[any, T]) (motia.Response, error)

// httpStep is a step with one route, named after it.
func httpStep[T any](method, path string, handler httpHandler[T], opts ...motia.TriggerOption) motia.Step {
	return motia.HTTPStep(motia.StepConfig{
		Name:     method + " " + path,
		Triggers: []motia.Trigger{motia.HTTP(method, path, opts...)},
		Enqueues: []string{"declared"},
	}, handler)
}

// httpEcho answers with the route that matched and its parameters.
func httpEcho(method, path string) motia.Step {
	return httpStep(method, path, func(in *motia.HTTPInput[motia.None], ctx *motia.FlowContext[any, motia.None]) (motia.Response, error) {
		return motia.Response{Body: map[string]any{"route": ctx.Trigger.Path, "params": in.Request.PathParams}}, nil
	})
}

// httpAnswer is a step at GET /x that returns what it is given.
func httpAnswer(response motia.Response, err error) motia.Step {
	return httpStep("GET", "/x", func(*motia.HTTPInput[motia.None], *motia.FlowContext[any, motia.None]) (motia.Response, error) {
		return response, err
	})
}

func TestRoutesMatchAndDecodeTheirParameters(t *testing.T) {
	app, _ := testkit.NewApp(t, nil,
		httpEcho("GET", "/"),
		httpEcho("GET", "/orders"),
		httpEcho("GET", "/orders/new"),
		httpEcho("GET", "/orders/:id"),
		httpEcho("GET", "/orders/{id}/items/:item-no"),
		httpEcho("GET", "/files/*path"),
		httpEcho("GET", "/more/{rest...}"),
		httpEcho("GET", "/bare/*"),
		httpEcho("GET", "/slash/"),
		httpEcho("GET", "/größe/:größe"),
	)
	type params = map[string]any
	for _, test := range []struct {
		target, route string
		params        params
	}{
		{"/", "/", nil},
		{"/orders", "/orders", nil},
		{"/orders/new", "/orders/new", nil},
		{"/orders/7", "/orders/:id", params{"id": "7"}},
		{"/orders/a%2Fb", "/orders/:id", params{"id": "a/b"}},
		{"/orders/a%20b", "/orders/:id", params{"id": "a b"}},
		{"/orders/a+b", "/orders/:id", params{"id": "a+b"}},
		{"/orders/%25", "/orders/:id", params{"id": "%"}},
		{"/orders/%3F%23", "/orders/:id", params{"id": "?#"}},
		{"/orders/%C3%BC", "/orders/:id", params{"id": "ü"}},
		{"/orders/%F0%9F%A6%84", "/orders/:id", params{"id": "🦄"}},
		{"/orders/%2e%2e", "/orders/:id", params{"id": ".."}},
		{"/orders/%00", "/orders/:id", params{"id": "\x00"}},
		{"/orders/7/items/1", "/orders/{id}/items/:item-no", params{"id": "7", "item-no": "1"}},
		{"/files/a", "/files/*path", params{"path": "a"}},
		{"/files/a/b%20c/d", "/files/*path", params{"path": "a/b c/d"}},
		{"/files/", "/files/*path", params{"path": ""}},
		{"/more/a/b", "/more/{rest...}", params{"rest": "a/b"}},
		{"/bare/a/b", "/bare/*", params{"*": "a/b"}},
		{"/slash/", "/slash/", nil},
		{"/gr%C3%B6%C3%9Fe/1", "/größe/:größe", params{"größe": "1"}},
	} {
		rec := do(t, app, "GET", test.target, "")
		require.Equal(t, 200, rec.Code, "%s: %s", test.target, rec.Body)
		var got struct {
			Route  string
			Params params
		}
		require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &got))
		require.Equal(t, test.route, got.Route, test.target)
		require.Equal(t, test.params, got.Params, test.target)
	}
	for _, target := range []string{
		"/nothing", "/orders/", "/orders//", "//orders", "/orders/7/", "/orders/7/items/", "/slash", "/files", "/ORDERS",
		"/./orders", "/x/../orders", "/orders/.", "/orders/..", "/files/a//b", "/files/../orders", "/slash//",
	} {
		rec := do(t, app, "GET", target, "")
		require.Equal(t, 404, rec.Code, "%s: %s %s", target, rec.Header().Get("Location"), rec.Body)
		require.Equal(t, "no route matches the path", problem(t, rec).Detail)
	}
}

func TestTheRequestIsHandedOverAsSent(t *testing.T) {
	var got motia.Request[motia.None]
	app, _ := testkit.NewApp(t, nil, httpStep("GET", "/a/:p", func(in *motia.HTTPInput[motia.None], _ *motia.FlowContext[any, motia.None]) (motia.Response, error) {
		got = in.Request
		return motia.Response{}, nil
	}))
	do(t, app, "GET", "/a/x%2Fy?k=1&k=2&empty=&flag&sp=a+b%20c&%C3%BC=%C3%9F", "", "x-many", "1", "X-Many", "2")
	require.Equal(t, "GET", got.Method)
	require.Equal(t, "/a/x/y", got.Path)
	require.Equal(t, []string{"1", "2"}, got.QueryParams["k"])
	require.Equal(t, []string{""}, got.QueryParams["empty"])
	require.True(t, got.QueryParams.Has("flag"))
	require.Equal(t, "a b c", got.QueryParams.Get("sp"))
	require.Equal(t, "ß", got.QueryParams.Get("ü"))
	require.Equal(t, []string{"1", "2"}, got.Headers["X-Many"])
	require.NotNil(t, got.HTTP)
}

func TestBodiesOfGetAndHeadAreIgnored(t *testing.T) {
	for _, method := range []string{"GET", "HEAD"} {
		app, _ := testkit.NewApp(t, nil, httpStep("GET", "/x", func(in *motia.HTTPInput[httpSmall], ctx *motia.FlowContext[any, httpSmall]) (motia.Response, error) {
			require.Equal(t, httpSmall{}, in.Request.Body)
			require.Equal(t, httpSmall{}, ctx.GetData())
			return motia.Response{Body: "ok"}, nil
		}))
		for _, body := range []string{"", "{", `{"id":"a","total":1}`, strings.Repeat("x", 2<<20)} {
			require.Equal(t, 200, do(t, app, method, "/x", body, "Content-Type", "text/plain").Code)
		}
	}
}

func TestAStepWithoutPayloadReadsTheBodyItself(t *testing.T) {
	app, _ := testkit.NewApp(t, nil, httpStep("PUT", "/x", func(in *motia.HTTPInput[motia.None], _ *motia.FlowContext[any, motia.None]) (motia.Response, error) {
		body, err := io.ReadAll(in.Request.HTTP.Body)
		return motia.Response{Body: body}, err
	}))
	rec := do(t, app, "PUT", "/x", "raw\x00bytes", "Content-Type", "image/png")
	require.Equal(t, "raw\x00bytes", rec.Body.String())
}

func TestAPathWithAnotherMethodAnswers405WithAllow(t *testing.T) {
	app, _ := testkit.NewApp(t, nil, httpEcho("GET", "/orders/:id"), httpEcho("delete", "/orders/{x}"), httpEcho("PATCH", "/orders/special"), httpEcho("POST", "/orders"))
	for target, allow := range map[string]string{
		"/orders/7":       "DELETE, GET, HEAD",
		"/orders/special": "DELETE, GET, HEAD, PATCH",
		"/orders":         "POST",
	} {
		rec := do(t, app, "PUT", target, "")
		require.Equal(t, 405, rec.Code)
		require.Equal(t, allow, rec.Header().Get("Allow"))
		p := problem(t, rec)
		require.Equal(t, "PUT is not allowed for this path", p.Detail)
		require.Equal(t, rec.Header().Get("X-Trace-Id"), p.TraceID)
	}
	rec := do(t, app, "PUT", "/nothing", "")
	require.Equal(t, 404, rec.Code)
	require.Empty(t, rec.Header().Get("Allow"))
	require.Equal(t, 405, do(t, app, "BREW", "/orders", "").Code)
}

func TestHeadIsServedByGetRoutesUnlessItHasItsOwn(t *testing.T) {
	app, _ := testkit.NewApp(t, nil, httpEcho("GET", "/a"), httpEcho("GET", "/b"), httpStep("HEAD", "/b",
		func(*motia.HTTPInput[motia.None], *motia.FlowContext[any, motia.None]) (motia.Response, error) {
			return motia.Response{Headers: http.Header{"X-Own": {"yes"}}}, nil
		}))
	get := do(t, app, "GET", "/a", "")
	rec := do(t, app, "HEAD", "/a", "")
	require.Equal(t, 200, rec.Code)
	require.Empty(t, rec.Body.String())
	require.Equal(t, fmt.Sprint(get.Body.Len()), rec.Header().Get("Content-Length"))
	require.Equal(t, "yes", do(t, app, "HEAD", "/b", "").Header().Get("X-Own"))
	rec = do(t, app, "HEAD", "/nothing", "")
	require.Equal(t, 404, rec.Code)
	require.Empty(t, rec.Body.String())
}

func TestAnAppMountsUnderAPrefix(t *testing.T) {
	app, _ := testkit.NewApp(t, nil, httpEcho("GET", "/"), httpEcho("GET", "/a/:id"), httpEcho("GET", "/dir/"), httpEcho("GET", "/files/*"))
	mounted := http.StripPrefix("/api", app)
	for target, want := range map[string]string{
		"/api/a/x%2Fy": `{"params":{"id":"x/y"},"route":"/a/:id"}`,
		"/api/":        `{"params":null,"route":"/"}`,
		"/api":         `{"params":null,"route":"/"}`,
		"/api/dir/":    `{"params":null,"route":"/dir/"}`,
	} {
		require.JSONEq(t, want, do(t, mounted, "GET", target, "").Body.String(), target)
	}
	for _, target := range []string{"/api//a/1", "/api/dir", "/api/files", "/api/a/../a/1"} { // a redirect would lose the prefix
		require.Equal(t, 404, do(t, mounted, "GET", target, "").Code, target)
	}
}

func TestTwoAppsShareNothing(t *testing.T) {
	one, _ := testkit.NewApp(t, nil, httpEcho("GET", "/one"))
	two, _ := testkit.NewApp(t, nil, httpEcho("GET", "/two"), httpEcho("GET", "/one"))
	require.Equal(t, 200, do(t, one, "GET", "/one", "").Code)
	require.Equal(t, 404, do(t, one, "GET", "/two", "").Code)
	require.Equal(t, 200, do(t, two, "GET", "/one", "").Code)
	require.NoError(t, testkit.Start(t, one)())
	require.Equal(t, 503, do(t, one, "GET", "/one", "").Code)
	require.Equal(t, 200, do(t, two, "GET", "/one", "").Code)
}

func TestEveryRouteOfAStepIsServed(t *testing.T) {
	app, _ := testkit.NewApp(t, nil, motia.HTTPStep(motia.StepConfig{Name: "s", Triggers: []motia.Trigger{motia.HTTP("get", "/a"), motia.HTTP("POST", "/b/:x")}},
		func(_ *motia.HTTPInput[motia.None], ctx *motia.FlowContext[motia.None, motia.None]) (motia.Response, error) {
			return motia.Response{Body: ctx.Trigger}, nil
		}))
	require.JSONEq(t, `{"Type":"http","Index":0,"Name":"","Method":"get","Path":"/a","Attempt":1,"Topic":"","Expression":"","Scope":"","Key":"","Stream":""}`,
		do(t, app, "GET", "/a", "").Body.String())
	require.JSONEq(t, `{"Type":"http","Index":1,"Name":"","Method":"POST","Path":"/b/:x","Attempt":1,"Topic":"","Expression":"","Scope":"","Key":"","Stream":""}`,
		do(t, app, "POST", "/b/1", "").Body.String())
}

func TestRequestsMadeByHandWithoutABodyAreMalformedNotFatal(t *testing.T) {
	app, _ := testkit.NewApp(t, nil, httpStep("POST", "/x", func(*motia.HTTPInput[httpSmall], *motia.FlowContext[any, httpSmall]) (motia.Response, error) {
		return motia.Response{}, nil
	}))
	r, err := http.NewRequestWithContext(context.Background(), "POST", "/x", nil)
	require.NoError(t, err)
	rec := httptest.NewRecorder()
	app.ServeHTTP(rec, r)
	require.Equal(t, 400, rec.Code)
}
