package main

import "github.com/motia-go/motia"

// publishStatus copies every change of an order to the stream, so that its followers see it.
var publishStatus = motia.StateStep(motia.StepConfig{
	Name:     "publish-status",
	Triggers: []motia.Trigger{Orders.Trigger()},
}, func(input *motia.StateInput[Order], ctx *motia.Ctx[Order]) error {
	if input.New == nil {
		_, _, err := Live.Delete(ctx, input.Old.Customer.ID, input.Key)
		return err
	}
	status := LiveStatus{
		OrderID:        input.New.ID,
		Status:         input.New.Status,
		CompletedSteps: input.New.CompletedSteps,
		ChargeAttempts: input.New.ChargeAttempts,
		Problem:        input.New.Problem,
	}
	shown, _, err := Live.Get(ctx, input.New.Customer.ID, input.Key)
	if err != nil || shown.isLaterThan(status) {
		return err
	}
	_, err = Live.Set(ctx, input.New.Customer.ID, input.Key, status)
	return err
})

// isLaterThan reports which of two is later, since an order only advances. An earlier change may be handled after
// later ones if it was a dead letter.
func (s LiveStatus) isLaterThan(other LiveStatus) bool {
	return s.CompletedSteps > other.CompletedSteps || s.ChargeAttempts > other.ChargeAttempts || s.Status == Completed && other.Status != Completed
}

// followOrder answers with server-sent events: the current status, then every change of it, until the order is
// completed, the client leaves or the service stops.
var followOrder = motia.HTTPStep(motia.StepConfig{
	Name:     "follow-order",
	Triggers: []motia.Trigger{motia.HTTP("GET", "/orders/:id/events")},
}, func(input *motia.HTTPInput[motia.None], ctx *motia.Ctx[motia.None]) (motia.Response, error) {
	order, err := findOrder(ctx, input.Request.PathParams["id"])
	if err != nil {
		return motia.Response{}, err
	}
	subscription, err := Live.Subscribe(ctx, order.Customer.ID, motia.ForItem(order.ID))
	if err != nil {
		return motia.Response{}, err
	}
	defer subscription.Close()
	for change, err := range subscription.Events(ctx) {
		if err != nil {
			return motia.Response{}, err
		}
		done, err := sendStatus(input.Response, change)
		if done || err != nil {
			return motia.Response{}, err
		}
	}
	return motia.Response{}, nil
})

// sendStatus sends the status in an event, and reports whether it is the last one.
func sendStatus(response *motia.ResponseStream, change motia.StreamInput[LiveStatus]) (done bool, err error) {
	status := change.Event.Data
	if snapshot := change.Event.Items; len(snapshot) > 0 { // at the start, and if the client was too slow for some events
		status = snapshot[0].Data
	}
	if status.OrderID == "" {
		return false, nil // not published yet; it comes next
	}
	err = response.Send(motia.ServerSentEvent{Event: string(change.Event.Type), Data: status})
	return status.Status == Completed || change.Event.Type == motia.EventDelete, err
}
