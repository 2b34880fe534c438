package hub

// Seat is the place of a client on the network in a group. Its subscribers, of the whole group or of single items,
// share it, so that the client gets an event for several of them only once. The exported fields must be set before
// the first [Stream.Join].
type Seat struct {
	Box     *Outbox
	Returns bool   // the client may come back, so the hub keeps the history of the group, if the stream has one
	After   string // the id of the last event that the client has seen, if it was connected before

	// Guarded by the lock of the hub.
	hub         *hub // does not change once there is a subscriber
	subscribers []*Subscriber

	// Guarded by the lock of the outbox.
	last    *Event // the latest event, which other subscribers of this seat may offer again
	lagging bool   // misses events until it is resynchronised
}

// offer adds an event of the hub to the outbox. It never blocks. The lock of the hub is held.
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

// begin adds the events that a subscription begins with, all or none: a client that asks for them again and again
// without reading is resynchronised instead. The lock of the hub is held.
func (t *Seat) begin(events []*Event) {
	b := t.Box
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failed == nil && !t.lagging {
		b.addLocked(t, events...)
	}
}

// resync sends the client the current state instead of the events that it missed.
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
