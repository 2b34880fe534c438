package drivertest_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/memqueue"
)

// queue is the in-memory queue with methods that can be replaced.
type queue struct {
	*memqueue.Queue
	bind    func(ctx context.Context, topic, subscription string, c driver.SubscriptionConfig) error
	publish func(ctx context.Context, messages ...driver.Message) error
	consume func(ctx context.Context, subscription string, o driver.ConsumeOptions, h driver.Handler) error
	dead    func(ctx context.Context, subscription, after string, limit int) ([]driver.DeadLetter, error)
	count   func(ctx context.Context, subscription string) (int, error)
	redrive func(ctx context.Context, subscription string, ids ...string) (int, error)
	discard func(ctx context.Context, subscription string, ids ...string) (int, error)
	stats   func(ctx context.Context, subscription string) (driver.SubscriptionStats, error)
	close   func(context.Context) error
}

func newQueue() *queue {
	q := memqueue.New(memqueue.Options{})
	return &queue{q, q.Bind, q.Publish, q.Consume, q.Dead, q.CountDead, q.Redrive, q.Discard, q.Stats, q.Close}
}

func (q *queue) Bind(ctx context.Context, topic, subscription string, c driver.SubscriptionConfig) error {
	return q.bind(ctx, topic, subscription, c)
}

func (q *queue) Publish(ctx context.Context, messages ...driver.Message) error {
	return q.publish(ctx, messages...)
}

func (q *queue) Consume(ctx context.Context, subscription string, o driver.ConsumeOptions, h driver.Handler) error {
	return q.consume(ctx, subscription, o, h)
}

func (q *queue) Dead(ctx context.Context, subscription, after string, limit int) ([]driver.DeadLetter, error) {
	return q.dead(ctx, subscription, after, limit)
}

func (q *queue) CountDead(ctx context.Context, subscription string) (int, error) {
	return q.count(ctx, subscription)
}

func (q *queue) Redrive(ctx context.Context, subscription string, ids ...string) (int, error) {
	return q.redrive(ctx, subscription, ids...)
}

func (q *queue) Discard(ctx context.Context, subscription string, ids ...string) (int, error) {
	return q.discard(ctx, subscription, ids...)
}

func (q *queue) Stats(ctx context.Context, subscription string) (driver.SubscriptionStats, error) {
	return q.stats(ctx, subscription)
}

func (q *queue) backend() *driver.Backend {
	return &driver.Backend{Queue: q, Features: driver.Features{AtomicPublish: true}, Close: q.close}
}

// config changes what is bound.
func (q *queue) config(f func(c *driver.SubscriptionConfig)) {
	q.bind = func(ctx context.Context, topic, subscription string, c driver.SubscriptionConfig) error {
		f(&c)
		return q.Queue.Bind(ctx, topic, subscription, c)
	}
}

// messages changes what is published.
func (q *queue) messages(f func(m *driver.Message)) {
	q.publish = func(ctx context.Context, messages ...driver.Message) error {
		messages = slices.Clone(messages)
		for i := range messages {
			f(&messages[i])
		}
		return q.Queue.Publish(ctx, messages...)
	}
}

// handler changes handlers.
func (q *queue) handler(f func(h driver.Handler) driver.Handler) {
	q.consume = func(ctx context.Context, subscription string, o driver.ConsumeOptions, h driver.Handler) error {
		return q.Queue.Consume(ctx, subscription, o, f(h))
	}
}

// deliveries changes what is delivered.
func (q *queue) deliveries(f func(d *driver.Delivery)) {
	q.handler(func(h driver.Handler) driver.Handler {
		return func(ctx context.Context, d *driver.Delivery) driver.Result {
			changed := *d
			f(&changed)
			return h(ctx, &changed)
		}
	})
}

// results changes what handlers return.
func (q *queue) results(f func(r *driver.Result)) {
	q.handler(func(h driver.Handler) driver.Handler {
		return func(ctx context.Context, d *driver.Delivery) driver.Result {
			r := h(ctx, d)
			f(&r)
			return r
		}
	})
}

func brokenQueues() []broken {
	var list []broken
	add := func(fault, cases string, breaks func(q *queue)) {
		list = append(list, broken{fault, func(testing.TB, string) *driver.Backend {
			q := newQueue()
			breaks(q)
			return q.backend()
		}, cases})
	}
	list = append(list, forgetful("queue", "bind-elsewhere crash durable"))
	breakPublish(add)
	breakBind(add)
	breakDelivery(add)
	breakDead(add)
	breakEnd(add)
	return list
}

type adder = func(fault, cases string, breaks func(q *queue))

func breakPublish(add adder) {
	add("loses a message now and then", "compete group-order", func(q *queue) {
		var mu sync.Mutex
		n := 0
		q.publish = func(ctx context.Context, messages ...driver.Message) error {
			mu.Lock()
			n++
			lost := n%5 == 0
			mu.Unlock()
			if lost {
				return nil
			}
			return q.Queue.Publish(ctx, messages...)
		}
	})
	add("repeats messages", "compete fan-out", func(q *queue) {
		q.publish = func(ctx context.Context, messages ...driver.Message) error {
			return q.Queue.Publish(ctx, append(messages, messages...)...)
		}
	})
	add("reorders within a group", "group-order release", func(q *queue) {
		q.publish = func(ctx context.Context, messages ...driver.Message) error {
			return q.Queue.Publish(ctx, reversed(messages)...)
		}
	})
	add("forgets groups", "fields group-order failing-holds-its-group late-result late-failure", func(q *queue) {
		q.messages(func(m *driver.Message) { m.Group = "" })
	})
	add("has one group for all", "groups-independent failing-holds-its-group ordered-and-grouped", func(q *queue) {
		q.messages(func(m *driver.Message) { m.Group = "one" })
	})
	add("drops a header", "fields dead-fields", func(q *queue) {
		q.messages(func(m *driver.Message) { m.Header.TraceState = "" })
	})
	add("ignores NotBefore", "fields not-before delay-joins-group due-behind-running pending", func(q *queue) {
		q.messages(func(m *driver.Message) { m.NotBefore = time.Time{} })
	})
	add("ignores ids", "dedup dedup-in-one-call dedup-when-full dedup-race id-names", func(q *queue) {
		q.messages(func(m *driver.Message) { m.ID = "" })
	})
	add("remembers ids of all topics together, and before it has stored the message", "dedup-per-topic dedup-refused", func(q *queue) {
		seen := make(map[string]bool)
		q.publish = func(ctx context.Context, messages ...driver.Message) error {
			messages = slices.DeleteFunc(slices.Clone(messages), func(m driver.Message) bool {
				again := m.ID != "" && seen[m.ID]
				seen[m.ID] = true
				return again
			})
			return q.Queue.Publish(ctx, messages...)
		}
	})
	add("joins topic and id", "joined-names", func(q *queue) {
		seen := make(map[string]bool)
		q.publish = func(ctx context.Context, messages ...driver.Message) error {
			for _, m := range messages {
				if key := m.Topic + "/" + m.ID; m.ID == "" || !seen[key] {
					seen[key] = true
					if err := q.Queue.Publish(ctx, m); err != nil {
						return err
					}
				}
			}
			return nil
		}
	})
	add("never forgets an id", "dedup-window", func(q *queue) {
		*q = *newQueue()
		q.Queue = memqueue.New(memqueue.Options{DedupWindow: time.Hour})
		q.bind, q.publish, q.consume, q.close = q.Queue.Bind, q.Queue.Publish, q.Queue.Consume, q.Queue.Close
	})
	add("publishes messages one by one", "full atomic-publish", func(q *queue) {
		q.publish = func(ctx context.Context, messages ...driver.Message) error {
			for _, m := range messages {
				if err := q.Queue.Publish(ctx, m); err != nil {
					return err
				}
			}
			return nil
		}
	})
	add("publishes later", "slice-stays-the-callers", func(q *queue) {
		q.publish = func(ctx context.Context, messages ...driver.Message) error {
			time.AfterFunc(time.Millisecond, func() { _ = q.Queue.Publish(ctx, messages...) })
			return nil
		}
	})
	add("keeps messages to unbound topics", "unbound-topic", func(q *queue) {
		var kept []driver.Message
		bound := make(map[string]bool)
		q.publish = func(ctx context.Context, messages ...driver.Message) error {
			for _, m := range messages {
				if !bound[m.Topic] {
					kept = append(kept, m)
				}
			}
			return q.Queue.Publish(ctx, messages...)
		}
		q.bind = func(ctx context.Context, topic, subscription string, c driver.SubscriptionConfig) error {
			bound[topic] = true
			if err := q.Queue.Bind(ctx, topic, subscription, c); err != nil {
				return err
			}
			return q.Queue.Publish(ctx, kept...)
		}
	})
	add("does not look at contexts", "context", func(q *queue) {
		q.publish = func(ctx context.Context, messages ...driver.Message) error {
			return q.Queue.Publish(context.WithoutCancel(ctx), messages...)
		}
	})
	add("does not tell names apart by case", "topic-names group-names id-names", func(q *queue) {
		q.messages(func(m *driver.Message) {
			m.Topic, m.Group, m.ID = lowered(m.Topic), lowered(m.Group), lowered(m.ID)
		})
	})
	add("shortens names", "long-names", func(q *queue) {
		q.messages(func(m *driver.Message) { m.ID, m.Group = shortened(m.ID), shortened(m.Group) })
	})
}

func breakBind(add adder) {
	add("binds one subscription to a topic", "fan-out dedup-per-topic order-per-subscription", func(q *queue) {
		first := make(map[string]string)
		q.bind = func(ctx context.Context, topic, subscription string, c driver.SubscriptionConfig) error {
			if other, ok := first[topic]; ok && other != subscription {
				return q.Queue.Bind(ctx, "nothing", subscription, c)
			}
			first[topic] = subscription
			return q.Queue.Bind(ctx, topic, subscription, c)
		}
	})
	add("keeps the first config", "bind-again", func(q *queue) {
		first := make(map[string]driver.SubscriptionConfig)
		q.bind = func(ctx context.Context, topic, subscription string, c driver.SubscriptionConfig) error {
			if old, ok := first[subscription]; ok {
				c = old
			}
			first[subscription] = c
			return q.Queue.Bind(ctx, topic, subscription, c)
		}
	})
	add("does not tell subscriptions apart by case", "subscription-names", func(q *queue) {
		q.bind = func(ctx context.Context, topic, subscription string, c driver.SubscriptionConfig) error {
			return q.Queue.Bind(ctx, topic, lowered(subscription), c)
		}
		q.consume = func(ctx context.Context, subscription string, o driver.ConsumeOptions, h driver.Handler) error {
			return q.Queue.Consume(ctx, lowered(subscription), o, h)
		}
	})
	add("orders everything", "ungrouped-concurrent slots", func(q *queue) {
		q.config(func(c *driver.SubscriptionConfig) { c.Ordered = true })
	})
	add("orders nothing", "ordered", func(q *queue) {
		q.config(func(c *driver.SubscriptionConfig) { c.Ordered = false })
	})
	add("ignores the cap", "retry-timing", func(q *queue) {
		q.config(func(c *driver.SubscriptionConfig) { c.Retry.Cap = 0 })
	})
	add("retries late", "retry-timing retry-jitter dead-fields", func(q *queue) {
		q.config(func(c *driver.SubscriptionConfig) { c.Retry.Base *= 2 })
	})
	add("ignores the jitter, and half of the pause", "retry-jitter", func(q *queue) {
		q.config(func(c *driver.SubscriptionConfig) { c.Retry.Base, c.Retry.Jitter = c.Retry.Base/4, 0 })
	})
	add("retries once too often", "retry-limit no-retries retry-after lost-attempts", func(q *queue) {
		q.config(func(c *driver.SubscriptionConfig) { c.Retry.MaxRetries++ })
	})
	add("ignores the visibility bound", "visibility late-result extend extend-late lost-attempts context-deadline context-derived", func(q *queue) {
		q.config(func(c *driver.SubscriptionConfig) { c.Visibility = 0 })
	})
	add("always has a bound", "no-bound", func(q *queue) {
		q.config(func(c *driver.SubscriptionConfig) { c.Visibility = max(c.Visibility, time.Second) })
	})
	add("ignores the delay", "subscription-delay", func(q *queue) {
		q.config(func(c *driver.SubscriptionConfig) { c.Delay = 0 })
	})
	add("delays each message on its own", "delayed-group-order", func(q *queue) {
		n := 0
		q.messages(func(m *driver.Message) {
			n++
			m.NotBefore = time.Now().Add(2*time.Second - time.Duration(n)*time.Millisecond)
		})
	})
	add("ignores MaxPending", "full bind-again atomic-publish pending full-race redrive-full dedup-refused", func(q *queue) {
		q.config(func(c *driver.SubscriptionConfig) { c.MaxPending = 0 })
	})
	add("accepts one message too many", "full full-race", func(q *queue) {
		q.config(func(c *driver.SubscriptionConfig) {
			if c.MaxPending > 0 {
				c.MaxPending++
			}
		})
	})
}
