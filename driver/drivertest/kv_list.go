package drivertest

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/motia-go/motia/driver"
)

func listOrder(x *trial) {
	names := strangeNames()
	for i, name := range names {
		x.put(at(name), strconv.Itoa(i), driver.PutOptions{})
	}
	want := slices.Sorted(slices.Values(names))
	for _, page := range []int{1, 2, 7, len(names), len(names) + 1, 1000} {
		if got := x.list(bucket, scope, page); !slices.Equal(got, want) {
			x.errorf("listed in pages of %d, the ids are %q, want %q", page, got, want)
		}
	}
	// After an id that does not exist, and after the empty one, which does.
	for _, after := range []string{"", "a", "a\x00\x00", "b", "\xff\xff\xff"} {
		i, found := slices.BinarySearch(want, after)
		if found {
			i++
		}
		entries, err := x.backend.KV.List(x.ctx, bucket, scope, &after, 1000)
		x.must(err, "List")
		var got []string
		for _, e := range entries {
			got = append(got, e.Key.ID)
		}
		if !slices.Equal(got, want[i:]) {
			x.errorf("after %q the ids are %q, want %q", after, got, want[i:])
		}
	}
	all, err := x.backend.KV.List(x.ctx, bucket, scope, nil, 1000)
	x.must(err, "List")
	for _, e := range all {
		got, _ := x.get(e.Key)
		x.wantSame("an entry from List", e, got)
	}
}

func listScope(x *trial) {
	for _, s := range []string{"a", "ab", "b", ""} {
		x.put(driver.Key{Bucket: bucket, Scope: s, ID: "in " + s}, "1", driver.PutOptions{})
		x.put(driver.Key{Bucket: "other", Scope: s, ID: "other"}, "1", driver.PutOptions{})
	}
	for _, s := range []string{"a", "ab", "b", ""} {
		x.wantList(s, "in "+s)
	}
	x.wantList("none")
}

// listUnderLoad: entries that exist all the time are listed once, in order, whatever else comes and goes.
func listUnderLoad(x *trial) {
	for i := range 50 {
		x.set(fmt.Sprintf("%03d", 2*i), "stays")
	}
	stop := make(chan struct{})
	t := x.background("Put", func(context.Context) {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			options := driver.PutOptions{Delete: i/50%2 == 1}
			if _, _, err := x.backend.KV.Put(x.ctx, at(fmt.Sprintf("%03d", 2*(i%50)+1)), []byte("comes and goes"), options); err != nil {
				x.errorf("Put: %v", err)
				return
			}
		}
	})
	before := driver.PutOptions{} // an entry before all others comes and goes between the pages
	for range 20 {
		ids := x.listBetween(bucket, scope, 7, func() {
			x.put(at("!"), "comes and goes", before)
			before.Delete = !before.Delete
		})
		if !slices.IsSorted(ids) || len(slices.Compact(slices.Clone(ids))) != len(ids) {
			x.errorf("a list is not in order, or repeats entries: %q", ids)
		}
		n := 0
		for _, id := range ids {
			if id != "!" && (id[2]-'0')%2 == 0 {
				n++
			}
		}
		if n != 50 {
			x.errorf("a list has %d of 50 entries that existed all the time", n)
		}
	}
	close(stop)
	<-t.done
}

func scopesList(x *trial) {
	names := strangeNames()
	for _, name := range names {
		x.put(driver.Key{Bucket: bucket, Scope: name, ID: "a"}, "1", driver.PutOptions{})
		x.put(driver.Key{Bucket: bucket, Scope: name, ID: "b"}, "1", driver.PutOptions{})
	}
	x.put(driver.Key{Bucket: "other", Scope: "other"}, "1", driver.PutOptions{})
	want := slices.Sorted(slices.Values(names))
	for _, page := range []int{1, 5, len(names), 1000} {
		if got := x.scopes(page); !slices.Equal(got, want) {
			x.errorf("listed in pages of %d, the scopes are %q, want %q", page, got, want)
		}
	}
	// A scope exists as long as it holds an entry.
	for i, name := range names {
		x.put(driver.Key{Bucket: bucket, Scope: name, ID: "a"}, "", driver.PutOptions{Delete: true})
		if i%2 == 0 {
			x.put(driver.Key{Bucket: bucket, Scope: name, ID: "b"}, "", driver.PutOptions{Delete: true})
			want = slices.DeleteFunc(want, func(other string) bool { return other == name })
		}
	}
	if got := x.scopes(10); !slices.Equal(got, want) {
		x.errorf("after deletions the scopes are %q, want %q", got, want)
	}
}

// scopes returns the scopes of the usual bucket, in pages.
func (x *trial) scopes(page int) []string {
	var all []string
	var after *string
	for pages := 0; ; pages++ {
		list, err := x.backend.KV.Scopes(x.ctx, bucket, after, page)
		x.must(err, "Scopes")
		if len(list) > page || pages > 1<<16 {
			x.fatalf("page %d of %d holds %d scopes", pages, page, len(list))
		}
		all = append(all, list...)
		if len(list) < page {
			return all
		}
		after = &list[len(list)-1]
	}
}

// kvNames writes a different value to every key, and reads them all.
func (x *trial) kvNames(keys []driver.Key) {
	for i, key := range keys {
		if old, _ := x.put(key, strconv.Itoa(i), driver.PutOptions{}); old.Revision != 0 {
			x.errorf("%q and %q are the same key", key, old.Key)
		}
	}
	for i, key := range keys {
		if entry := x.wantValue(key, strconv.Itoa(i)); entry.Key != key {
			x.errorf("%q was returned as %q", key, entry.Key)
		}
	}
}

func kvStrangeNames(x *trial) {
	var keys []driver.Key
	for _, name := range strangeNames() {
		keys = append(keys,
			driver.Key{Bucket: "bucket", Scope: "scope", ID: name},
			driver.Key{Bucket: "bucket", Scope: name, ID: "id"},
			driver.Key{Bucket: name, Scope: "scope", ID: "id"})
	}
	x.kvNames(keys)
}

func kvJoinedNames(x *trial) {
	var keys []driver.Key
	for _, pair := range joinedNames() {
		keys = append(keys,
			driver.Key{Bucket: "bucket", Scope: pair[0], ID: pair[1]},
			driver.Key{Bucket: pair[0], Scope: pair[1], ID: "id"},
			driver.Key{Bucket: pair[0], Scope: "scope", ID: pair[1]})
	}
	x.kvNames(keys)
}

func kvLongNames(x *trial) {
	a, b := longName("a"), longName("b")
	pairs := [][2]driver.Key{
		{at(a), at(b)},
		{{Bucket: bucket, Scope: a, ID: "id"}, {Bucket: bucket, Scope: b, ID: "id"}},
		{{Bucket: a, Scope: scope, ID: "id"}, {Bucket: b, Scope: scope, ID: "id"}},
	}
	for _, pair := range pairs {
		_, _, errA := x.backend.KV.Put(x.ctx, pair[0], []byte("a"), driver.PutOptions{})
		_, _, errB := x.backend.KV.Put(x.ctx, pair[1], []byte("b"), driver.PutOptions{})
		if errA == nil {
			x.wantValue(pair[0], "a")
		}
		if errB == nil {
			x.wantValue(pair[1], "b")
		}
	}
	x.set("plain", "1") // the driver still works, even if it refused names
	x.wantValue(at("plain"), "1")
}
