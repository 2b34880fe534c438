package memkv

import (
	"time"

	"github.com/motia-go/motia/driver"
)

// record is the stored form of an entry. It stays the same object from the creation of the entry to its removal. The
// fields that may change are guarded by the lock of its shard.
type record struct {
	scope *scope
	id    string
	hash  uint64
	born  uint64 // the scope's generation when the record was added

	next     *record // in the shard: another key with the same hash
	value    []byte
	revision uint64 // 0 once removed
	time     int64  // Unix nanoseconds
	expiry   *expiry
}

// key returns the record's key.
func (r *record) key() driver.Key {
	return driver.Key{Bucket: r.scope.bucket.name, Scope: r.scope.name, ID: r.id}
}

// readLocked reads the record as an entry with the given key. Callers that have the key need not follow pointers for
// it.
func (r *record) readLocked(entry *driver.Entry, key *driver.Key) {
	entry.Key = *key
	entry.Value = r.value
	entry.Revision = r.revision
	entry.Time = time.Unix(0, r.time).UTC()
	if r.expiry != nil {
		entry.Expires = r.expiry.at
	}
}

// expiresLocked returns when the record expires, zero for never.
func (r *record) expiresLocked() time.Time {
	if r.expiry == nil {
		return time.Time{}
	}
	return r.expiry.at
}

// expiredLocked reports whether the record has expired by now. Most records never expire; for these it does not look
// at the clock.
func (r *record) expiredLocked() bool {
	return r.expiry != nil && r.expiry.due(time.Now())
}
