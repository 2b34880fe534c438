package motiatest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/motia-go/motia/driver"
)

// memoryKV is the interface of the KV of [motia.InMemory].
type memoryKV interface {
	driver.KV
	driver.Updater
	driver.ChangeLog
	driver.WatchSyncer
	PendingChanges() int
}

// chaosKV is the KV of a Chaos backend.
type chaosKV struct {
	memoryKV
	*chaos

	mu    sync.Mutex
	lines map[*line[driver.Entry]]watched
}

// watched is the scope of a watch.
type watched struct{ bucket, scope string }

func (k *chaosKV) Get(ctx context.Context, key driver.Key) (driver.Entry, error) {
	e, err := k.memoryKV.Get(ctx, key)
	return k.entry(e), err
}

func (k *chaosKV) List(ctx context.Context, bucket, scope string, after *string, limit int) ([]driver.Entry, error) {
	entries, err := k.memoryKV.List(ctx, bucket, scope, after, limit)
	for i := range entries {
		entries[i] = k.entry(entries[i])
	}
	return entries, err
}

func (k *chaosKV) Put(ctx context.Context, key driver.Key, value []byte, options driver.PutOptions) (old, written driver.Entry, err error) {
	fails, before := false, false
	if k.can(failedWrite) && ctx.Err() == nil && !k.closed.Load() {
		fails, before = k.write(key)
	}
	if before {
		return driver.Entry{}, driver.Entry{}, k.fails(writing(key), "write refused", placeOf(key), value)
	}
	var off time.Duration
	if k.can(clockJump) && !options.Expires.IsZero() {
		off = k.expiresOff(key)
		options.Expires = options.Expires.Add(off)
	}
	old, written, err = k.memoryKV.Put(ctx, key, value, options)
	if err != nil {
		return old, written, err
	}
	if off != 0 {
		k.note(fault{kind: clockJump, what: "expiry delayed", where: placeOf(key), by: off, data: value})
	}
	return k.answer(key, value, fails, k.entry(old), k.entry(written))
}

func (k *chaosKV) Update(
	ctx context.Context, key driver.Key, header driver.Header, change func([]byte) ([]byte, error),
) (old, written driver.Entry, err error) {
	fails := false
	var value []byte
	old, written, err = k.memoryKV.Update(ctx, key, header, func(before []byte) ([]byte, error) {
		after, err := change(before)
		if err != nil || !k.can(failedWrite) {
			return after, err
		}
		var refused bool
		if fails, refused = k.write(key); refused {
			return nil, k.fails(writing(key), "write refused", placeOf(key), after)
		}
		value = after
		return after, nil
	})
	if err != nil {
		return old, written, err
	}
	return k.answer(key, value, fails, k.entry(old), k.entry(written))
}

// write decides whether a write fails, and whether it does so before anything is written.
func (k *chaosKV) write(key driver.Key) (fails, before bool) {
	d, _ := k.meet(k.about("write").key(key))
	fails = k.strikes(d, failedWrite)
	return fails, fails && d.half(failedWrite)
}

// answer returns the result of a write that was made, or an error if the answer is lost.
func (k *chaosKV) answer(key driver.Key, value []byte, lost bool, old, written driver.Entry) (driver.Entry, driver.Entry, error) {
	if !lost {
		return old, written, nil
	}
	failed := k.fails(writing(key), "answer to write lost", placeOf(key), value)
	failed.written, failed.old, failed.new = true, old, written
	return driver.Entry{}, driver.Entry{}, failed
}

// key adds a key. Its value does not influence decisions, since it may depend on the order of writes.
func (d digest) key(key driver.Key) digest { return d.text(key.Bucket).text(key.Scope).text(key.ID) }

func writing(key driver.Key) string {
	return fmt.Sprintf("write of %s %q key %q", key.Bucket, key.Scope, key.ID)
}

func placeOf(key driver.Key) string { return fmt.Sprintf("%s %q %q", key.Bucket, key.Scope, key.ID) }

func (k *chaosKV) Changes(ctx context.Context, bucket string, f func(context.Context, driver.Change) error) error {
	return k.memoryKV.Changes(ctx, bucket, func(ctx context.Context, change driver.Change) error {
		change.Old, change.New = k.entry(change.Old), k.entry(change.New)
		err := f(ctx, change)
		if err != nil || !k.can(duplicate) {
			return err
		}
		key := change.New.Key
		if d, _ := k.meet(k.about("change").key(key)); !k.strikes(d, duplicate) {
			return nil
		}
		k.note(fault{kind: duplicate, what: "change handed over twice", where: placeOf(key), data: change.New.Value})
		return f(ctx, change)
	})
}

func (k *chaosKV) Watch(ctx context.Context, bucket, scope string, f func(driver.Entry)) error {
	told := func(e driver.Entry) { f(k.entry(e)) }
	if !k.can(slowSubscriber) {
		return k.memoryKV.Watch(ctx, bucket, scope, told)
	}
	l := newLine(told)
	defer l.stop()
	k.mu.Lock()
	k.lines[l] = watched{bucket, scope}
	k.mu.Unlock()
	defer func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		delete(k.lines, l)
	}()
	live := false // the snapshot has ended
	return k.memoryKV.Watch(ctx, bucket, scope, func(e driver.Entry) {
		item := waiting[driver.Entry]{item: e}
		if live {
			item.key, item.value = e.Key.ID, !e.Deleted
			item.due = k.lateBy(k.about("watch").key(e.Key), placeOf(e.Key), e.Value)
		}
		live = live || e.Revision == 0
		l.push(item)
	})
}

// SyncWatches waits until all earlier writes are in the lines of the watchers, and then until the lines have
// delivered them.
func (k *chaosKV) SyncWatches(ctx context.Context, bucket, scope string) error {
	if err := k.memoryKV.SyncWatches(ctx, bucket, scope); err != nil {
		return err
	}
	var lines []*line[driver.Entry]
	k.mu.Lock()
	for l, w := range k.lines {
		if w == (watched{bucket, scope}) {
			lines = append(lines, l)
		}
	}
	k.mu.Unlock()
	for _, l := range lines {
		if err := l.flush(ctx); err != nil {
			return err
		}
	}
	return nil
}
