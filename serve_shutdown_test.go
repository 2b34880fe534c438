package motia_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

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

func TestConnectionsThatNeverSentARequestDoNotHoldUpTheShutdown(t *testing.T) {
	for _, timeout := range []time.Duration{time.Millisecond, time.Minute} {
		t.Run(timeout.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app, log := testkit.NewApp(t, &motia.Options{ShutdownTimeout: timeout}, httpAnswer(motia.Response{}, nil))
				pipes := testkit.NewPipes()
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- app.Serve(ctx, pipes) }()
				client, err := pipes.Dial(ctx, "", "")
				require.NoError(t, err)
				synctest.Wait()
				begin := time.Now()
				cancel()
				require.NoError(t, <-done)
				require.LessOrEqual(t, time.Since(begin), time.Second)
				_, err = client.Read(make([]byte, 1))
				require.Error(t, err, "it is closed")
				require.NotContains(t, log.String(), "cut off")
			})
		})
	}
}

// serveReturning is a step that returns what f makes of its context once that has ended.
func serveReturning(running chan<- struct{}, f func(context.Context) error) motia.Step {
	return httpStep("GET", "/x", func(_ *motia.HTTPInput[motia.None], ctx *motia.FlowContext[any, motia.None]) (motia.Response, error) {
		close(running)
		<-ctx.Done()
		return motia.Response{}, f(ctx)
	})
}

func TestACutOffRequestAnswers503ToItsClient(t *testing.T) {
	for name, f := range map[string]func(context.Context) error{
		"error":         context.Context.Err,
		"cause":         context.Cause,
		"wrapped cause": func(ctx context.Context) error { return fmt.Errorf("store: %w", context.Cause(ctx)) },
	} {
		t.Run(name, func(t *testing.T) {
			running := make(chan struct{})
			app, log := testkit.NewApp(t, &motia.Options{ShutdownTimeout: time.Millisecond}, serveReturning(running, f))
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- app.Serve(ctx, listener) }()
			go func() { <-running; cancel() }()
			resp, err := http.Get("http://" + listener.Addr().String() + "/x")
			require.NoError(t, err)
			defer func() { require.NoError(t, resp.Body.Close()) }()
			var p motia.Problem
			require.NoError(t, json.NewDecoder(resp.Body).Decode(&p))
			require.Equal(t, 503, resp.StatusCode)
			require.Equal(t, "1", resp.Header.Get("Retry-After"))
			require.Equal(t, "server is shutting down", p.Detail)
			var late *motia.ShutdownError
			require.ErrorAs(t, <-done, &late)
			require.Equal(t, []string{"GET /x"}, late.Running)
			records := log.Records(t, "step cut off by the shutdown")
			require.Len(t, records, 1)
			require.Equal(t, "WARN", records[0]["level"])
			require.NotContains(t, log.String(), "client is gone")
		})
	}
}

func TestAStepThatFindsAnAppShutDownAnswers503(t *testing.T) {
	for _, err := range []error{motia.ErrShutdown, fmt.Errorf("enqueue: %w", motia.ErrShutdown)} {
		app, log := testkit.NewApp(t, nil, httpAnswer(motia.Response{}, err))
		rec := do(t, app, "GET", "/x", "")
		require.Equal(t, 503, rec.Code)
		require.Equal(t, "server is shutting down", problem(t, rec).Detail)
		require.Len(t, log.Records(t, "step cut off by the shutdown"), 1)
	}
	app, log := testkit.NewApp(t, nil, httpAnswer(motia.Response{}, motia.HTTPError(502, motia.ErrShutdown)))
	require.Equal(t, 502, do(t, app, "GET", "/x", "").Code, "a status of its own stays")
	require.Empty(t, log.Records(t, "step failed"))
}

func TestTheServerLogsToTheLoggerOfTheApp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := func(http.Handler) http.Handler {
			return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("broken middleware") })
		}
		app, log := testkit.NewApp(t, &motia.Options{Middleware: []httpMiddleware{broken}}, httpAnswer(motia.Response{}, nil))
		pipes := testkit.NewPipes()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- app.Serve(ctx, pipes) }()
		require.Error(t, (<-serveGet(pipes.Client(t), "/x")).err)
		cancel()
		require.NoError(t, <-done)
		require.Contains(t, log.String(), "broken middleware")
		require.Contains(t, log.String(), `"level":"ERROR"`)
	})
}
