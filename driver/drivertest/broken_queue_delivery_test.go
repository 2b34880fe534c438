package drivertest_test

import (
	"context"
	"sync"
	"time"

	"github.com/motia-go/motia/driver"
)

func breakDelivery(add adder) {
	add("numbers attempts, not messages", "identity", func(q *queue) {
		q.deliveries(func(d *driver.Delivery) { d.Sequence = d.Sequence*100 + uint64(d.Attempt) })
	})
	add("gives all messages one topic", "several-topics fields", func(q *queue) {
		q.deliveries(func(d *driver.Delivery) { d.Topic = "a" })
	})
	add("counts attempts from 0", "attempts", func(q *queue) {
		q.deliveries(func(d *driver.Delivery) { d.Attempt-- })
	})
	add("starts one handler too many", "slots drain", func(q *queue) {
		q.consume = func(ctx context.Context, subscription string, o driver.ConsumeOptions, h driver.Handler) error {
			o.Slots++
			return q.Queue.Consume(ctx, subscription, o, h)
		}
	})
	add("does not report expired deliveries", "expired", func(q *queue) {
		q.consume = func(ctx context.Context, subscription string, o driver.ConsumeOptions, h driver.Handler) error {
			o.Expired = nil
			return q.Queue.Consume(ctx, subscription, o, h)
		}
	})
	add("has at least one slot", "slots-refused", func(q *queue) {
		q.consume = func(ctx context.Context, subscription string, o driver.ConsumeOptions, h driver.Handler) error {
			o.Slots = max(o.Slots, 1)
			return q.Queue.Consume(ctx, subscription, o, h)
		}
	})
	add("retries by policy, whatever the handler says", "retry-after", func(q *queue) {
		q.results(func(r *driver.Result) {
			if r.Outcome == driver.OutcomeRetryAfter {
				r.Outcome = driver.OutcomeRetry
			}
		})
	})
	add("retries dead messages", "dead", func(q *queue) {
		q.results(func(r *driver.Result) {
			if r.Outcome == driver.OutcomeDead {
				r.Outcome = driver.OutcomeRetry
			}
		})
	})
	add("counts a released attempt", "release attempts kill", func(q *queue) {
		q.results(func(r *driver.Result) {
			if r.Outcome == driver.OutcomeRelease {
				r.Outcome = driver.OutcomeRetry
			}
		})
	})
	add("treats released messages as done", "release attempts group-order", func(q *queue) {
		q.results(func(r *driver.Result) {
			if r.Outcome == driver.OutcomeRelease {
				r.Outcome = driver.OutcomeDone
			}
		})
	})
	add("counts late results", "late-result late-failure", func(q *queue) { q.handler(withLateResults) })
	add("does not extend", "extend", func(q *queue) {
		q.deliveries(func(d *driver.Delivery) { d.Lease = lazyLease{} })
	})
	add("claims to extend a lost lease", "extend-late", func(q *queue) {
		q.deliveries(func(d *driver.Delivery) { d.Lease = lazyLease{} })
	})
	add("gives handlers a context that does not derive from Consume's", "visibility context-deadline context-derived context-values kill", func(q *queue) {
		q.handler(func(h driver.Handler) driver.Handler {
			return func(_ context.Context, d *driver.Delivery) driver.Result { return h(context.Background(), d) }
		})
	})
}

// lazyLease does nothing.
type lazyLease struct{}

func (lazyLease) Extend(context.Context, time.Duration) error { return nil }

// withLateResults lets the first attempt's result count, whenever it comes.
func withLateResults(h driver.Handler) driver.Handler {
	var mu sync.Mutex
	first := make(map[uint64]chan driver.Result)
	return func(ctx context.Context, d *driver.Delivery) driver.Result {
		mu.Lock()
		late := first[d.Sequence]
		if late == nil {
			late = make(chan driver.Result, 1)
			first[d.Sequence] = late
		}
		mu.Unlock()
		result := make(chan driver.Result, 1)
		go func() { result <- h(ctx, d) }()
		if d.Attempt == 1 {
			r := <-result
			late <- r
			return r
		}
		select {
		case r := <-result:
			return r
		case r := <-late:
			return r
		}
	}
}
