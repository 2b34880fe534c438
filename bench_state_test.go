package motia_test

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
	benchStateKeys = 10_000
	benchStateHot  = "order-0"

	benchStateOrders    motia.Scope[benchOrder]    = "orders"
	benchStateDocuments motia.Scope[benchDocument] = "documents"
)

// BenchmarkStateGet gets typed values of 10,000 keys.
func BenchmarkStateGet(b *testing.B) {
	f, ctx := benchStateFilled(b)
	compare(b, func(n int) {
		for i := range n {
			var order benchOrder
			if data, ok := f.get(f.id(i)); !ok || json.Unmarshal(data, &order) != nil {
				b.Error("no order")
			}
		}
	}, func(n int) {
		for i := range n {
			if _, found, err := benchStateOrders.Get(ctx, f.id(i)); !found || err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkStateSet overwrites typed values of 10,000 keys.
func BenchmarkStateSet(b *testing.B) {
	f, ctx := benchStateFilled(b)
	order := newBenchOrder[benchOrder](b)
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
			if _, err := benchStateOrders.Set(ctx, f.id(i), order); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkStateUpdate changes two fields of documents of 1 KB. The floor decodes, changes and encodes them.
func BenchmarkStateUpdate(b *testing.B) {
	f, ctx := benchStateFilled(b)
	compare(b, func(n int) {
		for i := range n {
			f.change(b, f.id(i), i)
		}
	}, func(n int) {
		for i := range n {
			benchStateUpdate(b, ctx, f.id(i), i)
		}
	})
}

// BenchmarkStateUpdateHotKey does the same with one document, from 16 goroutines at once.
func BenchmarkStateUpdateHotKey(b *testing.B) {
	f, ctx := benchStateFilled(b)
	parallel := func(once func(i int)) work {
		return func(n int) {
			var workers sync.WaitGroup
			for w := range benchQueueWorkers {
				workers.Go(func() {
					for i := w; i < n; i += benchQueueWorkers {
						once(i)
					}
				})
			}
			workers.Wait()
		}
	}
	compare(b, parallel(func(i int) { f.change(b, benchStateHot, i) }), parallel(func(i int) { benchStateUpdate(b, ctx, benchStateHot, i) }))
}

func TestReadingAndWritingStateAllocatesHardlyMoreThanByHand(t *testing.T) {
	f, ctx := benchStateFilled(t)
	order := newBenchOrder[benchOrder](t)
	t.Run("get", func(t *testing.T) {
		requireExtraAllocs(t, 0, func(n int) {
			for i := range n {
				data, _ := f.get(f.id(i))
				var order benchOrder
				require.NoError(t, json.Unmarshal(data, &order))
			}
		}, func(n int) {
			for i := range n {
				_, _, err := benchStateOrders.Get(ctx, f.id(i))
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
				_, err := benchStateOrders.Set(ctx, f.id(i), order)
				require.NoError(t, err)
			}
		})
	})
}

// benchStateFilled returns a map by hand and the context of an app, with the same orders and documents.
func benchStateFilled(tb testing.TB) (*benchStateFloor, context.Context) {
	_, ctx := newBenchApp(tb, nil)
	f := &benchStateFloor{seed: maphash.MakeSeed(), ids: make([]string, benchStateKeys)}
	for i := range f.shards {
		f.shards[i].values = make(map[string][]byte)
		f.shards[i].documents = make(map[string][]byte)
	}
	order, document := newBenchOrder[benchOrder](tb), newBenchDocument()
	for i := range f.ids {
		id := "order-" + strconv.Itoa(i)
		f.ids[i] = id
		_, err := benchStateOrders.Set(ctx, id, order)
		require.NoError(tb, err)
		f.put(id, benchQueueEncode(tb, order))
		_, err = benchStateDocuments.Set(ctx, id, document)
		require.NoError(tb, err)
		f.shard(id).documents[id] = benchQueueEncode(tb, document)
	}
	return f, ctx
}

// benchStateFloor is a sharded map of JSON.
type benchStateFloor struct {
	seed   maphash.Seed
	ids    []string
	shards [64]benchStateShard
}

type benchStateShard struct {
	mu        sync.RWMutex
	values    map[string][]byte
	documents map[string][]byte
	_         [24]byte // fills the cache line
}

func (f *benchStateFloor) id(i int) string { return f.ids[i%benchStateKeys] }

func (f *benchStateFloor) shard(id string) *benchStateShard {
	return &f.shards[maphash.String(f.seed, id)%uint64(len(f.shards))]
}

func (f *benchStateFloor) get(id string) ([]byte, bool) {
	s := f.shard(id)
	s.mu.RLock()
	defer s.mu.RUnlock()
	value, ok := s.values[id]
	return value, ok
}

func (f *benchStateFloor) put(id string, value []byte) {
	s := f.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[id] = value
}

var benchStateStatus = [2]string{"open", "paid"}

// change decodes a document, changes two fields and encodes it.
func (f *benchStateFloor) change(tb testing.TB, id string, i int) {
	s := f.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	var d benchDocument
	if err := json.Unmarshal(s.documents[id], &d); err != nil {
		tb.Error(err)
	}
	d.Visits++
	d.Status = benchStateStatus[i%2]
	data, err := json.Marshal(d)
	if err != nil {
		tb.Error(err)
	}
	s.documents[id] = data
}

func benchStateUpdate(tb testing.TB, ctx context.Context, id string, i int) {
	if _, err := benchStateDocuments.Update(ctx, id, motia.Increment("visits", 1), motia.Set("status", benchStateStatus[i%2])); err != nil {
		tb.Error(err)
	}
}

// benchDocument is about 1 KB of JSON, with the fields that change in the middle.
type benchDocument struct {
	ID     string            `json:"id"`
	Lines  []benchLine       `json:"lines"`
	Visits int               `json:"visits"`
	Status string            `json:"status"`
	Labels map[string]string `json:"labels"`
}

type benchLine struct {
	SKU   string `json:"sku"`
	Title string `json:"title"`
	Qty   int    `json:"qty"`
	Price int    `json:"price"`
}

func newBenchDocument() benchDocument {
	d := benchDocument{ID: "order-20260417-000123", Visits: 41, Status: "open", Labels: make(map[string]string)}
	for i := range 9 {
		d.Lines = append(d.Lines, benchLine{fmt.Sprintf("sku-%06d", i), "A thing with a name", i + 1, 999 * i})
		d.Labels[fmt.Sprintf("label-%d", i)] = "some value"
	}
	return d
}
