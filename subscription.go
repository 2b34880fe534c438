package motia

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
)

// ErrSubscriptionClosed is returned by [Subscription.Next] after Close.
var ErrSubscriptionClosed = errors.New("motia: subscription is closed")

// defaultBuffer is the number of events a subscriber may lag behind: a burst, not a backlog.
const defaultBuffer = 64

// SubscribeOption qualifies a subscription. The options are [ForItem] and [Buffer]; it cannot be implemented elsewhere.
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

// Subscription follows a group or an item of a stream. One goroutine at a time may call Next.
type Subscription[T any] struct {
	stream, group string
	sub           *subscriber
	unwatch       func() bool // forgets the context of Subscribe
}

func subscribe[T any](ctx context.Context, inv *Invocation, stream, group string, opts []SubscribeOption) (*Subscription[T], error) {
	o := subscribing{buffer: defaultBuffer}
	for _, opt := range opts {
		opt.applySubscribe(&o)
	}
	if o.buffer < 1 {
		return nil, fmt.Errorf("motia: subscribe to stream %q: buffer of %d events", stream, o.buffer)
	}
	sub, err := inv.app.streams[stream].hubs.subscribe(ctx, group, o.item, o.buffer)
	if err != nil {
		return nil, err
	}
	return &Subscription[T]{
		stream:  stream,
		group:   group,
		sub:     sub,
		unwatch: context.AfterFunc(ctx, func() { sub.close(context.Cause(ctx)) }),
	}, nil
}

// Next waits for the next event. It returns the error of ctx, the cause of the end of the context that was given to Subscribe,
// [ErrSubscriptionClosed] after Close, or [ErrShutdown] when the app has shut down, after the events that came before. An event that does not
// decode as T comes with an error, and the subscription goes on.
func (s *Subscription[T]) Next(ctx context.Context) (StreamInput[T], error) {
	event, err := s.sub.next(ctx)
	if err != nil {
		return StreamInput[T]{}, err
	}
	out := StreamInput[T]{
		Stream:    s.stream,
		GroupID:   s.group,
		ItemID:    event.item,
		Timestamp: event.time,
		Event:     StreamEvent[T]{Type: event.kind, Name: event.name, Payload: event.payload},
	}
	if event.data != nil {
		err = s.decode(event.item, event.data, &out.Event.Data)
	}
	if event.items != nil {
		out.Event.Items = make([]StreamItem[T], len(event.items))
		for i, item := range event.items {
			out.Event.Items[i].ID = item.ID
			err = errors.Join(err, s.decode(item.ID, item.Data, &out.Event.Items[i].Data))
		}
	}
	return out, err
}

// Events iterates over the events until the subscription ends. It ends the iteration without an error after Close and when the context
// given to Subscribe or ctx has ended.
func (s *Subscription[T]) Events(ctx context.Context) iter.Seq2[StreamInput[T], error] {
	return func(yield func(StreamInput[T], error) bool) {
		for {
			event, err := s.Next(ctx)
			if err != nil && event.Stream == "" { // the end, not an event that does not decode
				if !errors.Is(err, ErrSubscriptionClosed) && !errors.Is(err, context.Canceled) && ctx.Err() == nil {
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

// Close ends the subscription. Events that were not read are dropped. It may be called several times, and concurrently with Next.
func (s *Subscription[T]) Close() {
	s.unwatch()
	s.sub.close(ErrSubscriptionClosed)
}

func (s *Subscription[T]) decode(id string, data json.RawMessage, dest *T) error {
	if err := json.Unmarshal(data, dest); err != nil {
		return fmt.Errorf("motia: item %q of stream %q: %w", id, s.stream, err)
	}
	return nil
}

// next takes an event from the buffer, makes up for missed ones, or waits.
func (s *subscriber) next(ctx context.Context) (*hubEvent, error) {
	select {
	case event, ok := <-s.events:
		return s.received(event, ok)
	default:
	}
	if s.lagging.Load() {
		return s.resync(), nil
	}
	select {
	case event, ok := <-s.events:
		return s.received(event, ok)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (s *subscriber) received(event *hubEvent, ok bool) (*hubEvent, error) {
	if !ok {
		return nil, s.err
	}
	return event, nil
}
