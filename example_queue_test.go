package motia_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/motia-go/motia"
)

// Messages of a group are handled one at a time and in order. Groups run side by side.
func ExampleTopic_Enqueue() {
	handled := make(chan string, 3)
	app := motia.New(&motia.Options{Logger: quiet})
	defer run(app, motia.QueueStep(motia.StepConfig{
		Name:     "pay-order",
		Triggers: []motia.Trigger{OrderPlaced.Trigger()},
	}, func(order Order, ctx *motia.Ctx[Order]) error {
		handled <- order.ID
		return nil
	}))()

	ctx := app.Context(context.Background())
	for _, id := range []string{"o-1", "o-2", "o-3"} {
		if err := OrderPlaced.Enqueue(ctx, Order{ID: id, Total: 1}, motia.InGroup("customer-7")); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(<-handled, <-handled, <-handled)
	// Output: o-1 o-2 o-3
}

// Enqueue sends several messages atomically. Only declared topics are allowed.
func ExampleFlowContext_Enqueue() {
	app := motia.New(&motia.Options{Logger: quiet})
	defer run(app, motia.HTTPStep(motia.StepConfig{
		Name:     "place-order",
		Triggers: []motia.Trigger{motia.HTTP("POST", "/orders")},
		Enqueues: []string{"order-placed"},
	}, func(in *motia.HTTPInput[Order], ctx *motia.FlowContext[Order, Order]) (motia.Response, error) {
		err := ctx.Enqueue(
			motia.Message[Order]{Topic: "order-placed", Data: in.Request.Body, MessageGroupID: "customer-7"},
			motia.Message[Order]{Topic: "order-payed", Data: in.Request.Body, Delay: time.Minute},
		)
		var undeclared *motia.UndeclaredTopicError
		fmt.Println(errors.As(err, &undeclared), err)
		return motia.Response{}, nil
	}))()

	request(app, "POST", "/orders", `{"id":"o-1","total":30}`)
	// Output:
	// true motia: step "place-order" enqueues to undeclared topic "order-payed"; declared: "order-placed"
	// 204
}

// EnqueueAll sends messages to several topics atomically. Only topics in Enqueues are allowed.
func ExampleEnqueueAll() {
	const SendEmail motia.Topic[string] = "send-email"
	sent := make(chan string, 1)
	app := motia.New(&motia.Options{Logger: quiet})
	defer run(app, motia.HTTPStep(motia.StepConfig{
		Name:     "place-order",
		Triggers: []motia.Trigger{motia.HTTP("POST", "/orders")},
		Enqueues: motia.Topics(OrderPlaced, SendEmail),
	}, func(in *motia.HTTPInput[Order], ctx *motia.Ctx[Order]) (motia.Response, error) {
		order := in.Request.Body
		err := motia.EnqueueAll(ctx, SendEmail.Message("this is not sent"), OrderPaid.Message(order))
		fmt.Println(err)
		return motia.Response{}, motia.EnqueueAll(ctx,
			OrderPlaced.Message(order, motia.InGroup("customer-7")),
			SendEmail.Message("thank you for "+order.ID))
	}), motia.QueueStep(motia.StepConfig{
		Name:     "send-email",
		Triggers: []motia.Trigger{SendEmail.Trigger()},
	}, func(text string, ctx *motia.Ctx[string]) error {
		sent <- text
		return nil
	}))()

	request(app, "POST", "/orders", `{"id":"o-1","total":30}`)
	fmt.Println(<-sent)
	// Output:
	// motia: step "place-order" enqueues to undeclared topic "order-paid"; declared: "order-placed", "send-email"
	// 204
	// thank you for o-1
}

// A handler returns Permanent for an error that must not be retried. Dead letters can be listed and redriven.
func ExampleApp_DeadLetters() {
	paid := make(chan string)
	cardWorks := false
	app := motia.New(&motia.Options{Logger: quiet})
	defer run(app, motia.QueueStep(motia.StepConfig{
		Name:     "pay-order",
		Triggers: []motia.Trigger{OrderPlaced.Trigger()},
	}, func(order Order, ctx *motia.Ctx[Order]) error {
		if !cardWorks {
			defer close(paid)
			return motia.Permanent(errors.New("card is expired"))
		}
		paid <- order.ID
		return nil
	}))()

	ctx := app.Context(context.Background())
	if err := OrderPlaced.Enqueue(ctx, Order{ID: "o-1", Total: 30}); err != nil {
		fmt.Println(err)
	}
	<-paid
	var dead []motia.DeadLetter
	for len(dead) == 0 { // the handler has returned, or is about to
		dead, _ = app.DeadLetters().List(ctx, motia.DeadLetterQuery{Step: "pay-order"})
	}
	fmt.Println(dead[0].Step, dead[0].Attempts[0].Error, string(dead[0].Payload))

	cardWorks, paid = true, make(chan string)
	if err := app.DeadLetters().Redrive(ctx, dead[0].ID); err != nil {
		fmt.Println(err)
	}
	fmt.Println("paid:", <-paid)
	// Output:
	// pay-order card is expired {"id":"o-1","total":30,"paid":false}
	// paid: o-1
}

// A middleware counts the permanent failures.
func ExamplePermanentError() {
	var failures atomic.Int64
	counted := make(chan int64, 1)
	count := func(ctx context.Context, inv *motia.Invocation, next motia.StepFunc) (motia.Response, error) {
		response, err := next(ctx)
		var permanent *motia.PermanentError
		if errors.As(err, &permanent) {
			fmt.Println(inv.Step, "failed permanently:", permanent.Err)
			counted <- failures.Add(1)
		}
		return response, err
	}
	app := motia.New(&motia.Options{Logger: quiet, StepMiddleware: []motia.StepMiddleware{count}})
	defer run(app, motia.QueueStep(motia.StepConfig{
		Name:     "pay-order",
		Triggers: []motia.Trigger{OrderPlaced.Trigger()},
	}, func(order Order, ctx *motia.Ctx[Order]) error {
		return fmt.Errorf("pay %s: %w", order.ID, motia.Permanent(errors.New("card is expired")))
	}))()

	ctx := app.Context(context.Background())
	if err := OrderPlaced.Enqueue(ctx, Order{ID: "o-1", Total: 30}); err != nil {
		fmt.Println(err)
	}
	fmt.Println(<-counted)
	// Output:
	// pay-order failed permanently: card is expired
	// 1
}

// RetryAfter says how long to wait before the next attempt, in place of the trigger's backoff.
func ExampleRetryAfter() {
	attempts := make(chan int, 2)
	app := motia.New(&motia.Options{Logger: quiet})
	defer run(app, motia.QueueStep(motia.StepConfig{
		Name:     "pay-order",
		Triggers: []motia.Trigger{OrderPlaced.Trigger()},
	}, func(order Order, ctx *motia.Ctx[Order]) error {
		attempts <- ctx.Trigger.Attempt
		if ctx.Trigger.Attempt == 1 {
			return motia.RetryAfter(time.Millisecond, errors.New("rate limit"))
		}
		return nil
	}))()

	if err := OrderPlaced.Enqueue(app.Context(context.Background()), Order{ID: "o-1", Total: 30}); err != nil {
		fmt.Println(err)
	}
	fmt.Println(<-attempts, <-attempts)
	// Output: 1 2
}

// This schedule ticks every second; "0 2 * * *" would tick daily at two.
func ExampleCronStep() {
	ticks := make(chan bool)
	app := motia.New(&motia.Options{Logger: quiet})
	stop := run(app, motia.CronStep(motia.StepConfig{
		Name:     "summary",
		Triggers: []motia.Trigger{motia.Cron("* * * * * *", motia.InZone("Europe/Berlin"))},
	}, func(ctx *motia.Ctx[motia.None]) error {
		ticks <- true
		return nil
	}))
	<-ticks
	fmt.Println("tick")
	go func() { // a second tick may be due before the end
		for range ticks {
		}
	}()
	stop()
	// Output: tick
}
