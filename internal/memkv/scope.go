package memkv

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// scope holds the entries and the watchers of one scope. It exists as long as it has any.
type scope struct {
	bucket *bucket
	name   string
	// watchers is replaced, never changed, so that writers need no lock to read it. It is nil if there are none.
	watchers atomic.Pointer[[]*watcher]

	mu         sync.Mutex
	records    ordered[*record]
	generation uint64 // grows with every watcher, see watcher.born
	gone       bool   // removed from the bucket, so the scope must be looked up again
}

// scopes are the scopes of a bucket.
type scopes struct {
	mu     sync.RWMutex
	byName map[string]*scope
	filled ordered[*scope] // those that hold entries
}

// find returns the scope of that name, or nil if there is none.
func (s *scopes) find(name string) *scope {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.byName[name]
}

// acquireScope returns the scope of that name with its lock held, and creates it if necessary. The caller adds an
// entry or a watcher to it.
func (b *bucket) acquireScope(name string) *scope {
	for {
		sc := b.scopes.find(name)
		if sc == nil {
			sc = b.createScope(name)
		}
		sc.mu.Lock()
		if !sc.gone {
			return sc
		}
		sc.mu.Unlock() // it has just been removed
	}
}

func (b *bucket) createScope(name string) *scope {
	b.scopes.mu.Lock()
	defer b.scopes.mu.Unlock()
	sc := b.scopes.byName[name]
	if sc == nil {
		sc = &scope{bucket: b, name: strings.Clone(name)}
		b.scopes.byName[sc.name] = sc
	}
	return sc
}

// addRecord adds a new record to the scope of that name. The lock of the record's shard is held.
func (b *bucket) addRecord(scopeName string, r *record) {
	sc := b.acquireScope(scopeName)
	defer sc.mu.Unlock()
	r.scope = sc
	r.born = sc.generation
	sc.records.add(r.id, r)
	if sc.records.count == 1 {
		b.scopes.mu.Lock()
		b.scopes.filled.add(sc.name, sc)
		b.scopes.mu.Unlock()
	}
}

// removeRecord removes a record from its scope. The lock of the record's shard is held.
func (b *bucket) removeRecord(r *record) {
	sc := r.scope
	sc.mu.Lock()
	defer sc.mu.Unlock()
	sc.records.remove(r.id)
	if sc.records.count == 0 {
		b.scopes.mu.Lock()
		b.scopes.filled.remove(sc.name)
		b.scopes.mu.Unlock()
		sc.removeIfUnusedLocked()
	}
}

// addWatcher adds a watcher to the scope of that name and returns the scope and the records that it held at that
// moment.
func (b *bucket) addWatcher(scopeName string, w *watcher) (*scope, []*record) {
	sc := b.acquireScope(scopeName)
	defer sc.mu.Unlock()
	sc.generation++
	w.born = sc.generation
	watchers := append(slices.Clone(sc.watching()), w)
	sc.watchers.Store(&watchers)
	return sc, sc.records.after(nil, sc.records.count)
}

// removeWatcher removes a watcher from its scope.
func (sc *scope) removeWatcher(w *watcher) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	watchers := slices.DeleteFunc(slices.Clone(sc.watching()), func(other *watcher) bool { return other == w })
	if len(watchers) > 0 {
		sc.watchers.Store(&watchers)
		return
	}
	sc.watchers.Store(nil)
	sc.removeIfUnusedLocked()
}

// watching returns the watchers. The slice must not be changed.
func (sc *scope) watching() []*watcher {
	if watchers := sc.watchers.Load(); watchers != nil {
		return *watchers
	}
	return nil
}

func (sc *scope) removeIfUnusedLocked() {
	if sc.records.count > 0 || sc.watchers.Load() != nil {
		return
	}
	sc.gone = true
	sc.bucket.scopes.mu.Lock()
	delete(sc.bucket.scopes.byName, sc.name)
	sc.bucket.scopes.mu.Unlock()
}
