package testkit

import (
	"slices"
	"sync"
)

// List collects what handlers note, in order. The zero value is empty. It is safe for concurrent use. A plain slice
// is not enough even if handlers run one at a time, since the race detector does not know their order.
type List[T any] struct {
	mu   sync.Mutex
	list []T
}

// Add notes something, and returns how much was noted so far.
func (l *List[T]) Add(v T) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, v)
	return len(l.list)
}

// All returns everything that was noted.
func (l *List[T]) All() []T {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.list)
}

// Take returns everything that was noted, and empties the list.
func (l *List[T]) Take() []T {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := l.list
	l.list = nil
	return list
}
