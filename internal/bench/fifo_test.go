package bench_test

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
	"github.com/motia-go/motia/internal/testkit"
)

const (
	fifoGroups = 1000
	fifoSlow   = "slow" // takes fifoDelay for each message
	fifoDelay  = time.Millisecond
)

var fifoNames = func() []string {
	names := make([]string, fifoGroups)
	for i := range names {
		names[i] = "customer-" + strconv.Itoa(i)
	}
	return names
}()

// BenchmarkFIFO takes orders of 1,000 groups, each in order, from Enqueue to a typed handler, with 16 workers. The
// floor is a channel for each worker, chosen by a hash of the group.
func BenchmarkFIFO(b *testing.B) {
	var handled sync.WaitGroup
	handle := func(Order) { handled.Done() }
	shards := make([]chan<- []byte, queueWorkers)
	for i := range shards {
		shards[i] = queueFloor(b, 1, handle)
	}
	seed := maphash.MakeSeed()
	enqueue, _ := fifoApp(b, handle)
	order := newOrder[Order](b)
	next := 0
	burst := func(send func(group string)) work {
		return func(n int) {
			for n > 0 {
				m := min(n, queueBurst)
				handled.Add(m)
				for range m {
					send(fifoNames[next%fifoGroups])
					next++
				}
				handled.Wait()
				n -= m
			}
		}
	}
	compare(b, burst(func(group string) {
		shards[maphash.String(seed, group)%queueWorkers] <- queueEncode(b, order)
	}), burst(func(group string) { enqueue(order, group) }))
}

// BenchmarkFIFOSlowGroup measures hops of other groups beside one group whose messages take 1 ms each, and compares
// with hops without it.
func BenchmarkFIFOSlowGroup(b *testing.B) {
	arrived := make(chan time.Time, 1)
	enqueue, _ := fifoApp(b, func(o Order) {
		if o.ID == fifoSlow {
			time.Sleep(fifoDelay) // this load is what the benchmark is about
			return
		}
		arrived <- time.Now()
	})
	order := newOrder[Order](b)
	slow := order
	slow.ID = fifoSlow
	const turn = 1000
	hops := func() (all []float64) {
		for i := range turn {
			start := time.Now()
			enqueue(order, fifoNames[i%fifoGroups])
			all = append(all, float64((<-arrived).Sub(start)))
		}
		return all
	}
	b.Run("ratio", func(b *testing.B) {
		var without, with []float64
		for b.Loop() {
			without = append(without, hops()...)
			for range 20 { // more than the hops take
				enqueue(slow, fifoSlow)
			}
			with = append(with, hops()...)
			time.Sleep(30 * fifoDelay) // until the slow messages are done
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
		var last time.Time // when the last message of another group was handled
		enqueue, stop := fifoApp(t, func(o Order) {
			defer handled.Done()
			if o.ID == fifoSlow {
				time.Sleep(fifoDelay)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			last = time.Now()
		})
		order := newOrder[Order](t)
		slow := order
		slow.ID = fifoSlow
		began := time.Now()
		for i := range fifoGroups {
			handled.Add(2)
			enqueue(slow, fifoSlow)
			enqueue(order, fifoNames[i])
		}
		handled.Wait()
		require.Equal(t, began, last, "other groups waited for the slow one")
		require.Equal(t, fifoGroups*fifoDelay, time.Since(began), "the slow group was not one at a time")
		require.NoError(t, stop())
	})
}

// fifoApp returns a function that enqueues in a group to a step of a running app with 16 workers.
func fifoApp(tb testing.TB, handle func(Order)) (enqueue func(order Order, group string), stop func() error) {
	const topic motia.Topic[Order] = "orders"
	app, _ := newApp(tb, nil, queueStepOf(topic, handle))
	stop = testkit.Start(tb, app)
	ctx := app.Context(context.Background())
	return func(order Order, group string) {
		if err := topic.Enqueue(ctx, order, motia.InGroup(group)); err != nil {
			tb.Error(err)
		}
	}, stop
}
