package mailbox

// maxIdleCapacity is the capacity that an empty Queue keeps. A longer array is freed, so that one burst does not cost
// memory forever.
const maxIdleCapacity = 16

// Queue is a first-in first-out queue without a bound. The zero value is empty and costs no allocation. It is not
// safe for concurrent use.
type Queue[T any] struct {
	items []T
	head  int // items before it were taken
}

// Len returns the number of items.
func (q *Queue[T]) Len() int { return len(q.items) - q.head }

// Push adds an item at the end.
func (q *Queue[T]) Push(item T) {
	if len(q.items) == cap(q.items) && q.head > len(q.items)/2 {
		// More than half of the array is free at its start: move instead of growing. Each item is moved at most once
		// for every item that was taken, so Push stays cheap on average.
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	q.items = append(q.items, item)
}

// Front returns the oldest item. The queue must not be empty.
func (q *Queue[T]) Front() T { return q.items[q.head] }

// Pop takes the oldest item. The queue must not be empty.
func (q *Queue[T]) Pop() T {
	item := q.items[q.head]
	var zero T
	q.items[q.head] = zero
	q.head++
	if q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
		if cap(q.items) > maxIdleCapacity {
			q.items = nil
		}
	}
	return item
}
