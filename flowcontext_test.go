package motia_test

import (
	"context"
	"errors"
	"os/exec"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

type matchDoc struct {
	N int `json:"n"`
}

type matchCtx = motia.FlowContext[motia.None, *matchDoc]

var matchTriggers = []motia.Trigger{
	motia.HTTP("POST", "/docs/:id"),
	motia.Queue("docs", motia.QueueConfig{MaxAttempts: 1}),
	motia.Cron("30 * * * *"),
	motia.State(motia.InScope("docs"), motia.QueueConfig{MaxAttempts: 1}),
	motia.Stream("docs", motia.QueueConfig{MaxAttempts: 1}),
}

// matchFire fires a step with all five kinds of trigger, once each in the order of matchTriggers, and returns the
// response.
func matchFire(t *testing.T, handler func(in motia.Input[*matchDoc], ctx *matchCtx) (motia.Response, error)) (status int, dead []motia.DeadLetter, log *testkit.Log) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var app *motia.App
		app, log = testkit.NewApp(t, &motia.Options{Streams: []motia.StreamConfig{{Name: "docs"}}}, motia.NewStep(motia.StepConfig{Name: "all", Triggers: matchTriggers}, handler))
		testkit.Start(t, app)
		status = do(t, app, "POST", "/docs/7", `{"n":1}`).Code
		queueSend(t, app, "docs", matchDoc{2})
		time.Sleep(31 * time.Minute)
		ctx := app.Context(t.Context())
		_, err := motia.Scope[matchDoc]("docs").Set(ctx, "key", matchDoc{3})
		require.NoError(t, err)
		synctest.Wait()
		_, err = motia.StreamName[matchDoc]("docs").Set(ctx, "group", "item", matchDoc{4})
		require.NoError(t, err)
		synctest.Wait()
		dead, err = app.DeadLetters().List(t.Context(), motia.DeadLetterQuery{})
		require.NoError(t, err)
	})
	return status, dead, log
}

func TestTriggerInfoIsCompleteForEveryKind(t *testing.T) {
	var infos testkit.List[motia.TriggerInfo]
	matchFire(t, func(_ motia.Input[*matchDoc], ctx *matchCtx) (motia.Response, error) {
		inv, ok := motia.FromContext(ctx)
		require.True(t, ok)
		require.Equal(t, ctx.Trigger, inv.Trigger)
		infos.Add(ctx.Trigger)
		return motia.Response{}, nil
	})
	require.Equal(t, []motia.TriggerInfo{
		{Type: motia.TriggerHTTP, Index: 0, Method: "POST", Path: "/docs/:id", Attempt: 1},
		{Type: motia.TriggerQueue, Index: 1, Topic: "docs", Attempt: 1},
		{Type: motia.TriggerCron, Index: 2, Expression: "30 * * * *", Attempt: 1},
		{Type: motia.TriggerState, Index: 3, Scope: "docs", Key: "key", Attempt: 1},
		{Type: motia.TriggerStream, Index: 4, Stream: "docs", Attempt: 1},
	}, infos.All())
}

func TestGetDataIsThePayloadWhateverTheTrigger(t *testing.T) {
	var data testkit.List[*matchDoc]
	matchFire(t, func(_ motia.Input[*matchDoc], ctx *matchCtx) (motia.Response, error) {
		data.Add(ctx.GetData())
		return motia.Response{}, nil
	})
	require.Equal(t, []*matchDoc{{1}, {2}, nil, {3}, {4}}, data.All())
}

func TestGetDataIsZeroWhereThereIsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got testkit.List[motia.Input[int]]
		app, _ := testkit.NewApp(t, &motia.Options{Streams: []motia.StreamConfig{{Name: "live"}}}, motia.NewStep(
			motia.StepConfig{Name: "s", Triggers: []motia.Trigger{motia.State(), motia.Stream("live"), motia.HTTP("GET", "/")}},
			func(in motia.Input[int], ctx *motia.FlowContext[motia.None, int]) (motia.Response, error) {
				if state, ok := ctx.Is.State(in); !ok || state.Type == motia.ChangeDeleted {
					require.Zero(t, ctx.GetData())
					got.Add(in)
				}
				return motia.Response{}, nil
			}))
		testkit.Start(t, app)
		ctx := app.Context(t.Context())
		_, err := motia.Scope[int]("s").Set(ctx, "k", 1)
		require.NoError(t, err)
		_, _, err = motia.Scope[int]("s").Delete(ctx, "k")
		require.NoError(t, err)
		require.NoError(t, motia.StreamName[int]("live").Send(ctx, "g", "", "typing", 7))
		synctest.Wait()
		do(t, app, "GET", "/", "7")
		require.Len(t, got.All(), 3)
	})
}

func TestTheContextOfAHandlerIsAContextAndFindsItsInvocation(t *testing.T) {
	type key struct{}
	synctest.Test(t, func(t *testing.T) {
		ran := false
		middleware := func(ctx context.Context, inv *motia.Invocation, next motia.StepFunc) (motia.Response, error) {
			require.Equal(t, "s", inv.Step)
			return next(context.WithValue(ctx, key{}, "from middleware"))
		}
		app, _ := testkit.NewApp(t, &motia.Options{StepMiddleware: []motia.StepMiddleware{middleware}}, queueStep("s", "t", func(ctx *queueCtx, _ string) error {
			ran = true
			require.Equal(t, "from middleware", ctx.Value(key{}))
			require.Equal(t, "from Run", ctx.Value(runKey{}))
			require.NoError(t, ctx.Err())
			derived, cancel := context.WithCancelCause(ctx)
			cancel(errBoom)
			require.ErrorIs(t, context.Cause(derived), errBoom)
			inv, ok := motia.FromContext(derived)
			require.True(t, ok)
			require.Equal(t, ctx.TraceID, inv.TraceID)
			_, ok = inv.Input.(*motia.QueueInput[string])
			require.True(t, ok)
			return ctx.Err()
		}))
		run, cancel := context.WithCancel(context.WithValue(t.Context(), runKey{}, "from Run"))
		done := make(chan error)
		go func() { done <- app.Run(run) }()
		queueSend(t, app, "t", "")
		synctest.Wait()
		cancel()
		require.NoError(t, <-done)
		require.True(t, ran)
	})
}

func TestEveryInvocationIsItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var kept []*queueCtx
		app, _ := testkit.NewApp(t, nil, queueStep("s", "t", func(ctx *queueCtx, data string) error {
			for _, earlier := range kept {
				require.NotSame(t, earlier, ctx)
			}
			kept = append(kept, ctx)
			if data == "fail" && ctx.Trigger.Attempt == 1 {
				return motia.RetryAfter(0, errors.New("once more"))
			}
			return nil
		}, motia.QueueConfig{Concurrency: 1}))
		testkit.Start(t, app)
		for _, data := range []string{"a", "fail", "b"} {
			queueSend(t, app, "t", data)
			synctest.Wait()
		}
		require.Len(t, kept, 4)
		for i, want := range []string{"a", "fail", "fail", "b"} {
			require.Equal(t, want, kept[i].GetData(), "a context that was kept by mistake shows its own data still")
			require.ErrorIs(t, kept[i].ExtendVisibility(time.Hour), motia.ErrLeaseLost)
		}
		require.Equal(t, kept[1].TraceID, kept[2].TraceID)
		require.NotEqual(t, kept[0].TraceID, kept[3].TraceID)
	})
}

// runKey is a key in the context given to Run.
type runKey struct{}

func TestAHandlerReadsItsWholeInputFromTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got testkit.List[string]
		app, _ := testkit.NewApp(t, nil, queueStep("s", "t", func(ctx *queueCtx, _ string) error {
			got.Add(ctx.Input().(*motia.QueueInput[string]).MessageGroupID)
			return nil
		}))
		testkit.Start(t, app)
		require.NoError(t, motia.Topic[string]("t").Enqueue(app.Context(t.Context()), "x", motia.InGroup("g")))
		synctest.Wait()
		require.Equal(t, []string{"g"}, got.All())
	})
}

func TestNoneForbidsEnqueueingAtCompileTime(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "build", "./testdata/none")
	cmd.Env = append(cmd.Environ(), "GOPROXY=off")
	out, err := cmd.CombinedOutput()
	require.Error(t, err, "it compiles")
	require.Contains(t, string(out), "none.go:12:71: cannot use order (variable of struct type Order) as motia.None value")
	require.Contains(t, string(out), "none.go:19:21: cannot use motia.Message[Order]")
	require.Contains(t, string(out), "as motia.Message[motia.None] value")
	require.NotContains(t, string(out), "proxy", "it is the compiler that complains")
}
