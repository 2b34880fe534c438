package motia_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

type httpMiddleware = func(http.Handler) http.Handler

// mwNote is middleware that notes its name before and after.
func mwNote(log *testkit.List[string], name string) httpMiddleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			log.Add(name)
			next.ServeHTTP(w, r)
			log.Add("/" + name)
		})
	}
}

func mwStepNote(log *testkit.List[string], name string) motia.StepMiddleware {
	return func(ctx context.Context, _ *motia.Invocation, next motia.StepFunc) (motia.Response, error) {
		log.Add(name)
		defer log.Add("/" + name)
		return next(ctx)
	}
}

func TestMiddlewareRunsFromTheAppInwards(t *testing.T) {
	var log testkit.List[string]
	app, _ := testkit.NewApp(t, &motia.Options{
		Middleware:     []httpMiddleware{mwNote(&log, "app1"), mwNote(&log, "app2")},
		StepMiddleware: []motia.StepMiddleware{mwStepNote(&log, "step1"), mwStepNote(&log, "step2")},
	}, httpStep("GET", "/x", func(*motia.HTTPInput[motia.None], *motia.FlowContext[any, motia.None]) (motia.Response, error) {
		log.Add("handler")
		return motia.Response{}, nil
	}, motia.Use(mwNote(&log, "trigger1"), mwNote(&log, "trigger2")), motia.Use(mwNote(&log, "trigger3"))))
	do(t, app, "GET", "/x", "")
	require.Equal(t, strings.Fields("app1 app2 trigger1 trigger2 trigger3 step1 step2 handler /step2 /step1 /trigger3 /trigger2 /trigger1 /app2 /app1"), log.All())
}

func TestMiddlewareOfTheAppSeesRequestsWithoutARoute(t *testing.T) {
	var log testkit.List[string]
	app, _ := testkit.NewApp(t, &motia.Options{Middleware: []httpMiddleware{mwNote(&log, "app")}}, httpAnswer(motia.Response{}, nil))
	for _, target := range []string{"/nothing", "/a//b"} {
		require.Equal(t, 404, do(t, app, "GET", target, "").Code)
	}
	require.Equal(t, 405, do(t, app, "PUT", "/x", "").Code)
	require.Equal(t, strings.Fields("app /app app /app app /app"), log.All())
}

func TestMiddlewareMayAnswerItself(t *testing.T) {
	refuse := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") == "" {
				http.Error(w, "who are you?", http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
	called := 0
	step := func(opts ...motia.TriggerOption) motia.Step {
		return httpStep("GET", "/x", func(*motia.HTTPInput[motia.None], *motia.FlowContext[any, motia.None]) (motia.Response, error) {
			called++
			return motia.Response{}, nil
		}, opts...)
	}
	ofApp, _ := testkit.NewApp(t, &motia.Options{Middleware: []httpMiddleware{refuse}}, step())
	ofTrigger, _ := testkit.NewApp(t, nil, step(motia.Use(refuse)))
	for _, app := range []*motia.App{ofApp, ofTrigger} {
		called = 0
		rec := do(t, app, "GET", "/x", "", "Traceparent", httpParent)
		require.Equal(t, 401, rec.Code)
		require.Equal(t, httpTraceID, rec.Header().Get("X-Trace-Id"))
		require.Zero(t, called)
		require.Equal(t, 204, do(t, app, "GET", "/x", "", "Authorization", "me").Code)
		require.Equal(t, 1, called)
	}
}

type mwUpperWriter struct{ http.ResponseWriter }

func (w mwUpperWriter) Write(p []byte) (int, error) {
	return w.ResponseWriter.Write([]byte(strings.ToUpper(string(p))))
}

func (w mwUpperWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func TestMiddlewareMayWrapTheWriterAndChangeTheContext(t *testing.T) {
	type key struct{}
	wrap := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(mwUpperWriter{w}, r.WithContext(context.WithValue(r.Context(), key{}, "alice")))
		})
	}
	app, _ := testkit.NewApp(t, &motia.Options{Middleware: []httpMiddleware{wrap}},
		httpStep("GET", "/x", func(_ *motia.HTTPInput[motia.None], ctx *motia.FlowContext[any, motia.None]) (motia.Response, error) {
			return motia.Response{Body: "user " + ctx.Value(key{}).(string)}, nil
		}),
		httpStep("GET", "/stream", func(in *motia.HTTPInput[motia.None], _ *motia.FlowContext[any, motia.None]) (motia.Response, error) {
			return motia.Response{}, in.Response.Send(motia.ServerSentEvent{Data: "x"})
		}))
	require.Equal(t, "USER ALICE", do(t, app, "GET", "/x", "").Body.String())
	rec := do(t, app, "GET", "/stream", "")
	require.Equal(t, "DATA: X\n\n", rec.Body.String())
	require.True(t, rec.Flushed, "flushing finds its way through the wrapper")
}

func TestTheTraceIDIsRightBehindAWriterWithHeadersOfItsOwn(t *testing.T) {
	timeout := func(next http.Handler) http.Handler { return http.TimeoutHandler(next, time.Minute, "too late") }
	app, _ := testkit.NewApp(t, &motia.Options{Middleware: []httpMiddleware{timeout}},
		httpStep("GET", "/x", func(_ *motia.HTTPInput[motia.None], ctx *motia.FlowContext[any, motia.None]) (motia.Response, error) {
			return motia.Response{Body: ctx.TraceID}, nil
		}))
	rec := do(t, app, "GET", "/x", "")
	require.Regexp(t, "^[0-9a-f]{32}$", rec.Body.String())
	require.Equal(t, []string{rec.Body.String()}, rec.Header()["X-Trace-Id"])
	rec = do(t, app, "GET", "/nothing", "")
	require.Equal(t, problem(t, rec).TraceID, rec.Header().Get("X-Trace-Id"))
}

func TestMiddlewareIsBuiltOnce(t *testing.T) {
	built := map[string]int{}
	build := func(name string) httpMiddleware {
		return func(next http.Handler) http.Handler {
			built[name]++
			return next
		}
	}
	app, _ := testkit.NewApp(t, &motia.Options{Middleware: []httpMiddleware{build("app")}},
		httpStep("GET", "/x", func(*motia.HTTPInput[motia.None], *motia.FlowContext[any, motia.None]) (motia.Response, error) {
			return motia.Response{}, nil
		}, motia.Use(build("trigger"))))
	require.NoError(t, app.Register(httpEcho("GET", "/y")))
	do(t, app, "GET", "/x", "")
	do(t, app, "GET", "/y", "")
	require.Equal(t, map[string]int{"app": 1, "trigger": 1}, built)
}

const (
	mwTopic  motia.Topic[httpSmall]      = "mw-topic"
	mwScope  motia.Scope[httpSmall]      = "mw-scope"
	mwStream motia.StreamName[httpSmall] = "mw-stream"
)

func TestStepMiddlewareSeesInputContextAndResultOfEveryTriggerKind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		var log testkit.List[string]
		see := func(ctx context.Context, inv *motia.Invocation, next motia.StepFunc) (motia.Response, error) {
			found, ok := motia.FromContext(ctx)
			require.True(t, ok && found == inv)
			kind := ""
			switch in := inv.Input.(type) {
			case *motia.HTTPInput[httpSmall]:
				kind = "http " + in.Request.Body.ID
			case *motia.QueueInput[httpSmall]:
				kind = "queue " + in.Data.ID
			case *motia.CronInput[httpSmall]:
				kind = "cron"
			case *motia.StateInput[httpSmall]:
				kind = "state " + in.New.ID
			case *motia.StreamInput[httpSmall]:
				kind = "stream " + in.Event.Data.ID
			}
			require.Equal(t, "every", inv.Step)
			require.Equal(t, strings.Fields(kind)[0], string(inv.Trigger.Type))
			response, err := next(context.WithValue(ctx, key{}, kind))
			require.NoError(t, err)
			log.Add(kind + " gave " + response.Body.(string))
			return response, err
		}
		app, _ := testkit.NewApp(t, &motia.Options{Streams: []motia.StreamConfig{{Name: string(mwStream)}}, StepMiddleware: []motia.StepMiddleware{see}},
			motia.NewStep(motia.StepConfig{
				Name:     "every",
				Triggers: []motia.Trigger{motia.HTTP("POST", "/x"), mwTopic.Trigger(), motia.Cron("@hourly"), mwScope.Trigger(), mwStream.Trigger()},
			}, func(_ motia.Input[httpSmall], ctx *motia.FlowContext[any, httpSmall]) (motia.Response, error) {
				kind := ctx.Value(key{}).(string) // the derived context is the handler's
				_, _, err := mwScope.Get(ctx, "found through it")
				return motia.Response{Body: kind}, err
			}))
		stop := testkit.Start(t, app)
		ctx := app.Context(t.Context())
		do(t, app, "POST", "/x", `{"id":"h","total":1}`)
		require.NoError(t, mwTopic.Enqueue(ctx, httpSmall{"q", 1}))
		synctest.Wait()
		_, err := mwScope.Set(ctx, "k", httpSmall{"s", 1})
		require.NoError(t, err)
		synctest.Wait()
		_, err = mwStream.Set(ctx, "g", "i", httpSmall{"e", 1})
		require.NoError(t, err)
		synctest.Wait()
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Equal(t, []string{"http h gave http h", "queue q gave queue q", "state s gave state s", "stream e gave stream e", "cron gave cron"}, log.All())
		require.NoError(t, stop())
	})
}

func TestStepMiddlewareMayReplaceTheResult(t *testing.T) {
	for name, test := range map[string]struct {
		middleware motia.StepMiddleware
		status     int
		calls      int
	}{
		"response": {func(ctx context.Context, _ *motia.Invocation, next motia.StepFunc) (motia.Response, error) {
			_, err := next(ctx)
			return motia.Response{Status: 299}, err
		}, 299, 1},
		"error": {func(ctx context.Context, _ *motia.Invocation, next motia.StepFunc) (motia.Response, error) {
			response, _ := next(ctx)
			return response, motia.HTTPError(409, nil)
		}, 409, 1},
		"without the handler": {func(context.Context, *motia.Invocation, motia.StepFunc) (motia.Response, error) {
			return motia.Response{}, motia.HTTPError(403, nil)
		}, 403, 0},
		"twice": {func(ctx context.Context, _ *motia.Invocation, next motia.StepFunc) (motia.Response, error) {
			_, err := next(ctx)
			if err != nil {
				return motia.Response{}, err
			}
			return next(ctx)
		}, 204, 2},
		"panic": {func(context.Context, *motia.Invocation, motia.StepFunc) (motia.Response, error) { panic("middleware") }, 500, 0},
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			app, _ := testkit.NewApp(t, &motia.Options{StepMiddleware: []motia.StepMiddleware{test.middleware}},
				httpStep("GET", "/x", func(*motia.HTTPInput[motia.None], *motia.FlowContext[any, motia.None]) (motia.Response, error) {
					calls++
					return motia.Response{}, nil
				}))
			require.Equal(t, test.status, do(t, app, "GET", "/x", "").Code)
			require.Equal(t, test.calls, calls)
		})
	}
}

func TestStepMiddlewareRunsAfterValidationAndConditions(t *testing.T) {
	app, _ := testkit.NewApp(t, &motia.Options{StepMiddleware: []motia.StepMiddleware{
		func(context.Context, *motia.Invocation, motia.StepFunc) (motia.Response, error) {
			return motia.Response{}, errors.New("reached")
		},
	}}, httpStep("POST", "/x", func(*motia.HTTPInput[httpSmall], *motia.FlowContext[any, httpSmall]) (motia.Response, error) {
		return motia.Response{}, nil
	}, motia.When(func(in motia.Input[httpSmall]) bool { return in.(*motia.HTTPInput[httpSmall]).Request.Body.Total > 1 })))
	require.Equal(t, 400, do(t, app, "POST", "/x", `{}`).Code)
	require.Equal(t, 422, do(t, app, "POST", "/x", `{"id":"a","total":1}`).Code)
	require.Equal(t, 500, do(t, app, "POST", "/x", `{"id":"a","total":2}`).Code)
}
