package orders_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/motiatest"
)

type Order struct {
	ID string `json:"id" validate:"required"`
}

const OrderCreated motia.Topic[Order] = "order-created"

var createOrder = motia.HTTPStep(motia.StepConfig{
	Name:     "create-order",
	Triggers: []motia.Trigger{motia.HTTP("POST", "/orders")},
	Enqueues: motia.Topics(OrderCreated),
}, func(in *motia.HTTPInput[Order], ctx *motia.Ctx[Order]) (motia.Response, error) {
	return motia.Response{}, OrderCreated.Enqueue(ctx, in.Request.Body)
})

var charge = motia.QueueStep(motia.StepConfig{
	Name:     "charge",
	Triggers: []motia.Trigger{OrderCreated.Trigger()},
}, func(_ Order, ctx *motia.Ctx[Order]) error {
	if ctx.Trigger.Attempt < 3 {
		return errors.New("card service is down")
	}
	return nil
})

func TestAFailingChargeIsRetriedUntilItSucceeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := motiatest.Run(t, nil, createOrder, charge)
		start := time.Now()
		if response := app.Do(motiatest.Request("POST", "/orders", Order{ID: "o-1"})); response.Code != 204 {
			t.Fatal(response.Code, response.Body)
		}
		app.Idle()

		if waited := time.Since(start); waited < 2*time.Second || waited > 3*time.Second {
			t.Errorf("two pauses took %v", waited)
		}
		want := `POST /orders {"id":"o-1"} → create-order
    enqueue order-created {"id":"o-1"}
        → charge: retried: card service is down
        → charge, attempt 2: retried: card service is down
        → charge, attempt 3: done
    ← 204
`
		if got := app.Events().String(); got != want {
			t.Error(got)
		}
	})
}
