package motiatest

import (
	"encoding/json"
	"time"
)

// Kind says what an [Event] is.
type Kind string

// The kinds of events.
const (
	KindStart   Kind = "start"   // an invocation of a step, or a request, begins
	KindEnd     Kind = "end"     // it ends; Outcome says how
	KindEnqueue Kind = "enqueue" // a message was accepted
	KindState   Kind = "state"   // a state value has changed
	KindStream  Kind = "stream"  // an item of a stream has changed, or an event was sent
	KindLog     Kind = "log"
)

// Outcome says how an invocation ended.
type Outcome string

// The outcomes of an invocation.
const (
	OutcomeDone         Outcome = "done"
	OutcomeSkipped      Outcome = "skipped"       // the handler did not run: a condition is false, or the trigger is for another key or item
	OutcomeFailed       Outcome = "failed"        // a request was answered with an error
	OutcomeRetried      Outcome = "retried"       // the attempt has failed, and will be retried
	OutcomeDeadLettered Outcome = "dead-lettered" // the attempt has failed, and was the last one
	OutcomeReleased     Outcome = "released"      // the message was released because of a shutdown
)

// Event is one thing that happened. Fields that do not belong to its kind are empty.
type Event struct {
	Kind    Kind      `json:"kind"`
	Time    time.Time `json:"time"`
	TraceID string    `json:"traceId,omitempty"`
	Step    string    `json:"step,omitempty"`    // the step of the event; empty for the test, and for requests that reached no step
	Attempt int       `json:"attempt,omitempty"` // the attempt of the step, from 1

	Trigger string  `json:"trigger,omitempty"` // start: what fired, for example `queue "order-created"`
	Outcome Outcome `json:"outcome,omitempty"` // end
	Status  int     `json:"status,omitempty"`  // end of a request
	Err     string  `json:"error,omitempty"`   // end

	Topic          string        `json:"topic,omitempty"` // enqueue
	MessageID      string        `json:"messageId,omitempty"`
	MessageGroupID string        `json:"messageGroupId,omitempty"`
	Delay          time.Duration `json:"delay,omitempty"` // outside of bubbles accurate to 5%

	Scope string `json:"scope,omitempty"` // state
	Key   string `json:"key,omitempty"`

	Stream  string `json:"stream,omitempty"` // stream
	GroupID string `json:"groupId,omitempty"`
	ItemID  string `json:"itemId,omitempty"`
	Name    string `json:"name,omitempty"` // of an event that was sent

	Change string          `json:"change,omitempty"` // state: a motia.ChangeType; stream: a motia.StreamEventType
	Old    json.RawMessage `json:"old,omitempty"`    // state and stream: the value before
	// Data is the body of a request or response, the payload of a message or event, the new value, or the attributes
	// of a log record.
	Data json.RawMessage `json:"data,omitempty"`

	Level   string `json:"level,omitempty"` // log
	Message string `json:"message,omitempty"`

	seq  int   // from 1
	span *span // the span of the event; nil for the test
	late bool  // logged by the library about the span, not by its step
}

// Events is a list of events in the order in which they happened. Its text, see [Events.String], is a tree of causes
// and effects.
type Events []Event

// Source is a source of events: an *[App], a *[Result], or a list of events.
type Source interface{ Events() Events }

// Events returns the list itself.
func (e Events) Events() Events { return e }

// Kind returns the events of one kind.
func (e Events) Kind(kind Kind) Events {
	return e.where(func(event *Event) bool { return event.Kind == kind })
}

// Step returns the events of one step.
func (e Events) Step(name string) Events {
	return e.where(func(event *Event) bool { return event.Step == name })
}

func (e Events) where(wanted func(*Event) bool) Events {
	var found Events
	for i := range e {
		if wanted(&e[i]) {
			found = append(found, e[i])
		}
	}
	return found
}
