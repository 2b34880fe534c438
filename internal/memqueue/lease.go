package memqueue

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/wrap"
)

// lease is one delivery: the record that the handler is given, its hold on the message and its context, in one
// allocation of 256 bytes. There is one for each attempt, as a handler that ignores its context may hold on to it
// when the next attempt runs already.
//
// As a context it costs nothing until somebody calls Done. Only then is there a real context of package context behind
// it, which contexts derived from the lease find through Value, so that they need no goroutine to follow it.
type lease struct {
	delivery driver.Delivery
	consumer *consumer
	item     *item
	started  instant
	deadline atomic.Int64 // an instant; never without a visibility bound. Guarded for writing by the subscription's lock.
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
// do once the lease is lost, so the worker has read them under the lock.
func (l *lease) fill(g *group, x *extra) {
	l.item.fill(&l.delivery.Message, g, x)
	l.delivery.Sequence = l.item.sequence
	l.delivery.Enqueued = l.item.enqueued.time()
}

// copyLocked returns what fill makes of the delivery, which the handler's goroutine has filled without the lock.
func (l *lease) copyLocked() *driver.Delivery {
	d := &driver.Delivery{Sequence: l.item.sequence, Attempt: l.delivery.Attempt, Enqueued: l.item.enqueued.time(), Lease: l}
	l.item.fill(&d.Message, l.item.group, l.item.extra)
	return d
}

// Extend implements [driver.Lease]. A delivery without a bound keeps none.
func (l *lease) Extend(ctx context.Context, d time.Duration) error {
	err := ctx.Err() // asked before the lock is taken, as the context may be anybody's
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
	// Where there is a channel, Err follows it, so that the two never contradict each other.
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

// String implements [fmt.Stringer], which the names of derived contexts are made with.
func (l *lease) String() string { return "memqueue.lease" }

// end ends the context, once. No lock is held, as it may run code of contexts that are not ours.
func (l *lease) end(how uint32) {
	if !l.ended.CompareAndSwap(live, how) {
		return
	}
	if inner := l.inner.Load(); inner != nil {
		inner.cancel()
	}
}

// follow ends the context if the consumer's has ended and the consumer has not told us yet.
func (l *lease) follow() {
	if l.ended.Load() == live && l.consumer.ctx.Err() != nil {
		l.end(terminated)
	}
}

// reason says why the context has ended, or nil.
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

// derivable returns the real context behind the lease, and makes it the first time.
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

// leaseContext is the parent of the real context behind a lease. A context that is cancelled by its cancel function
// says Canceled; one that is cancelled by its parent says what the parent says, and so may say DeadlineExceeded at a
// time that was not known when it was made. Hence this parent. Package context calls its AfterFunc, where it would
// otherwise start a goroutine that waits for Done.
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

// Done returns a channel that nobody closes: it need only be there.
func (c *leaseContext) Done() <-chan struct{} { return c.lease.consumer.never }

// AfterFunc is called by package context while ctx is made.
func (c *leaseContext) AfterFunc(f func()) func() bool {
	c.cancel = f
	return func() bool { return false }
}
