package main

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/motia-go/motia"
)

// Logger and trace id.
var processPayment = motia.HTTPStep(motia.StepConfig{
	Name:     "process-payment",
	Triggers: []motia.Trigger{motia.HTTP("POST", "/payments")},
}, func(input *motia.HTTPInput[Order], ctx *motia.Ctx[Order]) (motia.Response, error) {
	body := input.Request.Body
	ctx.Logger.Info("processing payment", "amount", body.Amount, "currency", body.Currency)
	if err := chargeCard(ctx, ctx.TraceID, body); err != nil {
		ctx.Logger.Error("payment failed", "error", err)
		return motia.Response{Status: 500, Body: map[string]string{"error": "Payment processing failed"}}, nil
	}
	return motia.Response{Status: 200, Body: body}, nil
})

func chargeCard(ctx context.Context, traceID string, o Order) error {
	req, err := http.NewRequestWithContext(ctx, "POST", "https://api.example.com/process", strings.NewReader(o.ID))
	if err != nil {
		return err
	}
	req.Header.Set("X-Trace-Id", traceID)
	return errors.New("declined")
}

func showLogger(t *transcript) {
	t.section("Logger and trace id")
	t.request("POST", "/payments", `{"orderId":"A-1","amount":28,"currency":"EUR","email":"ada@example.com","customerId":"ada"}`, 3)
}
