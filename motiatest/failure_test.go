package motiatest_test

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/motiatest"
)

// What the kit says when something is wrong.

func TestAnAppThatIsNotIdleSaysWhatIsPending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failed, output := failsIn(t, func(t motiatest.TB) {
			stuck := motia.QueueStep(motia.StepConfig{Name: "stuck", Triggers: []motia.Trigger{SendEmail.Trigger()}},
				func(_ Email, ctx *motia.FlowContext[motia.None, Email]) error {
					<-ctx.Done()
					return ctx.Err()
				})
			app := motiatest.Run(t, nil, failing(0, motia.QueueConfig{}), stuck)
			motiatest.Enqueue(app, OrderCreated, tea, motia.After(time.Hour))
			motiatest.Enqueue(app, SendEmail, Email{To: "eve@example.com"}, motia.InGroup("eve"))
			motiatest.Enqueue(app, SendEmail, Email{To: "eve@example.com"}, motia.InGroup("eve"))
			app.IdleWithin(time.Minute)
		})
		require.True(t, failed)
		require.Contains(t, output, "not idle after 1m0s; still pending:\n"+
			"    step charge (queue \"order-created\"): 0 messages ready, 1 not yet due, 0 running\n"+
			"    step stuck (queue \"send-email\"): 1 messages ready, 0 not yet due, 1 running\n"+
			"    running since 2000-01-01T00:00:00Z: step stuck (queue \"send-email\")\n")
	})
}

func TestAnAppThatIsNotIdleInRealTimeSaysSoWithinTheBound(t *testing.T) {
	failed, output := failsIn(t, func(t motiatest.TB) {
		app := motiatest.Run(t, nil, failing(0, motia.QueueConfig{}))
		motiatest.Enqueue(app, OrderCreated, tea, motia.After(time.Hour))
		app.IdleWithin(time.Millisecond)
	})
	require.True(t, failed)
	require.Contains(t, output, "not idle after 1ms; still pending:\n    step charge")
	require.Contains(t, output, "enqueue order-created, after 1h0m0s {", "the delay is round again")
}

func TestAnAppThatMakesWorkForItselfIsNotWaitedForForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failed, output := failsIn(t, func(t motiatest.TB) {
			loop := motia.QueueStep(motia.StepConfig{Name: "loop", Triggers: []motia.Trigger{OrderCreated.Trigger()}, Enqueues: motia.Topics(OrderCreated)},
				func(order Order, ctx *motia.FlowContext[motia.None, Order]) error {
					return OrderCreated.Enqueue(ctx, order)
				})
			app := motiatest.Run(quiet{t}, nil, loop)
			motiatest.Enqueue(app, OrderCreated, tea)
			app.Idle()
		})
		require.True(t, failed)
		require.Contains(t, output, "not idle after 20000 invocations")
	})
}

// quiet is a test whose end prints nothing: a story of 20,000 invocations is long.
type quiet struct{ motiatest.TB }

func (quiet) Failed() bool { return false }

func TestAHandlerThatEndsItsGoroutineIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failed, output := failsIn(t, func(t motiatest.TB) {
			exits := motia.QueueStep(motia.StepConfig{Name: "exits", Triggers: []motia.Trigger{OrderCreated.Trigger()}},
				func(Order, *motia.FlowContext[motia.None, Order]) error {
					runtime.Goexit() // as t.FailNow does
					return nil
				})
			app := motiatest.Run(t, nil, exits)
			motiatest.Enqueue(app, OrderCreated, tea)
			app.Idle()
		})
		require.True(t, failed)
		require.Contains(t, output, `the handler of step "exits" ended its goroutine`)
		require.Contains(t, output, "→ exits: failed: the handler ended its goroutine")
	})
}

func TestAFailedTestEndsWithWhatHappened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failed, output := failsIn(t, func(t motiatest.TB) {
			app := motiatest.Run(t, nil, createOrder, failing(1, motia.QueueConfig{}))
			app.Do(motiatest.Request("POST", "/orders", tea))
			app.Idle()
			motiatest.Equal(t, map[string]any{"id": "o-1", "total": 500}, map[string]any{"total": 450, "id": "o-1"})
		})
		require.True(t, failed)
		require.Equal(t, `not equal (- expected, + got):
  {
    "id": "o-1",
-   "total": 500
+   "total": 450
  }

what happened:
POST /orders {"id":"o-1","email":"eve@example.com","total":450} → create-order
    state "orders" "o-1" created {"id":"o-1","email":"eve@example.com","total":450}
    enqueue order-created, group "eve@example.com" {"id":"o-1","email":"eve@example.com","total":450}
        → charge: retried: card service is down
        → charge, attempt 2: done
    ← 201 {"id":"o-1","email":"eve@example.com","total":450}

`, output)
	})
}

func TestATestThatPassesPrintsNothing(t *testing.T) {
	failed, output := failsIn(t, func(t motiatest.TB) {
		app := motiatest.Run(t, nil, createOrder)
		app.Do(motiatest.Request("POST", "/orders", tea))
		app.Idle()
	})
	require.False(t, failed)
	require.Empty(t, output)
}

func TestMistakesOfTheTestAreReported(t *testing.T) {
	for _, c := range []struct {
		name string
		test func(t motiatest.TB)
		want string
	}{
		{"a step that is not valid", func(t motiatest.TB) { motiatest.Run(t, nil, motia.Step{}) },
			"the app is not valid:\nmotia: step \"\": argument 0 is the zero Step"},
		{"options that are not valid", func(t motiatest.TB) { motiatest.Run(t, &motia.Options{MaxBodySize: -1}) },
			"motia: Options.MaxBodySize is negative"},
		{"a backend that lacks something", func(t motiatest.TB) {
			backend := motia.InMemory(nil)
			backend.KV = nil
			motiatest.Run(t, &motia.Options{Backend: backend})
		}, "motia: Options.Backend must have Queue, KV and Bus"},
		{"an app that cannot be made", func(t motiatest.TB) {
			motiatest.RunApp(t, func(*motia.Options) (*motia.App, error) { return nil, errors.New("no configuration") })
		}, "no configuration"},
		{"an app without the options", func(t motiatest.TB) {
			motiatest.RunApp(t, func(*motia.Options) (*motia.App, error) {
				return motia.New(&motia.Options{Logger: slog.New(slog.DiscardHandler)}), nil
			})
		}, "it must use the options that it is given"},
		{"a schedule that nobody has", func(t motiatest.TB) { motiatest.Run(t, nil, createOrder).Tick("@daily") },
			`no step has the schedule "@daily"; there are: none`},
		{"a message that does not encode", func(t motiatest.TB) {
			motiatest.Enqueue(motiatest.Run(t, nil), motia.Topic[any]("x"), any(make(chan int)))
		}, "json: unsupported type: chan int"},
		{"a value that does not encode", func(t motiatest.TB) {
			motiatest.SetState(motiatest.Run(t, nil), motia.Scope[any]("x"), "k", any(make(chan int)))
		}, "json: unsupported type: chan int"},
		{"a message of another type", func(t motiatest.TB) {
			app := motiatest.Run(t, nil)
			motiatest.Enqueue(app, motia.Topic[int]("order-created"), 7)
			motiatest.Enqueued(t, app, OrderCreated)
		}, "a message to order-created is not of type *motiatest_test.Order"},
		{"an input without a trigger", func(t motiatest.TB) { motiatest.Invoke(t, sendReceipt, motiatest.Queue(SendEmail, Email{})) },
			`the step has no trigger for the input (send-email); it has: queue "order-created"`},
		{"a step that is not valid alone", func(t motiatest.TB) { motiatest.Invoke(t, motia.Step{}, motiatest.Queue(SendEmail, Email{})) },
			"the step is not valid"},
		{"what does not encode", func(t motiatest.TB) { motiatest.Equal(t, 1, make(chan int)) },
			"got cannot be encoded as JSON: json: unsupported type: chan int"},
		{"what does not encode as expected", func(t motiatest.TB) { motiatest.Equal(t, make(chan int), 1) },
			"want cannot be encoded as JSON"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				failed, output := failsIn(t, c.test)
				require.True(t, failed)
				require.Contains(t, output, c.want)
			})
		})
	}
}

func TestAnAppThatDoesNotStopInOrderFailsTheTest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failed, output := failsIn(t, func(t motiatest.TB) {
			backend := motia.InMemory(nil)
			backend.Close = func(context.Context) error { return errors.New("disk is full") }
			motiatest.Run(t, &motia.Options{Backend: backend})
		})
		require.True(t, failed)
		require.Contains(t, output, "the app did not stop properly: motia: close backend: disk is full")
	})
}
