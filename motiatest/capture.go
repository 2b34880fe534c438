package motiatest

import (
	"context"
	"sync"

	"github.com/motia-go/motia/driver"
)

// capture is a backend that takes the handlers of an app instead of delivering messages to them. The writes of the
// handlers reach the backend behind it.
type capture struct {
	backend *driver.Backend

	// Fixed once the app has registered its steps.
	subscriptions []*subscription
	consumed      map[string]chan struct{} // closed when there is a handler

	mu       sync.Mutex
	handlers map[string]captured
}

type captured struct {
	ctx    context.Context
	handle driver.Handler
}

func newCapture(inner *driver.Backend) *capture {
	c := &capture{consumed: make(map[string]chan struct{}), handlers: make(map[string]captured)}
	outer := *inner
	outer.Queue = &captureQueue{inner.Queue, c}
	outer.Close = nil
	abilities := abilitiesOf(inner.KV)
	if abilities.log != nil {
		abilities.log = noChanges{}
	}
	outer.KV = abilities.add(inner.KV)
	c.backend = &outer
	return c
}

func (c *capture) handler(id string) captured {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.handlers[id]
}

type captureQueue struct {
	driver.Queue
	capture *capture
}

func (q *captureQueue) Bind(_ context.Context, topic, id string, config driver.SubscriptionConfig) error {
	c := q.capture
	for _, sub := range c.subscriptions {
		if sub.id == id {
			sub.topics = append(sub.topics, topic)
			return nil
		}
	}
	sub := newSubscription(id)
	sub.topics, sub.maxRetries = []string{topic}, config.Retry.MaxRetries
	c.subscriptions = append(c.subscriptions, sub)
	c.consumed[id] = make(chan struct{})
	return nil
}

func (q *captureQueue) Consume(ctx context.Context, id string, options driver.ConsumeOptions, handle driver.Handler) error {
	q.capture.mu.Lock()
	q.capture.handlers[id] = captured{ctx, handle}
	q.capture.mu.Unlock()
	close(q.capture.consumed[id])
	select {
	case <-options.Drain:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// noChanges is the change log of a store whose changes are handed over elsewhere.
type noChanges struct{}

func (noChanges) Track(context.Context, string) error { return nil }

func (noChanges) Changes(ctx context.Context, _ string, _ func(context.Context, driver.Change) error) error {
	<-ctx.Done()
	return nil
}
