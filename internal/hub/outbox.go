package hub

import (
	"slices"
	"sync"
)

// Outbox holds the events that wait to be written to one client on the network. It is bounded: when it is full,
// updates that later ones supersede are dropped. If that does not make enough room, the groups that overflow are
// resynchronised when the client has read what was taken before. The exported fields must be set before the first
// use.
type Outbox struct {
	// Limit is how many events may wait.
	Limit int
	// Wake is called when there is something to take and nobody is taking. It must not block, since a lock is held.
	Wake func()
	// Cut is called when the outbox fails while a goroutine is taking, which may be waiting for the client. It must
	// not block either.
	Cut func()

	mu      sync.Mutex
	queue   []Parcel
	taking  bool // a goroutine is taking until nothing is left
	lagging []*Seat
	failed  error // why the outbox has ended
}

// Parcel is an event for a client.
type Parcel struct {
	Event *Event
	seat  *Seat // in the group of the event; nil for an answer to this client only
}

func (b *Outbox) addLocked(t *Seat, events ...*Event) {
	if len(b.queue) >= b.Limit && !b.coalesceLocked() {
		b.lagLocked(t)
	} else {
		for _, event := range events {
			b.queue = append(b.queue, Parcel{event, t})
		}
	}
	b.wakeLocked()
}

// Answer sends a frame of the room protocol to this client only, and reports whether there was room for it.
func (b *Outbox) Answer(frame []byte) bool {
	event := &Event{roomText: frame}
	event.roomOnce.Do(func() {}) // it is already encoded
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failed != nil || len(b.queue) >= 2*b.Limit {
		return false
	}
	b.queue = append(b.queue, Parcel{event, nil})
	b.wakeLocked()
	return true
}

// Fail ends the outbox with an error, which Take returns from then on. Waiting events are dropped. Only the first
// call counts.
func (b *Outbox) Fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failed == nil {
		b.failed = err
		b.queue, b.lagging = nil, nil
		if b.taking {
			b.Cut()
		}
		b.wakeLocked()
	}
}

// wakeLocked makes sure that a goroutine is taking.
func (b *Outbox) wakeLocked() {
	if !b.taking {
		b.taking = true
		b.Wake()
	}
}

// coalesceLocked drops updates that later ones in the queue supersede, and reports whether that made room for more
// than a few events. It scans the whole queue, so it must not run for every event.
func (b *Outbox) coalesceLocked() bool {
	type item struct {
		hub *hub
		id  string
	}
	seen := make(map[item]bool)
	kept := len(b.queue)
	for i := len(b.queue) - 1; i >= 0; i-- {
		p := b.queue[i]
		key := item{p.Event.hub, p.Event.Item}
		if p.Event.changesItem() {
			if seen[key] && p.Event.replaces() {
				continue
			}
			seen[key] = true
		}
		kept--
		b.queue[kept] = p
	}
	dropped := kept
	copy(b.queue, b.queue[kept:])
	clear(b.queue[len(b.queue)-dropped:])
	b.queue = b.queue[:len(b.queue)-dropped]
	return dropped > b.Limit/8
}

// lagLocked drops the events that wait for the seat, which will be resynchronised.
func (b *Outbox) lagLocked(t *Seat) {
	t.lagging = true
	b.lagging = append(b.lagging, t)
	b.clearLocked(t)
}

// Forget drops the events that wait for a seat that the client has left.
func (b *Outbox) Forget(t *Seat) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.clearLocked(t)
	b.lagging = slices.DeleteFunc(b.lagging, func(other *Seat) bool { return other == t })
}

func (b *Outbox) clearLocked(t *Seat) {
	kept := b.queue[:0]
	for _, p := range b.queue {
		if p.seat != t {
			kept = append(kept, p)
		}
	}
	clear(b.queue[len(kept):])
	b.queue = kept
}

// Take returns the events to write next. After a call of Wake, call it until it returns nil: then nothing waits, and
// Wake will be called when something does. The batch belongs to the caller until it is passed to the next call, which
// reuses it.
func (b *Outbox) Take(batch []Parcel) ([]Parcel, error) {
	clear(batch)
	for {
		b.mu.Lock()
		switch {
		case b.failed != nil:
			b.mu.Unlock()
			return nil, b.failed
		case len(b.lagging) > 0: // first, since the events of other groups may keep the queue from ever becoming empty
			seats := b.lagging
			b.lagging = nil
			b.mu.Unlock()
			for _, t := range seats {
				t.resync()
			}
			continue
		case len(b.queue) > 0:
			next := b.queue
			b.queue = batch[:0]
			b.mu.Unlock()
			return next, nil
		}
		b.taking = false
		if b.queue = batch[:0]; cap(batch) > idleParcels {
			b.queue = nil
		}
		b.mu.Unlock()
		return nil, nil
	}
}

// idleParcels is the largest queue that an idle client keeps.
const idleParcels = 4
