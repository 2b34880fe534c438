package streamclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"time"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/payload"
)

// Option is an option of [Subscribe]. The only one is [ForItem]; other packages cannot implement Option.
type Option interface{ apply(*subscribing) }

type subscribing struct{ items []string }

type itemOption string

func (o itemOption) apply(s *subscribing) { s.items = append(s.items, string(o)) }

// ForItem restricts a subscription to one item of the group.
func ForItem(id string) Option { return itemOption(id) }

// Subscription follows a group or an item of a stream. One goroutine at a time may call Next.
type Subscription[T any] struct {
	stream, group string
	follower      *follower
	ctx           context.Context // given to Subscribe
}

// Subscribe follows a group, or one item of it with [ForItem], until ctx ends, the subscription is closed or the
// server refuses it. The first event is the snapshot (sync); after it comes every later event. T is the type of the
// items:
//
//	messages, err := streamclient.Subscribe(ctx, client, Chat, "room-1") // Chat is a motia.StreamName[Message]
//	messages, err := streamclient.Subscribe[Message](ctx, client, "chat", "room-1")
//
// It returns when there is a connection. It makes only one attempt, so that mistakes show at once: the error is an
// *[Error] if the server has answered. If the connection is lost later, the subscription reconnects; an answer with a
// 4xx status other than 408 and 429 then ends it.
func Subscribe[T any](ctx context.Context, client *Client, stream motia.StreamName[T], group string, opts ...Option) (*Subscription[T], error) {
	f, err := client.follow(ctx, string(stream), group, opts)
	if err != nil {
		return nil, fmt.Errorf("streamclient: subscribe to stream %q: %w", string(stream), err)
	}
	return &Subscription[T]{stream: string(stream), group: group, follower: f, ctx: ctx}, nil
}

func (c *Client) follow(ctx context.Context, stream, group string, opts []Option) (*follower, error) {
	var s subscribing
	for _, opt := range opts {
		if opt != nil {
			opt.apply(&s)
		}
	}
	switch {
	case c.mistake != nil:
		return nil, c.mistake
	case stream == "":
		return nil, errors.New("name is empty")
	case len(s.items) > 1:
		return nil, errors.New("item is given twice")
	case len(s.items) == 1 && s.items[0] == "":
		return nil, errors.New("item is empty")
	}
	address, room := c.url(append([]string{stream, group}, s.items...)...)
	f := &follower{client: c, events: make(chan event), room: room}
	f.request = &http.Request{Method: http.MethodGet, URL: address, Header: c.options.Header}
	f.ctx, f.cancel = context.WithCancelCause(ctx)
	conn, err := f.connect()
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		f.cancel(nil)
		return nil, err
	}
	go f.run(conn) // ends with ctx or Close
	return f, nil
}

// Next waits for the next event. When ctx ends it returns the error of ctx. When the subscription has ended, Next
// returns the remaining events and then an error: the cause of the end of the context that was given to Subscribe,
// [motia.ErrSubscriptionClosed] after Close, or why the subscription ended by itself.
//
// An event with an item that does not decode as T comes with a *[motia.ItemError], and the subscription continues.
// The item is then the zero value, or what could be decoded of it. A snapshot with several such items comes with
// their errors joined. After any other error there are no more events, unless only ctx has ended.
func (s *Subscription[T]) Next(ctx context.Context) (motia.StreamInput[T], error) {
	select {
	case e, ok := <-s.follower.events:
		if ok {
			return s.decode(e)
		}
		err := s.follower.err
		if s.ctx.Err() == nil && !errors.Is(err, motia.ErrSubscriptionClosed) {
			err = fmt.Errorf("streamclient: stream %q: %w", s.stream, err)
		}
		return motia.StreamInput[T]{}, err
	case <-ctx.Done():
		return motia.StreamInput[T]{}, context.Cause(ctx)
	}
}

// Events iterates over the events until the subscription ends. An event comes with a *[motia.ItemError] as in Next,
// and the iteration continues; any other error ends it. After Close, and when ctx or the context given to Subscribe
// has ended, the iteration ends without an error.
func (s *Subscription[T]) Events(ctx context.Context) iter.Seq2[motia.StreamInput[T], error] {
	return func(yield func(motia.StreamInput[T], error) bool) {
		for {
			event, err := s.Next(ctx)
			if err != nil && event.Stream == "" { // the subscription has ended; the error is not an *ItemError
				if !errors.Is(err, motia.ErrSubscriptionClosed) && s.ctx.Err() == nil && ctx.Err() == nil {
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

// Close ends the subscription, and returns when its goroutine has ended. An event that was not read is dropped. It
// may be called several times, and concurrently with Next.
func (s *Subscription[T]) Close() {
	s.follower.cancel(motia.ErrSubscriptionClosed)
	for range s.follower.events {
	}
}

func (s *Subscription[T]) decode(e event) (motia.StreamInput[T], error) {
	out := motia.StreamInput[T]{
		Stream:    s.stream,
		GroupID:   s.group,
		ItemID:    e.ID,
		Timestamp: time.UnixMilli(e.Timestamp),
		Event:     motia.StreamEvent[T]{Type: e.Type, Name: e.Name, Payload: e.Payload},
	}
	var errs []error
	decode := func(id string, data json.RawMessage, dest *T) {
		if err := payload.Load(data, dest); err != nil {
			errs = append(errs, &motia.ItemError{Stream: s.stream, GroupID: s.group, ItemID: id, Err: err})
		}
	}
	if e.Data != nil {
		decode(e.ID, e.Data, &out.Event.Data)
	}
	if e.Items != nil {
		out.Event.Items = make([]motia.StreamItem[T], len(e.Items))
		for i, item := range e.Items {
			out.Event.Items[i].ID = item.ID
			decode(item.ID, item.Data, &out.Event.Items[i].Data)
		}
	}
	return out, errors.Join(errs...)
}
