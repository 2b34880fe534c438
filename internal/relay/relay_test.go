package relay_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/relay"
	"github.com/motia-go/motia/internal/wire"
)

// outcome is what became of changes that were handed over.
type outcome struct {
	messages []driver.Message
	errs     []error
	log      bytes.Buffer
}

// run hands over the changes. refuse is the queue's answer to each message; nil accepts all.
func run(t *testing.T, ctx context.Context, bucket string, refuse func(driver.Message) error, changes ...driver.Change) *outcome {
	var o outcome
	err := relay.Run(ctx, relay.Config{
		Bucket: bucket,
		Changes: func(ctx context.Context, from string, f func(context.Context, driver.Change) error) error {
			require.Equal(t, bucket, from)
			for _, change := range changes {
				o.errs = append(o.errs, f(ctx, change))
			}
			return nil
		},
		Publish: func(_ context.Context, messages ...driver.Message) error {
			for _, m := range messages {
				if refuse != nil {
					if err := refuse(m); err != nil {
						return err
					}
				}
			}
			o.messages = append(o.messages, messages...)
			return nil
		},
		Log: slog.New(slog.NewTextHandler(&o.log, nil)),
	})
	require.NoError(t, err)
	return &o
}

var at = time.Date(2026, 10, 25, 2, 30, 0, 5, time.UTC)

// change is a write from old to new, where "" is no value.
func change(bucket, scope, id, old, new string) driver.Change {
	key := driver.Key{Bucket: bucket, Scope: scope, ID: id}
	c := driver.Change{New: driver.Entry{Key: key, Revision: 8, Time: at}, Header: driver.Header{TraceParent: "parent", TraceState: "state", Hops: 3}}
	if old != "" {
		c.Old = driver.Entry{Key: key, Value: []byte(old), Revision: 7, Time: at.Add(-time.Hour)}
	}
	if new == "" {
		c.New.Deleted = true
		return c
	}
	c.New.Value = []byte(new)
	return c
}

func TestAChangeOfStateGoesToTheTopicsOfItsScopeAndOfAllScopes(t *testing.T) {
	for _, c := range []struct{ kind, old, new string }{
		{wire.StateCreated, "", "1"},
		{wire.StateUpdated, "1", "2"},
		{wire.StateUpdated, "1", "null"},
		{wire.StateDeleted, "1", ""},
		{wire.StateDeleted, "null", ""},
	} {
		o := run(t, t.Context(), wire.StateBucket, nil, change(wire.StateBucket, "orders", "o-1", c.old, c.new))
		require.Equal(t, []error{nil}, o.errs)
		want := wire.StateChange{Type: c.kind, Scope: "orders", Key: "o-1"}
		if c.old != "" {
			want.Old = json.RawMessage(c.old)
		}
		if c.new != "" {
			want.New = json.RawMessage(c.new)
		}
		data, err := want.Encode()
		require.NoError(t, err)
		message := driver.Message{ID: "8", Group: wire.JoinNames("orders", "o-1"), Data: data, Header: driver.Header{TraceParent: "parent", TraceState: "state", Hops: 4}}
		all, scoped := message, message
		all.Topic, scoped.Topic = wire.StateTopicOfAll, wire.StateTopic("orders")
		require.Equal(t, []driver.Message{all, scoped}, o.messages)
	}
}

func TestAChangeOfAStreamGoesToTheTopicOfTheStream(t *testing.T) {
	bucket := wire.StreamBucket("notes")
	for _, c := range []struct{ kind, old, new, data string }{
		{wire.StreamCreate, "", "1", "1"},
		{wire.StreamUpdate, "1", "2", "2"},
		{wire.StreamDelete, "1", "", "1"},
	} {
		o := run(t, t.Context(), bucket, nil, change(bucket, "g", "i", c.old, c.new))
		data, err := wire.StreamEvent{Type: c.kind, Stream: "notes", Group: "g", Item: "i", Time: at, Data: json.RawMessage(c.data)}.Encode()
		require.NoError(t, err)
		require.Equal(t, []driver.Message{{
			Topic: wire.StreamTopic("notes"), ID: "8", Group: wire.JoinNames("g", "i"), Data: data,
			Header: driver.Header{TraceParent: "parent", TraceState: "state", Hops: 4},
		}}, o.messages)
	}
}

func TestAWriteThatChangesOnlyTheExpiryFiresNothing(t *testing.T) {
	o := run(t, t.Context(), wire.StateBucket, nil, change(wire.StateBucket, "s", "k", "1", "1"))
	require.Equal(t, []error{nil}, o.errs)
	require.Empty(t, o.messages)
}

func TestAChangeThatTheQueueRefusesIsLoggedAndLeftToTheChangeLog(t *testing.T) {
	errDown := errors.New("store is down")
	refuse := func(m driver.Message) error {
		if m.Group == wire.JoinNames("s", "bad") {
			return errDown
		}
		return nil
	}
	o := run(t, t.Context(), wire.StateBucket, refuse, change(wire.StateBucket, "s", "bad", "", "1"), change(wire.StateBucket, "s", "good", "", "1"))
	require.Equal(t, []error{errDown, nil}, o.errs)
	require.Len(t, o.messages, 2, "the other change is still enqueued")
	require.Regexp(t, `^time=\S+ level=ERROR msg="change could not be enqueued for its triggers, will be retried" bucket=state scope=s key=bad error="store is down"\n$`, o.log.String())
}

func TestAFailureAfterTheEndIsNotLogged(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o := run(t, ctx, wire.StateBucket, func(driver.Message) error { return context.Canceled }, change(wire.StateBucket, "s", "k", "", "1"))
	require.Equal(t, []error{context.Canceled}, o.errs)
	require.Empty(t, o.log.String())
}

func TestChangesThatCannotBeReadAreAnError(t *testing.T) {
	errUntracked := errors.New("bucket is not tracked")
	err := relay.Run(t.Context(), relay.Config{
		Bucket:  wire.StateBucket,
		Changes: func(context.Context, string, func(context.Context, driver.Change) error) error { return errUntracked },
	})
	require.Equal(t, errUntracked, err)
}
