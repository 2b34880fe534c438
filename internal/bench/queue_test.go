package bench_test

import (
	"encoding/json"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/go-playground/validator/v10"
	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

const (
	queueWorkers = 16
	queueBuffer  = 1024 // of the channels
	queueBurst   = 4096 // how far the producer may be ahead
)

// BenchmarkQueue takes orders from Enqueue to a typed handler, with 16 workers.
func BenchmarkQueue(b *testing.B) {
	floor, motia := queueWork[Order](b)
	compare(b, floor, motia)
}

// BenchmarkQueueWithoutRules does the same with orders that need no validation.
func BenchmarkQueueWithoutRules(b *testing.B) {
	floor, motia := queueWork[PlainOrder](b)
	compare(b, floor, motia)
}

func TestAMessageAllocatesAtMostSixTimesMoreThanByHand(t *testing.T) {
	floor, motia := queueWork[Order](t)
	requireExtraAllocs(t, 6, floor, motia)
}

// BenchmarkQueueHop takes one order at a time, from before Enqueue until the handler has it.
func BenchmarkQueueHop(b *testing.B) {
	arrived := make(chan time.Time, 1)
	order := newOrder[Order](b)
	in := queueFloor(b, queueWorkers, func(Order) { arrived <- time.Now() })
	enqueue := queueApp(b, func(Order) { arrived <- time.Now() })
	hop := func(send func(Order)) float64 {
		start := time.Now()
		send(order)
		return float64((<-arrived).Sub(start))
	}
	b.Run("ratio", func(b *testing.B) {
		var floor, motia []float64
		for b.Loop() {
			for range 10 { // in a row, so that each finds warm caches
				floor = append(floor, hop(func(o Order) { in <- queueEncode(b, o) }))
			}
			for range 10 {
				motia = append(motia, hop(enqueue))
			}
		}
		b.ReportMetric(quantile(motia, 0.5)/quantile(floor, 0.5), "p50-ratio")
		b.ReportMetric(0, "ns/op")
	})
}

func TestAQueuedMessageCostsAtMost250BytesMoreThanItsText(t *testing.T) {
	const messages = 20_000
	const orders motia.Topic[Order] = "orders"
	app, ctx := newApp(t, nil, queueStepOf(orders, func(Order) {}))
	order := newOrder[Order](t)
	text := len(queueEncode(t, order))
	before := heapInUse()
	for range messages {
		require.NoError(t, orders.Enqueue(ctx, order))
	}
	each := float64(heapInUse()-before) / messages
	t.Logf("%.0f bytes for a text of %d", each, text)
	require.LessOrEqual(t, each, float64(text+250))
	runtime.KeepAlive(app)
}

// queueWork returns the work of orders that pass through a channel and through an app.
func queueWork[T any](tb testing.TB) (floor, motia work) {
	var handled sync.WaitGroup
	handle := func(T) { handled.Done() }
	in := queueFloor(tb, queueWorkers, handle)
	enqueue := queueApp(tb, handle)
	order := newOrder[T](tb)
	burst := func(send func(T)) work {
		return func(n int) {
			for n > 0 {
				m := min(n, queueBurst)
				handled.Add(m)
				for range m {
					send(order)
				}
				handled.Wait()
				n -= m
			}
		}
	}
	return burst(func(o T) { in <- queueEncode(tb, o) }), burst(enqueue)
}

// queueFloor returns a channel of encoded orders. The given number of workers decode, validate and handle them until
// the test ends.
func queueFloor[T any](tb testing.TB, count int, handle func(T)) chan<- []byte {
	in := make(chan []byte, queueBuffer)
	validate, _ := benchValidator()
	var workers sync.WaitGroup
	for range count {
		workers.Go(func() {
			for data := range in {
				handle(queueDecode[T](tb, validate, data))
			}
		})
	}
	tb.Cleanup(func() {
		close(in)
		workers.Wait()
	})
	return in
}

func queueEncode[T any](tb testing.TB, order T) []byte {
	data, err := json.Marshal(order)
	if err != nil {
		tb.Error(err)
	}
	return data
}

func queueDecode[T any](tb testing.TB, validate *validator.Validate, data []byte) (order T) {
	if err := json.Unmarshal(data, &order); err != nil {
		tb.Error(err)
	}
	if _, tagged := any(&order).(*Order); tagged {
		if err := validate.Struct(&order); err != nil {
			tb.Error(err)
		}
	}
	return order
}

// queueApp returns a function that enqueues to a step of a running app with 16 workers.
func queueApp[T any](tb testing.TB, handle func(T)) (enqueue func(T)) {
	const topic motia.Topic[T] = "orders"
	app, ctx := newApp(tb, nil, queueStepOf(topic, handle))
	testkit.Start(tb, app)
	return func(order T) {
		if err := topic.Enqueue(ctx, order); err != nil {
			tb.Error(err)
		}
	}
}

func queueStepOf[T any](topic motia.Topic[T], handle func(T)) motia.Step {
	return motia.QueueStep(motia.StepConfig{
		Name:     "handle-order",
		Triggers: []motia.Trigger{topic.Trigger(motia.QueueConfig{Concurrency: queueWorkers})},
	}, func(order T, _ *motia.FlowContext[motia.None, T]) error {
		handle(order)
		return nil
	})
}
