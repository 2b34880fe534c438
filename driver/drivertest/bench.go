package drivertest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/motia-go/motia/driver"
)

// Sizes in the benchmarks.
const (
	benchSlots  = 16
	benchGroups = 1000
	benchBatch  = 100
	benchKeys   = 1000
)

// benchConfig is the usual policy of a step: a visibility bound is part of what a message costs.
var benchConfig = driver.SubscriptionConfig{
	Visibility: 15 * time.Minute,
	Retry:      driver.RetryPolicy{MaxRetries: 3, Base: time.Second, Factor: 2, Jitter: 0.5},
}

// benchStore opens a fresh store for a benchmark.
func benchStore(b *testing.B, h Harness) *driver.Backend {
	x := newTrial(b, h.withDefaults(), func(violation string) { b.Error(violation) })
	b.Cleanup(x.end)
	b.ReportAllocs()
	return x.open()
}

// BenchmarkQueue measures a queue with messages of 300 bytes: publishing alone, and from Publish to a handler that
// does nothing, with 16 slots. One operation is one message.
func BenchmarkQueue(b *testing.B, h Harness) {
	plain := func(int) string { return "" }
	grouped := func(i int) string { return strconv.Itoa(i % benchGroups) }
	b.Run("queue/publish", func(b *testing.B) { benchPublish(b, h, 1) })
	b.Run("queue/publish-batch", func(b *testing.B) { benchPublish(b, h, benchBatch) })
	b.Run("queue/consume", func(b *testing.B) { benchConsume(b, h, 1, 1, plain) })
	b.Run("queue/consume-batch", func(b *testing.B) { benchConsume(b, h, 1, benchBatch, plain) })
	b.Run("queue/consume-groups", func(b *testing.B) { benchConsume(b, h, 1, benchBatch, grouped) })
	b.Run("queue/consume-one-group", func(b *testing.B) { benchConsume(b, h, 1, benchBatch, func(int) string { return "g" }) })
	b.Run("queue/fan-out-4", func(b *testing.B) { benchConsume(b, h, 4, benchBatch, plain) })
	b.Run("queue/latency", func(b *testing.B) { benchLatency(b, h) })
}

// benchMessages returns n messages, numbered beginning with from.
func benchMessages(from, n int, group func(int) string) []driver.Message {
	data := make([]byte, 300)
	messages := make([]driver.Message, n)
	for i := range messages {
		messages[i] = driver.Message{Topic: topic, Group: group(from + i), Data: data}
	}
	return messages
}

func benchPublish(b *testing.B, h Harness, batch int) {
	q, ctx := benchStore(b, h).Queue, context.Background()
	if err := q.Bind(ctx, topic, sub, benchConfig); err != nil {
		b.Fatal(err)
	}
	messages := benchMessages(0, batch, func(int) string { return "" })
	for n := 0; n < b.N; n += batch {
		if err := q.Publish(ctx, messages[:min(batch, b.N-n)]...); err != nil {
			b.Fatal(err)
		}
	}
}

func benchConsume(b *testing.B, h Harness, subscriptions, batch int, group func(int) string) {
	q, ctx := benchStore(b, h).Queue, context.Background()
	var handled atomic.Int64
	all, drain := make(chan struct{}), make(chan struct{})
	handle := func(context.Context, *driver.Delivery) driver.Result {
		if handled.Add(1) == int64(b.N*subscriptions) {
			close(all)
		}
		return driver.Result{}
	}
	var consumers sync.WaitGroup
	for i := range subscriptions {
		name := fmt.Sprint(sub, i)
		if err := q.Bind(ctx, topic, name, benchConfig); err != nil {
			b.Fatal(err)
		}
		consumers.Go(func() {
			if err := q.Consume(ctx, name, driver.ConsumeOptions{Slots: benchSlots, Drain: drain}, handle); err != nil {
				b.Error(err)
			}
		})
	}
	b.ResetTimer()
	for n := 0; n < b.N; n += batch {
		if err := q.Publish(ctx, benchMessages(n, min(batch, b.N-n), group)...); err != nil {
			b.Fatal(err)
		}
	}
	<-all
	b.StopTimer()
	close(drain)
	consumers.Wait()
}

// benchLatency has one message under way at a time.
func benchLatency(b *testing.B, h Harness) {
	q, ctx := benchStore(b, h).Queue, context.Background()
	if err := q.Bind(ctx, topic, sub, benchConfig); err != nil {
		b.Fatal(err)
	}
	handled, drain, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		err := q.Consume(ctx, sub, driver.ConsumeOptions{Slots: 1, Drain: drain}, func(context.Context, *driver.Delivery) driver.Result {
			handled <- struct{}{}
			return driver.Result{}
		})
		if err != nil {
			b.Error(err)
		}
	}()
	messages := benchMessages(0, 1, func(int) string { return "" })
	b.ResetTimer()
	for range b.N {
		if err := q.Publish(ctx, messages...); err != nil {
			b.Fatal(err)
		}
		<-handled
	}
	b.StopTimer()
	close(drain)
	<-done
}

// BenchmarkKV measures a KV with values of 100 bytes. One operation is one read, write, page of 100 entries or event.
func BenchmarkKV(b *testing.B, h Harness) {
	b.Run("kv/get", func(b *testing.B) {
		kv := benchEntries(b, h).KV
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				if _, err := kv.Get(b.Context(), benchKey(i)); err != nil {
					b.Error(err)
				}
			}
		})
	})
	b.Run("kv/put", func(b *testing.B) {
		kv := benchEntries(b, h).KV
		var writer atomic.Int64
		b.RunParallel(func(pb *testing.PB) {
			w := writer.Add(1)
			for i := 0; pb.Next(); i++ {
				if _, _, err := kv.Put(b.Context(), benchKey(i), fmt.Append(nil, w, i), driver.PutOptions{}); err != nil {
					b.Error(err)
				}
			}
		})
	})
	b.Run("kv/increment-one-key", func(b *testing.B) {
		kv := benchEntries(b, h).KV
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := updateByCAS(b.Context(), kv, at("n"), increment); err != nil {
					b.Error(err)
				}
			}
		})
	})
	b.Run("kv/update-one-key", func(b *testing.B) {
		u, ok := benchEntries(b, h).KV.(driver.Updater)
		if !ok {
			b.Skipf("%s is not claimed", needUpdater)
		}
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, _, err := u.Update(b.Context(), at("n"), driver.Header{}, increment); err != nil {
					b.Error(err)
				}
			}
		})
	})
	b.Run("kv/list-100", func(b *testing.B) {
		kv := benchEntries(b, h).KV
		for range b.N {
			if list, err := kv.List(b.Context(), bucket, scope, nil, 100); err != nil || len(list) != 100 {
				b.Fatal(len(list), err)
			}
		}
	})
	b.Run("kv/watch", func(b *testing.B) { benchWatch(b, h) })
}

func benchKey(i int) driver.Key { return at(strconv.Itoa(i % benchKeys)) }

// benchEntries opens a store and fills it.
func benchEntries(b *testing.B, h Harness) *driver.Backend {
	backend := benchStore(b, h)
	for i := range benchKeys {
		if _, _, err := backend.KV.Put(b.Context(), benchKey(i), make([]byte, 100), driver.PutOptions{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	return backend
}

// updateByCAS changes a value by compare-and-set.
func updateByCAS(ctx context.Context, kv driver.KV, key driver.Key, change func([]byte) ([]byte, error)) error {
	for {
		entry, err := kv.Get(ctx, key)
		if err != nil && !errors.Is(err, driver.ErrNotFound) {
			return err
		}
		value, err := change(entry.Value)
		if err != nil {
			return err
		}
		_, _, err = kv.Put(ctx, key, value, driver.PutOptions{IfRevision: &entry.Revision})
		if !errors.Is(err, driver.ErrConflict) {
			return err
		}
	}
}

// benchWatch writes, and waits until a watcher has received the last write.
func benchWatch(b *testing.B, h Harness) {
	kv := benchEntries(b, h).KV
	ctx, cancel := context.WithCancel(context.Background())
	live, last, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		err := kv.Watch(ctx, bucket, scope, func(e driver.Entry) {
			if e.Revision == 0 {
				close(live)
			}
			if e.Key.ID == "last" {
				close(last)
			}
		})
		if err != nil {
			b.Error(err)
		}
	}()
	<-live
	b.ResetTimer()
	for i := range b.N {
		if _, _, err := kv.Put(ctx, benchKey(i), fmt.Append(nil, i), driver.PutOptions{}); err != nil {
			b.Fatal(err)
		}
	}
	if _, _, err := kv.Put(ctx, at("last"), nil, driver.PutOptions{}); err != nil {
		b.Fatal(err)
	}
	<-last
	b.StopTimer()
	cancel()
	<-done
}

// BenchmarkBus measures a bus with events of 100 bytes. One operation is one Send. It does not wait until all
// subscribers have the event, since a bus may lose events.
func BenchmarkBus(b *testing.B, h Harness) {
	for _, subscribers := range []int{0, 1, 100} {
		b.Run(fmt.Sprintf("bus/send-to-%d", subscribers), func(b *testing.B) {
			bus, data := benchStore(b, h).Bus, make([]byte, 100)
			for range subscribers {
				stop, err := bus.Subscribe(b.Context(), subject, func([]byte) {})
				if err != nil {
					b.Fatal(err)
				}
				defer stop()
			}
			b.ResetTimer()
			for range b.N {
				if err := bus.Send(b.Context(), subject, data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
