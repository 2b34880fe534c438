package memqueue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/wrap"
)

// killGrace is how long Consume waits for handlers to return after its context has ended: long enough to unwind, and
// short enough for a process that must exit.
const killGrace = time.Second

// consumer is one call of Consume.
type consumer struct {
	sub    *subscription
	ctx    context.Context // the parent of the handlers' contexts
	cancel context.CancelCauseFunc
	never  chan struct{} // is never closed
	handle driver.Handler
	notify func(*driver.Delivery) // called for deliveries whose visibility bound has passed; may be nil
	drain  <-chan struct{}
	slots  int
	done   chan struct{} // closed when stopping and no worker is left

	// Guarded by the subscription's lock.
	workers    int // workers that hold a slot
	goroutines int // including workers that have lost their lease and still run their handler
	stopping   bool
}

// Consume implements [driver.Queue]. It returns nil after a drain, an error that wraps the context's after ctx has
// ended, and driver.ErrClosed after Close.
//
// When ctx ends, handlers have a second to return. A handler that does not return keeps its goroutine, since there is
// no way to end it, but its message goes back to the queue and its result is ignored.
func (q *Queue) Consume(ctx context.Context, subscription string, options driver.ConsumeOptions, handle driver.Handler) error {
	s, err := q.subscription(ctx, subscription)
	if err != nil {
		return wrap.Errorf(err, "consume %q", subscription)
	}
	if options.Slots < 1 {
		return fmt.Errorf("motia: consume %q: slots must be at least 1, not %d", subscription, options.Slots)
	}
	c := &consumer{
		sub:    s,
		never:  make(chan struct{}),
		handle: handle,
		notify: options.Expired,
		drain:  options.Drain,
		slots:  options.Slots,
		done:   make(chan struct{}),
	}
	c.ctx, c.cancel = context.WithCancelCause(ctx)
	defer c.cancel(nil)
	if !q.enlist(c) {
		return driver.ErrClosed
	}
	defer q.delist(c)
	return c.run(q.closing)
}

func (c *consumer) run(closing <-chan struct{}) error {
	c.start()
	var err error
	select {
	case <-c.drain:
	case <-closing:
		err = driver.ErrClosed
	case <-c.ctx.Done():
		err = c.killed()
	}
	c.stop()
	select {
	case <-c.done:
		return err
	default:
	}
	select {
	case <-c.done:
		return err
	case <-c.ctx.Done():
	}
	c.endContexts()
	grace := time.NewTimer(killGrace)
	defer grace.Stop()
	select {
	case <-c.done:
	case <-grace.C:
		c.abandon()
	}
	return c.killed()
}

// killed returns why the consumer's context has ended.
func (c *consumer) killed() error {
	err, cause := c.ctx.Err(), context.Cause(c.ctx)
	if errors.Is(cause, driver.ErrClosed) {
		return cause
	}
	return wrap.Errorf(err, "consume %q", c.sub.name)
}

// told reports whether the consumer must stop, even if run has not noticed yet. It is called before every message.
func (c *consumer) told() bool {
	select {
	case <-c.drain:
		return true
	default:
		return c.ctx.Err() != nil
	}
}

func (c *consumer) start() {
	s := c.sub
	s.mu.Lock()
	defer s.mu.Unlock()
	s.consumers = append(s.consumers, c)
	s.wakeLocked()
}

// stop ends the intake. Workers without a handler exit.
func (c *consumer) stop() {
	s := c.sub
	s.mu.Lock()
	defer s.mu.Unlock()
	c.stopLocked()
}

func (c *consumer) stopLocked() {
	if c.stopping {
		return
	}
	s := c.sub
	c.stopping = true
	s.consumers = slices.DeleteFunc(s.consumers, func(other *consumer) bool { return other == c })
	for at := &s.idle; *at != nil; {
		w := *at
		if w.consumer != c {
			at = &w.nextIdle
			continue
		}
		*at = w.nextIdle
		w.nextIdle = nil
		w.wake <- struct{}{}
	}
	if c.goroutines == 0 {
		close(c.done)
	}
}

// leasesLocked returns the leases held by the consumer's handlers.
func (c *consumer) leasesLocked() []*lease {
	var leases []*lease
	for _, l := range c.sub.running {
		if l.consumer == c {
			leases = append(leases, l)
		}
	}
	return leases
}

// endContexts ends the contexts of all handlers. It is called after their parent has ended.
func (c *consumer) endContexts() {
	c.sub.mu.Lock()
	leases := c.leasesLocked()
	c.sub.mu.Unlock()
	for _, l := range leases {
		l.end(terminated)
	}
}

// abandon gives the messages of handlers that have not returned back to the queue.
func (c *consumer) abandon() {
	s := c.sub
	s.mu.Lock()
	defer s.mu.Unlock()
	leases := c.leasesLocked()
	// The oldest becomes the first again, as far as there is an order.
	slices.SortFunc(leases, func(a, b *lease) int { return cmp.Compare(b.item.sequence, a.item.sequence) })
	for _, l := range leases {
		s.stopLocked(l)
		c.workers--
		s.releaseLocked(l.item)
	}
	s.wakeLocked()
}
