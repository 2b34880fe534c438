package motia_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/testkit"
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
