package motia_test

import (
	"fmt"
	"math"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

func TestSeveralMessagesAreEnqueuedAllOrNone(t *testing.T) {
	type messages = []motia.Message[any]
	good := messages{{Topic: "a", Data: 1}, {Topic: "b", Data: 2}, {Topic: "a", Data: 3}}
	cases := map[string]struct {
		messages messages
		fill     bool // the queue of b beforehand
		err      string
	}{
		"all good":                     {messages: good},
		"undeclared topic":             {messages: append(good[:2:2], motia.Message[any]{Topic: "c"}), err: `undeclared topic "c"`},
		"undeclared topic in between":  {messages: messages{good[0], {Topic: "c"}, good[1]}, err: `undeclared topic "c"`},
		"empty topic":                  {messages: append(good[:2:2], motia.Message[any]{}), err: `undeclared topic ""`},
		"data that does not encode":    {messages: append(good[:2:2], motia.Message[any]{Topic: "b", Data: func() {}}), err: `motia: enqueue "b" from step "sender": json`},
		"number that does not encode":  {messages: append(good[:2:2], motia.Message[any]{Topic: "b", Data: math.NaN()}), err: "NaN"},
		"negative delay":               {messages: append(good[:2:2], motia.Message[any]{Topic: "b", Delay: -1}), err: "delay is negative: -1ns"},
		"no room on one of two topics": {messages: good, fill: true, err: "queue is full"},
	}
	ways := map[string]func(*motia.FlowContext[any, motia.None], messages) error{
		"Enqueue": func(ctx *motia.FlowContext[any, motia.None], all messages) error { return ctx.Enqueue(all...) },
		"EnqueueAll": func(ctx *motia.FlowContext[any, motia.None], all messages) error {
			return motia.EnqueueAll(ctx, all...)
		},
	}
	for name, c := range cases {
		for way, enqueue := range ways {
			t.Run(way+", "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var got testkit.List[string]
					record := func(topic string, opts ...motia.TriggerOption) motia.Step {
						return queueStep("on-"+topic, topic, func(_ *motia.FlowContext[motia.None, any], data any) error {
							got.Add(fmt.Sprint(topic, data))
							return nil
						}, opts...)
					}
					app, _ := testkit.NewApp(t, nil, record("a"), record("b", motia.QueueConfig{MaxPending: 2}))
					if c.fill {
						queueSend(t, app, "b", "before")
						queueSend(t, app, "b", "before")
					}
					err := enqueueFrom(t, app, []string{"a", "b"}, func(ctx *motia.FlowContext[any, motia.None]) error {
						return enqueue(ctx, c.messages)
					})
					testkit.Start(t, app)
					synctest.Wait()
					switch {
					case c.err == "":
						require.NoError(t, err)
						require.ElementsMatch(t, []string{"a1", "b2", "a3"}, got.All())
					case c.fill:
						require.ErrorIs(t, err, motia.ErrQueueFull)
						require.Equal(t, []string{"bbefore", "bbefore"}, got.All())
					default:
						require.ErrorContains(t, err, c.err)
						require.Empty(t, got.All())
					}
				})
			})
		}
	}
}

func TestTypedMessagesOfSeveralTopicsAreSentTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const numbers, words = motia.Topic[int]("numbers"), motia.Topic[string]("words")
		var got testkit.List[string]
		app, _ := testkit.NewApp(t, nil,
			motia.HTTPStep(motia.StepConfig{
				Name: "send", Triggers: []motia.Trigger{motia.HTTP("POST", "/")}, Enqueues: motia.Topics(numbers, words),
			}, func(_ *motia.HTTPInput[motia.None], ctx *motia.FlowContext[any, motia.None]) (motia.Response, error) {
				return motia.Response{}, ctx.Enqueue(numbers.Message(1, motia.InGroup("g")), words.Message("one", motia.WithID("w")))
			}),
			motia.HTTPStep(motia.StepConfig{
				Name: "send-all", Triggers: []motia.Trigger{motia.HTTP("POST", "/all")}, Enqueues: motia.Topics(numbers, words),
			}, func(_ *motia.HTTPInput[motia.None], ctx *motia.Ctx[motia.None]) (motia.Response, error) {
				return motia.Response{}, motia.EnqueueAll(ctx, numbers.Message(2, motia.InGroup("h")), words.Message("two", motia.WithID("x")))
			}),
			motia.NewStep(motia.StepConfig{Name: "numbers", Triggers: []motia.Trigger{numbers.Trigger()}},
				func(in motia.Input[int], ctx *motia.FlowContext[motia.None, int]) (motia.Response, error) {
					message := in.(*motia.QueueInput[int])
					got.Add(fmt.Sprint(message.Data, " ", message.MessageGroupID))
					return motia.Response{}, nil
				}),
			motia.NewStep(motia.StepConfig{Name: "words", Triggers: []motia.Trigger{words.Trigger()}},
				func(in motia.Input[string], ctx *motia.FlowContext[motia.None, string]) (motia.Response, error) {
					message := in.(*motia.QueueInput[string])
					got.Add(fmt.Sprint(message.Data, " ", message.MessageID))
					return motia.Response{}, nil
				}))
		testkit.Start(t, app)
		require.Equal(t, 204, do(t, app, "POST", "/", "").Code)
		require.Equal(t, 204, do(t, app, "POST", "/all", "").Code)
		require.NoError(t, motia.EnqueueAll(app.Context(t.Context()), words.Message("three", motia.WithID("y")), numbers.Message(3)))
		synctest.Wait()
		require.ElementsMatch(t, []string{"1 g", "one w", "2 h", "two x", "3 ", "three y"}, got.All())
	})
}

func TestNoMessagesAreEnqueuedWithoutAnError(t *testing.T) {
	app, _ := testkit.NewApp(t, nil)
	require.NoError(t, motia.EnqueueAll(app.Context(t.Context())))
	require.NoError(t, enqueueFrom(t, app, nil, func(ctx *motia.FlowContext[any, motia.None]) error {
		require.NoError(t, motia.EnqueueAll(ctx))
		return ctx.Enqueue()
	}))
}

func TestSeveralMessagesNeedABackendThatTakesThemTogether(t *testing.T) {
	backend := motia.InMemory(nil)
	backend.Features.AtomicPublish = false
	app, _ := testkit.NewApp(t, &motia.Options{Backend: backend}, motia.HTTPStep(motia.StepConfig{
		Name: "send", Triggers: []motia.Trigger{motia.HTTP("POST", "/")}, Enqueues: []string{"a", "b"},
	}, func(_ *motia.HTTPInput[motia.None], ctx *motia.FlowContext[any, motia.None]) (motia.Response, error) {
		err := ctx.Enqueue(motia.Message[any]{Topic: "a"}, motia.Message[any]{Topic: "b"})
		require.ErrorIs(t, err, motia.ErrNotAtomic)
		require.ErrorIs(t, motia.EnqueueAll(ctx, motia.Message[any]{Topic: "a"}, motia.Message[any]{Topic: "b"}), motia.ErrNotAtomic)
		require.NoError(t, motia.EnqueueAll(ctx, motia.Message[any]{Topic: "a"}))
		return motia.Response{}, ctx.Enqueue(motia.Message[any]{Topic: "a"})
	}))
	require.Equal(t, 204, do(t, app, "POST", "/", "").Code)
}
