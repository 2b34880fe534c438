package motia

import (
	"context"
	"log/slog"
	"time"
)

// FlowContext is the second parameter of every handler: what a step can do, and what it can know, during one invocation.
//
// It is a [context.Context]: pass it to whatever takes one. It ends with the request, or when the visibility timeout
// of the message has passed, or when a shutdown runs out of patience. It must not be used after the handler has
// returned; until then its methods may be called concurrently.
//
// TInput is the type of the payload. TEnqueue is the type of the data that the method Enqueue takes: any for several
// types, or [None] if the handler does not call it, which the compiler then checks. TEnqueue governs nothing else:
// [Topic.Enqueue] and [EnqueueAll] work with any TEnqueue. What they may send to is governed by the Enqueues of the
// step, as it is for Enqueue. Most handlers enqueue to typed topics only, and take a *[Ctx].
//
// It is a struct, not an interface, and only the library makes working ones: for host code there is [App.Context],
// for tests of handlers package motiatest.
type FlowContext[TEnqueue, TInput any] struct {
	context.Context
	// TraceID is the W3C trace id, 32 hex digits, shared by everything that one cause led to.
	TraceID string
	// State reads and writes JSON values by scope and key.
	State StateManager
	// Streams reads and writes the declared streams.
	Streams Streams
	// Logger adds trace_id, step, trigger and attempt to every record.
	Logger *slog.Logger
	// Trigger says what fired.
	Trigger TriggerInfo
	// Is narrows the input.
	Is Guards[TInput]

	inv   *Invocation
	input Input[TInput]
}

// NewFlowContext returns a context as a handler gets it for the input, on an app that need not run. It is the seam
// that package motiatest is built on, whose NewContext is what tests of handlers want. The invocation belongs to no
// step: it may enqueue to any topic, as with [App.Context], and its visibility timeout, where the input would have
// one, does not pass.
func NewFlowContext[TEnqueue, TInput any](ctx context.Context, app *App, input Input[TInput]) *FlowContext[TEnqueue, TInput] {
	inv := new(Invocation)
	inv.begin(app, ctx, newOrigin())
	inv.Input, inv.Trigger = input, triggerOf(input)
	if inv.Trigger.Type != TriggerHTTP {
		inv.lease = unbounded{}
	}
	return &FlowContext[TEnqueue, TInput]{
		Context: inv.ctx,
		TraceID: inv.TraceID,
		State:   inv.State,
		Streams: inv.Streams,
		Logger:  inv.Logger,
		Trigger: inv.Trigger,
		inv:     inv,
		input:   input,
	}
}

// unbounded is a lease that does not end.
type unbounded struct{}

func (unbounded) Extend(context.Context, time.Duration) error { return nil }

// triggerOf says of an input what it knows of its trigger.
func triggerOf[T any](input Input[T]) TriggerInfo {
	switch in := input.(type) {
	case *HTTPInput[T]:
		return TriggerInfo{Type: TriggerHTTP, Method: in.Request.Method, Path: in.Request.Path, Attempt: 1}
	case *QueueInput[T]:
		return TriggerInfo{Type: TriggerQueue, Topic: in.Topic, Attempt: max(in.Attempt, 1)}
	case *StateInput[T]:
		return TriggerInfo{Type: TriggerState, Scope: in.Scope, Key: in.Key, Attempt: 1}
	case *StreamInput[T]:
		return TriggerInfo{Type: TriggerStream, Stream: in.Stream, Attempt: 1}
	}
	return TriggerInfo{Type: TriggerCron, Attempt: 1}
}

// GetData returns the payload, whatever the trigger: the HTTP body, the message, the new state value, the item of a
// stream event. It is the zero value for cron triggers, deleted state and sent stream events.
func (c *FlowContext[E, T]) GetData() T { return inputData(c.input) }

// Input returns what fired the step, for handlers that are given only a part of it: the message with its ID and group in a
// [QueueStep], the tick in a [CronStep].
func (c *FlowContext[E, T]) Input() Input[T] { return c.input }

// Value implements [context.Context]. The zero FlowContext has no values.
func (c *FlowContext[E, T]) Value(key any) any {
	if c.Context == nil {
		return nil
	}
	return c.Context.Value(key)
}

// ExtendVisibility gives the handler until d from now before its message is delivered again, whatever the visibility
// timeout was. It returns [ErrLeaseLost] when it comes too late, and [ErrNoLease] for HTTP requests.
func (c *FlowContext[E, T]) ExtendVisibility(d time.Duration) error {
	if c.inv == nil || c.inv.lease == nil {
		return ErrNoLease
	}
	return c.inv.lease.Extend(c, d)
}

// Ctx is the [FlowContext] of a handler that enqueues to typed topics or not at all, with the payload T:
//
//	func(order Order, ctx *motia.Ctx[Order]) error
type Ctx[T any] = FlowContext[None, T]

// None stands for no data. As TInput it says that a step has no payload: none is decoded. As TEnqueue it says that the
// handler does not call [FlowContext.Enqueue], which the compiler then checks. It says nothing about typed topics: what
// [Topic.Enqueue] and [EnqueueAll] may send to is governed by the Enqueues of the step. No value but nil has this type.
type None interface{ none() }
