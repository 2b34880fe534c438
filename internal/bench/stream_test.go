package bench_test

import (
	"context"
	"encoding/json"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
)

const streamOrders motia.StreamName[Order] = "orders"

// BenchmarkStream1000 takes one stored item, as JSON, to 1,000 subscribers of its group, each of which is a
// goroutine. The floor encodes the item, keeps it in a map and sends it in a loop over channels.
func BenchmarkStream1000(b *testing.B) { streamCompare(b, 1000) }

// BenchmarkStream10000 does the same with 10,000 subscribers.
func BenchmarkStream10000(b *testing.B) { streamCompare(b, 10_000) }

// BenchmarkStream1000Typed decodes the item for each of 1,000 subscribers.
func BenchmarkStream1000Typed(b *testing.B) {
	floor := streamFloor(b, 1000, func(data []byte) {
		var order Order
		if err := json.Unmarshal(data, &order); err != nil {
			b.Error(err)
		}
	})
	compare(b, floor, streamApp(b, 1000, func(ctx context.Context) streamNext {
		sub, err := streamOrders.Subscribe(ctx, "group")
		require.NoError(b, err)
		return func() error { _, err := sub.Next(ctx); return err }
	}))
}

func streamCompare(b *testing.B, subscribers int) {
	b.Helper()
	compare(b, streamFloor(b, subscribers, func([]byte) {}), streamApp(b, subscribers, func(ctx context.Context) streamNext {
		invocation, _ := motia.FromContext(ctx)
		sub, err := invocation.Streams.Get(string(streamOrders)).Subscribe(ctx, "group")
		require.NoError(b, err)
		return func() error { _, err := sub.Next(ctx); return err }
	}))
}

// streamNext waits for the next event.
type streamNext func() error

// streamFloor starts subscribers of channels, and returns the work of sending items until all have received them.
func streamFloor(tb testing.TB, subscribers int, receive func([]byte)) work {
	var received, running sync.WaitGroup
	channels := make([]chan []byte, subscribers)
	for i := range channels {
		channels[i] = make(chan []byte, 64)
		running.Go(func() {
			for data := range channels[i] {
				receive(data)
				received.Done()
			}
		})
	}
	tb.Cleanup(func() {
		for _, c := range channels {
			close(c)
		}
		running.Wait()
	})
	order := newOrder[Order](tb)
	items := make(map[string][]byte)
	return func(n int) {
		for range n {
			order.Total++
			data := queueEncode(tb, order)
			items["id"] = data
			received.Add(subscribers)
			for _, c := range channels {
				c <- data
			}
			received.Wait()
		}
	}
}

// streamApp does the same with an app.
func streamApp(tb testing.TB, subscribers int, subscribe func(context.Context) streamNext) work {
	_, host := newApp(tb, &motia.Options{Streams: []motia.StreamConfig{{Name: string(streamOrders)}}})
	ctx, cancel := context.WithCancel(host)
	var received, running sync.WaitGroup
	for range subscribers {
		next := subscribe(ctx)
		require.NoError(tb, next()) // the snapshot
		running.Go(func() {
			for next() == nil {
				received.Done()
			}
		})
	}
	tb.Cleanup(func() {
		cancel()
		running.Wait()
	})
	order := newOrder[Order](tb)
	return func(n int) {
		for range n {
			order.Total++
			received.Add(subscribers)
			if _, err := streamOrders.Set(host, "group", "id", order); err != nil {
				tb.Error(err)
			}
			received.Wait()
		}
	}
}

func TestAnIdleSubscriberCostsAtMostOneKilobyte(t *testing.T) {
	const subscribers = 2000
	_, host := newApp(t, &motia.Options{Streams: []motia.StreamConfig{{Name: string(streamOrders)}}})
	ctx, cancel := context.WithCancel(host)
	defer cancel()
	kept := make([]*motia.Subscription[Order], subscribers)
	add := func(i int) {
		sub, err := streamOrders.Subscribe(ctx, "group")
		require.NoError(t, err)
		_, err = sub.Next(ctx) // the snapshot
		require.NoError(t, err)
		kept[i] = sub
	}
	add(0) // with what all have in common
	before := heapInUse()
	for i := 1; i < subscribers; i++ {
		add(i)
	}
	each := float64(heapInUse()-before) / (subscribers - 1)
	t.Logf("%.0f bytes", each)
	require.LessOrEqual(t, each, 1024.0)
	runtime.KeepAlive(kept)
}
