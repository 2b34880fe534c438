package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/motia-go/motia"
)

// Two steps consume order-created. Each gets every message, they run concurrently, and each merges its result into
// the order. When the last one has done so, completeOrder fires. No step knows another one.

// chargeAttempts is how often a charge is tried before its message becomes a dead letter.
const chargeAttempts = 3

// charge takes the money. It fails as often as -fail-rate says; after the last attempt the message becomes a dead
// letter.
func (s *service) charge() motia.Step {
	return motia.QueueStep(motia.StepConfig{
		Name: "charge",
		Triggers: []motia.Trigger{OrderCreated.Trigger(motia.QueueConfig{
			MaxAttempts: chargeAttempts,
			Backoff:     motia.ExponentialBackoff(200*time.Millisecond, 5*time.Second),
		})},
	}, func(order Order, ctx *motia.Ctx[Order]) error {
		stored, err := findOrder(ctx, order.ID)
		if err != nil {
			return err
		}
		if stored.Results.Charge != nil {
			return nil // delivery is at least once, and this is a second one
		}
		if err := s.terminal.charge(ctx, order.ID, order.Total, stored.ChargeAttempts); err != nil {
			_, noted := Orders.Update(ctx, order.ID, motia.Increment("chargeAttempts", 1), motia.Set("problem", err.Error()))
			return errors.Join(err, noted)
		}
		return merge(ctx, order.ID, Results{Charge: &Charge{Amount: order.Total, Currency: order.Currency}},
			motia.Increment("chargeAttempts", 1), motia.Delete("problem"))
	})
}

// reserveStock reserves the pieces of an order.
var reserveStock = motia.QueueStep(motia.StepConfig{
	Name:     "reserve-stock",
	Triggers: []motia.Trigger{OrderCreated.Trigger()},
}, func(order Order, ctx *motia.Ctx[Order]) error {
	stored, err := findOrder(ctx, order.ID)
	if err != nil {
		return err
	}
	if stored.Results.Reservation != nil {
		return nil
	}
	for _, item := range order.Items {
		// Setting the same member to the same number again changes nothing, so a retry is harmless.
		if _, err := Stock.Update(ctx, item.SKU, motia.Merge("", Reserved{order.ID: item.Qty})); err != nil {
			return err
		}
	}
	return merge(ctx, order.ID, Results{Reservation: &Reservation{Pieces: order.pieces()}})
})

// merge adds the result of one part to the order and counts it, in one atomic update: the other parts may do so at
// the same time.
func merge(ctx context.Context, orderID string, result Results, more ...motia.UpdateOp) error {
	_, err := Orders.Update(ctx, orderID, motia.UpdateOps(more), motia.Merge("results", result), motia.Increment("completedSteps", 1))
	return err
}

// completeOrder fires on the change that makes an order complete. If it is repeated, its own write changes nothing
// the second time, and the mail is dropped as a duplicate.
var completeOrder = motia.StateStep(motia.StepConfig{
	Name:     "complete-order",
	Triggers: []motia.Trigger{Orders.Trigger(motia.When(allPartsDone))},
	Enqueues: motia.Topics(SendEmail),
}, func(input *motia.StateInput[Order], ctx *motia.Ctx[Order]) error {
	order := ctx.GetData()
	if _, err := Orders.Update(ctx, order.ID, motia.Set("status", Completed)); err != nil {
		return err
	}
	ctx.Logger.Info("order completed", "order", order.ID, "total", order.Total)
	return SendEmail.Enqueue(ctx, order.email("order-completed"), motia.InGroup(order.Customer.ID), motia.WithID("completed/"+order.ID))
})

func allPartsDone(input motia.Input[Order]) bool {
	change, ok := input.(*motia.StateInput[Order])
	return ok && change.New != nil && change.New.CompletedSteps == parts && change.New.Status == Pending
}

// findOrder returns the order. If there is none, the error is meant for clients, and permanent, since retrying a
// message about it does not help.
func findOrder(ctx context.Context, id string) (Order, error) {
	order, found, err := Orders.Get(ctx, id)
	if err == nil && !found {
		err = motia.Permanent(motia.HTTPError(http.StatusNotFound, fmt.Errorf("order %q does not exist", id)))
	}
	return order, err
}
