package motia

import (
	"encoding/json"
	"time"
)

// firstLocked returns what s begins with: what is there, or what it missed since it was here before.
func (h *hub) firstLocked(s *subscriber) []*hubEvent {
	if s.seat == nil {
		return []*hubEvent{h.snapshotLocked(s, EventSync)}
	}
	if s.seat.hub == nil { // else others may be reading it
		s.seat.hub = h
	}
	if s.seat.history {
		h.keepHistoryLocked()
	}
	if s.seat.after == "" {
		return h.stateLocked(s, EventSync)
	}
	missed, ok := h.missedLocked(s, s.seat.after)
	if !ok {
		return h.stateLocked(s, EventResync)
	}
	return append(missed, h.membersLocked(s)...)
}

// stateLocked returns what a client on the network has to know: the items, and who is there.
func (h *hub) stateLocked(s *subscriber, kind StreamEventType) []*hubEvent {
	return append([]*hubEvent{h.snapshotLocked(s, kind)}, h.membersLocked(s)...)
}

// membersLocked returns the list of the members for those who follow the group, where the stream has presence.
func (h *hub) membersLocked(s *subscriber) []*hubEvent {
	if h.members == nil || s.item != nil {
		return nil
	}
	return []*hubEvent{h.members.listLocked(h)}
}

// again sends a client the state once more, for a further subscription in the same room.
func (h *hub) again(s *subscriber) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !s.closed {
		s.seat.begin(h.stateLocked(s, EventSync))
	}
}

// snapshotLocked returns the items for s. Those of a Subscription are not sorted yet: that takes time, and needs no
// lock. Network clients share the snapshot of a group until something happens in it.
func (h *hub) snapshotLocked(s *subscriber, kind StreamEventType) *hubEvent {
	var shared **hubEvent
	switch {
	case s.seat == nil || s.item != nil:
	case kind == EventSync:
		shared = &h.synced
	default:
		shared = &h.resynced
	}
	if shared != nil && *shared != nil {
		return *shared
	}
	now := time.Now()
	event := &hubEvent{hub: h, kind: kind, time: h.hubs.stamp(now)}
	if s.item != nil {
		event.item = *s.item
		event.items = []StreamItem[json.RawMessage]{}
		if item, ok := h.items[*s.item]; ok {
			event.items = append(event.items, StreamItem[json.RawMessage]{*s.item, item.data})
		}
		event.millis = h.millisLocked(*s.item, now) // a client that follows the group may have seen events of the item already
		return event
	}
	event.millis = max(now.UnixMilli(), h.latest)
	h.hubs.issue(event.millis)
	event.items = make([]StreamItem[json.RawMessage], 0, len(h.items))
	for id, item := range h.items {
		event.items = append(event.items, StreamItem[json.RawMessage]{id, item.data})
	}
	if s.seat != nil {
		event.sort()
	}
	if shared != nil {
		*shared = event
	}
	return event
}
