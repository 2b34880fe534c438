package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"

	"github.com/motia-go/motia"
)

// createOrder accepts an order, stores it and starts everything else.
var createOrder = motia.HTTPStep(motia.StepConfig{
	Name:     "create-order",
	Triggers: []motia.Trigger{motia.HTTP("POST", "/orders")},
	Enqueues: motia.Topics(OrderCreated, SendEmail),
}, func(input *motia.HTTPInput[NewOrder], ctx *motia.Ctx[NewOrder]) (motia.Response, error) {
	order := Order{NewOrder: input.Request.Body, Status: Pending}
	order.Total = order.total()
	if order.ID == "" {
		order.ID = strings.ToLower(rand.Text()[:12])
	}

	// Revision 0 means "only if it does not exist". A client that got no answer, or an error, repeats its request:
	// then the order may be there.
	_, err := Orders.Set(ctx, order.ID, order, motia.IfRevision(0))
	if errors.Is(err, motia.ErrConflict) {
		order, err = sameOrder(ctx, order)
	}
	if err != nil {
		return motia.Response{}, err
	}

	// Enqueue both messages or none, and only once if the request is repeated. The orders of one customer are handled
	// one after the other, those of different customers concurrently. If this fails, the order stays: it is unknown
	// whether the messages were enqueued, and the client's next request continues from here.
	group := motia.InGroup(order.Customer.ID)
	err = motia.EnqueueAll(ctx,
		OrderCreated.Message(order, group, motia.WithID("created/"+order.ID)),
		SendEmail.Message(order.email("order-received"), group, motia.WithID("received/"+order.ID)),
	)
	if err != nil {
		return motia.Response{}, err
	}
	return motia.Response{
		Status:  http.StatusCreated,
		Headers: http.Header{"Location": {"/orders/" + url.PathEscape(order.ID)}},
		Body:    order,
	}, nil
})

// sameOrder returns the stored order with the ID of the new one, or an error for the client if they differ.
func sameOrder(ctx context.Context, order Order) (Order, error) {
	stored, _, err := Orders.Get(ctx, order.ID)
	if err == nil && !reflect.DeepEqual(stored.NewOrder, order.NewOrder) {
		err = motia.HTTPError(http.StatusConflict, fmt.Errorf("order %q exists already", order.ID))
	}
	return stored, err
}

var getOrder = motia.HTTPStep(motia.StepConfig{
	Name:     "get-order",
	Triggers: []motia.Trigger{motia.HTTP("GET", "/orders/:id")},
}, func(input *motia.HTTPInput[motia.None], ctx *motia.Ctx[motia.None]) (motia.Response, error) {
	order, err := findOrder(ctx, input.Request.PathParams["id"])
	return motia.Response{Body: order}, err
})
