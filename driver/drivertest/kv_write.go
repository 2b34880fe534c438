package drivertest

import (
	"bytes"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/motia-go/motia/driver"
)

func putAndGet(x *trial) {
	x.wantNone(at("a"))
	before := time.Now()
	old, first := x.put(at("a"), "1", driver.PutOptions{})
	x.wantSame("the entry before the first write", old, driver.Entry{})
	if first.Key != at("a") || string(first.Value) != "1" || first.Revision == 0 || first.Deleted || !first.Expires.IsZero() {
		x.errorf("Put returned the new entry %+v", first)
	}
	if off := first.Time.Sub(before).Abs(); off > x.h.Patience {
		x.errorf("the entry's time is %v, which is off by %v", first.Time, off)
	}
	x.wantSame("the entry from Get", x.wantValue(at("a"), "1"), first)
	old, second := x.put(at("a"), "2", driver.PutOptions{})
	x.wantSame("the entry before the second write", old, first)
	x.wantSame("the entry from Get", x.wantValue(at("a"), "2"), second)
	for _, key := range []driver.Key{
		at("b"), {Bucket: bucket, Scope: "other", ID: "a"}, {Bucket: "other", Scope: scope, ID: "a"}, {},
	} {
		x.wantNone(key)
	}
}

func values(x *trial) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	large := bytes.Repeat(all, 1024)
	for i, value := range [][]byte{{}, {0}, []byte(`{"a":1}`), all, large} {
		key := at(fmt.Sprint(i))
		before := bytes.Clone(value)
		_, _, err := x.backend.KV.Put(x.ctx, key, value, driver.PutOptions{})
		x.must(err, "Put of %d bytes", len(value))
		entry, ok := x.get(key)
		if !ok || !bytes.Equal(entry.Value, before) || !bytes.Equal(value, before) {
			x.errorf("a value of %d bytes was returned with %d bytes, or changed (exists: %v)", len(before), len(entry.Value), ok)
		}
		if entry.Value == nil {
			x.errorf("an empty value was returned as nil, which means that there is no entry")
		}
		x.put(key, "other", driver.PutOptions{})
		if !bytes.Equal(entry.Value, before) {
			x.errorf("a value that Get has returned was changed by a later write")
		}
	}
}

func deleteKey(x *trial) {
	written := x.set("a", "1")
	x.set("b", "1")
	old, new := x.delete("a")
	x.wantSame("the entry before", old, written)
	x.wantSame("the entry after", new, driver.Entry{})
	x.wantNone(at("a"))
	x.wantList(scope, "b")
	for _, id := range []string{"a", "never"} {
		old, new = x.delete(id)
		x.wantSame("the entry before the deletion of a missing key", old, driver.Entry{})
		x.wantSame("the entry after the deletion of a missing key", new, driver.Entry{})
	}
}

func noChange(x *trial) {
	w := x.watch(scope)
	expires := x.soon(1000)
	first := x.set("a", "1")
	old, new := x.put(at("a"), "1", driver.PutOptions{})
	x.wantSame("the entry before the same write", old, first)
	x.wantSame("the entry after the same write", new, first)
	_, second := x.put(at("a"), "1", driver.PutOptions{Expires: expires})
	if second.Revision == first.Revision {
		x.errorf("the same value with another expiry was not written")
	}
	_, new = x.put(at("a"), "1", driver.PutOptions{Expires: expires})
	x.wantSame("the entry after the same write with an expiry", new, second)
	x.wantSame("the entry from Get", x.wantValue(at("a"), "1"), second)
	x.delete("none")
	x.set("b", "1")
	x.eventually(func() bool { return len(w.last()) == 2 }, "a watcher did not see a write: %s", w)
	seen := make(map[uint64]bool)
	for _, e := range w.all() {
		if seen[e.Revision] || e.Deleted {
			x.errorf("a watcher was called for a write that changed nothing: %s", w)
		}
		seen[e.Revision] = true
	}
}

func revisionsGrow(x *trial) {
	g := grows{x: x}
	both := x.instances(2)
	for i := range 50 {
		for _, key := range []driver.Key{at("a"), at(fmt.Sprint("b", i)), {Bucket: bucket, Scope: fmt.Sprint("s", i%3), ID: "a"}} {
			_, entry, err := both[i%2].KV.Put(x.ctx, key, []byte(strconv.Itoa(i)), driver.PutOptions{})
			x.must(err, "Put")
			g.next(fmt.Sprintf("write %d", i), entry)
		}
		if i%5 == 0 {
			x.delete("a")
		}
		if i%7 == 0 && i > 0 { // another bucket does not count
			x.put(driver.Key{Bucket: "other"}, strconv.Itoa(i), driver.PutOptions{})
		}
	}
}

func revisionsUnderLoad(x *trial) {
	both := x.instances(2)
	var mu sync.Mutex
	byRevision := make(map[uint64]driver.Entry)
	n := max(x.h.Messages/8, 10)
	x.together(8, func(i int) {
		g := grows{x: x}
		for k := range n {
			key := driver.Key{Bucket: bucket, Scope: fmt.Sprint(i % 3), ID: fmt.Sprint(k % 5)}
			_, entry, err := both[i%2].KV.Put(x.ctx, key, fmt.Append(nil, i, k), driver.PutOptions{})
			if err != nil {
				x.errorf("Put: %v", err)
				return
			}
			g.next("a write after another", entry)
			mu.Lock()
			if other, ok := byRevision[entry.Revision]; ok {
				x.errorf("%v and %v have the same revision", other.Key, entry.Key)
			}
			byRevision[entry.Revision] = entry
			mu.Unlock()
		}
	})
	var list []driver.Entry
	for _, e := range byRevision {
		list = append(list, e)
	}
	sortByRevision(list)
	for i := 1; i < len(list); i++ {
		if !list[i].Time.After(list[i-1].Time) {
			x.fatalf("revision %d has the time %v, revision %d has %v", list[i-1].Revision, list[i-1].Time, list[i].Revision, list[i].Time)
		}
	}
}

func readYourWrites(x *trial) {
	all := x.instances(3)
	for i := range 50 {
		value := strconv.Itoa(i)
		_, written, err := all[i%3].KV.Put(x.ctx, at("a"), []byte(value), driver.PutOptions{})
		x.must(err, "Put")
		got, _ := x.getFrom(all[(i+1)%3], at("a"))
		x.wantSame("the entry from Get after the write", got, written)
		entries, err := all[(i+2)%3].KV.List(x.ctx, bucket, scope, nil, 10)
		x.must(err, "List")
		if len(entries) != 1 {
			x.fatalf("%d entries are listed, want 1", len(entries))
		}
		x.wantSame("the entry from List after the write", entries[0], written)
	}
}
