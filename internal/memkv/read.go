package memkv

import (
	"context"
	"time"

	"github.com/motia-go/motia/driver"
)

// maxBatch is how many entries List takes from a scope under one lock.
const maxBatch = 1024

// Get returns the entry, or [driver.ErrNotFound].
func (k *KV) Get(ctx context.Context, key driver.Key) (entry driver.Entry, err error) {
	if err := k.check(ctx); err != nil {
		return driver.Entry{}, err
	}
	b := k.bucket(key.Bucket)
	if b == nil {
		return driver.Entry{}, driver.ErrNotFound
	}
	hash := b.hash(key.Scope, key.ID)
	s := b.shard(hash)
	s.mu.RLock()
	r := s.findLocked(hash, key.Scope, key.ID)
	if r == nil || r.expiredLocked() {
		s.mu.RUnlock()
		return driver.Entry{}, driver.ErrNotFound
	}
	r.readLocked(&entry, &key)
	s.mu.RUnlock()
	return entry, nil
}

// List returns up to limit entries of a scope, ordered by id, beginning after the given id. Each entry is the one of
// some moment during the call.
func (k *KV) List(ctx context.Context, bucket, scope string, after *string, limit int) ([]driver.Entry, error) {
	if err := k.check(ctx); err != nil {
		return nil, err
	}
	b := k.bucket(bucket)
	if b == nil {
		return nil, nil
	}
	sc := b.scopes.find(scope)
	if sc == nil {
		return nil, nil
	}
	now := time.Now()
	var entries []driver.Entry
	for len(entries) < limit {
		want := min(limit-len(entries), maxBatch)
		sc.mu.Lock()
		records := sc.records.after(after, want)
		sc.mu.Unlock()
		if entries == nil {
			entries = make([]driver.Entry, 0, len(records))
		}
		for _, r := range records {
			entries = append(entries, driver.Entry{})
			if n := len(entries) - 1; !b.read(&entries[n], r, now) {
				entries = entries[:n]
			}
		}
		if len(records) < want {
			break
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		after = &records[want-1].id
	}
	return entries, nil
}

// read reads the record, unless it was removed meanwhile or had expired by now.
func (b *bucket) read(entry *driver.Entry, r *record, now time.Time) bool {
	s := b.shard(r.hash)
	s.mu.RLock()
	defer s.mu.RUnlock()
	if r.revision == 0 || r.expiry != nil && r.expiry.due(now) {
		return false
	}
	key := r.key()
	r.readLocked(entry, &key)
	return true
}

// Scopes returns up to limit names of the scopes of a bucket that hold entries, in order, beginning after the given
// one.
func (k *KV) Scopes(ctx context.Context, bucket string, after *string, limit int) ([]string, error) {
	if err := k.check(ctx); err != nil {
		return nil, err
	}
	b := k.bucket(bucket)
	if b == nil {
		return nil, nil
	}
	// A scope does not know which of its entries have expired, so remove them first.
	if err := k.expiries.sweep(ctx); err != nil {
		return nil, err
	}
	b.scopes.mu.RLock()
	found := b.scopes.filled.after(after, limit)
	b.scopes.mu.RUnlock()
	names := make([]string, len(found))
	for i, sc := range found {
		names[i] = sc.name
	}
	return names, nil
}
