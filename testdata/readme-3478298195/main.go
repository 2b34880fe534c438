package main

import (
	"context"
	"log"
	"net/http"
	"os/signal"
	"syscall"

	"github.com/motia-go/motia"
)

type Order struct {
	ID    string `json:"id" validate:"required"`
	Email string `json:"email" validate:"required,email"`
	Total int    `json:"total" validate:"gt=0"`
}

// A topic and a state scope with the types of what they carry.
const (
	OrderCreated motia.Topic[Order] = "order-created"
	Orders       motia.Scope[Order] = "orders"
)

// POST /orders: the body is decoded and validated before the handler runs.
var createOrder = motia.HTTPStep(motia.StepConfig{
	Name:     "create-order",
	Triggers: []motia.Trigger{motia.HTTP("POST", "/orders")},
	Enqueues: motia.Topics(OrderCreated),
}, func(in *motia.HTTPInput[Order], ctx *motia.Ctx[Order]) (motia.Response, error) {
	order := in.Request.Body
	if _, err := Orders.Set(ctx, order.ID, order); err != nil {
		return motia.Response{}, err
	}
	// Messages of one group are handled one at a time and in order.
	if err := OrderCreated.Enqueue(ctx, order, motia.InGroup(order.Email)); err != nil {
		return motia.Response{}, err
	}
	return motia.Response{Status: http.StatusCreated, Body: order}, nil
})

// Every subscribed step gets every message. An error is retried with backoff, and dead-lettered in the end.
var sendReceipt = motia.QueueStep(motia.StepConfig{
	Name:     "send-receipt",
	Triggers: []motia.Trigger{OrderCreated.Trigger(motia.QueueConfig{MaxAttempts: 5})},
}, func(order Order, ctx *motia.Ctx[Order]) error {
	ctx.Logger.Info("sending receipt", "to", order.Email)
	return nil
})

func main() {
	app := motia.New(nil)
	if err := app.Register(createOrder, sendReceipt); err != nil {
		log.Fatal(err) // every mistake at once
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C does not wait
	if err := app.ListenAndServe(ctx, ":8080"); err != nil {
		log.Fatal(err)
	}
}
