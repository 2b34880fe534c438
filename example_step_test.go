package motia_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/motia-go/motia"
)

// One handler for several triggers: Match calls the function for the one that fired.
func ExampleFlowContext_Match() {
	handled := make(chan string, 1)
	app := motia.New(&motia.Options{Logger: quiet})
	defer run(app, motia.NewStep(motia.StepConfig{
		Name:     "process-order",
		Triggers: []motia.Trigger{motia.HTTP("POST", "/process"), OrderPlaced.Trigger()},
	}, func(in motia.Input[Order], ctx *motia.Ctx[Order]) (motia.Response, error) {
		return ctx.Match(motia.MatchHandlers[Order]{
			HTTP: func(in *motia.HTTPInput[Order]) (motia.Response, error) {
				return motia.Response{Body: "from " + in.Request.Path}, nil
			},
			Queue: func(order Order) error {
				handled <- "from the queue: " + order.ID
				return nil
			},
		})
	}))()

	request(app, "POST", "/process", `{"id":"o-1","total":30}`)
	_ = OrderPlaced.Enqueue(app.Context(context.Background()), Order{ID: "o-2", Total: 30})
	fmt.Println(<-handled)
	// Output:
	// 200 from /process
	// from the queue: o-2
}

// GetData returns the payload, whatever the trigger. Is narrows the input.
func ExampleFlowContext_GetData() {
	app := motia.New(&motia.Options{Logger: quiet})
	defer run(app, motia.NewStep(motia.StepConfig{
		Name:     "process-order",
		Triggers: []motia.Trigger{motia.HTTP("POST", "/process"), OrderPlaced.Trigger()},
	}, func(in motia.Input[Order], ctx *motia.Ctx[Order]) (motia.Response, error) {
		order := ctx.GetData()
		if request, ok := ctx.Is.HTTP(in); ok {
			return motia.Response{Body: request.Request.Method + " " + order.ID}, nil
		}
		return motia.Response{}, nil
	}))()

	request(app, "POST", "/process", `{"id":"o-1","total":30}`)
	// Output: 200 POST o-1
}

// Register reports every mistake at once.
func ExampleApp_Register() {
	handler := func(Order, *motia.Ctx[Order]) error { return nil }
	app := motia.New(nil)
	err := app.Register(
		motia.QueueStep(motia.StepConfig{Name: "pay-order"}, handler),
		motia.QueueStep(motia.StepConfig{Name: "pay-order", Triggers: []motia.Trigger{motia.Queue("")}}, handler),
		motia.CronStep(motia.StepConfig{
			Name:     "summary",
			Triggers: []motia.Trigger{motia.Cron("0 2 * * *", motia.InZone("Europe/Atlantis"))},
		}, func(*motia.Ctx[motia.None]) error { return nil }),
	)
	fmt.Println(err)
	var mistake *motia.StepError
	fmt.Println(errors.As(err, &mistake), mistake.Step)
	// Output:
	// motia: step "pay-order": has no trigger
	// motia: step "pay-order": name is taken by another step
	// motia: step "pay-order": trigger 0 (queue ""): topic is empty
	// motia: step "summary": trigger 0 (cron "0 2 * * *"): unknown time zone "Europe/Atlantis"
	// true pay-order
}

// Validate checks the graph of steps and topics.
func ExampleApp_Validate() {
	app := motia.New(nil)
	err := app.Register(motia.QueueStep(motia.StepConfig{
		Name:     "pay-order",
		Triggers: []motia.Trigger{OrderPlaced.Trigger()},
		Enqueues: motia.Topics(OrderPaid),
	}, func(order Order, ctx *motia.Ctx[Order]) error {
		return OrderPaid.Enqueue(ctx, order)
	}))
	fmt.Println(err)
	notes, err := app.Validate()
	fmt.Println(strings.Join(notes, "\n"))
	fmt.Println(err)
	// Output:
	// <nil>
	// no step enqueues to topic "order-placed" of step "pay-order"
	// motia: step "pay-order" enqueues to topic "order-paid", which no step consumes; if another program does, add it to VirtualEnqueues
}

// Triggers of a step that differ only in their conditions need names. Then waiting messages still reach the right one
// when a new version of the program swaps the triggers or renames the step.
func ExampleNamed() {
	small := motia.When(func(in motia.Input[Order]) bool { return in.(*motia.QueueInput[Order]).Data.Total < 100 })
	large := motia.When(func(in motia.Input[Order]) bool { return in.(*motia.QueueInput[Order]).Data.Total >= 100 })
	handled := make(chan string, 1)
	step := func(triggers ...motia.Trigger) motia.Step {
		return motia.QueueStep(motia.StepConfig{
			Name:     "pay-order",
			Triggers: triggers,
		}, func(order Order, ctx *motia.Ctx[Order]) error {
			handled <- order.ID + " is " + ctx.Trigger.Name
			return nil
		})
	}
	app := motia.New(&motia.Options{Logger: quiet})
	fmt.Println(app.Register(step(OrderPlaced.Trigger(small), OrderPlaced.Trigger(large))))
	defer run(app, step(
		OrderPlaced.Trigger(small, motia.Named("small")),
		OrderPlaced.Trigger(large, motia.Named("large"), motia.QueueConfig{Concurrency: 1}),
	))()

	_ = OrderPlaced.Enqueue(app.Context(context.Background()), Order{ID: "o-1", Total: 450})
	fmt.Println(<-handled)
	// Output:
	// motia: step "pay-order": trigger 1 (queue "order-placed"): has the same queue as trigger 0; give them names with Named
	// o-1 is large
}

// A tool reads the steps of an app, here to draw the flow between them.
func ExampleApp_Steps() {
	app := motia.New(nil)
	err := app.Register(
		motia.HTTPStep(motia.StepConfig{
			Name:     "place-order",
			Triggers: []motia.Trigger{motia.HTTP("POST", "/orders")},
			Enqueues: motia.Topics(OrderPlaced),
		}, func(*motia.HTTPInput[Order], *motia.Ctx[Order]) (motia.Response, error) { return motia.Response{}, nil }),
		motia.QueueStep(motia.StepConfig{
			Name:     "pay-order",
			Triggers: []motia.Trigger{OrderPlaced.Trigger()},
		}, func(Order, *motia.Ctx[Order]) error { return nil }),
	)
	if err != nil {
		fmt.Println(err)
	}
	for _, step := range app.Steps() {
		config := step.Config()
		for _, trigger := range config.Triggers {
			fmt.Printf("%v → %s (%v)\n", trigger, config.Name, step.InputType())
		}
		for _, topic := range config.Enqueues {
			fmt.Printf("%s → queue %q\n", config.Name, topic)
		}
	}
	// Output:
	// queue "order-placed" → pay-order (motia_test.Order)
	// http POST /orders → place-order (motia_test.Order)
	// place-order → queue "order-placed"
}

// A spec describes a trigger as data.
func ExampleTrigger_Spec() {
	nightly := motia.Cron("0 2 * * *", motia.InZone("Europe/Berlin"), motia.Named("nightly"))
	large := OrderPlaced.Trigger(motia.QueueConfig{MaxAttempts: 10})
	for _, trigger := range []motia.Trigger{nightly, large} {
		text, err := json.Marshal(trigger.Spec())
		fmt.Println(string(text), err)
	}
	fmt.Println(large.Spec().Payload)
	// Output:
	// {"type":"cron","name":"nightly","expression":"0 2 * * *","zone":"Europe/Berlin","overlap":"skip"} <nil>
	// {"type":"queue","topic":"order-placed","queue":{"maxAttempts":10}} <nil>
	// motia_test.Order
}

// Step middleware wraps the handlers of all steps.
func ExampleStepMiddleware() {
	logging := func(ctx context.Context, inv *motia.Invocation, next motia.StepFunc) (motia.Response, error) {
		response, err := next(ctx)
		fmt.Println(inv.Step, "ran by", inv.Trigger.Type, "error:", err)
		return response, err
	}
	app := motia.New(&motia.Options{Logger: quiet, StepMiddleware: []motia.StepMiddleware{logging}})
	defer run(app, motia.HTTPStep(motia.StepConfig{
		Name:     "place-order",
		Triggers: []motia.Trigger{motia.HTTP("POST", "/orders")},
	}, func(in *motia.HTTPInput[Order], ctx *motia.Ctx[Order]) (motia.Response, error) {
		return motia.Response{Status: 201}, nil
	}))()

	request(app, "POST", "/orders", `{"id":"o-1","total":30}`)
	// Output:
	// place-order ran by http error: <nil>
	// 201
}

// With LogHandler, all records that are logged with the context of an invocation identify the invocation.
func ExampleLogHandler() {
	var out bytes.Buffer
	noTime := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "trace_id" {
			return slog.Attr{}
		}
		return a
	}
	logger := slog.New(motia.LogHandler(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: noTime})))

	app := motia.New(&motia.Options{Logger: quiet})
	stop := run(app, motia.HTTPStep(motia.StepConfig{
		Name:     "place-order",
		Triggers: []motia.Trigger{motia.HTTP("POST", "/orders")},
	}, func(in *motia.HTTPInput[Order], ctx *motia.Ctx[Order]) (motia.Response, error) {
		logger.InfoContext(ctx, "order placed", "id", in.Request.Body.ID)
		return motia.Response{Status: 201}, nil
	}))
	request(app, "POST", "/orders", `{"id":"o-1","total":30}`)
	stop()
	fmt.Print(out.String())
	// Output:
	// 201
	// level=INFO msg="order placed" id=o-1 step=place-order trigger=http attempt=1
}
