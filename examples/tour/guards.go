package main

import (
	"github.com/motia-go/motia"
)

// Type guards, trigger info, one payload for two triggers.
var processOrder = motia.NewStep(motia.StepConfig{
	Name:     "process-order",
	Triggers: []motia.Trigger{motia.HTTP("POST", "/process"), OrderCreated.Trigger()},
}, func(input motia.Input[Order], ctx *motia.Ctx[Order]) (motia.Response, error) {
	ctx.Logger.Info("step triggered", "type", ctx.Trigger.Type, "method", ctx.Trigger.Method, "path", ctx.Trigger.Path)
	order := ctx.GetData() // HTTP body or queue payload
	if _, ok := ctx.Is.HTTP(input); ok {
		return motia.Response{Status: 200, Body: map[string]bool{"received": order.ID != ""}}, nil
	}
	switch in := input.(type) { // a plain type switch works as well
	case *motia.QueueInput[Order]:
		ctx.Logger.Info("from the queue", "attempt", in.Attempt, "group", in.MessageGroupID)
	}
	return motia.Response{}, nil
})

func showGuards(t *transcript) {
	t.section("Type guards, trigger info, one payload for two triggers")
	order := Order{ID: "A-3", Amount: 5, Currency: "EUR", Email: "ada@example.com", CustomerID: "ada"}
	t.request("POST", "/process", `{"orderId":"A-3","amount":5,"currency":"EUR","email":"ada@example.com","customerId":"ada"}`, 2)
	t.printf("# the same step by its other trigger")
	t.check(OrderCreated.Enqueue(t.host(), order, motia.InGroup("customer-ada")))
	t.logs(3)
}
