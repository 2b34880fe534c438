package motia

import (
	"context"
	"log/slog"
	"time"
)

// FlowContext is the second parameter of every handler: what a step can do, and what it can know, during one invocation.
//
// It is a [context.Context]: pass it to whatever takes one. It ends with the request, or when the visibility timeout of the
// message has passed, or when a shutdown runs out of patience. It must not be used after the handler has returned; until
// then its methods may be called concurrently.
//
// TEnqueue is the type of the data that Enqueue takes: any for several types, [None] for a step that enqueues nothing, which
// the compiler then checks. TInput is the type of the payload.
//
// It is a struct, not an interface, and only the library makes working ones: for host code there is [App.Context].
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

// GetData returns the payload, whatever the trigger: the HTTP body, the message, the new state value, the item of a stream
// event. It is the zero value for cron triggers, deleted state and sent stream events.
func (c *FlowContext[E, T]) GetData() T { return inputData(c.input) }

// ExtendVisibility gives the handler until d from now before its message is delivered again, whatever the visibility
// timeout was. It returns [ErrLeaseLost] when it comes too late, and [ErrNoLease] for HTTP requests.
func (c *FlowContext[E, T]) ExtendVisibility(d time.Duration) error {
	if c.inv == nil || c.inv.lease == nil {
		return ErrNoLease
	}
	return c.inv.lease.Extend(c, d)
}

// None says that there is nothing: as TEnqueue, that a step enqueues nothing, which the compiler then checks; as TInput,
// that it has no payload, so that none is decoded. No value but nil has this type.
type None interface{ none() }
