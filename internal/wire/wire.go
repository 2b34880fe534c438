// Package wire defines what the processes of an application must agree on to understand each other: the JSON form of
// state changes and stream events in messages, and the names of topics, buckets and subjects.
//
// Changing any of these is a change of the protocol: during a rolling update, two versions read what the other
// writes.
package wire

import (
	"encoding/json"
	"time"
	"unicode/utf8"

	"github.com/motia-go/motia/internal/jsontext"
	"github.com/motia-go/motia/internal/payload"
)

// The types of a [StateChange].
const (
	StateCreated = "created"
	StateUpdated = "updated"
	StateDeleted = "deleted"
)

// StateChange is a change of state: the payload of messages to state triggers.
type StateChange struct {
	Type  string          `json:"type"` // StateCreated, StateUpdated or StateDeleted
	Scope string          `json:"scope"`
	Key   string          `json:"key"`
	Old   json.RawMessage `json:"old,omitempty"`
	New   json.RawMessage `json:"new,omitempty"`

	// ScopeBytes and KeyBytes are set by Encode if a name is not valid UTF-8. DecodeStateChange restores the names.
	ScopeBytes []byte `json:"scopeBytes,omitempty"`
	KeyBytes   []byte `json:"keyBytes,omitempty"`
}

// Encode returns the change as JSON.
func (c StateChange) Encode() ([]byte, error) {
	c.ScopeBytes, c.KeyBytes = exactName(c.Scope), exactName(c.Key)
	return jsontext.Marshal(c)
}

// DecodeStateChange is the reverse of [StateChange.Encode].
func DecodeStateChange(data []byte) (*StateChange, error) {
	c := new(StateChange)
	err := payload.Load(data, c)
	restoreName(&c.Scope, c.ScopeBytes)
	restoreName(&c.Key, c.KeyBytes)
	return c, err
}

// The types of a [StreamEvent].
const (
	StreamCreate = "create"
	StreamUpdate = "update"
	StreamDelete = "delete"
	StreamSent   = "event"
)

// StreamEvent is a change of a stream's item, or an event sent to its subscribers: the payload of messages to stream
// triggers, and what a bus carries.
type StreamEvent struct {
	Type   string          `json:"type"` // StreamCreate, StreamUpdate, StreamDelete or StreamSent
	Stream string          `json:"stream"`
	Group  string          `json:"group"`
	Item   string          `json:"item,omitempty"`
	Time   time.Time       `json:"time"`
	Data   json.RawMessage `json:"data,omitempty"` // the item; for StreamDelete the deleted one

	Name    string          `json:"name,omitempty"`    // of StreamSent
	Payload json.RawMessage `json:"payload,omitempty"` // of StreamSent

	// GroupBytes and ItemBytes are set by Encode if a name is not valid UTF-8. DecodeStreamEvent restores the names.
	GroupBytes []byte `json:"groupBytes,omitempty"`
	ItemBytes  []byte `json:"itemBytes,omitempty"`
}

// Encode returns the event as JSON.
func (e StreamEvent) Encode() ([]byte, error) {
	e.GroupBytes, e.ItemBytes = exactName(e.Group), exactName(e.Item)
	return jsontext.Marshal(e)
}

// DecodeStreamEvent is the reverse of [StreamEvent.Encode].
func DecodeStreamEvent(data []byte) (*StreamEvent, error) {
	e := new(StreamEvent)
	err := payload.Load(data, e)
	restoreName(&e.Group, e.GroupBytes)
	restoreName(&e.Item, e.ItemBytes)
	return e, err
}

// exactName returns the bytes of a name that JSON cannot hold because it is not valid UTF-8, and nil for other names.
func exactName(name string) []byte {
	if utf8.ValidString(name) {
		return nil
	}
	return []byte(name)
}

func restoreName(name *string, exact []byte) {
	if exact != nil {
		*name = string(exact)
	}
}
