// Package none does not compile: its step declares that it enqueues nothing, but enqueues.
package none

import "github.com/motia-go/motia"

type Order struct{ ID string }

var Step = motia.QueueStep(motia.StepConfig{
	Name:     "says-none",
	Triggers: []motia.Trigger{motia.Queue("orders")},
}, func(order Order, ctx *motia.FlowContext[motia.None, Order]) error {
	return ctx.Enqueue(motia.Message[motia.None]{Topic: "shipped", Data: order})
})

var Other = motia.QueueStep(motia.StepConfig{
	Name:     "also-says-none",
	Triggers: []motia.Trigger{motia.Queue("orders")},
}, func(order Order, ctx *motia.FlowContext[motia.None, Order]) error {
	return ctx.Enqueue(motia.Message[Order]{Topic: "shipped", Data: order})
})
