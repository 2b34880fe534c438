package memkv

import (
	"context"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/mailbox"
)

// Watch calls f for each entry of a scope, ordered by id, then once with the zero Entry, then for every later change
// including expiry. It leaves out none. It returns nil when ctx ends, and [driver.ErrClosed] when the store is closed.
func (k *KV) Watch(ctx context.Context, bucket, scope string, f func(driver.Entry)) error {
	if k.closed.Load() {
		return driver.ErrClosed
	}
	// So that what has expired is not in the snapshot, nor told as a deletion after it.
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

// SyncWatches waits until the watchers of the scope have been told of all writes that had returned. Their boxes hold
// the events of those: a write fills them before it lets go of the key.
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
	if k.closed.Load() { // which has ended watches that were not told everything
		return driver.ErrClosed
	}
	return nil
}

// watcher is one call of Watch. Its box collects changes while the snapshot is taken and handed over.
//
// Nothing is lost or doubled, although no lock covers the whole scope: at the moment at which the watcher was added,
// under the lock of the scope, it got the list of the records. It visits them shard by shard. What happens to one of
// them before its shard was visited is part of the snapshot; what happens after is an event. Records that were added
// later are not on the list, so all that happens to them is an event.
type watcher struct {
	box *mailbox.Mailbox[driver.Entry]
	// born is greater than that of the records on the list, and not greater than that of later ones.
	born uint64
	// visited says for each shard whether the snapshot holds its records. Guarded by the lock of that shard.
	visited [shardCount]bool
}

// snapshot reads the records and turns to events.
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

// pushLocked puts an event into the box, unless it will be part of the snapshot. The lock of the record's shard is held.
func (w *watcher) pushLocked(r *record, event *driver.Entry) {
	if r.born >= w.born || w.visited[shardIndex(r.hash)] {
		w.box.Push(*event)
	}
}
