package motia

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/motia-go/motia/internal/room"
)

// hubEvent is an event as all subscribers of a group share it; a snapshot may belong to one. It is not changed once
// somebody can read it, but for its encoded forms, which are made when first needed, once for all clients.
type hubEvent struct {
	hub     *hub
	kind    StreamEventType
	item    string
	time    time.Time // increases strictly with the events of the stream
	millis  int64     // for network clients: increases strictly with the events of an item
	data    json.RawMessage
	revived bool // the item was null before, which is missing for the room protocol
	name    string
	payload json.RawMessage
	items   []StreamItem[json.RawMessage]

	roomOnce, sseOnce sync.Once
	roomText, sseText []byte
}

// sort orders the items of a snapshot.
func (e *hubEvent) sort() {
	slices.SortFunc(e.items, func(a, b StreamItem[json.RawMessage]) int { return strings.Compare(a.ID, b.ID) })
}

// roomFrame returns the event as a frame of the room protocol; nil if there is nothing to say in it.
func (e *hubEvent) roomFrame() []byte {
	e.roomOnce.Do(func() { e.roomText = e.encodeRoom() })
	return e.roomText
}

func (e *hubEvent) encodeRoom() []byte {
	out := room.Event{
		Timestamp: e.millis,
		Stream:    e.hub.hubs.stream.name,
		Group:     e.hub.group,
		Item:      e.item,
		Type:      string(e.kind),
		Data:      e.data,
		Name:      e.name,
		Payload:   e.payload,
	}
	null := room.IsNull(e.data)
	switch e.kind {
	case EventSync, EventResync:
		out.Type = string(EventSync)
		switch {
		case e.item == "":
			for _, item := range e.items {
				out.Items = append(out.Items, room.Item(item))
			}
		case len(e.items) == 1 && !room.IsNull(e.items[0].Data):
			out.Data = e.items[0].Data
		case e.kind == EventResync: // it may have been deleted meanwhile
			out.Type, out.Data = string(EventDelete), json.RawMessage("{}")
		default:
			return nil
		}
	case EventUpdate:
		switch {
		case null && e.revived:
			return nil
		case null:
			out.Type, out.Data = string(EventDelete), json.RawMessage("{}")
		case e.revived:
			out.Type = string(EventCreate)
		}
	case EventCreate, EventDelete:
		if null {
			return nil
		}
	}
	return out.Append(make([]byte, 0, 160+len(e.data)+len(e.payload)))
}

// replaces reports whether the event changes what is there into something else, so that a later one makes up for it.
// For the room protocol an update from or to null is a create or a delete, which its clients need.
func (e *hubEvent) replaces() bool {
	return e.kind == EventUpdate && !e.revived && !room.IsNull(e.data)
}

// changesItem reports whether the event is a change of an item, and not sent or a snapshot.
func (e *hubEvent) changesItem() bool {
	return e.kind == EventCreate || e.kind == EventUpdate || e.kind == EventDelete
}
