package motiatest_test

import (
	"errors"
	"net/http"

	"github.com/motia-go/motia"
)

// The steps that the tests are about: a small shop.

type Order struct {
	ID    string `json:"id" validate:"required"`
	Email string `json:"email" validate:"required,email"`
	Total int    `json:"total" validate:"gt=0"`
}

type Email struct {
	To      string `json:"to"`
	Subject string `json:"subject"`
}

type Status struct {
	Status string `json:"status"`
}

const (
	OrderCreated motia.Topic[Order]       = "order-created"
	SendEmail    motia.Topic[Email]       = "send-email"
	Orders       motia.Scope[Order]       = "orders"
	Statuses     motia.Scope[Status]      = "statuses"
	Live         motia.StreamName[Status] = "live"
)

var tea = Order{ID: "o-1", Email: "eve@example.com", Total: 450}

// withLive are the options of steps that use the stream.
func withLive() *motia.Options {
	return &motia.Options{Streams: []motia.StreamConfig{{Name: string(Live)}}}
}

func handleCreate(in *motia.HTTPInput[Order], ctx *motia.Ctx[Order]) (motia.Response, error) {
	order := in.Request.Body
	if _, err := Orders.Set(ctx, order.ID, order, motia.IfRevision(0)); err != nil {
		if errors.Is(err, motia.ErrConflict) {
			err = motia.HTTPError(http.StatusConflict, err)
		}
		return motia.Response{}, err
	}
	if err := OrderCreated.Enqueue(ctx, order, motia.InGroup(order.Email)); err != nil {
		return motia.Response{}, err
	}
	return motia.Response{Status: http.StatusCreated, Body: order}, nil
}

var createOrder = motia.HTTPStep(motia.StepConfig{
	Name:     "create-order",
	Triggers: []motia.Trigger{motia.HTTP("POST", "/orders")},
	Enqueues: motia.Topics(OrderCreated),
}, handleCreate)

func handleReceipt(order Order, ctx *motia.FlowContext[Email, Order]) error {
	if order.Email == "nobody@example.com" {
		return motia.Permanent(errors.New("mailbox does not exist"))
	}
	ctx.Logger.Info("sending receipt", "to", order.Email)
	if _, err := Statuses.Set(ctx, order.ID, Status{"confirmed"}); err != nil {
		return err
	}
	return ctx.Enqueue(motia.Message[Email]{Topic: string(SendEmail), Data: Email{order.Email, "Receipt"}})
}

var sendReceipt = motia.QueueStep(motia.StepConfig{
	Name:     "send-receipt",
	Triggers: []motia.Trigger{OrderCreated.Trigger()},
	Enqueues: motia.Topics(SendEmail),
}, handleReceipt)

// publishStatus follows every status but drafts.
var publishStatus = motia.StateStep(motia.StepConfig{
	Name: "publish-status",
	Triggers: []motia.Trigger{Statuses.Trigger(motia.When(func(in motia.Input[Status]) bool {
		change, ok := in.(*motia.StateInput[Status])
		return ok && change.New != nil && change.New.Status != "draft"
	}))},
}, func(in *motia.StateInput[Status], ctx *motia.Ctx[Status]) error {
	if _, err := Live.Set(ctx, "all", in.Key, *in.New); err != nil {
		return err
	}
	return Live.Send(ctx, "all", in.Key, "ping", in.New.Status)
})

var mail = motia.QueueStep(motia.StepConfig{
	Name:     "mail",
	Triggers: []motia.Trigger{SendEmail.Trigger()},
}, func(email Email, ctx *motia.Ctx[Email]) error { return nil })

// failing returns a step whose first attempts fail.
func failing(times int, config motia.QueueConfig) motia.Step {
	return motia.QueueStep(motia.StepConfig{
		Name:     "charge",
		Triggers: []motia.Trigger{OrderCreated.Trigger(config)},
	}, func(_ Order, ctx *motia.Ctx[Order]) error {
		if ctx.Trigger.Attempt <= times {
			return errors.New("card service is down")
		}
		return nil
	})
}
