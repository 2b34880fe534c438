// Package mailbox calls a function with items from many goroutines: one at a time, in the order in which the items were
// pushed, without any lock held and without a goroutine that waits for them.
//
// The goroutine that brings an item delivers it itself when nobody else is delivering, so with a single sender the
// function has run when [Mailbox.Deliver] returns. A sender that finds another one at work leaves its item in the box
// and goes on. A sender that delivers for others does so only for the items it found; if there are more by then it
// hands the box over to a goroutine, which ends when the box is empty. [Mailbox.Stop] waits for that goroutine.
//
// The function must return soon and must not wait for a sender. It may send to its own box: the item is delivered
// after it has returned. A panic of the function surfaces in the goroutine that delivers; the box goes on with the next
// item.
package mailbox

import (
	"context"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// Mailbox delivers items to a function. Create it with [New] or [NewHeld]. All methods may be called concurrently.
type Mailbox[T any] struct {
	f func(T)

	mu      sync.Mutex
	pending Queue[T]
	held    bool          // collect, do not deliver
	busy    bool          // some goroutine is in work, with one item
	stopped bool          // deliver nothing any more
	quiet   chan struct{} // if not nil: closed when busy ends
	handled uint64        // items that f has returned for
	waiters []waiter      // in the order of their calls
}

// waiter is a call of Flush.
type waiter struct {
	until uint64        // how many items must be handled
	done  chan struct{} // closed when they are, or the box is stopped
}

// New returns a mailbox that delivers to f.
func New[T any](f func(T)) *Mailbox[T] { return &Mailbox[T]{f: f} }

// NewHeld returns a mailbox that collects items until [Mailbox.Release].
func NewHeld[T any](f func(T)) *Mailbox[T] { return &Mailbox[T]{f: f, held: true} }

// Push puts an item into the box without delivering it, so that it may be called with a lock held that defines the
// order of the items. A call of [Mailbox.Drain] without that lock must follow.
func (m *Mailbox[T]) Push(item T) {
	m.mu.Lock()
	if !m.stopped {
		m.pending.Push(item)
	}
	m.mu.Unlock()
}

// Drain delivers what is in the box, unless another goroutine is doing so.
func (m *Mailbox[T]) Drain() {
	m.mu.Lock()
	if m.held || m.busy || m.pending.Len() == 0 {
		m.mu.Unlock()
		return
	}
	m.busy = true
	item := m.pending.Pop()
	quota := m.pending.Len()
	m.mu.Unlock()
	m.work(item, quota)
}

// Deliver is Push and Drain in one.
func (m *Mailbox[T]) Deliver(item T) {
	m.mu.Lock()
	if m.stopped {
		m.mu.Unlock()
		return
	}
	// Pushed, but not yet drained, items go first. Their pushers find the box busy and go on.
	if m.held || m.busy || m.pending.Len() > 0 {
		m.pending.Push(item)
		m.mu.Unlock()
		m.Drain()
		return
	}
	m.busy = true
	m.mu.Unlock()
	m.work(item, 0)
}

// Release ends the hold of [NewHeld] and delivers what was collected.
func (m *Mailbox[T]) Release() {
	m.mu.Lock()
	m.held = false
	m.wakeLocked()
	m.mu.Unlock()
	m.Drain()
}

// Flush returns when the function has returned for all items that were pushed before the call, also those that nobody has
// drained yet. In a held box it also waits for [Mailbox.Release]. It returns nil when the box is stopped meanwhile, and the
// error of ctx when that ends first. The function itself must not call it.
func (m *Mailbox[T]) Flush(ctx context.Context) error {
	m.mu.Lock()
	inWork := 0
	if m.busy {
		inWork = 1
	}
	if m.stopped || !m.held && inWork+m.pending.Len() == 0 {
		m.mu.Unlock()
		return nil
	}
	w := waiter{until: m.handled + uint64(inWork+m.pending.Len()), done: make(chan struct{})}
	m.waiters = append(m.waiters, w)
	if !m.held && !m.busy {
		m.busy = true
		go m.work(m.pending.Pop(), math.MaxInt) // not here: f may take longer than ctx lives
	}
	m.mu.Unlock()
	select {
	case <-w.done:
		return nil
	case <-ctx.Done():
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waiters = slices.DeleteFunc(m.waiters, func(other waiter) bool { return other.done == w.done })
	return ctx.Err()
}

// Stop drops what is in the box and all that will be pushed. When it returns f is not running and will not be called
// again. It may be called more than once.
//
// Called from inside the function of a mailbox, this one or another, Stop does not wait: two functions that stop each
// other's boxes would never end. Its caller must not hold a lock that f needs.
func (m *Mailbox[T]) Stop() { _ = m.Shutdown(context.Background()) }

// Shutdown is [Mailbox.Stop] that waits no longer than ctx lives. It returns the error of ctx when f still ran by then.
func (m *Mailbox[T]) Shutdown(ctx context.Context) error {
	m.mu.Lock()
	m.stopped = true
	m.pending = Queue[T]{}
	m.wakeLocked()
	if !m.busy {
		m.mu.Unlock()
		return nil
	}
	if m.quiet == nil {
		m.quiet = make(chan struct{})
	}
	quiet := m.quiet
	m.mu.Unlock()
	if insideWork() {
		return nil
	}
	select {
	case <-quiet:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// work calls f with the item and with up to quota pending ones. Whoever set busy calls it. insideWork knows it by name.
func (m *Mailbox[T]) work(item T, quota int) {
	finished := false
	defer func() {
		if !finished { // f panicked or ended its goroutine
			m.abandon()
		}
	}()
	for {
		m.f(item)
		m.mu.Lock()
		m.handledLocked()
		if m.pending.Len() == 0 {
			m.settleLocked()
			m.mu.Unlock()
			finished = true
			return
		}
		item = m.pending.Pop()
		m.mu.Unlock()
		if quota == 0 {
			finished = true
			go m.work(item, math.MaxInt)
			return
		}
		quota--
	}
}

// abandon ends work that did not return. Other items must not suffer for it.
func (m *Mailbox[T]) abandon() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.handledLocked()
	if m.pending.Len() == 0 {
		m.settleLocked()
		return
	}
	go m.work(m.pending.Pop(), math.MaxInt)
}

// handledLocked notes that f is done with an item.
func (m *Mailbox[T]) handledLocked() {
	m.handled++
	if len(m.waiters) > 0 {
		m.wakeLocked()
	}
}

// wakeLocked ends the calls of Flush that have nothing to wait for any more.
func (m *Mailbox[T]) wakeLocked() {
	for len(m.waiters) > 0 && (m.stopped || !m.held && m.waiters[0].until <= m.handled) {
		close(m.waiters[0].done)
		m.waiters[0] = waiter{}
		m.waiters = m.waiters[1:]
	}
	if len(m.waiters) == 0 {
		m.waiters = nil
	}
}

func (m *Mailbox[T]) settleLocked() {
	m.busy = false
	if m.quiet != nil {
		close(m.quiet)
		m.quiet = nil
	}
}

// insideWork tells whether the function of some mailbox is among the callers. Go has no other way to recognise a
// goroutine; it is only asked when Stop meets a busy box.
func insideWork() bool {
	const name = "/internal/mailbox.(*Mailbox[...]).work"
	var pcs [64]uintptr
	for skip := 2; ; skip += len(pcs) {
		n := runtime.Callers(skip, pcs[:])
		if n == 0 {
			return false
		}
		frames := runtime.CallersFrames(pcs[:n])
		for {
			frame, more := frames.Next()
			if strings.HasSuffix(frame.Function, name) {
				return true
			}
			if !more {
				break
			}
		}
	}
}
