// Package membus is the in-memory [driver.Bus].
//
// [Bus.Send] calls the subscribers on the goroutine of the sender if it can, see package mailbox: with one sender
// they have run when Send returns. Senders do not wait for each other's calls. The sender must not hold a lock that a
// subscriber's function needs.
package membus

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/mailbox"
)

// Bus is a [driver.Bus] within one process. Create it with [New].
type Bus struct {
	mu       sync.RWMutex
	subjects map[string]*subject
	closed   bool
}

var (
	_ driver.Bus           = (*Bus)(nil)
	_ driver.SubjectSyncer = (*Bus)(nil)
)

// subject holds the subscribers of one subject. It exists as long as it has any.
type subject struct {
	name        string
	subscribers []*subscriber
	// lent says that a sender may be reading the array of subscribers without the lock. Adding to its end is
	// harmless; removing needs a copy, but only the first removal after a Send.
	lent atomic.Bool
}

type subscriber struct {
	box   *mailbox.Mailbox[[]byte]
	index int // in subject.subscribers; -1 once removed
}

// New returns an empty bus.
func New() *Bus { return &Bus{subjects: make(map[string]*subject)} }

// Send delivers data to the subscribers of the subject.
func (b *Bus) Send(ctx context.Context, subject string, data []byte) error {
	subscribers, err := b.subscribers(ctx, subject)
	if err != nil {
		return err
	}
	for _, s := range subscribers {
		s.box.Deliver(data)
	}
	return nil
}

// SyncSubject waits until the subscribers of the subject have received all events whose Send returned before.
func (b *Bus) SyncSubject(ctx context.Context, subject string) error {
	subscribers, err := b.subscribers(ctx, subject)
	if err != nil {
		return err
	}
	for _, s := range subscribers {
		if err := s.box.Flush(ctx); err != nil {
			return err
		}
	}
	return nil
}

// subscribers returns the subscribers of a subject. The slice must not be changed.
func (b *Bus) subscribers(ctx context.Context, name string) ([]*subscriber, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.closed {
		return nil, driver.ErrClosed
	}
	s := b.subjects[name]
	if s == nil {
		return nil, nil
	}
	if !s.lent.Load() {
		s.lent.Store(true)
	}
	return s.subscribers, nil
}

// Subscribe calls f for every event sent to the subject until stop is called. The context is for the call itself
// only.
//
// When stop returns, f is not running and will not be called again; stop may be called more than once. If it is
// called from inside a subscriber's function, stop does not wait for a running function. The caller must not hold a
// lock that f needs.
func (b *Bus) Subscribe(ctx context.Context, subject string, f func(data []byte)) (stop func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	added := &subscriber{box: mailbox.New(f)}
	s, err := b.add(subject, added)
	if err != nil {
		return nil, err
	}
	return func() {
		b.remove(s, added)
		added.box.Stop()
	}, nil
}

func (b *Bus) add(name string, added *subscriber) (*subject, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, driver.ErrClosed
	}
	s := b.subjects[name]
	if s == nil {
		s = &subject{name: name}
		b.subjects[name] = s
	}
	added.index = len(s.subscribers)
	s.subscribers = append(s.subscribers, added)
	return s, nil
}

func (b *Bus) remove(s *subject, removed *subscriber) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if removed.index < 0 {
		return
	}
	if s.lent.Load() {
		s.subscribers = append([]*subscriber(nil), s.subscribers...)
		s.lent.Store(false)
	}
	last := len(s.subscribers) - 1
	moved := s.subscribers[last]
	s.subscribers[removed.index] = moved
	moved.index = removed.index
	s.subscribers[last] = nil
	s.subscribers = s.subscribers[:last]
	removed.index = -1
	if last == 0 {
		delete(b.subjects, s.name)
	}
}

// Close ends all subscriptions, and waits for the functions that are still running until ctx ends. After that other
// methods return [driver.ErrClosed], and Close returns nil.
func (b *Bus) Close(ctx context.Context) error {
	b.mu.Lock()
	b.closed = true
	subjects := b.subjects
	b.subjects = make(map[string]*subject)
	var boxes []*mailbox.Mailbox[[]byte]
	for _, s := range subjects {
		for _, sub := range s.subscribers {
			sub.index = -1
			boxes = append(boxes, sub.box)
		}
	}
	b.mu.Unlock()
	var err error
	for _, box := range boxes {
		if e := box.Shutdown(ctx); e != nil {
			err = e // continue: the others must be stopped as well
		}
	}
	return err
}
