package hub

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/motia-go/motia/internal/room"
	"github.com/motia-go/motia/internal/wire"
)

// The types of an [Event] that is a snapshot. The other types are those of [wire.StreamEvent].
const (
	Sync   = "sync"   // the state when a subscriber begins
	Resync = "resync" // the state now, for a subscriber that has missed events
)

// Event is an event of a group. All subscribers share it, so it must not be changed; a snapshot may be for a single
// subscriber. Its encoded forms are made once for all clients, when first needed.
type Event struct {
	Type    string
	Item    string          // empty for the whole group, or if the item's id is empty
	Time    time.Time       // increases strictly with the events of the stream
	Data    json.RawMessage // the item, before a delete and after other changes
	Name    string          // of a sent event
	Payload json.RawMessage // of a sent event
	Items   []Item          // of a snapshot

	hub     *hub
	millis  int64 // the time for network clients: increases strictly with the events of an item
	revived bool  // the item was null before, which counts as missing in the room protocol

	roomOnce, sseOnce sync.Once
	roomText, sseText []byte
}

// Item is an item in a snapshot.
type Item struct {
	ID   string          `json:"id"`
	Data json.RawMessage `json:"data"`
}

// sort orders the items of a snapshot.
func (e *Event) sort() {
	slices.SortFunc(e.Items, func(a, b Item) int { return strings.Compare(a.ID, b.ID) })
}

// RoomFrame returns the event as a frame of the room protocol, or nil if the protocol has no frame for it.
func (e *Event) RoomFrame() []byte {
	e.roomOnce.Do(func() { e.roomText = e.encodeRoom() })
	return e.roomText
}

func (e *Event) encodeRoom() []byte {
	out := room.Event{
		Timestamp: e.millis,
		Stream:    e.hub.stream.Name,
		Group:     e.hub.group,
		Item:      e.Item,
		Type:      e.Type,
		Data:      e.Data,
		Name:      e.Name,
		Payload:   e.Payload,
	}
	null := room.IsNull(e.Data)
	switch e.Type {
	case Sync, Resync:
		out.Type = Sync
		switch {
		case e.Item == "":
			for _, item := range e.Items {
				out.Items = append(out.Items, room.Item(item))
			}
		case len(e.Items) == 1 && !room.IsNull(e.Items[0].Data):
			out.Data = e.Items[0].Data
		case e.Type == Resync: // it may have been deleted meanwhile
			out.Type, out.Data = wire.StreamDelete, json.RawMessage("{}")
		default:
			return nil
		}
	case wire.StreamUpdate:
		switch {
		case null && e.revived:
			return nil
		case null:
			out.Type, out.Data = wire.StreamDelete, json.RawMessage("{}")
		case e.revived:
			out.Type = wire.StreamCreate
		}
	case wire.StreamCreate, wire.StreamDelete:
		if null {
			return nil
		}
	}
	return out.Append(make([]byte, 0, 160+len(e.Data)+len(e.Payload)))
}

// replaces reports whether the event replaces an item by another value, so that a client that gets a later event of
// the item does not need it. In the room protocol an update from or to null is a create or a delete, which its
// clients do need.
func (e *Event) replaces() bool {
	return e.Type == wire.StreamUpdate && !e.revived && !room.IsNull(e.Data)
}

// changesItem reports whether the event is a change of an item: neither sent nor a snapshot.
func (e *Event) changesItem() bool {
	return e.Type == wire.StreamCreate || e.Type == wire.StreamUpdate || e.Type == wire.StreamDelete
}
