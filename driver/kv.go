package driver

import (
	"context"
	"time"
)

// KV holds versioned values. State and stream items live in it.
//
// Writes to one key are linearizable, and a read that begins after a write has returned sees it. There are no
// transactions over several keys.
type KV interface {
	// Get returns the entry, or ErrNotFound. A deleted or expired entry does not exist.
	Get(ctx context.Context, key Key) (Entry, error)

	// Put writes a value, or deletes it when options.Delete is set, and returns the entry before and after. An entry
	// that does not exist is the zero Entry, with a nil Value; so is the new one after a deletion. An empty value is
	// not nil. Put returns ErrConflict when options.IfRevision does not match, which is checked before anything else.
	// Deleting a missing key, or writing exactly the bytes that are stored with the same expiry, changes nothing: the
	// revision stays the same and no watcher is called.
	Put(ctx context.Context, key Key, value []byte, options PutOptions) (old, new Entry, err error)

	// List returns up to limit entries of a scope, ordered by id bytewise, beginning after the given id, or from the
	// start if after is nil. limit is at least 1. Fewer than limit entries mean the end. The result need not be a
	// snapshot: an entry that is written meanwhile may appear in either version.
	List(ctx context.Context, bucket, scope string, after *string, limit int) ([]Entry, error)

	// Scopes returns up to limit names of the scopes of a bucket that hold entries, ordered bytewise, beginning after
	// the given one, or from the start if after is nil.
	Scopes(ctx context.Context, bucket string, after *string, limit int) ([]string, error)

	// Watch calls f for each entry of a scope, then once with the zero Entry to mark the end of this snapshot, then
	// for every later change, until ctx ends, and then returns nil. Deletions appear as entries with Deleted set, and
	// so may values that expire. f is called for one entry at a time and in the order of the writes to a key,
	// possibly on the goroutine of a writer. Watch may omit a value that has since been overwritten, but never the
	// last one. Nothing is lost or repeated between snapshot and changes. f returns soon and does not call the KV; a
	// slow f delays only the writer that runs it.
	Watch(ctx context.Context, bucket, scope string, f func(Entry)) error
}

// WatchSyncer waits until watchers have caught up with the writes. It is optional for a [KV]. Without it a subscriber
// of a stream may begin with a snapshot that lacks earlier writes, which then follow as events, and may miss the last
// events before its end.
type WatchSyncer interface {
	// SyncWatches returns nil once every earlier Watch of the scope on this KV has seen every earlier write, in
	// whatever process: f has returned for its entry, or for a later one of the same key. An earlier write returned
	// before this call; the f of an earlier Watch was called at least once before it. If the Watch was still in its
	// snapshot, f has also returned for all of that. SyncWatches does not wait for later writes, later watches or
	// watches of other scopes.
	//
	// A Watch that ends meanwhile is no longer waited for, which is not an error. Without watches SyncWatches returns
	// nil at once.
	//
	// It is called concurrently, for each subscriber that joins or ends, usually with a deadline of a few seconds. f
	// may take longer than that: when ctx ends first, SyncWatches returns an error that wraps the context's, and the
	// watches continue. f does not call it. It makes no writer wait, neither for itself nor for watchers.
	//
	// How to implement it: if a write puts an event into a queue for each watcher before it returns, wait until what
	// is in the queues has been handled. If watchers follow a log, ask the server that orders the writes, not a
	// replica that may lag, for the position of the last write to the scope, and wait until the watchers have passed
	// it. The log must be complete up to that position: in an SQL database a transaction with a lower number may
	// commit later. Calls that arrive while another one waits for that answer may share the next answer, but not this
	// one.
	SyncWatches(ctx context.Context, bucket, scope string) error
}

// Key names an entry: a scope within a bucket, an id within the scope. Buckets are few and known at start: "state",
// and one or two for each stream.
type Key struct {
	Bucket string
	Scope  string
	ID     string
}

// Entry is a value with its version.
type Entry struct {
	Key   Key
	Value []byte
	// Revision grows with every write to the bucket; 0 means that the entry does not exist.
	Revision uint64
	// Time is when it was written. Within a bucket it grows strictly with the revision.
	Time time.Time
	// Expires is when it expires; zero means never.
	Expires time.Time
	// Deleted marks a deletion, in Watch and in the new entry of a [Change]. Its Revision and Time are those of the
	// deletion.
	Deleted bool
}

// PutOptions qualify a write. The zero value writes unconditionally, without expiry.
type PutOptions struct {
	// IfRevision, if not nil, makes the write or the deletion conditional: the entry must have this revision, or not
	// exist if it is 0. If several writers use the same IfRevision, one succeeds.
	IfRevision *uint64
	// Expires is when the value expires; zero means never, and a time in the past means at once. No change record is
	// written when a value expires.
	Expires time.Time
	// Delete deletes the entry; the value is ignored.
	Delete bool
	// Header is kept with the change record.
	Header Header
}

// Updater applies a change under one lock, instead of Get and a conditional Put in a loop. It is optional for a
// [KV].
type Updater interface {
	// Update calls change with the current value, nil if there is none, and writes what it returns, keeping the
	// expiry. change does not modify old and does not call the KV. When it returns an error, nothing is written and
	// Update returns that error unchanged.
	Update(ctx context.Context, key Key, header Header, change func(old []byte) ([]byte, error)) (old, new Entry, err error)
}

// ChangeLog records changes durably until they have been handed over. It is optional for a [KV]; state and stream
// triggers need it.
type ChangeLog interface {
	// Track makes the KV keep a record of every change in the bucket after Track has returned, until the record has
	// been handed over. It is idempotent.
	Track(ctx context.Context, bucket string) error

	// Changes hands over the records of a tracked bucket, in the order of the writes to each key, until ctx ends, and
	// then returns nil. A record for which f returns an error is handed over again, after a pause; later records of
	// its key wait, others do not. One process at a time runs f for a bucket, and after a crash records may be handed
	// over twice. Changes returns an error if the bucket is not tracked.
	Changes(ctx context.Context, bucket string, f func(context.Context, Change) error) error
}

// Change is the record of one write.
type Change struct {
	// Old is the entry before the write; the zero Entry if there was none.
	Old Entry
	// New is the entry after it, with Deleted set if it was deleted.
	New    Entry
	Header Header
}
