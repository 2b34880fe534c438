package motia_test

import (
	"cmp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

// traceSteps are steps that lead from a request through a queue and state to a stream. All but the first fail after
// their work, so that the headers of their messages can be seen in the dead letters.
func traceSteps(traces *testkit.List[string]) []motia.Step {
	const (
		work motia.Topic[string]      = "work"
		docs motia.Scope[string]      = "docs"
		live motia.StreamName[string] = "live"
	)
	return []motia.Step{
		motia.HTTPStep(motia.StepConfig{Name: "1-http", Triggers: []motia.Trigger{motia.HTTP("POST", "/")}, Enqueues: motia.Topics(work)},
			func(_ *motia.HTTPInput[motia.None], ctx *motia.FlowContext[string, motia.None]) (motia.Response, error) {
				traces.Add(ctx.TraceID)
				return motia.Response{}, work.Enqueue(ctx, "x")
			}),
		motia.QueueStep(motia.StepConfig{Name: "2-queue", Triggers: []motia.Trigger{work.Trigger()}},
			func(data string, ctx *queueCtx) error {
				traces.Add(ctx.TraceID)
				_, err := docs.Set(ctx, "k", data)
				return motia.Permanent(cmp.Or(err, errBoom))
			}),
		motia.StateStep(motia.StepConfig{Name: "3-state", Triggers: []motia.Trigger{docs.Trigger()}},
			func(_ *motia.StateInput[string], ctx *queueCtx) error {
				traces.Add(ctx.TraceID)
				_, err := live.Set(ctx, "g", "i", "x")
				return motia.Permanent(cmp.Or(err, errBoom))
			}),
		motia.StreamStep(motia.StepConfig{Name: "4-stream", Triggers: []motia.Trigger{live.Trigger()}},
			func(_ *motia.StreamInput[string], ctx *queueCtx) error {
				traces.Add(ctx.TraceID)
				if ctx.GetData() == "x" {
					if err := live.Send(ctx, "g", "i", "typing", nil); err != nil {
						return err
					}
				}
				return motia.Permanent(errBoom)
			}),
	}
}

func TestATraceTravelsFromTheRequestThroughQueueStateAndStream(t *testing.T) {
	const inbound, state = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", "vendor=1,other=2"
	for name, headers := range map[string][]string{"new": nil, "continued": {"traceparent", inbound, "tracestate", state}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var traces testkit.List[string]
				app, _ := testkit.NewApp(t, &motia.Options{Streams: []motia.StreamConfig{{Name: "live"}}}, traceSteps(&traces)...)
				testkit.Start(t, app)
				response := do(t, app, "POST", "/", "", headers...)
				require.Equal(t, 204, response.Code)
				synctest.Wait()
				id := response.Header().Get("X-Trace-Id")
				require.Regexp(t, "^[0-9a-f]{32}$", id)
				require.Equal(t, []string{id, id, id, id, id}, traces.All())

				letters, err := app.DeadLetters().List(t.Context(), motia.DeadLetterQuery{})
				require.NoError(t, err)
				require.Len(t, letters, 4)
				parents := map[string]bool{"b7ad6b7169203331": true}
				for i, letter := range letters {
					require.Equal(t, id, letter.TraceID)
					parent := strings.Split(letter.Header.TraceParent, "-")
					require.Len(t, parent, 4)
					require.Equal(t, id, parent[1])
					require.False(t, parents[parent[2]], "every hop has its own parent id")
					parents[parent[2]] = true
					require.Equal(t, i, letter.Header.Hops, "state and stream triggers count")
					require.Equal(t, []string{"1-http", "2-queue", "3-state", "4-stream"}[i], letter.Header.Step)
					if headers == nil {
						require.Equal(t, "01", parent[3])
						require.Empty(t, letter.Header.TraceState)
					} else {
						require.Equal(t, inbound[3:35], id)
						require.Equal(t, "00", parent[3], "the decision not to sample is kept")
						require.Equal(t, state, letter.Header.TraceState)
					}
				}
			})
		})
	}
}

func TestRequestsMessagesOfHostCodeAndTicksBeginTracesOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var traces testkit.List[string]
		steps := append(traceSteps(&traces)[:1],
			queueStep("q", "work", func(ctx *queueCtx, _ string) error { traces.Add(ctx.TraceID); return nil }),
			cronStep("* * * * *", func(ctx *cronCtx, _ time.Time) error { traces.Add(ctx.TraceID); return nil }))
		app, _ := testkit.NewApp(t, nil, steps...)
		testkit.Start(t, app)
		do(t, app, "POST", "/", "")
		synctest.Wait()
		do(t, app, "POST", "/", "", "traceparent", "00-not-valid-00")
		synctest.Wait()
		queueSend(t, app, "work", "")
		synctest.Wait()
		time.Sleep(2*time.Minute + time.Second)
		all := traces.All()
		require.Len(t, all, 7)
		require.Equal(t, all[0], all[1])
		require.Equal(t, all[2], all[3])
		seen := make(map[string]bool)
		for _, id := range all {
			require.Regexp(t, "^[0-9a-f]{32}$", id)
			seen[id] = true
		}
		require.Len(t, seen, 5)
	})
}

func TestOneInvocationSendsEverythingUnderOneParent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, _ := testkit.NewApp(t, nil, queueStep("q", "work", func(*queueCtx, string) error { return motia.Permanent(errBoom) }))
		require.NoError(t, enqueueFrom(t, app, []string{"work"}, func(ctx *motia.FlowContext[any, motia.None]) error {
			if err := motia.Topic[string]("work").Enqueue(ctx, "alone"); err != nil {
				return err
			}
			return ctx.Enqueue(motia.Message[any]{Topic: "work", Data: "a"}, motia.Message[any]{Topic: "work", Data: "b"})
		}))
		testkit.Start(t, app)
		synctest.Wait()
		letters, err := app.DeadLetters().List(t.Context(), motia.DeadLetterQuery{})
		require.NoError(t, err)
		require.Len(t, letters, 3)
		require.Equal(t, letters[0].Header, letters[1].Header)
		require.Equal(t, letters[0].Header, letters[2].Header)
	})
}

func TestALoopOfTriggersEndsAsADeadLetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const counter motia.Scope[int] = "counter"
		runs := 0
		app, _ := testkit.NewApp(t, nil, motia.StateStep(motia.StepConfig{Name: "loop", Triggers: []motia.Trigger{counter.Trigger()}},
			func(in *motia.StateInput[int], ctx *motia.FlowContext[motia.None, int]) error {
				runs++
				_, err := counter.Set(ctx, in.Key, ctx.GetData()+1)
				return err
			}))
		testkit.Start(t, app)
		_, err := counter.Set(app.Context(t.Context()), "k", 0)
		require.NoError(t, err)
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Equal(t, 100, runs)
		letters, err := app.DeadLetters().List(t.Context(), motia.DeadLetterQuery{})
		require.NoError(t, err)
		require.Len(t, letters, 1)
		require.Len(t, letters[0].Attempts, 1)
		require.Contains(t, letters[0].Attempts[0].Error, motia.ErrTriggerLoop.Error())
		require.JSONEq(t, `{"type":"updated","scope":"counter","key":"k","old":99,"new":100}`, string(letters[0].Payload))
	})
}

func TestALoopOnOneKeyDoesNotConcernTriggersOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const counters motia.Scope[int] = "counters"
		app, _ := testkit.NewApp(t, nil,
			motia.StateStep(motia.StepConfig{Name: "loop", Triggers: []motia.Trigger{counters.Trigger(motia.ForKey("a"))}},
				func(in *motia.StateInput[int], ctx *motia.FlowContext[motia.None, int]) error {
					_, err := counters.Update(ctx, "a", motia.Increment("", 1))
					return err
				}),
			motia.StateStep(motia.StepConfig{Name: "innocent", Triggers: []motia.Trigger{counters.Trigger(motia.ForKey("b"))}},
				func(*motia.StateInput[int], *motia.FlowContext[motia.None, int]) error { return nil }))
		testkit.Start(t, app)
		_, err := counters.Set(app.Context(t.Context()), "a", 1)
		require.NoError(t, err)
		synctest.Wait()
		letters, err := app.DeadLetters().List(t.Context(), motia.DeadLetterQuery{})
		require.NoError(t, err)
		require.Len(t, letters, 1)
		require.Equal(t, "loop", letters[0].Step)
	})
}
