package motia_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/testkit"
)

const (
	httpTraceID = "4bf92f3577b34da6a3ce929d0e0e4736"
	httpParent  = "00-" + httpTraceID + "-00f067aa0ba902b7-01"
)

// httpPublished is a queue that keeps the headers of what is published.
type httpPublished struct {
	driver.Queue
	headers []driver.Header
}

func (q *httpPublished) Publish(ctx context.Context, messages ...driver.Message) error {
	for _, m := range messages {
		q.headers = append(q.headers, m.Header)
	}
	return q.Queue.Publish(ctx, messages...)
}

func TestTracestateTravelsWithAValidTraceparentOnly(t *testing.T) {
	backend := motia.InMemory(nil)
	queue := &httpPublished{Queue: backend.Queue}
	backend.Queue = queue
	app, _ := testkit.NewApp(t, &motia.Options{Backend: backend}, httpStep("GET", "/x", func(_ *motia.HTTPInput[motia.None], ctx *motia.FlowContext[any, motia.None]) (motia.Response, error) {
		return motia.Response{}, ctx.Enqueue(motia.Message[any]{Topic: "declared"})
	}))
	for _, test := range []struct {
		name, parent string
		states       []string
		want         string
	}{
		{"carried", httpParent, []string{"a=1,b=2"}, "a=1,b=2"},
		{"several headers are one list", httpParent, []string{"a=1", "b=2"}, "a=1,b=2"},
		{"invalid state", httpParent, []string{"A=1"}, ""},
		{"invalid parent", "nonsense", []string{"a=1"}, ""},
		{"no parent", "", []string{"a=1"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			queue.headers = nil
			var headers []string
			if test.parent != "" {
				headers = append(headers, "Traceparent", test.parent)
			}
			for _, s := range test.states {
				headers = append(headers, "Tracestate", s)
			}
			rec := do(t, app, "GET", "/x", "", headers...)
			require.Equal(t, 204, rec.Code)
			require.Len(t, queue.headers, 1)
			sent := queue.headers[0]
			require.Equal(t, test.want, sent.TraceState)
			require.True(t, strings.HasPrefix(sent.TraceParent, "00-"+rec.Header().Get("X-Trace-Id")+"-"), sent.TraceParent)
			require.NotEqual(t, test.parent, sent.TraceParent, "the step is a span of its own")
			require.Equal(t, test.parent == httpParent, rec.Header().Get("X-Trace-Id") == httpTraceID)
		})
	}
}

func TestATraceIDThatTheHostHasSetIsReplaced(t *testing.T) {
	app, _ := testkit.NewApp(t, nil, httpAnswer(motia.Response{}, nil))
	const foreign = "11111111111111111111111111111111"
	for _, path := range []string{"/x", "/nothing"} {
		for _, headers := range [][]string{nil, {"Traceparent", httpParent}, {"Traceparent", "nonsense"}} {
			rec := httptest.NewRecorder()
			rec.Header().Set("X-Trace-Id", foreign)
			r := httptest.NewRequest("GET", path, nil)
			if len(headers) > 0 {
				r.Header.Set(headers[0], headers[1])
			}
			app.ServeHTTP(rec, r)
			require.Len(t, rec.Header()["X-Trace-Id"], 1)
			require.NotEqual(t, foreign, rec.Header().Get("X-Trace-Id"))
			require.Equal(t, len(headers) > 0 && headers[1] == httpParent, rec.Header().Get("X-Trace-Id") == httpTraceID)
		}
	}
}

func TestTheTraceparentThatMiddlewareHandsOnIsTheOneThatCounts(t *testing.T) {
	const id = "22222222222222222222222222222222"
	replace := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			require.Equal(t, httpTraceID, w.Header().Get("X-Trace-Id"))
			r = r.Clone(r.Context())
			r.Header.Set("Traceparent", "00-"+id+"-00f067aa0ba902b7-01")
			next.ServeHTTP(w, r)
		})
	}
	step := func(opts ...motia.TriggerOption) motia.Step {
		return httpStep("GET", "/x", func(_ *motia.HTTPInput[motia.None], ctx *motia.FlowContext[any, motia.None]) (motia.Response, error) {
			return motia.Response{Body: ctx.TraceID}, nil
		}, opts...)
	}
	ofApp, _ := testkit.NewApp(t, &motia.Options{Middleware: []httpMiddleware{replace}}, step())
	ofTrigger, _ := testkit.NewApp(t, nil, step(motia.Use(replace)))
	for _, app := range []*motia.App{ofApp, ofTrigger} {
		rec := do(t, app, "GET", "/x", "", "Traceparent", httpParent)
		require.Equal(t, id, rec.Body.String())
		require.Equal(t, []string{id}, rec.Header()["X-Trace-Id"])
	}
}

func TestTheTraceOfTheRequestIsThatOfTheResponseBehindATimeoutHandler(t *testing.T) {
	timeout := func(next http.Handler) http.Handler { return http.TimeoutHandler(next, time.Minute, "too late") }
	app, _ := testkit.NewApp(t, &motia.Options{Middleware: []httpMiddleware{timeout}},
		httpStep("GET", "/x", func(_ *motia.HTTPInput[motia.None], ctx *motia.FlowContext[any, motia.None]) (motia.Response, error) {
			return motia.Response{Body: ctx.TraceID}, nil
		}))
	rec := do(t, app, "GET", "/x", "", "Traceparent", httpParent)
	require.Equal(t, httpTraceID, rec.Body.String())
	require.Equal(t, []string{httpTraceID}, rec.Header()["X-Trace-Id"])
	for method, path := range map[string]string{"POST": "/x", "GET": "/nothing"} {
		rec := do(t, app, method, path, "", "Traceparent", httpParent)
		require.Equal(t, httpTraceID, problem(t, rec).TraceID)
		require.Equal(t, []string{httpTraceID}, rec.Header()["X-Trace-Id"])
	}
}

func TestTraceparentIsContinued(t *testing.T) {
	app, _ := testkit.NewApp(t, nil, httpStep("GET", "/x", func(_ *motia.HTTPInput[motia.None], ctx *motia.FlowContext[any, motia.None]) (motia.Response, error) {
		return motia.Response{Body: ctx.TraceID}, nil
	}))
	for _, parent := range []string{httpParent, "01-" + httpParent[3:] + "-later"} {
		rec := do(t, app, "GET", "/x", "", "traceparent", parent, "tracestate", "a=1", "tracestate", "b=2")
		require.Equal(t, httpTraceID, rec.Body.String())
		require.Equal(t, []string{httpTraceID}, rec.Header()["X-Trace-Id"])
	}
}

func TestAnInvalidTraceparentStartsANewTrace(t *testing.T) {
	app, _ := testkit.NewApp(t, nil, httpStep("GET", "/x", func(_ *motia.HTTPInput[motia.None], ctx *motia.FlowContext[any, motia.None]) (motia.Response, error) {
		return motia.Response{Body: ctx.TraceID}, nil
	}))
	for name, headers := range map[string][]string{
		"none":       nil,
		"nonsense":   {"Traceparent", "nonsense"},
		"upper case": {"Traceparent", strings.ToUpper(httpParent)},
		"zero":       {"Traceparent", "00-" + strings.Repeat("0", 32) + "-00f067aa0ba902b7-01"},
		"two":        {"Traceparent", httpParent, "Traceparent", httpParent},
	} {
		t.Run(name, func(t *testing.T) {
			rec := do(t, app, "GET", "/x", "", headers...)
			require.Regexp(t, "^[0-9a-f]{32}$", rec.Body.String())
			require.NotEqual(t, httpTraceID, rec.Body.String())
			require.Equal(t, rec.Body.String(), rec.Header().Get("X-Trace-Id"))
			require.NotEqual(t, rec.Body.String(), do(t, app, "GET", "/x", "", headers...).Body.String())
		})
	}
}

func TestEveryResponseCarriesATraceID(t *testing.T) {
	app, _ := testkit.NewApp(t, nil, httpAnswer(motia.Response{}, nil), httpStep("POST", "/order",
		func(*motia.HTTPInput[httpSmall], *motia.FlowContext[any, httpSmall]) (motia.Response, error) {
			return motia.Response{}, errors.New("x")
		}))
	for _, r := range [][3]string{
		{"GET", "/x", ""}, {"GET", "/nothing", ""}, {"PUT", "/x", ""}, {"GET", "/a//b", ""}, {"POST", "/order", "{"}, {"POST", "/order", `{"id":"a","total":1}`},
	} {
		rec := do(t, app, r[0], r[1], r[2], "Traceparent", httpParent)
		require.Equal(t, []string{httpTraceID}, rec.Header()["X-Trace-Id"], r)
		if rec.Code >= 400 {
			require.Equal(t, httpTraceID, problem(t, rec).TraceID, r)
		}
	}
	require.NoError(t, testkit.Start(t, app)())
	rec := do(t, app, "GET", "/x", "", "Traceparent", httpParent)
	require.Equal(t, 503, rec.Code)
	require.Equal(t, httpTraceID, problem(t, rec).TraceID)
	require.Equal(t, "1", rec.Header().Get("Retry-After"))
}
