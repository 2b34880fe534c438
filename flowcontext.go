package motia

import (
	"context"
	"log/slog"
	"time"
)

// FlowContext is the second parameter of every handler: what a step can use and know during one invocation.
//
// It is a [context.Context]. It ends when the HTTP request ends, when the visibility timeout of the message expires,
// or when a shutdown has waited for [Options.ShutdownTimeout]. It must not be used after the handler has returned;
// until then its methods may be called concurrently.
//
// TInput is the type of the payload. TEnqueue is the type of the data for the method Enqueue: any for several types,
// or [None] if the handler does not call it, which the compiler then checks. [Topic.Enqueue] and [EnqueueAll] work
// with any TEnqueue. All three may only send to the topics in [StepConfig.Enqueues]. Most handlers enqueue to typed
// topics only, and take a *[Ctx].
//
// Only the library makes working FlowContexts. Host code uses [App.Context], tests of handlers use package motiatest.
type FlowContext[TEnqueue, TInput any] struct {
	context.Context
	// TraceID is the W3C trace id, 32 hex digits, shared by everything that has the same cause.
	TraceID string
	// State reads and writes JSON values by scope and key.
	State StateManager
	// Streams reads and writes the declared streams.
	Streams Streams
	// Logger adds trace_id, step, trigger and attempt to every record.
	Logger *slog.Logger
	// Trigger says which trigger fired.
	Trigger TriggerInfo
	// Is narrows the [Input] of the handler.
	Is Guards[TInput]

	inv   *Invocation
	input Input[TInput]
}

// NewFlowContext returns the context that a handler would get for the input, on an app that need not run. It is for
// package motiatest; tests of handlers use the NewContext of that package. The invocation belongs to no step: it may
// enqueue to any topic, as with [App.Context], and its visibility timeout, if any, never expires.
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

// unbounded is a lease that does not expire.
type unbounded struct{}

func (unbounded) Extend(context.Context, time.Duration) error { return nil }

// triggerOf returns what an input says about its trigger.
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

// GetData returns the payload, whatever the trigger: the HTTP body, the message, the new state value or the stream
// item. It is the zero value for cron triggers, deleted state values and sent stream events.
func (c *FlowContext[E, T]) GetData() T { return inputData(c.input) }

// Input returns the whole input for handlers that get only a part of it: the message with its ID and group in a
// [QueueStep], the tick in a [CronStep].
func (c *FlowContext[E, T]) Input() Input[T] { return c.input }

// Value implements [context.Context]. The zero FlowContext has no values.
func (c *FlowContext[E, T]) Value(key any) any {
	if c.Context == nil {
		return nil
	}
	return c.Context.Value(key)
}

// ExtendVisibility makes the visibility timeout of the message expire d from now. It returns [ErrLeaseLost] if it has
// already expired, and [ErrNoLease] if there is no message, as in HTTP requests.
func (c *FlowContext[E, T]) ExtendVisibility(d time.Duration) error {
	if c.inv == nil || c.inv.lease == nil {
		return ErrNoLease
	}
	return c.inv.lease.Extend(c, d)
}

// Ctx is the [FlowContext] of a handler with the payload T that enqueues only to typed topics, or not at all:
//
//	func(order Order, ctx *motia.Ctx[Order]) error
type Ctx[T any] = FlowContext[None, T]

// None stands for no data. As TInput it means that the step has no payload, and nothing is decoded. As TEnqueue it
// means that the handler does not call [FlowContext.Enqueue], which the compiler then checks; typed topics are not
// affected, see [FlowContext]. The only value of this type is nil.
type None interface{ none() }
