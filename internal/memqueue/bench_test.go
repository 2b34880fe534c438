package memqueue_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/memqueue"
)

// Beside each benchmark is its floor: the same work written by hand with channels. Run them together, several
// times, and compare within one run:
//
//	go test -run - -bench . -count 5 ./internal/memqueue

const (
	benchWorkers = 16
	benchBuffer  = 1024 // of the channels
	benchGroups  = 1000
)

var benchData = make([]byte, 300)

// benchConfig is the usual policy of a step: a visibility bound is part of what a message costs.
var benchConfig = driver.SubscriptionConfig{
	Visibility: 15 * time.Minute,
	Retry:      driver.RetryPolicy{MaxRetries: 3, Base: time.Second, Cap: 5 * time.Minute, Factor: 2, Jitter: 0.5},
}

// benchQueue returns a queue with one topic that the subscriptions are bound to.
func benchQueue(tb testing.TB, subscriptions ...string) *memqueue.Queue {
	q := memqueue.New(memqueue.Options{})
	for _, s := range subscriptions {
		if err := q.Bind(tb.Context(), "topic", s, benchConfig); err != nil {
			tb.Fatal(err)
		}
	}
	return q
}

// receive runs 16 receivers of a channel until it is closed, the floor of consume.
func receive[T any](n int, handle func(T)) (in chan<- T, stop func()) {
	c := make(chan T, benchBuffer)
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			for v := range c {
				handle(v)
			}
		})
	}
	return c, func() {
		close(c)
		wg.Wait()
	}
}

// BenchmarkThroughput takes messages from Publish to a handler that does nothing, with 16 workers.
func BenchmarkThroughput(b *testing.B) {
	b.Run("queue", func(b *testing.B) {
		b.ReportAllocs()
		q := benchQueue(b, "s")
		var handled sync.WaitGroup
		handled.Add(b.N)
		stop := consume(b, q, "s", benchWorkers, func(context.Context, *driver.Delivery) driver.Result {
			handled.Done()
			return driver.Result{}
		})
		ctx := b.Context()
		for range b.N {
			if err := q.Publish(ctx, driver.Message{Topic: "topic", Data: benchData}); err != nil {
				b.Fatal(err)
			}
		}
		handled.Wait()
		stop()
	})
	b.Run("floor", func(b *testing.B) {
		b.ReportAllocs()
		var handled sync.WaitGroup
		handled.Add(b.N)
		in, stop := receive(benchWorkers, func([]byte) { handled.Done() })
		for range b.N {
			in <- benchData
		}
		handled.Wait()
		stop()
	})
}

// BenchmarkOrders does the same with what a step does at least: an order of 300 bytes is encoded and decoded.
func BenchmarkOrders(b *testing.B) {
	b.Run("queue", func(b *testing.B) {
		b.ReportAllocs()
		q := benchQueue(b, "s")
		var handled sync.WaitGroup
		handled.Add(b.N)
		stop := consume(b, q, "s", benchWorkers, func(_ context.Context, d *driver.Delivery) driver.Result {
			decodeOrder(b, d.Data)
			handled.Done()
			return driver.Result{}
		})
		ctx := b.Context()
		for i := range b.N {
			if err := q.Publish(ctx, driver.Message{Topic: "topic", Data: encodeOrder(b, i)}); err != nil {
				b.Fatal(err)
			}
		}
		handled.Wait()
		stop()
	})
	b.Run("floor", func(b *testing.B) {
		b.ReportAllocs()
		var handled sync.WaitGroup
		handled.Add(b.N)
		in, stop := receive(benchWorkers, func(data []byte) {
			decodeOrder(b, data)
			handled.Done()
		})
		for i := range b.N {
			in <- encodeOrder(b, i)
		}
		handled.Wait()
		stop()
	})
}

type order struct {
	ID       string      `json:"id"`
	Customer string      `json:"customer"`
	Email    string      `json:"email"`
	Address  string      `json:"address"`
	Total    int         `json:"total"`
	Items    []orderItem `json:"items"`
}

type orderItem struct {
	SKU      string `json:"sku"`
	Quantity int    `json:"quantity"`
	Price    int    `json:"price"`
}

func encodeOrder(tb testing.TB, i int) []byte {
	data, err := json.Marshal(order{
		ID:       "8f14e45f-ceea-467f-9c3d-6a1b2c3d4e5f",
		Customer: "Grace Brewster Murray Hopper",
		Email:    "grace@example.com",
		Address:  "1 Infinite Loop, 95014 Cupertino, California",
		Total:    i,
		Items: []orderItem{
			{SKU: "book-1234", Quantity: 1, Price: 3999},
			{SKU: "pen-98765", Quantity: 12, Price: 199},
			{SKU: "ink-55555", Quantity: 3, Price: 899},
		},
	})
	if err != nil {
		tb.Error(err)
	}
	return data
}

func decodeOrder(tb testing.TB, data []byte) {
	var o order
	if err := json.Unmarshal(data, &o); err != nil {
		tb.Error(err)
	}
}

// BenchmarkGroups does the same in 1,000 groups, each in order.
func BenchmarkGroups(b *testing.B) {
	names := make([]string, benchGroups)
	for i := range names {
		names[i] = fmt.Sprintf("customer-%d", i)
	}
	b.Run("queue", func(b *testing.B) {
		b.ReportAllocs()
		q := benchQueue(b, "s")
		var handled sync.WaitGroup
		handled.Add(b.N)
		stop := consume(b, q, "s", benchWorkers, func(context.Context, *driver.Delivery) driver.Result {
			handled.Done()
			return driver.Result{}
		})
		ctx := b.Context()
		for i := range b.N {
			if err := q.Publish(ctx, driver.Message{Topic: "topic", Group: names[i%benchGroups], Data: benchData}); err != nil {
				b.Fatal(err)
			}
		}
		handled.Wait()
		stop()
	})
	b.Run("floor", func(b *testing.B) {
		b.ReportAllocs()
		var handled sync.WaitGroup
		handled.Add(b.N)
		shards := make([]chan<- []byte, benchWorkers)
		for i := range shards {
			in, stop := receive(1, func([]byte) { handled.Done() })
			defer stop()
			shards[i] = in
		}
		for i := range b.N {
			h := uint32(2166136261)
			for _, c := range []byte(names[i%benchGroups]) {
				h = (h ^ uint32(c)) * 16777619
			}
			shards[h%benchWorkers] <- benchData
		}
		handled.Wait()
	})
}

// BenchmarkHop takes one message at a time from Publish to its handler, and reports the median beside the mean.
func BenchmarkHop(b *testing.B) {
	median := func(b *testing.B, hops []time.Duration) {
		slices.Sort(hops)
		b.ReportMetric(float64(hops[len(hops)/2]), "p50-ns")
		b.ReportMetric(float64(hops[len(hops)*99/100]), "p99-ns")
	}
	b.Run("queue", func(b *testing.B) {
		b.ReportAllocs()
		q := benchQueue(b, "s")
		arrived := make(chan time.Time, 1)
		stop := consume(b, q, "s", benchWorkers, func(context.Context, *driver.Delivery) driver.Result {
			arrived <- time.Now()
			return driver.Result{}
		})
		ctx := b.Context()
		hops := make([]time.Duration, b.N)
		for i := range hops {
			start := time.Now()
			if err := q.Publish(ctx, driver.Message{Topic: "topic", Data: benchData}); err != nil {
				b.Fatal(err)
			}
			hops[i] = (<-arrived).Sub(start)
		}
		median(b, hops)
		stop()
	})
	b.Run("floor", func(b *testing.B) {
		b.ReportAllocs()
		arrived := make(chan time.Time, 1)
		in, stop := receive(benchWorkers, func([]byte) { arrived <- time.Now() })
		hops := make([]time.Duration, b.N)
		for i := range hops {
			start := time.Now()
			in <- benchData
			hops[i] = (<-arrived).Sub(start)
		}
		median(b, hops)
		stop()
	})
}

// BenchmarkFanOut publishes to four subscriptions.
func BenchmarkFanOut(b *testing.B) {
	subscriptions := []string{"a", "b", "c", "d"}
	b.Run("queue", func(b *testing.B) {
		b.ReportAllocs()
		q := benchQueue(b, subscriptions...)
		var handled sync.WaitGroup
		handled.Add(b.N * len(subscriptions))
		for _, s := range subscriptions {
			defer consume(b, q, s, benchWorkers, func(context.Context, *driver.Delivery) driver.Result {
				handled.Done()
				return driver.Result{}
			})()
		}
		ctx := b.Context()
		for range b.N {
			if err := q.Publish(ctx, driver.Message{Topic: "topic", Data: benchData}); err != nil {
				b.Fatal(err)
			}
		}
		handled.Wait()
	})
	b.Run("floor", func(b *testing.B) {
		b.ReportAllocs()
		var handled sync.WaitGroup
		handled.Add(b.N * len(subscriptions))
		var ins []chan<- []byte
		for range subscriptions {
			in, stop := receive(benchWorkers, func([]byte) { handled.Done() })
			defer stop()
			ins = append(ins, in)
		}
		for range b.N {
			for _, in := range ins {
				in <- benchData
			}
		}
		handled.Wait()
	})
}

// BenchmarkPublish only stores: without and with an id, and into a heap of delayed messages.
func BenchmarkPublish(b *testing.B) {
	publish := func(b *testing.B, message func(i int) driver.Message) {
		b.ReportAllocs()
		q := benchQueue(b, "s")
		ctx := b.Context()
		for i := range b.N {
			if err := q.Publish(ctx, message(i)); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("plain", func(b *testing.B) {
		publish(b, func(int) driver.Message { return driver.Message{Topic: "topic", Data: benchData} })
	})
	b.Run("id", func(b *testing.B) {
		publish(b, func(i int) driver.Message { return driver.Message{Topic: "topic", ID: fmt.Sprint(i), Data: benchData} })
	})
	b.Run("delayed", func(b *testing.B) {
		later := time.Now().Add(time.Hour)
		publish(b, func(int) driver.Message { return driver.Message{Topic: "topic", NotBefore: later, Data: benchData} })
	})
}
