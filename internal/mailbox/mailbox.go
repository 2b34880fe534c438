// Package mailbox calls a function with items from many goroutines: one at a time, in the order in which the items
// were pushed, with no locks held and without a goroutine that waits for items.
//
// A sender delivers its item itself if no other goroutine is delivering, so with a single sender the function has run
// when [Mailbox.Deliver] returns. Otherwise the sender leaves its item in the box and does not wait. After its own
// item a sender delivers only the items that it found in the box; if more have arrived by then it hands the box over
// to a new goroutine, which ends when the box is empty. [Mailbox.Stop] waits for that goroutine.
//
// The function must return soon and must not wait for a sender. It may send to its own box: the item is delivered
// after it has returned. A panic of the function surfaces in the goroutine that delivers; the box continues with the
// next item.
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
	held    bool          // collect items, do not deliver them
	busy    bool          // a goroutine is in work, with one item
	stopped bool          // deliver nothing more
	quiet   chan struct{} // if not nil: closed when busy ends
	handled uint64        // items that f has returned for
	waiters []waiter      // in the order of their calls
}

// waiter is a call of Flush.
type waiter struct {
	until uint64        // how many items must be handled
	done  chan struct{} // closed when they are handled, or the box is stopped
}

// New returns a mailbox that delivers to f.
func New[T any](f func(T)) *Mailbox[T] { return &Mailbox[T]{f: f} }

// NewHeld returns a mailbox that collects items until [Mailbox.Release].
func NewHeld[T any](f func(T)) *Mailbox[T] { return &Mailbox[T]{f: f, held: true} }

// Push puts an item into the box without delivering it. It may be called while holding a lock that determines the
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
	// Items that were pushed but not yet drained go first. Their senders will find the box busy and not wait.
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

// Flush returns when the function has returned for all items that were pushed before the call, including those that
// were not drained yet. In a held box it also waits for [Mailbox.Release]. It returns nil if the box is stopped
// meanwhile, and the error of ctx if that ends first. The function itself must not call it.
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
		go m.work(m.pending.Pop(), math.MaxInt) // not on this goroutine: f may outlast ctx
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

// Stop discards the items in the box and all later ones. When it returns, f is not running and will not be called
// again. It may be called more than once.
//
// If it is called from inside the function of this or another mailbox, Stop does not wait: two functions that stop
// each other's boxes would otherwise wait forever. The caller must not hold a lock that f needs.
func (m *Mailbox[T]) Stop() { _ = m.Shutdown(context.Background()) }

// Shutdown is like [Mailbox.Stop], but waits only until ctx ends. It returns the error of ctx if f is still running
// then.
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

// work calls f with the item and with up to quota pending ones. The goroutine that set busy calls it. insideWork
// recognises it by its name.
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

// abandon ends a call of work in which f did not return, so that other items are still delivered.
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

// wakeLocked ends the calls of Flush that have nothing left to wait for.
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

// insideWork reports whether the function of a mailbox is among the callers. Go has no other way to recognise a
// goroutine. It is called only when a busy box is stopped.
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
