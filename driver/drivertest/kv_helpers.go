package drivertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/motia-go/motia/driver"
)

// The names that most cases use.
const (
	bucket = "state"
	scope  = "users"
)

// at returns a key in the usual scope.
func at(id string) driver.Key { return driver.Key{Bucket: bucket, Scope: scope, ID: id} }

func (x *trial) put(key driver.Key, value string, options driver.PutOptions) (old, new driver.Entry) {
	old, new, err := x.backend.KV.Put(x.ctx, key, []byte(value), options)
	x.must(err, "Put(%.80q)", key)
	return old, new
}

// set writes a value without expiry.
func (x *trial) set(id, value string) driver.Entry {
	_, entry := x.put(at(id), value, driver.PutOptions{})
	return entry
}

func (x *trial) delete(id string) (old, new driver.Entry) {
	return x.put(at(id), "", driver.PutOptions{Delete: true})
}

// putConflict makes a write that must be refused with ErrConflict.
func (x *trial) putConflict(what string, key driver.Key, value string, options driver.PutOptions) {
	old, new, err := x.backend.KV.Put(x.ctx, key, []byte(value), options)
	if !errors.Is(err, driver.ErrConflict) {
		x.errorf("%s: Put returned %v, %v, %v, want ErrConflict", what, old, new, err)
	}
}

// get returns the entry of the key, and whether there is one.
func (x *trial) get(key driver.Key) (driver.Entry, bool) { return x.getFrom(x.backend, key) }

func (x *trial) getFrom(b *driver.Backend, key driver.Key) (driver.Entry, bool) {
	entry, err := b.KV.Get(x.ctx, key)
	if errors.Is(err, driver.ErrNotFound) {
		return driver.Entry{}, false
	}
	x.must(err, "Get(%.80q)", key)
	return entry, true
}

// wantValue checks the value of a key.
func (x *trial) wantValue(key driver.Key, want string) driver.Entry {
	entry, ok := x.get(key)
	if !ok || string(entry.Value) != want {
		x.errorf("the value of %.80q is %.80q (exists: %v), want %.80q", key, entry.Value, ok, want)
	}
	return entry
}

// wantNone checks that a key does not exist.
func (x *trial) wantNone(key driver.Key) {
	if entry, ok := x.get(key); ok {
		x.errorf("%.80q exists: %+v", key, entry)
	}
}

// wantSame compares two entries.
func (x *trial) wantSame(what string, got, want driver.Entry) {
	if !sameEntry(got, want) {
		x.errorf("%s is %+v, want %+v", what, got, want)
	}
}

func sameEntry(a, b driver.Entry) bool {
	return a.Key == b.Key && bytes.Equal(a.Value, b.Value) && (a.Value == nil) == (b.Value == nil) && a.Revision == b.Revision &&
		a.Time.Equal(b.Time) && a.Expires.Equal(b.Expires) && a.Deleted == b.Deleted
}

// list returns the ids of a scope, read in pages.
func (x *trial) list(bucket, scope string, page int) []string {
	return x.listBetween(bucket, scope, page, func() {})
}

// listBetween is list, and calls f between the pages.
func (x *trial) listBetween(bucket, scope string, page int, f func()) []string {
	var ids []string
	var after *string
	for pages := 0; ; pages++ {
		entries, err := x.backend.KV.List(x.ctx, bucket, scope, after, page)
		x.must(err, "List")
		for _, entry := range entries {
			ids = append(ids, entry.Key.ID)
		}
		if len(entries) > page || pages > 1<<16 {
			x.fatalf("page %d of %d holds %d entries", pages, page, len(entries))
		}
		if len(entries) < page {
			return ids
		}
		after = &entries[len(entries)-1].Key.ID
		f()
	}
}

func (x *trial) wantList(scope string, want ...string) {
	if got := x.list(bucket, scope, 100); !slices.Equal(got, want) {
		x.errorf("scope %.80q lists %.200q, want %.200q", scope, got, want)
	}
}

// watching records what a call of Watch reported.
type watching struct {
	task *task
	mu   sync.Mutex
	list []driver.Entry
}

func (w *watching) all() []driver.Entry {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.list)
}

// String lists the events as "id=value", "-id" and "|" for the end of the snapshot.
func (w *watching) String() string {
	var words []string
	for _, e := range w.all() {
		switch {
		case e.Deleted:
			words = append(words, "-"+e.Key.ID)
		case e.Revision == 0:
			words = append(words, "|")
		default:
			words = append(words, e.Key.ID+"="+string(e.Value))
		}
	}
	return strings.Join(words, " ")
}

// live reports whether the snapshot has ended.
func (w *watching) live() bool {
	return slices.ContainsFunc(w.all(), func(e driver.Entry) bool { return e.Revision == 0 })
}

// last returns the last event of each id.
func (w *watching) last() map[string]driver.Entry {
	last := make(map[string]driver.Entry)
	for _, e := range w.all() {
		if e.Revision != 0 {
			last[e.Key.ID] = e
		}
	}
	return last
}

// watch begins a watch with the first instance and returns when its snapshot has ended.
func (x *trial) watch(scope string) *watching {
	w := x.watchOn(x.backend, scope, func(driver.Entry) {})
	x.eventually(w.live, "the snapshot of a watch did not end: %s", w)
	return w
}

// watchOn begins a watch. f is called before an event is noted.
func (x *trial) watchOn(b *driver.Backend, scope string, f func(driver.Entry)) *watching {
	w := &watching{}
	w.task = x.background("Watch", func(ctx context.Context) {
		err := b.KV.Watch(ctx, bucket, scope, func(entry driver.Entry) {
			f(entry)
			w.mu.Lock()
			defer w.mu.Unlock()
			w.list = append(w.list, entry)
		})
		if err != nil {
			x.errorf("Watch returned %v", err)
		}
	})
	return w
}

// increment adds 1 to a decimal number; nil is 0.
func increment(old []byte) ([]byte, error) {
	if old == nil {
		return []byte("1"), nil
	}
	n, err := strconv.Atoi(string(old))
	if err != nil {
		return nil, fmt.Errorf("%q is not a number", old)
	}
	return []byte(strconv.Itoa(n + 1)), nil
}

// grows checks that revisions and times grow from one written entry to the next.
type grows struct {
	x    *trial
	last driver.Entry
}

func (g *grows) next(what string, e driver.Entry) {
	if e.Revision <= g.last.Revision {
		g.x.errorf("%s: revision %d follows %d", what, e.Revision, g.last.Revision)
	}
	if !e.Time.After(g.last.Time) {
		g.x.errorf("%s: time %v follows %v", what, e.Time, g.last.Time)
	}
	g.last = e
}

// soon returns a time the given number of units from now, in whole milliseconds, which all stores can keep.
func (x *trial) soon(units float64) time.Time {
	return time.Now().Add(x.units(units)).Truncate(time.Millisecond)
}
