package receipt_test

import (
	"errors"
	"testing"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/motiatest"
)

type Order struct {
	ID    string `json:"id" validate:"required"`
	Email string `json:"email" validate:"required,email"`
}

type Email struct {
	To string `json:"to"`
}

const (
	OrderCreated motia.Topic[Order] = "order-created"
	SendEmail    motia.Topic[Email] = "send-email"
)

func handleReceipt(order Order, ctx *motia.Ctx[Order]) error {
	if order.Email == "nobody@example.com" {
		return motia.Permanent(errors.New("mailbox does not exist"))
	}
	return SendEmail.Enqueue(ctx, Email{To: order.Email})
}

var sendReceipt = motia.QueueStep(motia.StepConfig{
	Name:     "send-receipt",
	Triggers: []motia.Trigger{OrderCreated.Trigger()},
	Enqueues: motia.Topics(SendEmail),
}, handleReceipt)

func TestAReceiptGoesToTheCustomer(t *testing.T) {
	order := Order{ID: "o-1", Email: "eve@example.com"}
	ctx, app := motiatest.NewContext[motia.None](t, motiatest.Queue(OrderCreated, order))
	if err := handleReceipt(order, ctx); err != nil {
		t.Fatal(err)
	}
	motiatest.Equal(t, `[{"to": "eve@example.com"}]`, data(motiatest.Enqueued(t, app, SendEmail)))
}

func TestAReceiptThatCannotBeDeliveredIsGivenUp(t *testing.T) {
	for _, email := range []string{"nobody@example.com", "not an address"} {
		result := motiatest.Invoke(t, sendReceipt, motiatest.Queue(OrderCreated, Order{ID: "o-1", Email: email}))
		if result.Outcome != motiatest.DeadLettered {
			t.Errorf("%s: %s, %v", email, result.Outcome, result.Err)
		}
	}
}

func data[T any](messages []motia.Message[T]) []T {
	var all []T
	for _, m := range messages {
		all = append(all, m.Data)
	}
	return all
}
