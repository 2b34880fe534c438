package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/motia-go/motia"
)

// createOrder takes an order, stores it and sets everything else in motion.
var createOrder = motia.HTTPStep(motia.StepConfig{
	Name:     "create-order",
	Triggers: []motia.Trigger{motia.HTTP("POST", "/orders")},
	Enqueues: motia.Topics(OrderCreated, SendEmail),
}, func(input *motia.HTTPInput[NewOrder], ctx *motia.FlowContext[any, NewOrder]) (motia.Response, error) {
	order := Order{NewOrder: input.Request.Body, Status: Pending}
	order.Total = order.total()
	if order.ID == "" {
		order.ID = strings.ToLower(rand.Text()[:12])
	}

	// Revision 0 means "only if it does not exist": a client that repeats its request does not order twice.
	_, err := Orders.Set(ctx, order.ID, order, motia.IfRevision(0))
	if errors.Is(err, motia.ErrConflict) {
		return motia.Response{}, motia.HTTPError(http.StatusConflict, fmt.Errorf("order %q exists already", order.ID))
	}
	if err != nil {
		return motia.Response{}, err
	}

	// Both messages or none. The orders of one customer are handled one after the other, those of different ones side
	// by side.
	group := motia.InGroup(order.Customer.ID)
	err = ctx.Enqueue(
		OrderCreated.Message(order, group),
		SendEmail.Message(order.email("order-received"), group),
	)
	if err != nil {
		_, _, undo := Orders.Delete(ctx, order.ID) // so that the client can try again
		return motia.Response{}, errors.Join(err, undo)
	}
	return motia.Response{
		Status:  http.StatusCreated,
		Headers: http.Header{"Location": {"/orders/" + url.PathEscape(order.ID)}},
		Body:    order,
	}, nil
})

var getOrder = motia.HTTPStep(motia.StepConfig{
	Name:     "get-order",
	Triggers: []motia.Trigger{motia.HTTP("GET", "/orders/:id")},
}, func(input *motia.HTTPInput[motia.None], ctx *motia.FlowContext[motia.None, motia.None]) (motia.Response, error) {
	order, err := findOrder(ctx, input.Request.PathParams["id"])
	return motia.Response{Body: order}, err
})
