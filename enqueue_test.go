package motia_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

// enqueueFrom registers a step that may enqueue to the topics and runs f as its handler, once. It returns what f
// returned.
func enqueueFrom(t *testing.T, app *motia.App, topics []string, f func(ctx *motia.FlowContext[any, motia.None]) error) error {
	t.Helper()
	var result error
	require.NoError(t, app.Register(motia.HTTPStep(
		motia.StepConfig{Name: "sender", Triggers: []motia.Trigger{motia.HTTP("POST", "/send")}, Enqueues: topics},
		func(_ *motia.HTTPInput[motia.None], ctx *motia.FlowContext[any, motia.None]) (motia.Response, error) {
			result = f(ctx)
			return motia.Response{}, nil
		})))
	require.Equal(t, 204, do(t, app, "POST", "/send", "").Code)
	return result
}

func TestAnUndeclaredTopicIsATypedErrorThatListsTheDeclaredOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got testkit.List[string]
		app, _ := testkit.NewApp(t, nil, queueStep("spy", "secret", func(*motia.FlowContext[motia.None, any], any) error {
			got.Add("secret")
			return nil
		}))
		declared := []string{"a", "b"}
		var typed, all error
		err := enqueueFrom(t, app, declared, func(ctx *motia.FlowContext[any, motia.None]) error {
			typed = motia.Topic[string]("secret").Enqueue(ctx, "x")
			all = motia.EnqueueAll(ctx, motia.Topic[string]("secret").Message("x"))
			return ctx.Enqueue(motia.Message[any]{Topic: "secret"})
		})
		for _, err := range []error{err, typed, all} {
			var undeclared *motia.UndeclaredTopicError
			require.ErrorAs(t, err, &undeclared)
			require.Equal(t, &motia.UndeclaredTopicError{Step: "sender", Topic: "secret", Declared: declared}, undeclared)
			require.EqualError(t, err, `motia: step "sender" enqueues to undeclared topic "secret"; declared: "a", "b"`)
			undeclared.Declared[0] = "changed by a caller" // seen by nobody else
		}
		testkit.Start(t, app)
		synctest.Wait()
		require.Empty(t, got.All())
	})
}

func TestNoneAsTEnqueueSendsNothing(t *testing.T) {
	app, _ := testkit.NewApp(t, nil)
	require.NoError(t, app.Register(motia.HTTPStep(
		motia.StepConfig{Name: "mute", Triggers: []motia.Trigger{motia.HTTP("GET", "/")}, Enqueues: []string{"a"}},
		func(_ *motia.HTTPInput[motia.None], ctx *motia.FlowContext[motia.None, motia.None]) (motia.Response, error) {
			require.NoError(t, ctx.Enqueue())
			require.ErrorContains(t, ctx.Enqueue(motia.Message[motia.None]{Topic: "a"}), "TEnqueue is None")
			return motia.Response{}, nil
		})))
	require.Equal(t, 204, do(t, app, "GET", "/", "").Code)
}

func TestALaterChangeOfTheValueIsNotSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got testkit.List[string]
		app, _ := testkit.NewApp(t, nil, queueStep("reader", "a", func(_ *motia.FlowContext[motia.None, any], data any) error {
			got.Add(fmt.Sprint(data))
			return nil
		}))
		value := map[string]any{"n": 1, "list": []int{1, 2}}
		queueSend(t, app, "a", value)
		value["n"], value["list"].([]int)[0] = 2, 99
		testkit.Start(t, app)
		synctest.Wait()
		require.Equal(t, []string{"map[list:[1 2] n:1]"}, got.All())
	})
}

func TestTypedTopicsEnqueueThroughDerivedContextsAndHelpers(t *testing.T) {
	const mails motia.Topic[string] = "mails"
	helper := func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		return mails.Enqueue(ctx, "hello", motia.InGroup("g"), motia.After(time.Minute), motia.WithID("m1"))
	}
	synctest.Test(t, func(t *testing.T) {
		var inputs testkit.List[*motia.QueueInput[string]]
		var traces testkit.List[string]
		app, _ := testkit.NewApp(t, nil, motia.NewStep(
			motia.StepConfig{Name: "mailer", Triggers: []motia.Trigger{mails.Trigger()}},
			func(in motia.Input[string], ctx *motia.FlowContext[motia.None, string]) (motia.Response, error) {
				inputs.Add(in.(*motia.QueueInput[string]))
				traces.Add(ctx.TraceID)
				return motia.Response{}, nil
			}))
		sent := time.Now()
		require.NoError(t, enqueueFrom(t, app, motia.Topics(mails), func(ctx *motia.FlowContext[any, motia.None]) error {
			traces.Add(ctx.TraceID)
			return helper(ctx)
		}))
		testkit.Start(t, app)
		time.Sleep(time.Minute - time.Nanosecond)
		synctest.Wait()
		require.Empty(t, inputs.All())
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		require.Len(t, inputs.All(), 1)
		got := inputs.All()[0]
		require.True(t, sent.Equal(got.EnqueuedAt))
		got.EnqueuedAt = sent
		require.Equal(t, &motia.QueueInput[string]{Data: "hello", Topic: "mails", MessageID: "m1", MessageGroupID: "g", EnqueuedAt: sent, Attempt: 1}, got)
		require.Len(t, traces.All(), 2)
		require.Equal(t, traces.All()[0], traces.All()[1])
	})
}

func TestOutsideOfAnInvocationThereIsErrNoInvocation(t *testing.T) {
	require.ErrorIs(t, motia.Topic[int]("a").Enqueue(t.Context(), 1), motia.ErrNoInvocation)
	var zero motia.FlowContext[any, any]
	require.ErrorIs(t, zero.Enqueue(motia.Message[any]{Topic: "a"}), motia.ErrNoInvocation)
	require.ErrorIs(t, zero.ExtendVisibility(time.Hour), motia.ErrNoLease)
	require.Nil(t, zero.GetData())
	_, err := zero.Match(motia.MatchHandlers[any]{})
	var none *motia.NoHandlerError
	require.ErrorAs(t, err, &none)
	_, found := motia.FromContext(t.Context())
	require.False(t, found)
}

func TestHostCodeEnqueuesThroughAppContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got testkit.List[string]
		receive := func(app string) motia.Step {
			return queueStep("receiver", "a", func(ctx *motia.FlowContext[motia.None, any], data any) error {
				got.Add(fmt.Sprint(app, data))
				return nil
			})
		}
		one, _ := testkit.NewApp(t, nil, receive("one"))
		two, _ := testkit.NewApp(t, nil, receive("two"))
		testkit.Start(t, one)
		testkit.Start(t, two)
		ctx := one.Context(t.Context())
		require.Equal(t, ctx, one.Context(ctx), "bound already")
		require.NoError(t, motia.Topic[int]("a").Enqueue(ctx, 1))
		require.NoError(t, motia.Topic[int]("a").Enqueue(two.Context(ctx), 2))
		require.NoError(t, motia.Topic[int]("nobody listens").Enqueue(ctx, 3))
		require.EqualError(t, motia.Topic[int]("").Enqueue(ctx, 4), "motia: enqueue: topic is empty")
		require.ErrorContains(t, motia.Topic[any]("a").Enqueue(ctx, make(chan int)), `motia: enqueue "a": json`)
		cancelled, cancel := context.WithCancel(ctx)
		cancel()
		require.ErrorIs(t, motia.Topic[int]("a").Enqueue(cancelled, 5), context.Canceled)
		synctest.Wait()
		require.ElementsMatch(t, []string{"one1", "two2"}, got.All())
		inv, found := motia.FromContext(ctx)
		require.True(t, found)
		require.Empty(t, inv.Step)
		require.Nil(t, inv.Input)
	})
}

func TestAnIDIsEnqueuedOnceWithinTheWindow(t *testing.T) {
	for _, c := range []struct {
		name    string
		backend *motia.MemoryOptions
		window  time.Duration
	}{
		{"by default", nil, 2 * time.Minute},
		{"as configured", &motia.MemoryOptions{DedupWindow: 10 * time.Second}, 10 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got testkit.List[string]
				receive := func(topic string) motia.Step {
					return queueStep(topic, topic, func(_ *motia.FlowContext[motia.None, any], data any) error {
						got.Add(fmt.Sprint(topic, data))
						return nil
					}, motia.QueueConfig{MaxPending: 2})
				}
				app, _ := testkit.NewApp(t, &motia.Options{Backend: motia.InMemory(c.backend)}, receive("a"), receive("b"))
				once := motia.WithID("once")
				queueSend(t, app, "a", 1, once)
				queueSend(t, app, "a", 2, once)                      // dropped
				queueSend(t, app, "b", 3, once)                      // another topic
				queueSend(t, app, "a", 4, motia.WithID("something")) // another ID
				queueSend(t, app, "a", 5, once)                      // dropped, although the queue is full
				testkit.Start(t, app)
				time.Sleep(c.window - time.Nanosecond)
				queueSend(t, app, "a", 6, once) // dropped
				time.Sleep(time.Nanosecond)
				queueSend(t, app, "a", 7, once)
				synctest.Wait()
				require.ElementsMatch(t, []string{"a1", "b3", "a4", "a7"}, got.All())
			})
		})
	}
}

func TestAnIDTwiceInOneCallIsEnqueuedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got testkit.List[string]
		app, _ := testkit.NewApp(t, nil, queueStep("a", "a", func(_ *motia.FlowContext[motia.None, any], data any) error {
			got.Add(fmt.Sprint(data))
			return nil
		}))
		require.NoError(t, enqueueFrom(t, app, []string{"a"}, func(ctx *motia.FlowContext[any, motia.None]) error {
			return ctx.Enqueue(motia.Message[any]{Topic: "a", Data: 1, ID: "x"}, motia.Message[any]{Topic: "a", Data: 2, ID: "x"})
		}))
		testkit.Start(t, app)
		synctest.Wait()
		require.Equal(t, []string{"1"}, got.All())
	})
}

func TestNamesMayHoldAnything(t *testing.T) {
	hostile := []string{"plain", ".", "..", "a.b", "*", ">", "a/b", "a%2Fb", "a#b", " ", "\x00", "a\x00b", "\xff\xfe", "😀", "motia:", "motia:state", "motia:topic:motia:state",
		"motia:cron:tick", strings.Repeat("x", 64<<10), strings.Repeat("x", 64<<10-1)}
	synctest.Test(t, func(t *testing.T) {
		got := make(map[string]*testkit.List[string])
		var steps []motia.Step
		for _, topic := range hostile {
			got[topic] = new(testkit.List[string])
			steps = append(steps, motia.NewStep(
				motia.StepConfig{Name: topic, Triggers: []motia.Trigger{motia.Queue(topic)}},
				func(in motia.Input[[]byte], ctx *motia.FlowContext[motia.None, []byte]) (motia.Response, error) {
					q := in.(*motia.QueueInput[[]byte])
					if name := string(q.Data); q.Topic != topic || ctx.Trigger.Topic != topic || q.MessageGroupID != name || q.MessageID != name {
						return motia.Response{}, motia.Permanent(errors.New("mixed up"))
					}
					got[topic].Add(string(q.Data))
					return motia.Response{}, nil
				}))
		}
		var changes testkit.List[string]
		steps = append(steps, motia.StateStep(motia.StepConfig{Name: "on-state", Triggers: []motia.Trigger{motia.State()}},
			func(in *motia.StateInput[int], _ *motia.FlowContext[motia.None, int]) error {
				changes.Add(in.Key)
				return nil
			}))
		app, _ := testkit.NewApp(t, nil, steps...)
		testkit.Start(t, app)
		ctx := app.Context(t.Context())
		_, err := motia.Scope[int]("s").Set(ctx, "k", 1) // a change, which is no message on the topic "motia:state"
		require.NoError(t, err)
		for _, topic := range hostile {
			var want []string
			for _, name := range hostile {
				queueSend(t, app, topic, []byte(name), motia.InGroup(name), motia.WithID(name))
				want = append(want, name)
			}
			synctest.Wait()
			require.ElementsMatch(t, want, got[topic].All())
		}
		require.Equal(t, []string{"k"}, changes.All())
		n, err := app.DeadLetters().Count(t.Context(), motia.DeadLetterQuery{})
		require.NoError(t, err)
		require.Zero(t, n)
	})
}

func TestAfterShutdownThereIsErrShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, _ := testkit.NewApp(t, nil, queueStep("a", "a", func(*motia.FlowContext[motia.None, any], any) error { return nil }))
		ctx := app.Context(t.Context())
		require.NoError(t, testkit.Start(t, app)())
		require.ErrorIs(t, motia.Topic[int]("a").Enqueue(ctx, 1), motia.ErrShutdown)
		_, err := app.DeadLetters().List(t.Context(), motia.DeadLetterQuery{})
		require.ErrorIs(t, err, motia.ErrShutdown)
		_, err = app.DeadLetters().Count(t.Context(), motia.DeadLetterQuery{})
		require.ErrorIs(t, err, motia.ErrShutdown)
	})
}

func TestOutsideOfAnInvocationNothingIsEnqueued(t *testing.T) {
	const topic = motia.Topic[int]("t")
	require.ErrorIs(t, topic.Enqueue(t.Context(), 1), motia.ErrNoInvocation)
	require.ErrorIs(t, motia.EnqueueAll(t.Context(), topic.Message(1)), motia.ErrNoInvocation)
	require.ErrorIs(t, motia.EnqueueAll(&motia.Ctx[int]{}, topic.Message(1)), motia.ErrNoInvocation)
	require.ErrorIs(t, new(motia.FlowContext[int, int]).Enqueue(motia.Message[int]{}), motia.ErrNoInvocation)
}

func TestNilOptionsAndTheZeroFlowContextAreHarmless(t *testing.T) {
	app, _ := testkit.NewApp(t, nil)
	ctx := app.Context(context.Background())
	require.NoError(t, motia.Topic[int]("t").Enqueue(ctx, 1, nil))
	_, err := motia.Scope[int]("s").Set(ctx, "k", 1, nil)
	require.NoError(t, err)
	err = motia.Topic[int]("t").Enqueue(&motia.FlowContext[motia.None, int]{}, 1)
	require.True(t, errors.Is(err, motia.ErrNoInvocation))
}
