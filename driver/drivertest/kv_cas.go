package drivertest

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"sync/atomic"

	"github.com/motia-go/motia/driver"
)

// ifRevision returns options of a compare-and-set.
func ifRevision(r uint64) driver.PutOptions { return driver.PutOptions{IfRevision: &r} }

func compareAndSet(x *trial) {
	x.putConflict("IfRevision 1 for a missing key", at("a"), "x", ifRevision(1))
	x.wantNone(at("a"))
	_, first := x.put(at("a"), "1", ifRevision(0))
	x.putConflict("IfRevision 0 for an existing key", at("a"), "x", ifRevision(0))
	x.putConflict("IfRevision with a later revision", at("a"), "x", ifRevision(first.Revision+1))
	_, second := x.put(at("a"), "2", ifRevision(first.Revision))
	x.putConflict("IfRevision with an earlier revision", at("a"), "x", ifRevision(first.Revision))
	x.wantSame("the entry after conflicts", x.wantValue(at("a"), "2"), second)
	x.set("b", "1")
	_, third := x.put(at("a"), "3", ifRevision(second.Revision)) // other keys do not matter
	remove := ifRevision(second.Revision)
	remove.Delete = true
	x.putConflict("a deletion with an earlier revision", at("a"), "", remove)
	x.wantSame("the entry after a conflict", x.wantValue(at("a"), "3"), third)
	remove = ifRevision(third.Revision)
	remove.Delete = true
	old, new := x.put(at("a"), "", remove)
	x.wantSame("the entry before the deletion", old, third)
	x.wantSame("the entry after the deletion", new, driver.Entry{})
	x.putConflict("IfRevision with the revision before the deletion", at("a"), "x", ifRevision(third.Revision))
	_, fourth := x.put(at("a"), "3", ifRevision(0))
	if fourth.Revision <= third.Revision {
		x.errorf("a key that was deleted and written again has revision %d, want more than %d", fourth.Revision, third.Revision)
	}
	x.putConflict("IfRevision with the revision before the deletion, after a new write", at("a"), "x", ifRevision(third.Revision))
}

func conflictComesFirst(x *trial) {
	first := x.set("a", "1")
	x.putConflict("the same bytes with a wrong revision", at("a"), "1", ifRevision(first.Revision+1))
	x.putConflict("the same bytes with IfRevision 0", at("a"), "1", ifRevision(0))
	remove := ifRevision(first.Revision)
	remove.Delete = true
	x.putConflict("the deletion of a missing key with a revision", at("none"), "", remove)
	x.put(at("a"), "1", ifRevision(first.Revision))
	remove = ifRevision(0)
	remove.Delete = true
	x.put(at("none"), "", remove)
	x.wantSame("the entry at the end", x.wantValue(at("a"), "1"), first)
}

func createRace(x *trial) {
	all := x.instances(2)
	for round := range 20 {
		var won atomic.Int32
		key := at(fmt.Sprint(round))
		x.together(8, func(i int) {
			zero := uint64(0)
			_, _, err := all[i%2].KV.Put(x.ctx, key, fmt.Append(nil, i), driver.PutOptions{IfRevision: &zero})
			switch {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, driver.ErrConflict):
				x.errorf("Put: %v", err)
			}
		})
		if n := won.Load(); n != 1 {
			x.fatalf("%d of 8 writers created the key, want 1", n)
		}
	}
}

func compareAndDelete(x *trial) {
	removal := func(revision uint64) driver.PutOptions { return driver.PutOptions{IfRevision: &revision, Delete: true} }
	x.putConflict("the deletion of a revision, where there is nothing", at("a"), "", removal(1))
	old, new := x.put(at("a"), "", removal(0))
	x.wantSame("the entry before the deletion of nothing", old, driver.Entry{})
	x.wantSame("the entry after the deletion of nothing", new, driver.Entry{})
	first := x.set("a", "1")
	x.putConflict("the deletion of nothing, where there is an entry", at("a"), "", removal(0))
	x.putConflict("the deletion of a later revision", at("a"), "", removal(first.Revision+1))
	x.wantSame("after conflicts", x.wantValue(at("a"), "1"), first)
	old, new = x.put(at("a"), "", removal(first.Revision))
	x.wantSame("the entry before the deletion", old, first)
	x.wantSame("the entry after the deletion", new, driver.Entry{})
	second := x.set("a", "1")
	x.putConflict("the deletion of the revision of an earlier life", at("a"), "", removal(first.Revision))
	x.wantSame("after a conflict", x.wantValue(at("a"), "1"), second)

	// All contenders delete the entry, or half of them overwrite it.
	all := x.instances(2)
	for round := range 20 {
		var won atomic.Int32
		key := at(fmt.Sprint(round))
		entry := x.set(key.ID, "0")
		x.together(8, func(i int) {
			options := driver.PutOptions{IfRevision: &entry.Revision, Delete: round%2 == 0 || i%4 < 2}
			_, _, err := all[i%2].KV.Put(x.ctx, key, fmt.Append(nil, i), options)
			switch {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, driver.ErrConflict):
				x.errorf("Put: %v", err)
			}
		})
		if n := won.Load(); n != 1 {
			x.fatalf("%d of 8 writers have deleted or overwritten the same revision", n)
		}
	}
}

const writers = 8

// slowIncrement lets other writers run between the read and the write.
func slowIncrement(old []byte) ([]byte, error) {
	runtime.Gosched()
	return increment(old)
}

func incrementsByCAS(x *trial) {
	all := x.instances(2)
	x.together(writers, func(i int) {
		kv := all[i%2].KV
		for range x.h.Increments {
			if err := updateByCAS(x.ctx, kv, at("n"), slowIncrement); err != nil {
				x.errorf("%v", err)
				return
			}
		}
	})
	x.wantValue(at("n"), strconv.Itoa(writers*x.h.Increments))
}

func incrementsByUpdate(x *trial) {
	all := x.instances(2)
	x.together(writers, func(i int) {
		kv := all[i%2].KV.(driver.Updater)
		for range x.h.Increments {
			if _, _, err := kv.Update(x.ctx, at("n"), driver.Header{}, slowIncrement); err != nil {
				x.errorf("Update: %v", err)
				return
			}
		}
	})
	x.wantValue(at("n"), strconv.Itoa(writers*x.h.Increments))
}

func update(x *trial) {
	u := x.backend.KV.(driver.Updater)
	change := func(id string, f func(old []byte) ([]byte, error)) (old, new driver.Entry) {
		old, new, err := u.Update(x.ctx, at(id), driver.Header{}, f)
		x.must(err, "Update")
		return old, new
	}
	old, first := change("a", func(old []byte) ([]byte, error) {
		if old != nil {
			x.errorf("Update passed %q for a missing key, want nil", old)
		}
		return []byte("1"), nil
	})
	x.wantSame("the entry before", old, driver.Entry{})
	x.wantSame("the entry from Get", x.wantValue(at("a"), "1"), first)
	expires := x.soon(1000)
	_, second := x.put(at("a"), "1", driver.PutOptions{Expires: expires})
	old, third := change("a", increment)
	x.wantSame("the entry before", old, second)
	if string(third.Value) != "2" || third.Revision <= second.Revision || !third.Expires.Equal(expires) {
		x.errorf("Update returned the new entry %+v, the old one was %+v", third, second)
	}
	old, new := change("a", func(old []byte) ([]byte, error) { return bytes.Clone(old), nil })
	x.wantSame("the entry before an update without a change", old, third)
	x.wantSame("the entry after an update without a change", new, third)
	broken := errors.New("broken")
	for _, id := range []string{"a", "none"} {
		if _, _, err := u.Update(x.ctx, at(id), driver.Header{}, func([]byte) ([]byte, error) { return []byte("x"), broken }); err != broken {
			x.errorf("Update returned %v, want the unchanged error of its function", err)
		}
	}
	x.wantNone(at("none"))
	x.wantSame("the entry after a failed update", x.wantValue(at("a"), "2"), third)
	x.set("empty", "")
	change("empty", func(old []byte) ([]byte, error) {
		if old == nil {
			x.errorf("Update passed nil for an empty value, as if there was none")
		}
		return []byte("x"), nil
	})
}
