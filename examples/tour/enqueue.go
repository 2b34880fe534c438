package main

import (
	"errors"
	"net/http"
	"time"

	"github.com/motia-go/motia"
)

// Enqueue: declared topics, a message group for order.
var createOrder = motia.HTTPStep(motia.StepConfig{
	Name:     "create-order",
	Triggers: []motia.Trigger{motia.HTTP("POST", "/orders")},
	Enqueues: motia.Topics(OrderCreated, SendEmail),
}, func(input *motia.HTTPInput[Order], ctx *motia.FlowContext[any, Order]) (motia.Response, error) {
	order := input.Request.Body
	// typed: the payload type belongs to the topic
	if err := OrderCreated.Enqueue(ctx, order); err != nil {
		return motia.Response{}, err
	}
	// dynamic: topic by name, as in the original
	err := ctx.Enqueue(motia.Message[any]{
		Topic:          "send-email",
		Data:           Email{To: order.Email, Template: "order-confirmation"},
		MessageGroupID: "customer-" + order.CustomerID,
	})
	if err != nil {
		return motia.Response{}, err
	}
	return motia.Response{Status: http.StatusCreated, Body: order}, nil
})

// A single-trigger queue step with its own retry policy.
var sendEmail = motia.QueueStep(motia.StepConfig{
	Name:     "send-email",
	Triggers: []motia.Trigger{SendEmail.Trigger(motia.QueueConfig{MaxAttempts: 5, VisibilityTimeout: time.Minute})},
}, func(email Email, ctx *motia.Ctx[Email]) error {
	ctx.Logger.Info("sending", "to", email.To)
	return nil
})

// EnqueueAll sends all of the messages or none. Here it sends none, since it is an error to enqueue to a topic that
// the step does not declare.
var forgetfulStep = motia.HTTPStep(motia.StepConfig{
	Name:     "forgetful-step",
	Triggers: []motia.Trigger{motia.HTTP("POST", "/forgetful")},
	Enqueues: motia.Topics(SendEmail),
}, func(_ *motia.HTTPInput[motia.None], ctx *motia.Ctx[motia.None]) (motia.Response, error) {
	err := motia.EnqueueAll(ctx,
		SendEmail.Message(Email{To: "ada@example.com", Template: "forgotten"}),
		motia.Topic[UserSync]("user-sync").Message(UserSync{UserID: "7"}))
	var undeclared *motia.UndeclaredTopicError
	if errors.As(err, &undeclared) {
		return motia.Response{Body: undeclared.Error()}, nil
	}
	return motia.Response{}, err
})

func showEnqueue(t *transcript) {
	t.section("Enqueue")
	t.printf("# one request, two topics, three steps")
	t.request("POST", "/orders", `{"orderId":"A-1","amount":28,"currency":"EUR","email":"ada@example.com","customerId":"ada"}`, 6)
	t.printf("# invalid payloads do not reach the handler")
	t.request("POST", "/orders", `{"orderId":"A-2","amount":0,"currency":"gold","email":"ada","customerId":"ada"}`, 0)
	t.request("POST", "/orders", `{"orderId":`, 0)
	t.request("POST", "/forgetful", "", 1)

	t.printf("# from outside of a step: in a group, delayed, and sent twice but delivered once")
	ctx := t.host()
	t.check(SendEmail.Enqueue(ctx, Email{To: "bob@example.com", Template: "hello"},
		motia.InGroup("customer-bob"), motia.After(100*time.Millisecond), motia.WithID("hello-bob")))
	t.check(SendEmail.Enqueue(ctx, Email{To: "bob@example.com", Template: "hello"}, motia.WithID("hello-bob")))
	t.logs(2)
}
