package motia

import (
	"slices"
	"sync"
)

// outbox is what waits to be written to one client on the network. It is bounded: when it is full, updates that later
// ones have superseded are left out, and if that is not enough the groups that overflow are resynchronised, once the
// client has read what was taken before.
type outbox struct {
	limit int
	wake  func() // called, with the lock held, when there is something to take and nobody takes; does not wait
	cut   func() // called likewise when the outbox fails while somebody takes, who may be waiting for the client

	mu      sync.Mutex
	queue   []parcel
	taking  bool // somebody takes until there is nothing left
	lagging []*seat
	failed  error // why nothing comes any more
}

// parcel is an event for a client, and the group that it comes from: nil for an answer to the client alone.
type parcel struct {
	seat  *seat
	event *hubEvent
}

// seat is the place of a client in a group, for one or more subscribers: of the whole group and of single items.
type seat struct {
	box     *outbox
	history bool   // the client may come back
	after   string // the id of the last event that it has seen, if it was here before

	// Guarded by the lock of the hub.
	hub         *hub // fixed once there is a subscriber
	subscribers []*subscriber

	// Belonging to the reader of a socket.
	rooms int    // that the client is in
	exit  func() // ends its presence

	// Guarded by the lock of the outbox.
	last    *hubEvent // what the subscribers of this seat share comes once
	lagging bool      // misses events until it is resynchronised
}

// offer takes an event of the hub, whose lock is held. It never waits.
func (t *seat) offer(event *hubEvent) {
	b := t.box
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failed != nil || t.lagging || t.last == event {
		return
	}
	t.last = event
	b.addLocked(t, event)
}

// begin takes what a subscription begins with, all or none: a client may ask for it again and again without reading, and
// is resynchronised then. The lock of the hub is held.
func (t *seat) begin(events []*hubEvent) {
	b := t.box
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failed == nil && !t.lagging {
		b.addLocked(t, events...)
	}
}

func (b *outbox) addLocked(t *seat, events ...*hubEvent) {
	if len(b.queue) >= b.limit && !b.coalesceLocked() {
		b.lagLocked(t)
	} else {
		for _, event := range events {
			b.queue = append(b.queue, parcel{t, event})
		}
	}
	b.wakeLocked()
}

// answer sends an event to this client alone, and reports whether there is room for it.
func (b *outbox) answer(event *hubEvent) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failed != nil || len(b.queue) >= 2*b.limit {
		return false
	}
	b.queue = append(b.queue, parcel{nil, event})
	b.wakeLocked()
	return true
}

// fail ends the outbox; what is in it is dropped.
func (b *outbox) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failed == nil {
		b.failed = err
		b.queue, b.lagging = nil, nil
		if b.taking {
			b.cut()
		}
		b.wakeLocked()
	}
}

// wakeLocked makes sure that somebody takes.
func (b *outbox) wakeLocked() {
	if !b.taking {
		b.taking = true
		b.wake()
	}
}

// coalesceLocked drops the updates that others in the queue supersede, and reports whether that made room for a while: it
// looks at the whole queue, so it must not be done for every event.
func (b *outbox) coalesceLocked() bool {
	type item struct {
		hub *hub
		id  string
	}
	seen := make(map[item]bool)
	kept := len(b.queue)
	for i := len(b.queue) - 1; i >= 0; i-- {
		p := b.queue[i]
		key := item{p.event.hub, p.event.item}
		if p.event.changesItem() {
			if seen[key] && p.event.replaces() {
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
	return dropped > b.limit/8
}

// lagLocked drops what waits for the seat: it will be resynchronised.
func (b *outbox) lagLocked(t *seat) {
	t.lagging = true
	b.lagging = append(b.lagging, t)
	b.clearLocked(t)
}

// forget drops what waits for a seat that the client has left.
func (b *outbox) forget(t *seat) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.clearLocked(t)
	b.lagging = slices.DeleteFunc(b.lagging, func(other *seat) bool { return other == t })
}

func (b *outbox) clearLocked(t *seat) {
	kept := b.queue[:0]
	for _, p := range b.queue {
		if p.seat != t {
			kept = append(kept, p)
		}
	}
	clear(b.queue[len(kept):])
	b.queue = kept
}

// take returns what is to be written next. Nil means that there is nothing, and that wake will be called when there is
// again. The batch belongs to the caller until the next call.
func (b *outbox) take(batch []parcel) ([]parcel, error) {
	clear(batch)
	for {
		b.mu.Lock()
		switch {
		case b.failed != nil:
			b.mu.Unlock()
			return nil, b.failed
		case len(b.lagging) > 0: // first, since other groups may never let the queue become empty
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

// resync gives the client what is there now in place of what it missed.
func (t *seat) resync() {
	h := t.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	var missed []parcel
	for _, s := range t.subscribers {
		for _, event := range h.stateLocked(s, EventResync) {
			missed = append(missed, parcel{t, event})
		}
	}
	b := t.box
	b.mu.Lock()
	defer b.mu.Unlock()
	t.lagging = false
	if b.failed == nil {
		b.queue = append(b.queue, missed...)
	}
}
