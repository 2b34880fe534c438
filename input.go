package motia

import (
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// Input is what fired a step: one of *[HTTPInput], *[QueueInput], *[CronInput], *[StateInput] and *[StreamInput].
// Narrow it with a type switch or with [FlowContext.Is]. It cannot be implemented elsewhere.
type Input[T any] interface {
	isInput(T)
}

// HTTPInput is a request to an HTTP trigger.
type HTTPInput[T any] struct {
	Request Request[T]
	// Response writes the response piece by piece, for downloads and server-sent events. A handler that uses it returns
	// the zero [Response].
	Response *ResponseStream
}

// Request is an HTTP request with its decoded and validated body.
type Request[T any] struct {
	Method      string
	Path        string            // as sent, percent-decoded
	PathParams  map[string]string // by the names in the route, percent-decoded
	QueryParams url.Values        // all values of repeated keys, in order
	Headers     http.Header       // canonical keys
	Body        T                 // the zero value for GET, HEAD and None
	// HTTP is the request itself. Its Body has been read, unless the method is GET or HEAD or the input is [None].
	HTTP *http.Request
}

// QueueInput is a message of a queue trigger.
type QueueInput[T any] struct {
	Data           T
	Topic          string
	MessageID      string // the ID given to Enqueue, or one that is unique for the trigger
	MessageGroupID string // empty if the message has no group
	EnqueuedAt     time.Time
	Attempt        int // 1 on the first delivery
}

// CronInput is a tick of a schedule.
type CronInput[T any] struct {
	// ScheduledAt is the time the tick was due, in the time zone of the schedule.
	ScheduledAt time.Time
}

// StateInput is a change of a state value.
type StateInput[T any] struct {
	Type  ChangeType `json:"type"`
	Scope string     `json:"scope"`
	Key   string     `json:"key"`
	Old   *T         `json:"old"` // nil if Type is ChangeCreated; the zero value if it does not decode as T
	New   *T         `json:"new"` // nil if Type is ChangeDeleted
}

// ChangeType says how a state value changed.
type ChangeType string

// The kinds of change.
const (
	ChangeCreated ChangeType = "created"
	ChangeUpdated ChangeType = "updated"
	ChangeDeleted ChangeType = "deleted"
)

// StreamInput is an event on a stream.
type StreamInput[T any] struct {
	Stream    string         `json:"stream"`
	GroupID   string         `json:"groupId"`
	ItemID    string         `json:"itemId,omitempty"` // empty for events sent to a whole group
	Timestamp time.Time      `json:"timestamp"`
	Event     StreamEvent[T] `json:"event"`
}

// StreamEvent says what happened on a stream.
type StreamEvent[T any] struct {
	Type StreamEventType `json:"type"`
	// Data is the item after a create or an update and before a delete; the zero value otherwise.
	Data T `json:"data,omitzero"`
	// Name and Payload are the name and the JSON of a sent event, see [StreamHandle.Send].
	Name    string          `json:"name,omitempty"`
	Payload json.RawMessage `json:"payload,omitempty"`
	// Items are all items of the group, or the one that the subscription follows, in a snapshot (sync or resync). Only
	// subscriptions get snapshots.
	Items []StreamItem[T] `json:"items,omitzero"`
}

// StreamItem is an item in a snapshot.
type StreamItem[T any] struct {
	ID   string `json:"id"`
	Data T      `json:"data"`
}

// StreamEventType is the kind of a stream event.
type StreamEventType string

// The kinds of stream events.
const (
	EventCreate StreamEventType = "create"
	EventUpdate StreamEventType = "update"
	EventDelete StreamEventType = "delete"
	EventSent   StreamEventType = "event"  // sent with Send, not stored
	EventSync   StreamEventType = "sync"   // a snapshot, the first event of every subscription
	EventResync StreamEventType = "resync" // a snapshot in place of events that a slow subscriber missed
)

func (*HTTPInput[T]) isInput(T)   {}
func (*QueueInput[T]) isInput(T)  {}
func (*CronInput[T]) isInput(T)   {}
func (*StateInput[T]) isInput(T)  {}
func (*StreamInput[T]) isInput(T) {}

// inputData returns the payload of an input, see [FlowContext.GetData].
func inputData[T any](in Input[T]) T {
	var zero T
	switch in := in.(type) {
	case *HTTPInput[T]:
		return in.Request.Body
	case *QueueInput[T]:
		return in.Data
	case *StateInput[T]:
		if in.New != nil {
			return *in.New
		}
	case *StreamInput[T]:
		return in.Event.Data
	}
	return zero
}
