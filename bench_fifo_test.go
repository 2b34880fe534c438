package motia_test

import (
	"context"
	"hash/maphash"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
)

const (
	benchFifoGroups = 1000
	benchFifoSlow   = "slow" // takes benchFifoDelay for each message
	benchFifoDelay  = time.Millisecond
)

var benchFifoNames = func() []string {
	names := make([]string, benchFifoGroups)
	for i := range names {
		names[i] = "customer-" + strconv.Itoa(i)
	}
	return names
}()

// BenchmarkFIFO takes orders of 1,000 groups, each in order, from Enqueue to a typed handler, with 16 workers. The
// floor is a channel for each worker, chosen by a hash of the group.
func BenchmarkFIFO(b *testing.B) {
	var handled sync.WaitGroup
	handle := func(benchOrder) { handled.Done() }
	shards := make([]chan<- []byte, benchQueueWorkers)
	for i := range shards {
		shards[i] = benchQueueFloor(b, 1, handle)
	}
	seed := maphash.MakeSeed()
	enqueue, _ := benchFifoApp(b, handle)
	order := newBenchOrder[benchOrder](b)
	next := 0
	burst := func(send func(group string)) work {
		return func(n int) {
			for n > 0 {
				m := min(n, benchQueueBurst)
				handled.Add(m)
				for range m {
					send(benchFifoNames[next%benchFifoGroups])
					next++
				}
				handled.Wait()
				n -= m
			}
		}
	}
	compare(b, burst(func(group string) {
		shards[maphash.String(seed, group)%benchQueueWorkers] <- benchQueueEncode(b, order)
	}), burst(func(group string) { enqueue(order, group) }))
}

// BenchmarkFIFOSlowGroup measures hops of other groups beside one group whose messages take 1 ms each, and compares
// with hops without it.
func BenchmarkFIFOSlowGroup(b *testing.B) {
	arrived := make(chan time.Time, 1)
	enqueue, _ := benchFifoApp(b, func(o benchOrder) {
		if o.ID == benchFifoSlow {
			time.Sleep(benchFifoDelay) // it is the load that is measured
			return
		}
		arrived <- time.Now()
	})
	order := newBenchOrder[benchOrder](b)
	slow := order
	slow.ID = benchFifoSlow
	const turn = 1000
	hops := func() (all []float64) {
		for i := range turn {
			start := time.Now()
			enqueue(order, benchFifoNames[i%benchFifoGroups])
			all = append(all, float64((<-arrived).Sub(start)))
		}
		return all
	}
	b.Run("ratio", func(b *testing.B) {
		var without, with []float64
		for b.Loop() {
			without = append(without, hops()...)
			for range 20 { // more than the hops take
				enqueue(slow, benchFifoSlow)
			}
			with = append(with, hops()...)
			time.Sleep(30 * benchFifoDelay) // until the slow ones are through
		}
		b.ReportMetric(quantile(with, 0.5)/quantile(without, 0.5), "p50-ratio")
		b.ReportMetric(quantile(with, 0.99)/quantile(without, 0.99), "p99-ratio")
		b.ReportMetric(0, "ns/op")
	})
}

func TestASlowGroupDelaysNoOtherGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var handled sync.WaitGroup
		var mu sync.Mutex
		var last time.Time // when a message of another group was handled last
		enqueue, stop := benchFifoApp(t, func(o benchOrder) {
			defer handled.Done()
			if o.ID == benchFifoSlow {
				time.Sleep(benchFifoDelay)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			last = time.Now()
		})
		order := newBenchOrder[benchOrder](t)
		slow := order
		slow.ID = benchFifoSlow
		began := time.Now()
		for i := range benchFifoGroups {
			handled.Add(2)
			enqueue(slow, benchFifoSlow)
			enqueue(order, benchFifoNames[i])
		}
		handled.Wait()
		require.Equal(t, began, last, "other groups waited for the slow one")
		require.Equal(t, benchFifoGroups*benchFifoDelay, time.Since(began), "the slow group was not one at a time")
		require.NoError(t, stop())
	})
}

// benchFifoApp returns a function that enqueues in a group to a step of a running app with 16 workers.
func benchFifoApp(tb testing.TB, handle func(benchOrder)) (enqueue func(order benchOrder, group string), stop func() error) {
	const topic motia.Topic[benchOrder] = "orders"
	app, _ := newBenchApp(tb, nil, benchQueueStepOf(topic, handle))
	stop = start(tb, app)
	ctx := app.Context(context.Background())
	return func(order benchOrder, group string) {
		if err := topic.Enqueue(ctx, order, motia.InGroup(group)); err != nil {
			tb.Error(err)
		}
	}, stop
}
