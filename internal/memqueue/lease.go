package memqueue

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/wrap"
)

// lease is one delivery: the record that the handler gets, its hold on the message and its context, in one allocation
// of 256 bytes. There is one for each attempt, since a handler that ignores its context may still use it while the
// next attempt is running.
//
// As a context it costs nothing until Done is called. Only then a real context of package context is made behind it.
// Contexts derived from the lease find it through Value, so that they need no goroutine to follow the lease.
type lease struct {
	delivery driver.Delivery
	consumer *consumer
	item     *item
	started  instant
	deadline atomic.Int64 // an instant; never if there is no visibility bound. Writes are guarded by the subscription's lock.
	index    int32        // in subscription.running; negative when the lease is not held. Guarded by the same lock.
	ended    atomic.Uint32
	inner    atomic.Pointer[leaseContext]
}

// How a lease's context ended.
const (
	live       uint32 = iota
	returned          // the handler has returned
	expired           // the visibility bound has passed
	terminated        // the context given to Consume has ended
)

// newLease returns a lease that is not held.
func newLease(c *consumer) *lease {
	l := &lease{consumer: c, index: -1}
	l.delivery.Lease = l
	return l
}

// fill completes the delivery, without the lock: these fields of an item never change. The group and the extra fields
// may change once the lease is lost, so the worker has read them under the lock.
func (l *lease) fill(g *group, x *extra) {
	l.item.fill(&l.delivery.Message, g, x)
	l.delivery.Sequence = l.item.sequence
	l.delivery.Enqueued = l.item.enqueued.time()
}

// copyLocked returns a copy of the delivery. It is made from the item, since the handler's goroutine fills the
// delivery without the lock.
func (l *lease) copyLocked() *driver.Delivery {
	d := &driver.Delivery{Sequence: l.item.sequence, Attempt: l.delivery.Attempt, Enqueued: l.item.enqueued.time(), Lease: l}
	l.item.fill(&d.Message, l.item.group, l.item.extra)
	return d
}

// Extend implements [driver.Lease]. A delivery without a bound does not get one.
func (l *lease) Extend(ctx context.Context, d time.Duration) error {
	err := ctx.Err() // called before the lock is taken, since ctx may run foreign code
	s := l.consumer.sub
	now := s.clock.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	deadline := instant(l.deadline.Load())
	if l.index < 0 || deadline <= now {
		return driver.ErrLeaseLost
	}
	if err != nil {
		return wrap.Errorf(err, "extend lease")
	}
	if deadline == never {
		return nil
	}
	deadline = min(now.add(d), never-1)
	l.deadline.Store(int64(deadline))
	s.watchdog.set(deadline, now)
	return nil
}

// Deadline implements [context.Context]. It moves with [lease.Extend].
func (l *lease) Deadline() (time.Time, bool) {
	outer, ok := l.consumer.ctx.Deadline()
	bound := instant(l.deadline.Load())
	if bound == never {
		return outer, ok
	}
	if t := l.consumer.sub.clock.time(bound); !ok || t.Before(outer) {
		return t, true
	}
	return outer, true
}

// Done implements [context.Context].
func (l *lease) Done() <-chan struct{} {
	return l.derivable().ctx.Done()
}

// Err implements [context.Context].
func (l *lease) Err() error {
	l.follow()
	// If there is a channel, Err follows it, so that the two never contradict each other.
	if inner := l.inner.Load(); inner != nil {
		return inner.ctx.Err()
	}
	return l.reason()
}

// Value implements [context.Context].
func (l *lease) Value(key any) any {
	if inner := l.inner.Load(); inner != nil {
		return inner.ctx.Value(key)
	}
	return l.consumer.ctx.Value(key)
}

// String implements [fmt.Stringer]. It appears in the names of derived contexts.
func (l *lease) String() string { return "memqueue.lease" }

// end ends the context, once. No lock is held, since it may run code of other contexts.
func (l *lease) end(how uint32) {
	if !l.ended.CompareAndSwap(live, how) {
		return
	}
	if inner := l.inner.Load(); inner != nil {
		inner.cancel()
	}
}

// follow ends the context if the consumer's context has ended and the consumer has not called end yet.
func (l *lease) follow() {
	if l.ended.Load() == live && l.consumer.ctx.Err() != nil {
		l.end(terminated)
	}
}

// reason returns why the context has ended, or nil if it has not.
func (l *lease) reason() error {
	switch l.ended.Load() {
	case returned:
		return context.Canceled
	case expired:
		return context.DeadlineExceeded
	case terminated:
		return l.consumer.ctx.Err()
	}
	return nil
}

// derivable returns the real context behind the lease, which is made on the first call.
func (l *lease) derivable() *leaseContext {
	l.follow()
	if inner := l.inner.Load(); inner != nil {
		return inner
	}
	inner := &leaseContext{lease: l}
	inner.ctx, inner.discard = context.WithCancel(inner)
	if !l.inner.CompareAndSwap(nil, inner) {
		inner.discard()
		return l.inner.Load()
	}
	// The lease may have ended before there was anything to cancel.
	if l.ended.Load() != live {
		inner.cancel()
	}
	return inner
}

// leaseContext is the parent of the real context behind a lease. The error of a context that is cancelled by its
// cancel function is always Canceled; one that is cancelled by its parent has the error of the parent, which may be
// DeadlineExceeded at a time that was not known when the context was made. Package context calls the parent's
// AfterFunc, so that it need not start a goroutine that waits for Done.
type leaseContext struct {
	lease   *lease
	ctx     context.Context
	cancel  func() // cancels ctx with the lease's reason
	discard func()
}

var _ context.Context = (*leaseContext)(nil)

func (c *leaseContext) Deadline() (time.Time, bool) { return c.lease.Deadline() }
func (c *leaseContext) Value(key any) any           { return c.lease.consumer.ctx.Value(key) }
func (c *leaseContext) Err() error                  { return c.lease.reason() }

// Done returns a channel that is never closed. Package context only needs it to be non-nil.
func (c *leaseContext) Done() <-chan struct{} { return c.lease.consumer.never }

// AfterFunc is called by package context when ctx is made.
func (c *leaseContext) AfterFunc(f func()) func() bool {
	c.cancel = f
	return func() bool { return false }
}
