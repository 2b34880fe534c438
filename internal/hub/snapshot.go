package hub

import "time"

// firstLocked returns the events that s begins with: the current state, or what the client missed since it was last
// connected.
func (h *hub) firstLocked(s *Subscriber) []*Event {
	if s.seat == nil {
		return []*Event{h.snapshotLocked(s, Sync)}
	}
	if s.seat.hub == nil { // otherwise others may be reading it
		s.seat.hub = h
	}
	if s.seat.Returns && h.stream.History.Events > 0 {
		h.keepHistoryLocked()
	}
	if s.seat.After == "" {
		return h.stateLocked(s, Sync)
	}
	missed, ok := h.missedLocked(s, s.seat.After)
	if !ok {
		return h.stateLocked(s, Resync)
	}
	return append(missed, h.membersLocked(s)...)
}

// stateLocked returns the current state for a client on the network: the items, and the members.
func (h *hub) stateLocked(s *Subscriber, kind string) []*Event {
	return append([]*Event{h.snapshotLocked(s, kind)}, h.membersLocked(s)...)
}

// membersLocked returns the list of the members if the stream has presence and s follows the whole group.
func (h *hub) membersLocked(s *Subscriber) []*Event {
	if h.members == nil || s.item != nil {
		return nil
	}
	return []*Event{h.members.listLocked(h)}
}

// snapshotLocked returns the items for s as a Sync or a Resync. For a subscriber within the process they are not
// sorted yet, since that takes time and needs no lock. Clients on the network share the snapshot of a group until its
// next event.
func (h *hub) snapshotLocked(s *Subscriber, kind string) *Event {
	var shared **Event
	switch {
	case s.seat == nil || s.item != nil:
	case kind == Sync:
		shared = &h.synced
	default:
		shared = &h.resynced
	}
	if shared != nil && *shared != nil {
		return *shared
	}
	now := time.Now()
	event := &Event{hub: h, Type: kind, Time: h.stream.stamp(now)}
	if s.item != nil {
		event.Item = *s.item
		event.Items = []Item{}
		if item, ok := h.items[*s.item]; ok {
			event.Items = append(event.Items, Item{*s.item, item.data})
		}
		event.millis = h.millisLocked(*s.item, now) // a client that follows the group may have seen events of the item already
		return event
	}
	event.millis = max(now.UnixMilli(), h.latest)
	h.stream.issue(event.millis)
	event.Items = make([]Item, 0, len(h.items))
	for id, item := range h.items {
		event.Items = append(event.Items, Item{id, item.data})
	}
	if s.seat != nil {
		event.sort()
	}
	if shared != nil {
		*shared = event
	}
	return event
}
