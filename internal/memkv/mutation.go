package memkv

import (
	"bytes"
	"strings"
	"time"

	"github.com/motia-go/motia/driver"
)

// mutation is a write to one key. It holds the lock of the key's shard from begin to end.
type mutation struct {
	bucket   *bucket
	shard    *shard
	hash     uint64
	key      driver.Key
	record   *record    // nil if there is no entry
	watchers []*watcher // those whose boxes may hold an event

	// The entry before and after. They are written in place, since entries are large: copying them costs more than
	// the rest of a write.
	old, new driver.Entry
}

// begin locks the key.
func (m *mutation) begin(b *bucket, key driver.Key) {
	m.bucket, m.hash, m.key = b, b.hash(key.Scope, key.ID), key
	m.shard = b.shard(m.hash)
	m.shard.mu.Lock()
	m.record = m.shard.findLocked(m.hash, key.Scope, key.ID)
}

// end unlocks the key and delivers the events.
func (m *mutation) end() {
	m.shard.mu.Unlock()
	for _, w := range m.watchers {
		w.box.Drain()
	}
}

// expire removes the entry if it has expired by now.
func (m *mutation) expire(now time.Time) {
	if m.record != nil && m.record.expiry != nil && m.record.expiry.due(now) {
		m.drop()
	}
}

// revision returns the revision of the entry, or 0 if there is none.
func (m *mutation) revision() uint64 {
	if m.record == nil {
		return 0
	}
	return m.record.revision
}

// set writes a value.
func (m *mutation) set(value []byte, expires time.Time, header *driver.Header) {
	if value == nil {
		value = []byte{} // nil means that there is no entry
	}
	r := m.record
	if r != nil {
		r.readLocked(&m.old, &m.key)
		if bytes.Equal(r.value, value) && m.old.Expires.Equal(expires) {
			m.new = m.old
			return
		}
	} else {
		r = &record{id: strings.Clone(m.key.ID), hash: m.hash}
		m.bucket.addRecord(m.key.Scope, r)
		m.shard.insertLocked(r)
		m.record = r
	}
	r.value = value
	r.revision, r.time = m.bucket.clock.next()
	if r.expiry != nil || !expires.IsZero() {
		m.bucket.expiries.setLocked(r, expires)
	}
	r.readLocked(&m.new, &m.key)
	m.notify(r, &m.new)
	if log := m.bucket.log.Load(); log != nil {
		log.append(driver.Change{Old: m.old, New: m.new, Header: *header})
	}
}

// delete removes the entry, if there is one.
func (m *mutation) delete(header *driver.Header) {
	if m.record == nil {
		return
	}
	m.record.readLocked(&m.old, &m.key)
	deleted := m.drop()
	if log := m.bucket.log.Load(); log != nil {
		log.append(driver.Change{Old: m.old, New: deleted, Header: *header})
	}
}

// drop removes the entry without a change record and returns the entry that marks its deletion.
func (m *mutation) drop() driver.Entry {
	r := m.record
	m.record = nil
	revision, nanos := m.bucket.clock.next()
	deleted := driver.Entry{Key: m.key, Revision: revision, Time: time.Unix(0, nanos).UTC(), Deleted: true}
	m.shard.removeLocked(r)
	m.bucket.removeRecord(r)
	r.value, r.revision = nil, 0
	if r.expiry != nil {
		// This comes last: when sweep finds nothing due, expired entries must have been removed.
		m.bucket.expiries.setLocked(r, time.Time{})
	}
	m.notify(r, &deleted)
	return deleted
}

// notify puts an event into the boxes of the watchers. Their order is that of the writes to the key, because the lock
// of the shard is held.
func (m *mutation) notify(r *record, event *driver.Entry) {
	m.watchers = r.scope.watching()
	for _, w := range m.watchers {
		w.pushLocked(r, event)
	}
}
