package memkv_test

import (
	"bytes"
	"context"
	"hash/maphash"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/memkv"
)

// floor is the work by hand that the benchmarks compare with: a sharded map without revisions, times, order, watchers
// or contexts.
type floor struct {
	seed   maphash.Seed
	shards [64]struct {
		mu     sync.RWMutex
		values map[floorKey][]byte
		_      [32]byte
	}
}

type floorKey struct{ scope, id string }

func newFloor() *floor {
	f := &floor{seed: maphash.MakeSeed()}
	for i := range f.shards {
		f.shards[i].values = make(map[floorKey][]byte)
	}
	return f
}

func (f *floor) get(scope, id string) ([]byte, bool) {
	s := &f.shards[maphash.String(f.seed, id)%64]
	s.mu.RLock()
	defer s.mu.RUnlock()
	value, ok := s.values[floorKey{scope, id}]
	return value, ok
}

func (f *floor) put(scope, id string, value []byte) {
	s := &f.shards[maphash.String(f.seed, id)%64]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[floorKey{scope, id}] = value
}

func (f *floor) update(scope, id string, change func([]byte) ([]byte, error)) error {
	s := &f.shards[maphash.String(f.seed, id)%64]
	s.mu.Lock()
	defer s.mu.Unlock()
	value, err := change(s.values[floorKey{scope, id}])
	if err == nil {
		s.values[floorKey{scope, id}] = value
	}
	return err
}

const (
	benchKeys  = 10_000
	benchScope = "orders"
)

var (
	benchValue = bytes.Repeat([]byte("x"), 300)
	benchOther = bytes.Repeat([]byte("y"), 300)
	benchIDs   = func() []string {
		ids := make([]string, benchKeys)
		for i := range ids {
			ids[i] = "order-" + strconv.Itoa(i)
		}
		return ids
	}()
)

// perKey runs f with one id after the other, in parallel. turn counts the passes over the ids.
func perKey(b *testing.B, f func(id string, turn int)) {
	b.Helper()
	b.ReportAllocs()
	var start atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		for i := int(start.Add(benchKeys / 2)); pb.Next(); i++ {
			f(benchIDs[i%benchKeys], i/benchKeys)
		}
	})
}

func filled(b *testing.B) (*memkv.KV, *floor) {
	k, f := open(b), newFloor()
	for _, id := range benchIDs {
		put(b, k, key(benchScope, id), string(benchValue), driver.PutOptions{})
		f.put(benchScope, id, benchValue)
	}
	return k, f
}

func BenchmarkGet(b *testing.B) {
	k, f := filled(b)
	ctx := b.Context()
	b.Run("floor", func(b *testing.B) {
		perKey(b, func(id string, _ int) { f.get(benchScope, id) })
	})
	b.Run("memkv", func(b *testing.B) {
		perKey(b, func(id string, _ int) {
			if _, err := k.Get(ctx, key(benchScope, id)); err != nil {
				b.Error(err)
			}
		})
	})
}

func BenchmarkPutOverwrite(b *testing.B) {
	k, f := filled(b)
	ctx := b.Context()
	values := [2][]byte{benchOther, benchValue}
	b.Run("floor", func(b *testing.B) {
		perKey(b, func(id string, turn int) { f.put(benchScope, id, values[turn%2]) })
	})
	b.Run("memkv", func(b *testing.B) {
		perKey(b, func(id string, turn int) {
			if _, _, err := k.Put(ctx, key(benchScope, id), values[turn%2], driver.PutOptions{}); err != nil {
				b.Error(err)
			}
		})
	})
}

func BenchmarkPutSame(b *testing.B) {
	k, f := filled(b)
	ctx := b.Context()
	same := bytes.Clone(benchValue)
	b.Run("floor", func(b *testing.B) {
		perKey(b, func(id string, _ int) { f.put(benchScope, id, same) })
	})
	b.Run("memkv", func(b *testing.B) {
		perKey(b, func(id string, _ int) { _, _, _ = k.Put(ctx, key(benchScope, id), same, driver.PutOptions{}) })
	})
}

// BenchmarkPutNew inserts into one scope that grows from empty; ids come in no order. Keeping them in order is most
// of the work: with a million ids each step of the search misses the cache.
func BenchmarkPutNew(b *testing.B) {
	ids := func(n int) []string {
		ids := make([]string, n)
		for i := range ids {
			ids[i] = strconv.FormatUint(uint64(i)*0x9e3779b97f4a7c15, 36)
		}
		runtime.GC() // not in the time of the work
		return ids
	}
	b.Run("floor", func(b *testing.B) {
		b.ReportAllocs()
		f, ids := newFloor(), ids(b.N)
		for b.ResetTimer(); len(ids) > 0; ids = ids[1:] {
			f.put(benchScope, ids[0], benchValue)
		}
	})
	b.Run("memkv", func(b *testing.B) {
		b.ReportAllocs()
		k, ids := open(b), ids(b.N)
		for b.ResetTimer(); len(ids) > 0; ids = ids[1:] {
			_, _, _ = k.Put(context.Background(), key(benchScope, ids[0]), benchValue, driver.PutOptions{})
		}
	})
}

func BenchmarkPutWatched(b *testing.B) {
	k, _ := filled(b)
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	ready := make(chan struct{})
	go func() {
		_ = k.Watch(ctx, "b", benchScope, func(entry driver.Entry) {
			if entry.Revision == 0 {
				close(ready)
			}
		})
	}()
	<-ready
	values := [2][]byte{benchOther, benchValue}
	perKey(b, func(id string, turn int) {
		_, _, _ = k.Put(ctx, key(benchScope, id), values[turn%2], driver.PutOptions{})
	})
}

func BenchmarkUpdateHotKey(b *testing.B) {
	k, f := filled(b)
	ctx := b.Context()
	flip := func(old []byte) ([]byte, error) {
		if &old[0] == &benchValue[0] {
			return benchOther, nil
		}
		return benchValue, nil
	}
	b.Run("floor", func(b *testing.B) {
		perKey(b, func(string, int) { _ = f.update(benchScope, benchIDs[0], flip) })
	})
	b.Run("memkv", func(b *testing.B) {
		perKey(b, func(string, int) { _, _, _ = k.Update(ctx, key(benchScope, benchIDs[0]), driver.Header{}, flip) })
	})
}

// BenchmarkListPage reads pages of 100 entries. The floor knows the ids of the page and gets each of them.
func BenchmarkListPage(b *testing.B) {
	k, f := filled(b)
	const page = 100
	b.Run("floor", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			entries := make([]driver.Entry, 0, page)
			for _, id := range benchIDs[i*page%benchKeys:][:page] {
				value, _ := f.get(benchScope, id)
				entries = append(entries, driver.Entry{Key: key(benchScope, id), Value: value})
			}
			if len(entries) != page {
				b.Fatal("short page")
			}
		}
	})
	b.Run("memkv", func(b *testing.B) {
		b.ReportAllocs()
		var after *string
		for b.Loop() {
			entries, err := k.List(b.Context(), "b", benchScope, after, page)
			if err != nil {
				b.Fatal(err)
			}
			after = nil
			if len(entries) == page {
				after = &entries[page-1].Key.ID
			}
		}
	})
}
