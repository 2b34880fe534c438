package motiatest

import (
	"net/http"
	"time"

	"github.com/motia-go/motia"
)

// HTTP returns the input of a request with the body, which is omitted for GET, HEAD and None. The target is a path,
// which may have a query. PathParams is empty, since the route is unknown: set those that the handler reads, or use
// [Invoke], which knows the route.
func HTTP[T any](method, target string, body T) *motia.HTTPInput[T] {
	var sent any
	if _, none := any((*T)(nil)).(*motia.None); !none && method != http.MethodGet && method != http.MethodHead {
		sent = body
	}
	r := Request(method, target, sent)
	in := &motia.HTTPInput[T]{Request: motia.Request[T]{
		Method:     method,
		Path:       r.URL.Path,
		PathParams: make(map[string]string),
		Headers:    r.Header,
		HTTP:       r,
	}}
	if r.URL.RawQuery != "" {
		in.Request.QueryParams = r.URL.Query()
	}
	if sent != nil {
		in.Request.Body = body
	}
	return in
}

// Queue returns the input of a message on the topic, in its first attempt.
func Queue[T any](topic motia.Topic[T], data T) *motia.QueueInput[T] {
	return &motia.QueueInput[T]{Data: data, Topic: string(topic), MessageID: "1", EnqueuedAt: time.Now(), Attempt: 1}
}

// Cron returns the input of a tick. The type is that of the step's input, which is None unless the step has other
// triggers as well.
func Cron[T any](scheduledAt time.Time) *motia.CronInput[T] {
	return &motia.CronInput[T]{ScheduledAt: scheduledAt}
}

// State returns the input of a change. A nil old value means that the value was created, a nil new one that it was
// deleted.
func State[T any](scope motia.Scope[T], key string, old, updated *T) *motia.StateInput[T] {
	in := &motia.StateInput[T]{Type: motia.ChangeUpdated, Scope: string(scope), Key: key, Old: old, New: updated}
	switch {
	case updated == nil:
		in.Type = motia.ChangeDeleted
	case old == nil:
		in.Type = motia.ChangeCreated
	}
	return in
}

// Stream returns the input of a change of an item. For events that were sent, set the name and the payload in the
// input's Event instead of data.
func Stream[T any](stream motia.StreamName[T], group, item string, change motia.StreamEventType, data T) *motia.StreamInput[T] {
	return &motia.StreamInput[T]{
		Stream:    string(stream),
		GroupID:   group,
		ItemID:    item,
		Timestamp: time.Now(),
		Event:     motia.StreamEvent[T]{Type: change, Data: data},
	}
}
