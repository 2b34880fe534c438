package hub

import (
	"context"
	"reflect"
	"sync/atomic"

	"github.com/motia-go/motia/internal/wire"
)

// Subscriber receives the events of a group or an item: within the process through its own buffer, for a client on
// the network through its seat.
type Subscriber struct {
	hub    *hub
	item   *string // nil for the whole group
	index  int     // in the hub's slice
	seat   *Seat   // nil for a subscriber within the process
	closed bool    // guarded by hub.mu

	// The following are for a subscriber within the process.
	lagging atomic.Bool // has missed events because its buffer was full; set with hub.mu held
	events  chan *Event
	end     *ending    // guarded by hub.mu until events is closed, and not nil from then on
	rest    *remainder // nil until a context that was given to Next has ended; it belongs to the reader
}

// ending is the end of a subscriber. Like remainder it is allocated separately, since a process may have many idle
// subscribers.
type ending struct {
	hasten func() // ends the wait of Finish; nil if there is none
	err    error  // why events was closed
}

// remainder counts what Next still returns after a context has ended.
type remainder struct {
	ctx  context.Context
	left int // number of events
}

// sendLocked never blocks: a subscriber whose buffer is full gets a resync when it has read the buffer.
func (s *Subscriber) sendLocked(event *Event) {
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
	// The subscriber may have emptied its buffer just before that, and now wait without knowing that it lags.
	select {
	case s.events <- event:
		s.lagging.Store(false)
	default:
	}
}

// Next returns the next event: from the buffer, or a resync if events were missed; otherwise it waits for one. If
// done is not nil, the end of done also ends the wait: Next then returns the events that are in the buffer by then,
// and after them the cause of ctx's end. After the last event it returns the error that was given to Close. It is for
// subscribers made by [Stream.Subscribe], and for one goroutine at a time.
func (s *Subscriber) Next(ctx context.Context, done <-chan struct{}) (*Event, error) {
	if done != nil {
		select {
		case <-done:
			return s.nextOfLast(ctx)
		default:
		}
	}
	select {
	case event, ok := <-s.events:
		return s.received(event, ok)
	default:
	}
	if snapshot := s.resync(); snapshot != nil {
		return snapshot, nil
	}
	if done == nil {
		event, ok := <-s.events
		return s.received(event, ok)
	}
	select {
	case event, ok := <-s.events:
		return s.received(event, ok)
	case <-done:
		return s.nextOfLast(ctx)
	}
}

// nextOfLast is Next when done is closed: it returns the events that were in the buffer when it was first called, and
// then the cause of ctx's end. Without that limit a reader that is slower than the writers would never see the end.
func (s *Subscriber) nextOfLast(ctx context.Context) (*Event, error) {
	// Done channels cannot serve as keys: ended contexts that nobody has waited for share one.
	key := reflect.ValueOf(ctx).Comparable()
	if s.rest == nil || !key || s.rest.ctx != ctx {
		s.rest = &remainder{left: len(s.events)}
		if key {
			s.rest.ctx = ctx
		}
		if s.lagging.Load() {
			s.rest.left++ // the resync
		}
	}
	if s.rest.left > 0 {
		s.rest.left--
		select {
		case event, ok := <-s.events:
			return s.received(event, ok)
		default:
		}
		if snapshot := s.resync(); snapshot != nil {
			return snapshot, nil
		}
	}
	s.rest = nil
	if len(s.events) == 0 { // it may have been closed for another reason
		select {
		case event, ok := <-s.events:
			return s.received(event, ok)
		default:
		}
	}
	return nil, context.Cause(ctx)
}

func (s *Subscriber) received(event *Event, ok bool) (*Event, error) {
	if ok {
		return event, nil
	}
	if snapshot := s.resync(); snapshot != nil { // it was lagging when it ended
		return snapshot, nil
	}
	return nil, s.end.err
}

// resync returns the current state instead of the events that the subscriber missed. It returns nil if the subscriber
// missed nothing, or has to read its buffer first.
func (s *Subscriber) resync() *Event {
	if !s.lagging.Load() {
		return nil
	}
	s.hub.mu.Lock()
	if !s.lagging.Load() || len(s.events) > 0 { // the snapshot would include what is in the buffer
		s.hub.mu.Unlock()
		return nil
	}
	s.lagging.Store(false)
	snapshot := s.hub.snapshotLocked(s, Resync)
	s.hub.mu.Unlock()
	snapshot.sort()
	return snapshot
}

// Again sends a client on the network the current state again, for another subscription in the same room.
func (s *Subscriber) Again(ctx context.Context) error {
	if err := s.hub.catchUpToJoin(ctx); err != nil {
		return err
	}
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	if !s.closed {
		s.seat.begin(s.hub.stateLocked(s, Sync))
	}
	return nil
}

// wants reports whether an event of the subscriber's hub is for the subscriber.
func (s *Subscriber) wants(e *Event) bool {
	return s.item == nil || *s.item == e.Item && (e.Item != "" || e.Type != wire.StreamSent)
}

// Close ends the subscription; only the first call counts. Next returns err after the earlier events. For a client on
// the network, a non-nil err ends the whole client; nil means that the client itself has left this group or item.
func (s *Subscriber) Close(err error) {
	if s.hub.remove(s, err) {
		s.hub.release()
	}
}

// endLocked ends the subscriber: no events follow.
func (s *Subscriber) endLocked(err error) {
	s.closed = true
	if s.seat != nil {
		if err != nil { // otherwise the client has left
			s.seat.Box.Fail(err)
		}
		return
	}
	if s.end == nil {
		s.end = &ending{}
	}
	if s.end.hasten != nil {
		s.end.hasten()
	}
	s.end.err = err
	close(s.events)
}

// Drop empties the buffer of a closed subscriber.
func (s *Subscriber) Drop() {
	for range s.events {
	}
	s.lagging.Store(false)
}
