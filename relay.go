package motia

import (
	"bytes"
	"context"
	"strconv"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/wire"
)

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
		Group:  wire.JoinNames(key.Scope, key.ID),
		Header: header,
	}
	var err error
	if stream != "" {
		event := wire.StreamEvent{Type: wire.StreamUpdate, Stream: stream, Group: key.Scope, Item: key.ID, Time: change.New.Time, Data: change.New.Value}
		switch {
		case change.New.Deleted:
			event.Type, event.Data = wire.StreamDelete, change.Old.Value
		case change.Old.Revision == 0:
			event.Type = wire.StreamCreate
		}
		message.Topic = wire.StreamTopic(stream)
		message.Data, err = event.Encode()
		return []driver.Message{message}, err
	}
	c := wire.StateChange{Type: wire.StateUpdated, Scope: key.Scope, Key: key.ID, Old: change.Old.Value, New: change.New.Value}
	switch {
	case change.New.Deleted:
		c.Type = wire.StateDeleted
	case change.Old.Revision == 0:
		c.Type = wire.StateCreated
	}
	if message.Data, err = c.Encode(); err != nil {
		return nil, err
	}
	// Triggers with and without a scope listen to different topics.
	scoped := message
	message.Topic, scoped.Topic = wire.StateTopicOfAll, wire.StateTopic(key.Scope)
	return []driver.Message{message, scoped}, nil
}
