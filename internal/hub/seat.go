package hub

// Seat is the place of a client on the network in a group, for all its subscribers there: of the whole group and of single
// items. What they have in common comes to the client once. The exported fields are set before the first [Stream.Join].
type Seat struct {
	Box     *Outbox
	Returns bool   // the client may come back, so that the hub keeps the history of the group, if the stream has one
	After   string // the id of the last event that the client has seen, if it was here before

	// Guarded by the lock of the hub.
	hub         *hub // fixed once there is a subscriber
	subscribers []*Subscriber

	// Guarded by the lock of the outbox.
	last    *Event // the latest event, which other subscribers of this seat may get too
	lagging bool   // misses events until it is resynchronised
}

// offer takes an event of the hub, whose lock is held. It never waits.
func (t *Seat) offer(event *Event) {
	b := t.Box
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failed != nil || t.lagging || t.last == event {
		return
	}
	t.last = event
	b.addLocked(t, event)
}

// begin takes the events that a subscription begins with, all or none: a client may ask for them again and again without
// reading, and is resynchronised then. The lock of the hub is held.
func (t *Seat) begin(events []*Event) {
	b := t.Box
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failed == nil && !t.lagging {
		b.addLocked(t, events...)
	}
}

// resync gives the client what is there now in place of what it missed.
func (t *Seat) resync() {
	h := t.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	var missed []Parcel
	for _, s := range t.subscribers {
		for _, event := range h.stateLocked(s, Resync) {
			missed = append(missed, Parcel{event, t})
		}
	}
	b := t.Box
	b.mu.Lock()
	defer b.mu.Unlock()
	t.lagging = false
	if b.failed == nil {
		b.queue = append(b.queue, missed...)
	}
}
