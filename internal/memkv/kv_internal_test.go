package memkv

import (
	"context"
	"math/rand/v2"
	"runtime"
	"slices"
	"sort"
	"strconv"
	"testing"
	"time"

	"github.com/motia-go/motia/driver"
)

// TestOrderedAgainstAModel adds and removes at random, with phases in which the set grows and shrinks.
func TestOrderedAgainstAModel(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var set ordered[*record]
	var model []*record
	for step := range 150_000 {
		name := strconv.Itoa(random.IntN(60_000))
		if step/50_000%2 == 1 && len(model) > 0 && random.IntN(10) < 7 {
			name = model[random.IntN(len(model))].id
		}
		i := sort.Search(len(model), func(i int) bool { return model[i].id >= name })
		if i < len(model) && model[i].id == name {
			set.remove(name)
			model = slices.Delete(model, i, i+1)
		} else {
			r := &record{id: name}
			set.add(name, r)
			model = slices.Insert(model, i, r)
		}
		if set.count != len(model) {
			t.Fatalf("step %d: count %d, want %d", step, set.count, len(model))
		}
		if step%10 == 0 {
			after, limit := strconv.Itoa(random.IntN(70_000)), random.IntN(600)
			want := model[sort.Search(len(model), func(i int) bool { return model[i].id > after }):]
			if got := set.after(&after, limit); !slices.Equal(got, want[:min(limit, len(want))]) {
				t.Fatalf("step %d: after %s: got %d items", step, after, len(got))
			}
		}
		if step%1000 == 0 {
			checkBounds(t, &set)
		}
		if step%1000 == 0 && !slices.Equal(set.after(nil, len(model)+1), model) {
			t.Fatalf("step %d: wrong order", step)
		}
	}
	if most := 2 + 4*set.count/mergeChunk; len(set.chunks) > most {
		t.Errorf("%d chunks for %d items, want at most %d", len(set.chunks), set.count, most)
	}
	for _, r := range model {
		set.remove(r.id)
	}
	if set.count != 0 || len(set.chunks) != 0 {
		t.Errorf("%d items in %d chunks remain", set.count, len(set.chunks))
	}
}

// checkBounds checks what ordered promises of its chunks.
func checkBounds(t *testing.T, set *ordered[*record]) {
	t.Helper()
	for c, chunk := range set.chunks {
		items := chunk.items
		if len(items) == 0 || len(items) > maxChunk || items[len(items)-1].name > chunk.bound {
			t.Fatalf("chunk %d: %d items up to %q", c, len(items), chunk.bound)
		}
		if c > 0 && items[0].name <= set.chunks[c-1].bound {
			t.Fatalf("chunk %d begins with %q, the bound before is %q", c, items[0].name, set.chunks[c-1].bound)
		}
	}
}

func TestKeysWithTheSameHashAreToldApart(t *testing.T) {
	k := New()
	k.openBucket("b").hashMask = 1 << 63
	at := func(i int) driver.Key {
		return driver.Key{Bucket: "b", Scope: strconv.Itoa(i % 3), ID: strconv.Itoa(i)}
	}
	model := make(map[int]string)
	random := rand.New(rand.NewPCG(1, 2))
	for step := range 5000 {
		i, value := random.IntN(30), strconv.Itoa(step)
		_, exists := model[i]
		old, _, err := k.Put(t.Context(), at(i), []byte(value), driver.PutOptions{Delete: exists})
		if err != nil || string(old.Value) != model[i] {
			t.Fatalf("Put: %+v, %v; want %q", old, err, model[i])
		}
		if exists {
			delete(model, i)
		} else {
			model[i] = value
		}
		for i := range 30 {
			entry, _ := k.Get(t.Context(), at(i))
			if string(entry.Value) != model[i] {
				t.Fatalf("step %d: got %q, want %q", step, entry.Value, model[i])
			}
		}
	}
}

func TestOverwrittenAndDeletedEntriesLeaveNothingBehind(t *testing.T) {
	k := New()
	defer k.Close(t.Context())
	expires := time.Now().Add(time.Hour)
	for i := range 3000 {
		at := driver.Key{Bucket: "b", Scope: strconv.Itoa(i % 7), ID: strconv.Itoa(i % 11)}
		options := driver.PutOptions{Delete: i%5 == 0}
		if i%3 != 0 {
			options.Expires = expires.Add(time.Duration(i))
		}
		if _, _, err := k.Put(t.Context(), at, []byte{byte(i)}, options); err != nil {
			t.Fatal(err)
		}
		b := k.bucket("b")
		withExpiry, all := 0, 0
		for s := range b.shards {
			for _, r := range b.shards[s].records {
				all++
				if r.expiry != nil {
					withExpiry++
				}
			}
		}
		if len(k.expiries.heap) != withExpiry || all > 77 {
			t.Fatalf("%d places in the heap for %d entries with expiry of %d", len(k.expiries.heap), withExpiry, all)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_ = k.Watch(ctx, "b", "watched only", func(driver.Entry) {})
	for scope := range 7 {
		for id := range 11 {
			at := driver.Key{Bucket: "b", Scope: strconv.Itoa(scope), ID: strconv.Itoa(id)}
			if _, _, err := k.Put(t.Context(), at, nil, driver.PutOptions{Delete: true}); err != nil {
				t.Fatal(err)
			}
		}
	}
	b := k.bucket("b")
	if len(b.scopes.byName) != 0 || b.scopes.filled.count != 0 || len(k.expiries.heap) != 0 {
		t.Errorf("%d scopes, %d filled, %d expiries remain", len(b.scopes.byName), b.scopes.filled.count, len(k.expiries.heap))
	}
}

func TestTheClockGrowsWhenTheSystemsIsSetBack(t *testing.T) {
	var c clock
	c.time = time.Now().Add(time.Hour).UnixNano()
	_, first := c.next()
	revision, second := c.next()
	if revision != 2 || second != first+1 {
		t.Errorf("revision %d, %d after %d", revision, second, first)
	}
}

// TestMemoryOfAnEntry bounds what an entry costs beyond its scope's name, its id and its value.
func TestMemoryOfAnEntry(t *testing.T) {
	const entries, idBytes, limit = 200_000, 8, 200
	for _, scopes := range []int{1, 1000} {
		before := heapBytes()
		k := New()
		for i := range entries {
			at := driver.Key{Bucket: "b", Scope: strconv.Itoa(i % scopes), ID: strconv.Itoa(10_000_000 + i)}
			if _, _, err := k.Put(t.Context(), at, make([]byte, 64), driver.PutOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		each := int(heapBytes()-before)/entries - idBytes - 64
		t.Logf("%d scopes: %d bytes for each entry", scopes, each)
		if each > limit {
			t.Errorf("%d scopes: an entry costs %d bytes, want at most %d", scopes, each, limit)
		}
		runtime.KeepAlive(k)
	}
}

func heapBytes() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
