package bench_test

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
)

const (
	stateKeys = 10_000
	stateHot  = "order-0"

	stateOrders    motia.Scope[Order]    = "orders"
	stateDocuments motia.Scope[Document] = "documents"
)

// BenchmarkStateGet gets typed values of 10,000 keys.
func BenchmarkStateGet(b *testing.B) {
	f, ctx := stateFilled(b)
	compare(b, func(n int) {
		for i := range n {
			var order Order
			if data, ok := f.get(f.id(i)); !ok || json.Unmarshal(data, &order) != nil {
				b.Error("no order")
			}
		}
	}, func(n int) {
		for i := range n {
			if _, found, err := stateOrders.Get(ctx, f.id(i)); !found || err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkStateSet overwrites typed values of 10,000 keys.
func BenchmarkStateSet(b *testing.B) {
	f, ctx := stateFilled(b)
	order := newOrder[Order](b)
	compare(b, func(n int) {
		for i := range n {
			order.Total++
			data, err := json.Marshal(order)
			if err != nil {
				b.Error(err)
			}
			f.put(f.id(i), data)
		}
	}, func(n int) {
		for i := range n {
			order.Total++
			if _, err := stateOrders.Set(ctx, f.id(i), order); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkStateUpdate changes two fields of documents of 1 KB. The floor decodes, changes and encodes them.
func BenchmarkStateUpdate(b *testing.B) {
	f, ctx := stateFilled(b)
	compare(b, func(n int) {
		for i := range n {
			f.change(b, f.id(i), i)
		}
	}, func(n int) {
		for i := range n {
			stateUpdate(b, ctx, f.id(i), i)
		}
	})
}

// BenchmarkStateUpdateHotKey does the same with one document, from 16 goroutines at once.
func BenchmarkStateUpdateHotKey(b *testing.B) {
	f, ctx := stateFilled(b)
	parallel := func(once func(i int)) work {
		return func(n int) {
			var workers sync.WaitGroup
			for w := range queueWorkers {
				workers.Go(func() {
					for i := w; i < n; i += queueWorkers {
						once(i)
					}
				})
			}
			workers.Wait()
		}
	}
	compare(b, parallel(func(i int) { f.change(b, stateHot, i) }), parallel(func(i int) { stateUpdate(b, ctx, stateHot, i) }))
}

func TestReadingAndWritingStateAllocatesHardlyMoreThanByHand(t *testing.T) {
	f, ctx := stateFilled(t)
	order := newOrder[Order](t)
	t.Run("get", func(t *testing.T) {
		requireExtraAllocs(t, 0, func(n int) {
			for i := range n {
				data, _ := f.get(f.id(i))
				var order Order
				require.NoError(t, json.Unmarshal(data, &order))
			}
		}, func(n int) {
			for i := range n {
				_, _, err := stateOrders.Get(ctx, f.id(i))
				require.NoError(t, err)
			}
		})
	})
	t.Run("set", func(t *testing.T) {
		requireExtraAllocs(t, 1, func(n int) {
			for i := range n {
				order.Total++
				data, err := json.Marshal(order)
				require.NoError(t, err)
				f.put(f.id(i), data)
			}
		}, func(n int) {
			for i := range n {
				order.Total++
				_, err := stateOrders.Set(ctx, f.id(i), order)
				require.NoError(t, err)
			}
		})
	})
	t.Run("update", func(t *testing.T) {
		requireExtraAllocs(t, 6, func(n int) { // the allocations of the operands, which depend on the Go release
			for i := range n {
				_, err := json.Marshal(1)
				require.NoError(t, err)
				_, err = json.Marshal(stateStatus[i%2])
				require.NoError(t, err)
			}
		}, func(n int) { // 2 in addition are for the new text
			for i := range n {
				stateUpdate(t, ctx, f.id(i), i)
			}
		})
	})
}

// stateFilled returns a map by hand and the context of an app, with the same orders and documents.
func stateFilled(tb testing.TB) (*stateFloor, context.Context) {
	_, ctx := newApp(tb, nil)
	f := &stateFloor{seed: maphash.MakeSeed(), ids: make([]string, stateKeys)}
	for i := range f.shards {
		f.shards[i].values = make(map[string][]byte)
		f.shards[i].documents = make(map[string][]byte)
	}
	order, document := newOrder[Order](tb), newDocument()
	for i := range f.ids {
		id := "order-" + strconv.Itoa(i)
		f.ids[i] = id
		_, err := stateOrders.Set(ctx, id, order)
		require.NoError(tb, err)
		f.put(id, queueEncode(tb, order))
		_, err = stateDocuments.Set(ctx, id, document)
		require.NoError(tb, err)
		f.shard(id).documents[id] = queueEncode(tb, document)
	}
	return f, ctx
}

// stateFloor is a sharded map of JSON.
type stateFloor struct {
	seed   maphash.Seed
	ids    []string
	shards [64]stateShard
}

type stateShard struct {
	mu        sync.RWMutex
	values    map[string][]byte
	documents map[string][]byte
	_         [24]byte // fills the cache line
}

func (f *stateFloor) id(i int) string { return f.ids[i%stateKeys] }

func (f *stateFloor) shard(id string) *stateShard {
	return &f.shards[maphash.String(f.seed, id)%uint64(len(f.shards))]
}

func (f *stateFloor) get(id string) ([]byte, bool) {
	s := f.shard(id)
	s.mu.RLock()
	defer s.mu.RUnlock()
	value, ok := s.values[id]
	return value, ok
}

func (f *stateFloor) put(id string, value []byte) {
	s := f.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[id] = value
}

var stateStatus = [2]string{"open", "paid"}

// change decodes a document, changes two fields and encodes it.
func (f *stateFloor) change(tb testing.TB, id string, i int) {
	s := f.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	var d Document
	if err := json.Unmarshal(s.documents[id], &d); err != nil {
		tb.Error(err)
	}
	d.Visits++
	d.Status = stateStatus[i%2]
	data, err := json.Marshal(d)
	if err != nil {
		tb.Error(err)
	}
	s.documents[id] = data
}

func stateUpdate(tb testing.TB, ctx context.Context, id string, i int) {
	if _, err := stateDocuments.Update(ctx, id, motia.Increment("visits", 1), motia.Set("status", stateStatus[i%2])); err != nil {
		tb.Error(err)
	}
}

// Document is about 1 KB of JSON, with the fields that change in the middle.
type Document struct {
	ID     string            `json:"id"`
	Lines  []Line            `json:"lines"`
	Visits int               `json:"visits"`
	Status string            `json:"status"`
	Labels map[string]string `json:"labels"`
}

type Line struct {
	SKU   string `json:"sku"`
	Title string `json:"title"`
	Qty   int    `json:"qty"`
	Price int    `json:"price"`
}

func newDocument() Document {
	d := Document{ID: "order-20260417-000123", Visits: 41, Status: "open", Labels: make(map[string]string)}
	for i := range 9 {
		d.Lines = append(d.Lines, Line{fmt.Sprintf("sku-%06d", i), "A thing with a name", i + 1, 999 * i})
		d.Labels[fmt.Sprintf("label-%d", i)] = "some value"
	}
	return d
}
