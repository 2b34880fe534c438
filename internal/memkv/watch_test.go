package memkv_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/memkv"
)

// events collects what a watcher saw.
type events struct {
	mu   sync.Mutex
	list []driver.Entry
	last chan struct{} // closed by an event for the id lastID
	end  func()        // ends the watch and waits for it
}

// lastID is a key that a test writes last, to know that a watcher has seen everything before.
const lastID = "last"

func (e *events) all() []driver.Entry {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.list)
}

// want compares the events with their short forms: "id=value", "-id", and "end" for the end of the snapshot.
func (e *events) want(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for _, event := range e.all() {
		switch {
		case event.Deleted:
			got = append(got, "-"+event.Key.ID)
		case event.Revision == 0:
			got = append(got, "end")
		default:
			got = append(got, event.Key.ID+"="+string(event.Value))
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// watch begins a watch that ends with the test, and returns after the snapshot.
func watch(t *testing.T, k *memkv.KV, scope string) *events {
	ctx, cancel := context.WithCancel(context.Background())
	e := &events{last: make(chan struct{})}
	snapshot, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		err := k.Watch(ctx, "b", scope, func(entry driver.Entry) {
			e.mu.Lock()
			e.list = append(e.list, entry)
			e.mu.Unlock()
			if entry.Revision == 0 {
				close(snapshot)
			}
			if entry.Key.ID == lastID {
				close(e.last)
			}
		})
		if err != nil {
			t.Errorf("Watch: %v", err)
		}
	}()
	e.end = sync.OnceFunc(func() { cancel(); <-ended })
	t.Cleanup(e.end)
	<-snapshot
	return e
}

func TestWatchGivesTheSnapshotThenItsEndThenEveryChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := open(t)
		put(t, k, key("s", "b"), "1", driver.PutOptions{})
		put(t, k, key("s", "a"), "1", driver.PutOptions{})
		put(t, k, key("other", "a"), "1", driver.PutOptions{})
		e := watch(t, k, "s")
		synctest.Wait()
		e.want(t, "a=1", "b=1", "end")
		// With one writer events have arrived when Put returns: no waiting from here on.
		_, entry := put(t, k, key("s", "a"), "2", driver.PutOptions{})
		e.want(t, "a=1", "b=1", "end", "a=2")
		if last := e.all()[3]; last.Revision != entry.Revision || !last.Time.Equal(entry.Time) || last.Key != entry.Key {
			t.Errorf("event %+v, written %+v", last, entry)
		}
		put(t, k, key("s", "a"), "2", driver.PutOptions{})                      // no change
		put(t, k, key("s", "none"), "", driver.PutOptions{Delete: true})        // no change
		put(t, k, key("other", "a"), "2", driver.PutOptions{})                  // another scope
		put(t, k, driver.Key{Bucket: "x", Scope: "s"}, "", driver.PutOptions{}) // another bucket
		put(t, k, key("s", "a"), "", driver.PutOptions{Delete: true})
		put(t, k, key("s", "c"), "1", driver.PutOptions{})
		if _, _, err := k.Update(t.Context(), key("s", "c"), driver.Header{}, increment); err != nil {
			t.Fatal(err)
		}
		e.want(t, "a=1", "b=1", "end", "a=2", "-a", "c=1", "c=2")
		deleted := e.all()[4]
		if deleted.Revision <= entry.Revision || !deleted.Time.After(entry.Time) || deleted.Value != nil || deleted.Key != key("s", "a") {
			t.Errorf("deletion: %+v", deleted)
		}
		e.end()
		put(t, k, key("s", "c"), "3", driver.PutOptions{})
		e.want(t, "a=1", "b=1", "end", "a=2", "-a", "c=1", "c=2")
	})
}

func TestWatchOfAnEmptyScopeOutlivesTheScope(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := open(t)
		e := watch(t, k, "s")
		synctest.Wait()
		for range 2 {
			put(t, k, key("s", "a"), "1", driver.PutOptions{})
			put(t, k, key("s", "a"), "", driver.PutOptions{Delete: true})
		}
		e.want(t, "end", "a=1", "-a", "a=1", "-a")
		if names, err := k.Scopes(t.Context(), "b", nil, 9); err != nil || len(names) != 0 {
			t.Errorf("a scope without entries is listed: %q, %v", names, err)
		}
	})
}

func TestWatchWithAnEndedContextReturnsNil(t *testing.T) {
	k := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := k.Watch(ctx, "b", "s", func(driver.Entry) { t.Error("f was called") }); err != nil {
		t.Error(err)
	}
}

func TestWatchEndsInTheMiddleOfASnapshot(t *testing.T) {
	k := open(t)
	for i := range 100 {
		put(t, k, key("s", strconv.Itoa(i)), "1", driver.PutOptions{})
	}
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	err := k.Watch(ctx, "b", "s", func(driver.Entry) {
		calls++
		cancel()
	})
	if err != nil || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
}

func TestAWatcherWhoseFunctionPanicsIsGone(t *testing.T) {
	k := open(t)
	func() {
		defer func() { _ = recover() }()
		_ = k.Watch(t.Context(), "b", "s", func(driver.Entry) { panic("x") })
	}()
	put(t, k, key("s", "a"), "1", driver.PutOptions{})
}

func TestCloseEndsWatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := memkv.New()
		var err error
		go func() { err = k.Watch(t.Context(), "b", "s", func(driver.Entry) {}) }()
		synctest.Wait()
		if err := k.Close(t.Context()); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if !errors.Is(err, driver.ErrClosed) {
			t.Errorf("Watch: %v", err)
		}
	})
}

// TestSnapshotAndEventsLoseAndDoubleNothing lets writers change a few keys while watchers come and go. The revisions
// that a watcher sees of a key must be those that were written to it, without a gap, from the first one on.
func TestSnapshotAndEventsLoseAndDoubleNothing(t *testing.T) {
	const writers, keys, writes, watchers = 4, 40, 3000, 25
	k := open(t)
	written := make([][]driver.Entry, keys) // each key has one writer; a deletion has no revision here
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(w)))
			for i := range writes {
				n := random.IntN(keys/writers)*writers + w
				options := driver.PutOptions{Delete: random.IntN(4) == 0}
				old, new, err := k.Put(t.Context(), key("s", strconv.Itoa(n)), fmt.Append(nil, i), options)
				if err != nil {
					t.Error(err)
				}
				if old.Revision != new.Revision {
					written[n] = append(written[n], new)
				}
			}
		})
	}
	seen := make([]*events, watchers)
	for i := range seen {
		seen[i] = watch(t, k, "s")
	}
	group.Wait()
	put(t, k, key("s", lastID), "", driver.PutOptions{})
	final := make(map[string]uint64)
	entries, err := k.List(t.Context(), "b", "s", nil, keys+1)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		final[entry.Key.ID] = entry.Revision
	}
	for i, e := range seen {
		<-e.last
		e.end()
		if !upToDate(e.all(), final) {
			t.Errorf("watcher %d missed a last value", i)
		}
		byKey, live := make(map[string][]driver.Entry), false
		for _, event := range e.all() {
			if event.Revision == 0 {
				live = true
				continue
			}
			if !live && event.Deleted {
				t.Errorf("watcher %d: a deletion in the snapshot", i)
			}
			byKey[event.Key.ID] = append(byKey[event.Key.ID], event)
		}
		for n, all := range written {
			checkHistory(t, fmt.Sprintf("watcher %d key %d", i, n), all, byKey[strconv.Itoa(n)])
		}
	}
}

// checkHistory checks that seen is the end of written.
func checkHistory(t *testing.T, name string, written, seen []driver.Entry) {
	t.Helper()
	if len(seen) > len(written) {
		t.Errorf("%s: %d events of %d writes", name, len(seen), len(written))
		return
	}
	if len(seen) > 0 && seen[0].Deleted {
		// Its entry was not in the snapshot, so its deletion need not be reported.
		t.Errorf("%s: begins with a deletion", name)
	}
	if len(seen) == 0 && len(written) > 0 && written[len(written)-1].Revision != 0 {
		t.Errorf("%s: saw nothing", name)
	}
	last := uint64(0)
	for i, want := range written[len(written)-len(seen):] {
		got := seen[i]
		if got.Revision <= last || got.Deleted != (want.Revision == 0) || !got.Deleted && got.Revision != want.Revision {
			t.Errorf("%s: event %d is %+v, written %+v", name, i, got, want)
		}
		last = got.Revision
	}
}

// upToDate reports whether the last event of each key is its final state.
func upToDate(list []driver.Entry, final map[string]uint64) bool {
	state := make(map[string]uint64)
	for _, event := range list {
		if event.Deleted {
			delete(state, event.Key.ID)
		} else if event.Revision != 0 {
			state[event.Key.ID] = event.Revision
		}
	}
	if len(state) != len(final) {
		return false
	}
	for id, revision := range final {
		if state[id] != revision {
			return false
		}
	}
	return true
}
