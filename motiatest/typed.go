package motiatest

import (
	"encoding/json"
	"reflect"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/jsontext"
	"github.com/motia-go/motia/internal/payload"
)

// Enqueued returns the messages that were accepted on the topic, in order.
func Enqueued[T any](t TB, from Source, topic motia.Topic[T]) []motia.Message[T] {
	t.Helper()
	messages := []motia.Message[T]{}
	for _, e := range from.Events() {
		if e.Kind != KindEnqueue || e.Topic != string(topic) {
			continue
		}
		m := motia.Message[T]{Topic: e.Topic, MessageGroupID: e.MessageGroupID, Delay: e.Delay, ID: e.MessageID}
		decode(t, "a message to "+e.Topic, e.Data, &m.Data)
		messages = append(messages, m)
	}
	return messages
}

// StateChanges returns the changes of the scope's values, in order, in the form that state triggers get.
func StateChanges[T any](t TB, from Source, scope motia.Scope[T]) []motia.StateInput[T] {
	t.Helper()
	changes := []motia.StateInput[T]{}
	for _, e := range from.Events() {
		if e.Kind != KindState || e.Scope != string(scope) {
			continue
		}
		changes = append(changes, motia.StateInput[T]{
			Type:  motia.ChangeType(e.Change),
			Scope: e.Scope,
			Key:   e.Key,
			Old:   decodeNew[T](t, "an old value of "+e.Scope, e.Old),
			New:   decodeNew[T](t, "a value of "+e.Scope, e.Data),
		})
	}
	return changes
}

// StreamEvents returns the changes of the stream's items and the events that were sent, in order, in the form that
// stream triggers get, except that timestamps are zero so that lists can be compared.
func StreamEvents[T any](t TB, from Source, stream motia.StreamName[T]) []motia.StreamInput[T] {
	t.Helper()
	events := []motia.StreamInput[T]{}
	for _, e := range from.Events() {
		if e.Kind != KindStream || e.Stream != string(stream) {
			continue
		}
		in := motia.StreamInput[T]{Stream: e.Stream, GroupID: e.GroupID, ItemID: e.ItemID}
		in.Event.Type = motia.StreamEventType(e.Change)
		switch in.Event.Type {
		case motia.EventSent:
			in.Event.Name, in.Event.Payload = e.Name, e.Data
		case motia.EventDelete:
			decode(t, "an item of "+e.Stream, e.Old, &in.Event.Data)
		default:
			decode(t, "an item of "+e.Stream, e.Data, &in.Event.Data)
		}
		events = append(events, in)
	}
	return events
}

func decodeNew[T any](t TB, what string, text json.RawMessage) *T {
	t.Helper()
	if text == nil {
		return nil
	}
	value := new(T)
	decode(t, what, text, value)
	return value
}

func decode(t TB, what string, text json.RawMessage, dest any) {
	t.Helper()
	if err := payload.Load(text, dest); err != nil {
		t.Fatalf("motiatest: %s is not of type %s: %v\n%s", what, jsontext.TypeName(reflect.TypeOf(dest)), err, string(text))
	}
}
