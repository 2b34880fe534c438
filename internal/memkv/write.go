package memkv

import (
	"context"
	"time"

	"github.com/motia-go/motia/driver"
)

// Put writes or deletes a value and returns the entry before and after. After a deletion the new entry is the zero
// Entry; with an error both are.
func (k *KV) Put(ctx context.Context, key driver.Key, value []byte, options driver.PutOptions) (old, new driver.Entry, err error) {
	if err := k.check(ctx); err != nil {
		return driver.Entry{}, driver.Entry{}, err
	}
	var m mutation
	m.begin(k.openBucket(key.Bucket), key)
	defer m.end()
	m.expireNow()
	if options.IfRevision != nil && *options.IfRevision != m.revision() {
		return driver.Entry{}, driver.Entry{}, driver.ErrConflict
	}
	if options.Delete {
		m.delete(&options.Header)
	} else {
		// Remove the monotonic clock reading: an expiry is a date, and all backends return the same.
		m.set(value, options.Expires.Round(0), &options.Header)
	}
	return m.old, m.new, nil
}

// Update applies change to the value under the lock of its shard. If change returns the value that it was given,
// nothing changes. A nil result is stored as an empty value.
func (k *KV) Update(
	ctx context.Context, key driver.Key, header driver.Header, change func(old []byte) ([]byte, error),
) (old, new driver.Entry, err error) {
	if err := k.check(ctx); err != nil {
		return driver.Entry{}, driver.Entry{}, err
	}
	var m mutation
	m.begin(k.openBucket(key.Bucket), key)
	defer m.end() // even if change panics
	m.expireNow()
	var before []byte
	var expires time.Time
	if m.record != nil {
		before, expires = m.record.value, m.record.expiresLocked()
	}
	after, err := change(before)
	if err != nil {
		return driver.Entry{}, driver.Entry{}, err
	}
	m.set(after, expires, &header)
	return m.old, m.new, nil
}

// expireNow removes the entry if it has expired. It looks at the clock under the lock of the shard: otherwise a
// writer that waited for the lock could still find an entry that a reader has already found expired.
func (m *mutation) expireNow() {
	if m.record != nil && m.record.expiry != nil {
		m.expire(time.Now())
	}
}
