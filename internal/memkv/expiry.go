package memkv

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// expiry says when one record expires. It knows its index in the heap, so that an overwritten or deleted record
// leaves nothing behind.
type expiry struct {
	at     time.Time // written under the locks of the shard and of the expiries, so either is enough for reading
	record *record
	index  int
}

func (e *expiry) due(now time.Time) bool { return !e.at.After(now) }

// expiries removes the records of all buckets when they have expired. One timer waits for the first of them; there is
// a goroutine only while it fires.
type expiries struct {
	sweeping chan struct{} // holds a token while the timer's sweep runs

	mu     sync.Mutex
	heap   expiryHeap
	timer  *time.Timer
	armed  time.Time // when the timer fires; zero when it is not running
	closed bool
}

func newExpiries() *expiries { return &expiries{sweeping: make(chan struct{}, 1)} }

// setLocked sets when the record expires, zero for never. The lock of the record's shard is held.
func (e *expiries) setLocked(r *record, at time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case at.IsZero():
		if r.expiry != nil {
			heap.Remove(&e.heap, r.expiry.index)
			r.expiry = nil
		}
		return
	case r.expiry == nil:
		r.expiry = &expiry{at: at, record: r}
		heap.Push(&e.heap, r.expiry)
	default:
		r.expiry.at = at
		heap.Fix(&e.heap, r.expiry.index)
	}
	e.armLocked()
}

// armLocked makes sure that the timer fires no later than the first record expires. It may fire earlier, for a record
// that no longer exists; moving it back each time would cost more.
func (e *expiries) armLocked() {
	if e.closed || len(e.heap) == 0 {
		return
	}
	first := e.heap[0].at
	if !e.armed.IsZero() && !first.Before(e.armed) {
		return
	}
	e.armed = first
	if e.timer == nil {
		e.timer = time.AfterFunc(time.Until(first), e.fire)
	} else {
		e.timer.Reset(time.Until(first))
	}
}

// fire is called by the timer.
func (e *expiries) fire() {
	select {
	case e.sweeping <- struct{}{}:
	default:
		return // the sweep that is running arms the timer when it is done
	}
	defer func() {
		<-e.sweeping
		e.mu.Lock()
		e.armed = time.Time{}
		e.armLocked()
		e.mu.Unlock()
	}()
	_ = e.sweep(context.Background())
}

// sweep removes all records that have expired by now, unless ctx ends first. When it returns nil they are removed,
// including those that another sweep was about to remove.
func (e *expiries) sweep(ctx context.Context) error {
	for now := time.Now(); ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		r := e.firstDue(now)
		if r == nil {
			return nil
		}
		var m mutation
		m.begin(r.scope.bucket, r.key())
		m.expire(now)
		m.end()
	}
}

// firstDue returns the record that expires first if it is due, otherwise nil.
func (e *expiries) firstDue(now time.Time) *record {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed || len(e.heap) == 0 || !e.heap[0].due(now) {
		return nil
	}
	return e.heap[0].record
}

// close stops the timer and waits for its sweep.
func (e *expiries) close(ctx context.Context) error {
	e.mu.Lock()
	e.closed = true
	if e.timer != nil {
		e.timer.Stop()
	}
	e.mu.Unlock()
	select {
	case e.sweeping <- struct{}{}: // the token is kept, so that a timer that fires now does nothing
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// expiryHeap implements [heap.Interface]; the first to expire is at the top.
type expiryHeap []*expiry

func (h expiryHeap) Len() int           { return len(h) }
func (h expiryHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }

func (h expiryHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *expiryHeap) Push(x any) {
	e := x.(*expiry)
	e.index = len(*h)
	*h = append(*h, e)
}

func (h *expiryHeap) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return e
}
