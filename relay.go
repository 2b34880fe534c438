package motia

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/motia-go/motia/driver"
)

// stateChange is the payload of messages to state triggers.
type stateChange struct {
	Type       ChangeType      `json:"type"`
	Scope      string          `json:"scope"`
	Key        string          `json:"key"`
	Old        json.RawMessage `json:"old,omitempty"`
	New        json.RawMessage `json:"new,omitempty"`
	ScopeBytes []byte          `json:"scopeBytes,omitempty"` // see exactName
	KeyBytes   []byte          `json:"keyBytes,omitempty"`
}

// streamEvent is the payload of messages to stream triggers.
type streamEvent struct {
	Type    StreamEventType `json:"type"`
	Stream  string          `json:"stream"`
	Group   string          `json:"group"`
	Item    string          `json:"item,omitempty"`
	Time    time.Time       `json:"time"`
	Data    json.RawMessage `json:"data,omitempty"`
	Name    string          `json:"name,omitempty"`
	Payload json.RawMessage `json:"payload,omitempty"`

	GroupBytes []byte `json:"groupBytes,omitempty"` // see exactName
	ItemBytes  []byte `json:"itemBytes,omitempty"`
}

// exactName returns the bytes of a name that JSON cannot hold, because it is not valid UTF-8; nil for others.
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

func encodeStateChange(c stateChange) ([]byte, error) {
	c.ScopeBytes, c.KeyBytes = exactName(c.Scope), exactName(c.Key)
	return json.Marshal(c)
}

func decodeStateChange(data []byte) (*stateChange, error) {
	c := new(stateChange)
	err := json.Unmarshal(data, c)
	restoreName(&c.Scope, c.ScopeBytes)
	restoreName(&c.Key, c.KeyBytes)
	return c, err
}

func encodeStreamEvent(e streamEvent) ([]byte, error) {
	e.GroupBytes, e.ItemBytes = exactName(e.Group), exactName(e.Item)
	return json.Marshal(e)
}

func decodeStreamEvent(data []byte) (*streamEvent, error) {
	e := new(streamEvent)
	err := json.Unmarshal(data, e)
	restoreName(&e.Group, e.GroupBytes)
	restoreName(&e.Item, e.ItemBytes)
	return e, err
}

// relay turns the changes of a bucket into queue messages, until ctx ends. Messages of one key are a group, so
// triggers see them in order; they have the revision as their ID, so a change that is handed over twice arrives once.
func (a *App) relay(ctx context.Context, bucket, stream string) error {
	return a.backend.KV.(driver.ChangeLog).Changes(ctx, bucket, func(ctx context.Context, change driver.Change) error {
		if !change.New.Deleted && change.Old.Revision != 0 && bytes.Equal(change.Old.Value, change.New.Value) {
			return nil // only its time to live is another
		}
		messages, err := relayed(change, stream)
		if err == nil {
			err = a.backend.Queue.Publish(ctx, messages...)
		}
		if err != nil && ctx.Err() == nil {
			a.log.ErrorContext(ctx, "change cannot reach its triggers yet", "bucket", bucket, "scope", change.New.Key.Scope, "key", change.New.Key.ID, "error", err)
		}
		return err
	})
}

// relayed returns the messages for one change: of state, or of the stream if that is not empty.
func relayed(change driver.Change, stream string) ([]driver.Message, error) {
	key := change.New.Key
	header := change.Header
	header.Hops++
	message := driver.Message{
		ID:     strconv.FormatUint(change.New.Revision, 10),
		Group:  joinNames(key.Scope, key.ID),
		Header: header,
	}
	var err error
	if stream != "" {
		event := streamEvent{Type: EventUpdate, Stream: stream, Group: key.Scope, Item: key.ID, Time: change.New.Time, Data: change.New.Value}
		switch {
		case change.New.Deleted:
			event.Type, event.Data = EventDelete, change.Old.Value
		case change.Old.Revision == 0:
			event.Type = EventCreate
		}
		message.Topic = streamTopic(stream)
		message.Data, err = encodeStreamEvent(event)
		return []driver.Message{message}, err
	}
	c := stateChange{Type: Updated, Scope: key.Scope, Key: key.ID, Old: change.Old.Value, New: change.New.Value}
	switch {
	case change.New.Deleted:
		c.Type = Deleted
	case change.Old.Revision == 0:
		c.Type = Created
	}
	if message.Data, err = encodeStateChange(c); err != nil {
		return nil, err
	}
	// Triggers with and without a scope listen to different topics.
	scoped := message
	message.Topic, scoped.Topic = stateTopic(nil), stateTopic(&key.Scope)
	return []driver.Message{message, scoped}, nil
}

// joinNames joins two names so that different pairs stay different.
func joinNames(a, b string) string { return strconv.Itoa(len(a)) + ":" + a + b }
