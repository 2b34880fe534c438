package motia

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"

	"github.com/motia-go/motia/internal/hub"
	"github.com/motia-go/motia/internal/payload"
)

// ErrSubscriptionClosed is returned by [Subscription.Next] after Close.
var ErrSubscriptionClosed = errors.New("motia: subscription is closed")

// defaultBuffer is the number of events a subscriber may lag behind: a burst, not a backlog.
const defaultBuffer = 64

// SubscribeOption is an option of a subscription: [ForItem] or [Buffer]. It cannot be implemented elsewhere.
type SubscribeOption interface{ applySubscribe(*subscribing) }

type subscribing struct {
	item   *string
	buffer int
}

type subscribeOption func(*subscribing)

func (o subscribeOption) applySubscribe(s *subscribing) { o(s) }

func (o ItemOption) applySubscribe(s *subscribing) { s.item = &o.id }

// Buffer sets how many events a subscriber may lag behind before it is resynchronised. Default: 64; at least 1.
func Buffer(events int) SubscribeOption {
	return subscribeOption(func(s *subscribing) { s.buffer = events })
}

// Subscription follows a group or an item of a stream. Only one goroutine at a time may call Next.
type Subscription[T any] struct {
	stream, group string
	sub           *hub.Subscriber
	ctx           context.Context // given to Subscribe: its end ends the subscription
	unwatch       func() bool     // stops watching ctx
}

func subscribe[T any](ctx context.Context, group values, stream string, opts []SubscribeOption) (*Subscription[T], error) {
	if group.err != nil {
		return nil, group.err
	}
	o := subscribing{buffer: defaultBuffer}
	for _, opt := range opts {
		if opt != nil {
			opt.applySubscribe(&o)
		}
	}
	if o.buffer < 1 {
		return nil, fmt.Errorf("motia: subscribe to stream %q: buffer of %d events is less than 1", stream, o.buffer)
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	sub, err := group.inv.app.streams[stream].hubs.Subscribe(ctx, group.Name, o.item, o.buffer)
	if err != nil {
		return nil, err
	}
	return &Subscription[T]{
		stream:  stream,
		group:   group.Name,
		sub:     sub,
		ctx:     ctx,
		unwatch: context.AfterFunc(ctx, func() { sub.Finish(context.Cause(ctx)) }),
	}, nil
}

// Next waits for the next event. After the last one it returns [ErrSubscriptionClosed] if the subscription was
// closed, [ErrShutdown] if the app was shut down, or else the cause of the end of the context that was given to
// Subscribe. If ctx, which may be another one, ends, Next returns the events that are in the buffer by then, and
// after them the cause of its end.
//
// If an item does not decode as T, the event comes with an *[ItemError], or several of them joined if it is a
// snapshot, and the subscription goes on. The item is then the zero value, or what could be decoded of it. Any other
// error ends the subscription, except the end of a ctx that was not given to Subscribe.
func (s *Subscription[T]) Next(ctx context.Context) (StreamInput[T], error) {
	done := ctx.Done()
	if done == s.ctx.Done() {
		done = nil // its end closes the subscription, and waiting for one channel is much cheaper than for two
	}
	event, err := s.sub.Next(ctx, done)
	if err != nil && done != nil && s.ctx.Err() != nil { // which ends the subscription, perhaps after some more events
		event, err = s.sub.Next(ctx, nil)
	}
	if err != nil {
		return StreamInput[T]{}, err
	}
	out := StreamInput[T]{
		Stream:    s.stream,
		GroupID:   s.group,
		ItemID:    event.Item,
		Timestamp: event.Time,
		Event:     StreamEvent[T]{Type: StreamEventType(event.Type), Name: event.Name, Payload: event.Payload},
	}
	if event.Data != nil {
		out.Event.Data, err = s.decode(event.Item, event.Data)
	}
	if event.Items != nil {
		out.Event.Items = make([]StreamItem[T], len(event.Items))
		for i, item := range event.Items {
			data, failed := s.decode(item.ID, item.Data)
			out.Event.Items[i] = StreamItem[T]{ID: item.ID, Data: data}
			err = errors.Join(err, failed)
		}
	}
	return out, err
}

// Events iterates over the events, as [Subscription.Next] returns them. The iteration goes on after an *[ItemError]
// and ends after any other error. It ends without an error after Close, after the end of ctx or of the context given
// to Subscribe, and when the app shuts down.
func (s *Subscription[T]) Events(ctx context.Context) iter.Seq2[StreamInput[T], error] {
	return func(yield func(StreamInput[T], error) bool) {
		for {
			event, err := s.Next(ctx)
			if err != nil && event.Stream == "" { // the end, not an *ItemError
				if !errors.Is(err, ErrSubscriptionClosed) && !errors.Is(err, ErrShutdown) && s.ctx.Err() == nil && ctx.Err() == nil {
					yield(event, err)
				}
				return
			}
			if !yield(event, err) {
				return
			}
		}
	}
}

// Close ends the subscription. Unread events are dropped. It may be called several times, and concurrently with Next.
func (s *Subscription[T]) Close() {
	s.unwatch()
	s.sub.Close(ErrSubscriptionClosed)
	s.sub.Drop()
}

func (s *Subscription[T]) decode(id string, data json.RawMessage) (T, error) {
	if _, raw := any((*T)(nil)).(*json.RawMessage); raw { // all subscribers that want JSON share the text
		return any(data).(T), nil
	}
	var item T
	if err := payload.Load(data, &item); err != nil {
		return item, &ItemError{Stream: s.stream, GroupID: s.group, ItemID: id, Err: err}
	}
	return item, nil
}
