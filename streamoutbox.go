package motia

import "sync"

// outbox is what waits to be written to one client on the network. It is bounded: when it is full, updates that later
// ones have superseded are left out, and if that is not enough the groups that overflow are resynchronised, once the
// client has read the rest.
type outbox struct {
	limit int
	wake  func() // called, with the lock held, when there is something to take and nobody takes; does not wait

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
	if len(b.queue) >= b.limit && !b.coalesceLocked() {
		b.lagLocked(t)
	} else {
		b.queue = append(b.queue, parcel{t, event})
	}
	b.wakeLocked()
}

// put is offer for what must not be left out: the beginning of a subscription.
func (t *seat) put(event *hubEvent) {
	b := t.box
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failed == nil && !t.lagging {
		b.queue = append(b.queue, parcel{t, event})
		b.wakeLocked()
	}
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
			if seen[key] && p.event.kind == EventUpdate {
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
		case len(b.queue) > 0:
			next := b.queue
			b.queue = batch[:0]
			b.mu.Unlock()
			return next, nil
		case len(b.lagging) > 0:
			seats := b.lagging
			b.lagging = nil
			b.mu.Unlock()
			for _, t := range seats {
				t.resync()
			}
			continue
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
	t.box.mu.Lock()
	t.lagging = false
	t.box.mu.Unlock()
	for _, s := range t.subscribers {
		t.put(h.snapshotLocked(s, EventResync))
	}
	if h.members != nil && len(t.subscribers) > 0 {
		t.put(h.members.listLocked(h))
	}
}
