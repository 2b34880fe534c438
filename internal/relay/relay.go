// Package relay turns the changes of stored values into messages on queues, for triggers that fire on changes.
//
// The messages of one key are a group, so their consumers see them in the order of the writes. The ID of a message is
// the revision that the write made, so a change that is handed over twice is enqueued once.
package relay

import (
	"bytes"
	"context"
	"log/slog"
	"strconv"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/wire"
)

// Config is what [Run] needs.
type Config struct {
	Bucket string // the bucket of state or of a stream
	// Changes reads the changes of a bucket, as [driver.ChangeLog] does.
	Changes func(ctx context.Context, bucket string, f func(context.Context, driver.Change) error) error
	// Publish enqueues messages, as [driver.Queue] does. It must allow concurrent calls.
	Publish func(ctx context.Context, messages ...driver.Message) error
	Log     *slog.Logger
}

// Run publishes messages for each change of the bucket until ctx ends. It returns an error if the changes cannot be
// read. If the messages of a change are not accepted, the change log hands the change over again.
func Run(ctx context.Context, c Config) error {
	stream := wire.StreamOfBucket(c.Bucket)
	return c.Changes(ctx, c.Bucket, func(ctx context.Context, change driver.Change) error {
		if !change.New.Deleted && change.Old.Revision != 0 && bytes.Equal(change.Old.Value, change.New.Value) {
			return nil // only the expiry has changed
		}
		messages, err := messagesOf(change, stream)
		if err == nil {
			err = c.Publish(ctx, messages...)
		}
		if err != nil && ctx.Err() == nil {
			key := change.New.Key
			c.Log.ErrorContext(ctx, "change could not be enqueued for its triggers, will be retried",
				"bucket", c.Bucket, "scope", key.Scope, "key", key.ID, "error", err)
		}
		return err
	})
}

// messagesOf returns the messages for a change of the stream, or of state if stream is empty.
func messagesOf(change driver.Change, stream string) ([]driver.Message, error) {
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
		message.Topic = wire.StreamTopic(stream)
		message.Data, err = eventOf(change, stream).Encode()
		return []driver.Message{message}, err
	}
	if message.Data, err = stateChangeOf(change).Encode(); err != nil {
		return nil, err
	}
	// Triggers with a scope and triggers without one listen to different topics.
	scoped := message
	message.Topic, scoped.Topic = wire.StateTopicOfAll, wire.StateTopic(key.Scope)
	return []driver.Message{message, scoped}, nil
}

func eventOf(change driver.Change, stream string) wire.StreamEvent {
	e := wire.StreamEvent{
		Type:   wire.StreamUpdate,
		Stream: stream,
		Group:  change.New.Key.Scope,
		Item:   change.New.Key.ID,
		Time:   change.New.Time,
		Data:   change.New.Value,
	}
	switch {
	case change.New.Deleted:
		e.Type, e.Data = wire.StreamDelete, change.Old.Value
	case change.Old.Revision == 0:
		e.Type = wire.StreamCreate
	}
	return e
}

func stateChangeOf(change driver.Change) wire.StateChange {
	c := wire.StateChange{
		Type:  wire.StateUpdated,
		Scope: change.New.Key.Scope,
		Key:   change.New.Key.ID,
		Old:   change.Old.Value,
		New:   change.New.Value,
	}
	switch {
	case change.New.Deleted:
		c.Type = wire.StateDeleted
	case change.Old.Revision == 0:
		c.Type = wire.StateCreated
	}
	return c
}
