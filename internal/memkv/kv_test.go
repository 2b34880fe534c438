package memkv_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/memkv"
)

func key(scope, id string) driver.Key { return driver.Key{Bucket: "b", Scope: scope, ID: id} }

// open returns a store that is closed at the end of the test.
func open(t testing.TB) *memkv.KV {
	k := memkv.New()
	t.Cleanup(func() {
		if err := k.Close(context.Background()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return k
}

// put writes a value that must be accepted.
func put(t testing.TB, k *memkv.KV, key driver.Key, value string, options driver.PutOptions) (old, new driver.Entry) {
	t.Helper()
	old, new, err := k.Put(context.Background(), key, []byte(value), options)
	if err != nil {
		t.Fatalf("Put %q: %v", key, err)
	}
	return old, new
}

func get(t testing.TB, k *memkv.KV, key driver.Key) driver.Entry {
	t.Helper()
	entry, err := k.Get(context.Background(), key)
	if err != nil {
		t.Fatalf("Get %q: %v", key, err)
	}
	return entry
}

func wantMissing(t testing.TB, k *memkv.KV, key driver.Key) {
	t.Helper()
	if entry, err := k.Get(context.Background(), key); !errors.Is(err, driver.ErrNotFound) || !reflect.DeepEqual(entry, driver.Entry{}) {
		t.Errorf("Get %q: got %+v, %v; want ErrNotFound", key, entry, err)
	}
}

func revision(n uint64) *uint64 { return &n }

func TestPutReturnsTheEntryBeforeAndAfterAndGetReadsIt(t *testing.T) {
	k := open(t)
	wantMissing(t, k, key("s", "a"))
	old, first := put(t, k, key("s", "a"), "1", driver.PutOptions{})
	if !reflect.DeepEqual(old, driver.Entry{}) {
		t.Errorf("old of a new key: %+v", old)
	}
	if string(first.Value) != "1" || first.Key != key("s", "a") || first.Revision == 0 || first.Time.IsZero() || first.Deleted {
		t.Errorf("new: %+v", first)
	}
	if got := get(t, k, key("s", "a")); !reflect.DeepEqual(got, first) {
		t.Errorf("Get: %+v, want %+v", got, first)
	}
	old, second := put(t, k, key("s", "a"), "2", driver.PutOptions{})
	if !reflect.DeepEqual(old, first) {
		t.Errorf("old: %+v, want %+v", old, first)
	}
	if second.Revision <= first.Revision || !second.Time.After(first.Time) {
		t.Errorf("revision and time do not grow: %+v, %+v", first, second)
	}
}

func TestAnEmptyValueIsNotAMissingOne(t *testing.T) {
	k := open(t)
	for _, value := range [][]byte{nil, {}} {
		_, entry, err := k.Put(t.Context(), key("s", strconv.Itoa(len(value))), value, driver.PutOptions{})
		if err != nil || entry.Value == nil || len(entry.Value) != 0 || entry.Revision == 0 {
			t.Errorf("Put %#v: %+v, %v", value, entry, err)
		}
	}
	_, entry, err := k.Update(t.Context(), key("s", "u"), driver.Header{}, func(old []byte) ([]byte, error) { return old, nil })
	if err != nil || entry.Value == nil {
		t.Errorf("Update to nil: %+v, %v", entry, err)
	}
}

func TestAWriteThatChangesNothingKeepsTheRevision(t *testing.T) {
	k := open(t)
	later := time.Now().Add(time.Hour)
	for i, expires := range []time.Time{{}, later} {
		at := key("s", strconv.Itoa(i))
		_, first := put(t, k, at, "1", driver.PutOptions{Expires: expires})
		old, new := put(t, k, at, "1", driver.PutOptions{Expires: expires.Round(0).UTC()})
		if !reflect.DeepEqual(old, first) || !reflect.DeepEqual(new, first) {
			t.Errorf("same write: %+v, %+v; want %+v twice", old, new, first)
		}
		if _, new := put(t, k, at, "1", driver.PutOptions{Expires: later.Add(1)}); new.Revision == first.Revision || !new.Expires.Equal(later.Add(1)) {
			t.Errorf("another expiry is a change: %+v", new)
		}
	}
	old, new := put(t, k, key("s", "missing"), "", driver.PutOptions{Delete: true})
	if !reflect.DeepEqual(old, driver.Entry{}) || !reflect.DeepEqual(new, driver.Entry{}) {
		t.Errorf("Delete of a missing key: %+v, %+v", old, new)
	}
}

func TestDeleteReturnsTheOldEntryAndTheKeyIsGone(t *testing.T) {
	k := open(t)
	_, first := put(t, k, key("s", "a"), "1", driver.PutOptions{})
	old, new := put(t, k, key("s", "a"), "ignored", driver.PutOptions{Delete: true})
	if !reflect.DeepEqual(old, first) || !reflect.DeepEqual(new, driver.Entry{}) {
		t.Errorf("Delete: %+v, %+v", old, new)
	}
	wantMissing(t, k, key("s", "a"))
	if _, again := put(t, k, key("s", "a"), "1", driver.PutOptions{}); again.Revision <= first.Revision+1 {
		t.Errorf("the deletion took no revision: %d after %d", again.Revision, first.Revision)
	}
}

func TestCompareAndSet(t *testing.T) {
	k := open(t)
	at := key("s", "a")
	refused := func(options driver.PutOptions) {
		t.Helper()
		old, new, err := k.Put(t.Context(), at, []byte("x"), options)
		if !errors.Is(err, driver.ErrConflict) || old.Revision != 0 || new.Revision != 0 {
			t.Errorf("Put %+v: %v; want ErrConflict", options, err)
		}
	}
	refused(driver.PutOptions{IfRevision: revision(1)})
	refused(driver.PutOptions{IfRevision: revision(1), Delete: true})
	put(t, k, at, "", driver.PutOptions{IfRevision: revision(0), Delete: true}) // missing, as it should be
	_, entry := put(t, k, at, "1", driver.PutOptions{IfRevision: revision(0)})
	refused(driver.PutOptions{IfRevision: revision(0)})
	refused(driver.PutOptions{IfRevision: revision(entry.Revision + 1)})
	refused(driver.PutOptions{IfRevision: revision(entry.Revision + 1), Delete: true})
	_, next := put(t, k, at, "2", driver.PutOptions{IfRevision: &entry.Revision})
	refused(driver.PutOptions{IfRevision: &entry.Revision})
	put(t, k, at, "", driver.PutOptions{IfRevision: &next.Revision, Delete: true})
	refused(driver.PutOptions{IfRevision: &next.Revision})
	put(t, k, at, "3", driver.PutOptions{IfRevision: revision(0)})
}

func TestCompareAndSetUnderContentionLosesNoIncrement(t *testing.T) {
	k := open(t)
	const writers, each = 8, 500
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for done := 0; done < each; {
				entry, err := k.Get(t.Context(), key("s", "n"))
				if err != nil && !errors.Is(err, driver.ErrNotFound) {
					t.Error(err)
					return
				}
				n, _ := strconv.Atoi(string(entry.Value))
				_, _, err = k.Put(t.Context(), key("s", "n"), []byte(strconv.Itoa(n+1)), driver.PutOptions{IfRevision: &entry.Revision})
				if err == nil {
					done++
				} else if !errors.Is(err, driver.ErrConflict) {
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	if got := string(get(t, k, key("s", "n")).Value); got != strconv.Itoa(writers*each) {
		t.Errorf("got %s, want %d", got, writers*each)
	}
}

func increment(old []byte) ([]byte, error) {
	n, _ := strconv.Atoi(string(old))
	return strconv.AppendInt(nil, int64(n)+1, 10), nil
}

func TestUpdateIsAtomic(t *testing.T) {
	k := open(t)
	const writers, each = 8, 10_000
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for range each {
				if _, _, err := k.Update(t.Context(), key("s", "n"), driver.Header{}, increment); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	if got := string(get(t, k, key("s", "n")).Value); got != strconv.Itoa(writers*each) {
		t.Errorf("got %s, want %d", got, writers*each)
	}
}

func TestUpdateGetsNilForAMissingKeyAndReturnsErrorsAsTheyAre(t *testing.T) {
	k := open(t)
	refusal := errors.New("no")
	_, _, err := k.Update(t.Context(), key("s", "a"), driver.Header{}, func(old []byte) ([]byte, error) {
		if old != nil {
			t.Errorf("old of a missing key: %q", old)
		}
		return []byte("x"), refusal
	})
	if err != refusal {
		t.Errorf("got %v", err)
	}
	wantMissing(t, k, key("s", "a"))
	_, first, err := k.Update(t.Context(), key("s", "a"), driver.Header{}, increment)
	if err != nil || string(first.Value) != "1" {
		t.Fatalf("%+v, %v", first, err)
	}
	old, new, err := k.Update(t.Context(), key("s", "a"), driver.Header{}, func([]byte) ([]byte, error) { return []byte("1"), nil })
	if err != nil || !reflect.DeepEqual(old, first) || !reflect.DeepEqual(new, first) {
		t.Errorf("an identical result should change nothing: %+v, %+v, %v", old, new, err)
	}
}

func TestAPanicInAnUpdateWritesNothingAndHoldsNoLock(t *testing.T) {
	k := open(t)
	func() {
		defer func() { _ = recover() }()
		_, _, _ = k.Update(t.Context(), key("s", "a"), driver.Header{}, func([]byte) ([]byte, error) { panic("x") })
	}()
	wantMissing(t, k, key("s", "a"))
	put(t, k, key("s", "a"), "1", driver.PutOptions{})
}

func TestRevisionAndTimeGrowTogetherWithinABucket(t *testing.T) {
	k := open(t)
	var group sync.WaitGroup
	entries := make([][]driver.Entry, 8)
	for w := range entries {
		group.Go(func() {
			for i := range 2000 {
				_, entry, err := k.Put(t.Context(), key("s", strconv.Itoa(i%50)), fmt.Append(nil, w, i), driver.PutOptions{})
				if err != nil {
					t.Error(err)
				}
				entries[w] = append(entries[w], entry)
			}
		})
	}
	group.Wait()
	times := make(map[uint64]time.Time)
	for _, list := range entries {
		for _, entry := range list {
			if _, ok := times[entry.Revision]; ok {
				t.Fatalf("revision %d twice", entry.Revision)
			}
			times[entry.Revision] = entry.Time
		}
	}
	for r := uint64(2); r <= uint64(len(times)); r++ {
		if !times[r].After(times[r-1]) {
			t.Fatalf("revision %d at %v, %d at %v", r-1, times[r-1], r, times[r])
		}
	}
}

func TestEveryMethodFailsAfterCloseAndWithAnEndedContext(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	closed := memkv.New()
	if err := closed.Track(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := closed.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		k    *memkv.KV
		ctx  context.Context
		want error
	}{{open(t), ended, context.Canceled}, {closed, t.Context(), driver.ErrClosed}} {
		methods := map[string]func() error{
			"Get":    func() error { _, err := c.k.Get(c.ctx, key("s", "a")); return err },
			"Put":    func() error { _, _, err := c.k.Put(c.ctx, key("s", "a"), nil, driver.PutOptions{}); return err },
			"Update": func() error { _, _, err := c.k.Update(c.ctx, key("s", "a"), driver.Header{}, increment); return err },
			"List":   func() error { _, err := c.k.List(c.ctx, "b", "s", nil, 1); return err },
			"Scopes": func() error { _, err := c.k.Scopes(c.ctx, "b", nil, 1); return err },
			"Track":  func() error { return c.k.Track(c.ctx, "b") },
		}
		if c.want == driver.ErrClosed { // else they return nil
			methods["Watch"] = func() error { return c.k.Watch(c.ctx, "b", "s", func(driver.Entry) {}) }
			methods["Changes"] = func() error { return c.k.Changes(c.ctx, "b", nil) }
		}
		for name, method := range methods {
			if err := method(); !errors.Is(err, c.want) {
				t.Errorf("%s: got %v, want %v", name, err, c.want)
			}
		}
	}
}
