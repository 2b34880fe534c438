package motia

import (
	"encoding/json"
	"sync/atomic"
	"time"
)

// subscriber is who gets the events of a group or an item: a [Subscription], through a buffer, or a client on the
// network, through its seat.
type subscriber struct {
	hub    *hub
	item   *string // nil for the whole group
	index  int     // in the hub's slice
	closed bool    // guarded by hub.mu
	seat   *seat   // nil for a Subscription

	// The following are for a Subscription.
	events  chan *hubEvent
	lagging atomic.Bool // has missed events since its buffer was full; set with hub.mu held
	err     error       // why events was closed; read it after
}

// sendLocked never waits: a subscriber whose buffer is full gets a resync once it has read it.
func (s *subscriber) sendLocked(event *hubEvent) {
	if s.seat != nil {
		s.seat.offer(event)
		return
	}
	if s.lagging.Load() {
		return
	}
	select {
	case s.events <- event:
		return
	default:
	}
	s.lagging.Store(true)
	// It may have read its buffer before that, and wait by now without knowing that it lags.
	select {
	case s.events <- event:
		s.lagging.Store(false)
	default:
	}
}

// resync returns what is there now, in place of what the subscriber missed; nil if it has missed nothing, or has to read
// its buffer first.
func (s *subscriber) resync() *hubEvent {
	if !s.lagging.Load() {
		return nil
	}
	s.hub.mu.Lock()
	if !s.lagging.Load() || len(s.events) > 0 { // what is in the buffer is part of the snapshot
		s.hub.mu.Unlock()
		return nil
	}
	s.lagging.Store(false)
	snapshot := s.hub.snapshotLocked(s, EventResync)
	s.hub.mu.Unlock()
	snapshot.sort()
	return snapshot
}

// wants reports whether the event, of the subscriber's hub, is for it.
func (s *subscriber) wants(e *hubEvent) bool {
	return s.item == nil || *s.item == e.item && (e.item != "" || e.kind != EventSent)
}

// endLocked tells the subscriber that nothing comes any more.
func (s *subscriber) endLocked(err error) {
	s.closed = true
	if s.seat != nil {
		if err != nil { // else the client has left
			s.seat.box.fail(err)
		}
		return
	}
	s.err = err
	close(s.events)
}

// close ends the subscription, once.
func (s *subscriber) close(err error) {
	if s.hub.remove(s, err) {
		s.hub.release()
	}
}

// firstLocked returns what s begins with: a snapshot, or what it missed since it was here before.
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
	var first []*hubEvent
	switch after := s.seat.after; {
	case after == "":
		first = []*hubEvent{h.snapshotLocked(s, EventSync)}
	default:
		missed, ok := h.missedLocked(s, after)
		if !ok {
			missed = []*hubEvent{h.snapshotLocked(s, EventResync)}
		}
		first = missed
	}
	if h.members != nil && s.item == nil {
		first = append(first, h.members.listLocked(h))
	}
	return first
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

// again sends a client a fresh snapshot, for a further subscription in the same room.
func (h *hub) again(s *subscriber) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.closed {
		return
	}
	first := []*hubEvent{h.snapshotLocked(s, EventSync)}
	if h.members != nil && s.item == nil {
		first = append(first, h.members.listLocked(h))
	}
	s.seat.begin(first)
}
