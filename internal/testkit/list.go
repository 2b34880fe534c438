package testkit

import (
	"slices"
	"sync"
)

// List is what handlers have noted, in order. The zero value is empty. It may be used from many goroutines; the race
// detector does not know in which order handlers run, so a plain slice will not do even where they run one at a time.
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

// Take returns everything that was noted, and forgets it.
func (l *List[T]) Take() []T {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := l.list
	l.list = nil
	return list
}
