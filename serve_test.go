package motia_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

type serveResult struct {
	status int
	body   string
	err    error
}

// serveGet requests a path in the background.
func serveGet(client *http.Client, path string) <-chan serveResult {
	result := make(chan serveResult, 1)
	go func() {
		resp, err := client.Get("http://app" + path)
		if err != nil {
			result <- serveResult{err: err}
			return
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		result <- serveResult{resp.StatusCode, string(body), err}
	}()
	return result
}

// serveSlow is a step at GET /x that takes d, or as long as its context lets it.
func serveSlow(d time.Duration, cause *error) motia.Step {
	return httpStep("GET", "/x", func(_ *motia.HTTPInput[motia.None], ctx *motia.FlowContext[any, motia.None]) (motia.Response, error) {
		select {
		case <-time.After(d):
			return motia.Response{Body: "finished"}, nil
		case <-ctx.Done():
			*cause = context.Cause(ctx)
			return motia.Response{}, ctx.Err()
		}
	})
}

func TestServeLetsARunningRequestFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cause error
		app, _ := testkit.NewApp(t, nil, serveSlow(20*time.Second, &cause))
		pipes := testkit.NewPipes()
		client := pipes.Client(t)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- app.Serve(ctx, pipes) }()
		result := serveGet(client, "/x")
		synctest.Wait()
		begin := time.Now()
		cancel()
		synctest.Wait()
		require.ErrorIs(t, (<-serveGet(client, "/x")).err, testkit.ErrRefused, "it listens no more")
		require.Equal(t, serveResult{200, "finished", nil}, <-result)
		require.NoError(t, <-done)
		require.NoError(t, cause)
		require.GreaterOrEqual(t, time.Since(begin), 20*time.Second)
		require.Less(t, time.Since(begin), 25*time.Second)
	})
}

func TestServeCutsOffARequestThatOutstaysTheShutdownTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cause error
		app, _ := testkit.NewApp(t, &motia.Options{ShutdownTimeout: 5 * time.Second}, serveSlow(time.Hour, &cause))
		pipes := testkit.NewPipes()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- app.Serve(ctx, pipes) }()
		result := serveGet(pipes.Client(t), "/x")
		synctest.Wait()
		begin := time.Now()
		cancel()
		err := <-done
		var late *motia.ShutdownError
		require.ErrorAs(t, err, &late)
		require.Equal(t, motia.ShutdownError{Timeout: 5 * time.Second, Running: []string{"GET /x"}}, *late)
		require.ErrorIs(t, cause, motia.ErrShutdown)
		require.Less(t, time.Since(begin), 8*time.Second)
		got := <-result
		require.NoError(t, got.err)
		require.Equal(t, 503, got.status)
	})
}

func TestARequestToAForeignServerIsCutOffToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cause error
		app, log := testkit.NewApp(t, &motia.Options{ShutdownTimeout: 5 * time.Second}, serveSlow(time.Hour, &cause))
		stop := testkit.Start(t, app)
		synctest.Wait()
		answered := make(chan string)
		go func() {
			rec := do(t, app, "GET", "/x", "")
			require.Equal(t, 503, rec.Code)
			answered <- problem(t, rec).Detail
		}()
		synctest.Wait()
		stopped := make(chan error)
		go func() { stopped <- stop() }()
		require.Equal(t, "server is shutting down", <-answered)
		require.ErrorAs(t, <-stopped, new(*motia.ShutdownError))
		require.ErrorIs(t, cause, motia.ErrShutdown)
		require.Empty(t, log.Records(t, "step failed"))
		records := log.Records(t, "step cancelled by the shutdown")
		require.Len(t, records, 1)
		require.Equal(t, "WARN", records[0]["level"])
	})
}

func TestServeEndsWhenItsListenerFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, _ := testkit.NewApp(t, nil, httpAnswer(motia.Response{}, nil))
		pipes := testkit.NewPipes()
		require.NoError(t, pipes.Close())
		err := app.Serve(t.Context(), pipes)
		require.ErrorIs(t, err, net.ErrClosed)
		require.ErrorContains(t, err, "motia: serve: ")
	})
}

func TestServeClosesTheListenerItCannotUse(t *testing.T) {
	app, _ := testkit.NewApp(t, nil)
	require.NoError(t, testkit.Start(t, app)())
	pipes := testkit.NewPipes()
	require.ErrorIs(t, app.Serve(t.Context(), pipes), motia.ErrShutdown)
	_, err := pipes.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
}

func TestListenAndServeOnARealPort(t *testing.T) {
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := probe.Addr().String()

	running := make(chan struct{})
	app, _ := testkit.NewApp(t, &motia.Options{Logger: slog.New(&serveNotice{slog.DiscardHandler, running})}, httpAnswer(motia.Response{Body: "hello"}, nil))
	err = app.ListenAndServe(t.Context(), addr)
	require.ErrorContains(t, err, "motia: listen tcp "+addr)
	require.ErrorContains(t, err, "address already in use")
	require.NoError(t, probe.Close())

	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- app.ListenAndServe(ctx, addr) }() // the failed call has not used the app up
	<-running
	resp, err := http.Get("http://" + addr + "/x")
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, "hello", string(body))
	cancel()
	require.NoError(t, <-done)
	_, err = http.Get("http://" + addr + "/x")
	require.Error(t, err)
}

// serveNotice tells when the app has begun to run.
type serveNotice struct {
	slog.Handler
	running chan struct{}
}

func (n *serveNotice) Enabled(context.Context, slog.Level) bool { return true }

func (n *serveNotice) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "running" {
		close(n.running)
	}
	return nil
}

func TestListenAndServeWithABadAddressSaysSo(t *testing.T) {
	app, _ := testkit.NewApp(t, nil)
	for _, addr := range []string{"nonsense", ":99999", "127.0.0.1:-1"} {
		require.ErrorContains(t, app.ListenAndServe(t.Context(), addr), "motia: listen tcp")
	}
}

func TestAnAppServesBeforeItRunsAndMessagesWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log testkit.List[string]
		app, _ := testkit.NewApp(t, nil,
			httpStep("POST", "/x", func(in *motia.HTTPInput[string], ctx *motia.FlowContext[any, string]) (motia.Response, error) {
				return motia.Response{Status: 202}, ctx.Enqueue(motia.Message[any]{Topic: "declared", Data: in.Request.Body})
			}),
			motia.QueueStep(motia.StepConfig{Name: "q", Triggers: []motia.Trigger{motia.Queue("declared")}},
				func(data string, ctx *motia.FlowContext[motia.None, string]) error {
					log.Add(data + " in trace " + ctx.TraceID)
					return nil
				}))
		require.Equal(t, 202, do(t, app, "POST", "/x", `"early"`, "Traceparent", httpParent).Code)
		synctest.Wait()
		require.Empty(t, log.All())
		stop := testkit.Start(t, app)
		synctest.Wait()
		require.Equal(t, []string{"early in trace " + httpTraceID}, log.All())
		require.NoError(t, stop())
	})
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
			records := log.Records(t, "step cancelled by the shutdown")
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
		require.Len(t, log.Records(t, "step cancelled by the shutdown"), 1)
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

func TestServeRefusesRoutesThatTheStreamsWouldHide(t *testing.T) {
	for _, path := range []string{"/streams", "/streams/x", "/%73treams/x"} {
		app := motia.New(&motia.Options{Streams: []motia.StreamConfig{{Name: "chat"}}})
		require.NoError(t, app.Register(regStep[httpSmall]("hidden", motia.HTTP("GET", path))))
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		require.ErrorContains(t, app.Serve(t.Context(), listener), `is hidden by the streams below Options.StreamServer.Path "/streams"`, path)
	}
}
