package motia

import "sync/atomic"

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
