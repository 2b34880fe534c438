package memkv

import (
	"context"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/mailbox"
)

// Watch calls f for each entry of a scope, ordered by id, then once with the zero Entry, then for every later change
// including expiry. It omits none. It returns nil when ctx ends, and [driver.ErrClosed] when the store is closed.
func (k *KV) Watch(ctx context.Context, bucket, scope string, f func(driver.Entry)) error {
	if k.closed.Load() {
		return driver.ErrClosed
	}
	// Entries that have expired must be neither in the snapshot nor deletions after it.
	if err := k.expiries.sweep(ctx); err != nil {
		return nil
	}
	w := &watcher{box: mailbox.NewHeld(f)}
	b := k.openBucket(bucket)
	sc, records := b.addWatcher(scope, w)
	defer w.box.Stop()
	defer sc.removeWatcher(w)
	for _, entry := range w.snapshot(b, records) {
		if ctx.Err() != nil {
			return nil
		}
		f(entry)
	}
	if ctx.Err() != nil {
		return nil
	}
	f(driver.Entry{})
	w.box.Release()
	select {
	case <-ctx.Done():
		return nil
	case <-k.done:
		return driver.ErrClosed
	}
}

// SyncWatches waits until the watchers of the scope have seen all writes that returned before. The events of those
// are in the boxes of the watchers, since a write puts them there before it unlocks the key.
func (k *KV) SyncWatches(ctx context.Context, bucket, scope string) error {
	if err := k.check(ctx); err != nil {
		return err
	}
	b := k.bucket(bucket)
	if b == nil {
		return nil
	}
	sc := b.scopes.find(scope)
	if sc == nil {
		return nil
	}
	for _, w := range sc.watching() {
		if err := w.box.Flush(ctx); err != nil {
			return err
		}
	}
	if k.closed.Load() { // Close has ended watches that had not seen everything
		return driver.ErrClosed
	}
	return nil
}

// watcher is one call of Watch. Its box collects changes while the snapshot is taken and passed to f.
//
// Nothing is lost or repeated, although no lock covers the whole scope. When the watcher was added, under the lock of
// the scope, it got a list of the records. It visits them shard by shard. Changes of these records before their shard
// was visited are part of the snapshot; later changes are events. Records that were added later are not in the list,
// so all their changes are events.
type watcher struct {
	box *mailbox.Mailbox[driver.Entry]
	// born is greater than the born of records in the list, and not greater than that of later records.
	born uint64
	// visited says for each shard whether its records are in the snapshot. It is guarded by the lock of that shard.
	visited [shardCount]bool
}

// snapshot reads the records, and makes later changes events.
func (w *watcher) snapshot(b *bucket, records []*record) []driver.Entry {
	var byShard [shardCount][]int32
	for i, r := range records {
		s := shardIndex(r.hash)
		byShard[s] = append(byShard[s], int32(i))
	}
	entries := make([]driver.Entry, len(records)) // in the order of the records
	for i := range b.shards {
		w.visit(&b.shards[i], i, records, byShard[i], entries)
	}
	present := entries[:0]
	for _, entry := range entries {
		if entry.Revision != 0 {
			present = append(present, entry)
		}
	}
	return present
}

func (w *watcher) visit(s *shard, index int, records []*record, places []int32, entries []driver.Entry) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, i := range places {
		if r := records[i]; r.revision != 0 {
			key := r.key()
			r.readLocked(&entries[i], &key)
		}
	}
	w.visited[index] = true
}

// pushLocked puts an event into the box, unless it will be part of the snapshot. The lock of the record's shard is
// held.
func (w *watcher) pushLocked(r *record, event *driver.Entry) {
	if r.born >= w.born || w.visited[shardIndex(r.hash)] {
		w.box.Push(*event)
	}
}
