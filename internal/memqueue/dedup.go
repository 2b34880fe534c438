package memqueue

import "sync"

// dedup remembers the message ids of one topic for a window of time. The lock is held from the check of an id until
// its message is stored or refused, so that one of two publishers with the same id wins, and a refused id is not
// remembered.
type dedup struct {
	sync.Mutex
	ids  map[string]struct{}
	peak int // the largest size of ids so far
	// head and tail are a queue of the same ids, in the order in which they expire.
	head, tail *idChunk
}

// idChunk is a part of the queue of ids. With chunks the queue grows without copying and without spare capacity.
type idChunk struct {
	entries  [64]idEntry
	from, to int // the range in use
	next     *idChunk
}

type idEntry struct {
	id      string
	expires instant
}

// forgetAtOnce bounds how many expired ids are forgotten when a new one is remembered: more than one, so that the
// memory shrinks, but not so many that one publisher pays for a million of them.
const forgetAtOnce = 16

// has reports whether the id was remembered within the window.
func (d *dedup) has(id string, now instant) bool {
	if _, ok := d.ids[id]; !ok {
		return false
	}
	// The id may have expired and not been forgotten yet. This is rare, so the map holds no times.
	for d.forgetFirst(now) {
	}
	_, ok := d.ids[id]
	return ok
}

// remember remembers an id that is not remembered yet, and forgets some of those that have expired.
func (d *dedup) remember(id string, expires, now instant) {
	for range forgetAtOnce {
		if !d.forgetFirst(now) {
			break
		}
	}
	// A map never shrinks, so a large one is dropped after the burst that it was made for.
	if d.ids == nil || len(d.ids) == 0 && d.peak > largeMap {
		d.ids, d.peak = make(map[string]struct{}), 0
	}
	d.ids[id] = struct{}{}
	d.peak = max(d.peak, len(d.ids))
	if d.tail == nil || d.tail.to == len(d.tail.entries) {
		chunk := &idChunk{}
		if d.tail == nil {
			d.head = chunk
		} else {
			d.tail.next = chunk
		}
		d.tail = chunk
	}
	d.tail.entries[d.tail.to] = idEntry{id: id, expires: expires}
	d.tail.to++
}

// forgetFirst forgets the oldest id if it has expired, and reports whether it did.
func (d *dedup) forgetFirst(now instant) bool {
	c := d.head
	if c == nil || now < c.entries[c.from].expires {
		return false
	}
	delete(d.ids, c.entries[c.from].id)
	c.entries[c.from] = idEntry{}
	c.from++
	if c.from == c.to {
		d.head = c.next
		if d.head == nil {
			d.tail = nil
		}
	}
	return true
}
