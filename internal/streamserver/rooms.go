package streamserver

import (
	"context"
	"slices"
	"time"

	"github.com/coder/websocket"

	"github.com/motia-go/motia/internal/hub"
	"github.com/motia-go/motia/internal/jsontext"
	"github.com/motia-go/motia/internal/room"
	"github.com/motia-go/motia/internal/wire"
)

// membership is a client's place in a room. Several subscriptions of the client may share it.
type membership struct {
	stream     *Stream
	subscriber *hub.Subscriber
	ids        []string // of the subscriptions
}

// place is a client's seat in a group.
type place struct {
	hub.Seat
	rooms int    // how many of its rooms the client is in
	exit  func() // ends its presence
}

type groupKey struct{ stream, group string }

// join subscribes the client to a room.
func (c *socket) join(request room.Request) bool {
	key := Join{Stream: request.Stream, GroupID: request.Group, ItemID: request.Item}
	ctx := context.Background()
	if m := c.rooms[key]; m != nil {
		if err := m.subscriber.Again(ctx); err != nil {
			return c.cannotFollow(request, c.server.cannotFollow(ctx, key, err))
		}
		if !slices.Contains(m.ids, request.Subscription) {
			m.ids = append(m.ids, request.Subscription)
			c.joins++
		}
		return true
	}
	st := c.server.Streams[request.Stream]
	if st == nil {
		return c.refuse(request, "stream is not declared")
	}
	join := key
	join.Principal = c.principal
	if p := c.server.mayJoin(ctx, st, join); p.status != 0 {
		return c.refuse(request, p.detail)
	}
	group := groupKey{request.Stream, request.Group}
	t := c.seats[group]
	if t == nil {
		t = &place{Seat: hub.Seat{Box: &c.box}}
	}
	subscriber, p := c.server.follow(ctx, st, join, &t.Seat)
	if p.status != 0 {
		c.server.hasLeft(st, join)
		return c.cannotFollow(request, p)
	}
	c.rooms[key] = &membership{stream: st, subscriber: subscriber, ids: []string{request.Subscription}}
	c.joins++
	if c.seats[group] == nil {
		c.seats[group] = t
		t.exit = c.server.show(st, request.Group, c.principal)
	}
	t.rooms++
	return true
}

// cannotFollow tells the client why a join failed.
func (c *socket) cannotFollow(request room.Request, p problem) bool {
	if p == shuttingDown {
		return c.close(websocket.StatusGoingAway, p.detail)
	}
	return c.refuse(request, p.detail)
}

// leave ends a subscription, and the membership together with the last subscription of a room.
func (c *socket) leave(request room.Request) {
	key := Join{Stream: request.Stream, GroupID: request.Group, ItemID: request.Item}
	m := c.rooms[key]
	if m == nil {
		return
	}
	i := slices.Index(m.ids, request.Subscription)
	if i < 0 {
		return
	}
	m.ids = slices.Delete(m.ids, i, i+1)
	c.joins--
	if len(m.ids) == 0 {
		c.drop(key, m)
	}
}

func (c *socket) drop(key Join, m *membership) {
	m.subscriber.Close(nil)
	delete(c.rooms, key)
	group := groupKey{key.Stream, key.GroupID}
	t := c.seats[group]
	if t.rooms--; t.rooms == 0 {
		delete(c.seats, group)
		c.box.Forget(&t.Seat)
		t.exit()
	}
	key.Principal = c.principal
	c.server.hasLeft(m.stream, key)
}

// refuse tells the client that it is not in the room. The protocol has no frame for that, so it sends an event
// "error".
func (c *socket) refuse(request room.Request, message string) bool {
	payload, _ := jsontext.Marshal(map[string]string{"message": message}) // strings always encode
	answer := (&room.Event{
		Timestamp: time.Now().UnixMilli(),
		Stream:    request.Stream,
		Group:     request.Group,
		Item:      request.Item,
		Type:      wire.StreamSent,
		Name:      "error",
		Payload:   payload,
	}).Append(nil)
	if !c.box.Answer(answer) {
		return c.close(websocket.StatusPolicyViolation, "too many frames")
	}
	return true
}
