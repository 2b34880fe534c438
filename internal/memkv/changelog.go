package memkv

import (
	"sync"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/mailbox"
)

// changeLog keeps the change records of one bucket until they have been handed over.
//
// Records wait in one queue. If a record cannot be handed over, its key is parked: the record and all later ones of
// the key move to a separate queue, so that other keys do not wait. One runner at a time calls take and settle.
type changeLog struct {
	running chan struct{} // holds a token while a runner runs
	arrived chan struct{} // holds a token when records were added since the runner last looked

	mu     sync.Mutex
	fresh  mailbox.Queue[driver.Change]
	parked map[itemKey]*mailbox.Queue[driver.Change]
	turns  mailbox.Queue[itemKey] // the parked keys; the first is tried next
	count  int                    // records in all queues
}

// itemKey is a key within a bucket.
type itemKey struct{ scope, id string }

func newChangeLog() *changeLog {
	return &changeLog{
		running: make(chan struct{}, 1),
		arrived: make(chan struct{}, 1),
		parked:  make(map[itemKey]*mailbox.Queue[driver.Change]),
	}
}

// append adds a record. The lock of its key's shard is held, so that records of a key are in the order of the writes.
func (l *changeLog) append(change driver.Change) {
	l.mu.Lock()
	l.fresh.Push(change)
	l.count++
	l.mu.Unlock()
	select {
	case l.arrived <- struct{}{}:
	default:
	}
}

// take returns the record to hand over next, without removing it; settle must follow. If parked records may be
// retried now it prefers them. It reports whether the record is a parked one.
func (l *changeLog) take(retry bool) (change driver.Change, parked, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if retry && l.turns.Len() > 0 {
		return l.parked[l.turns.Front()].Front(), true, true
	}
	for l.fresh.Len() > 0 {
		change = l.fresh.Front()
		queue := l.parked[keyOf(change)]
		if queue == nil {
			return change, false, true
		}
		queue.Push(l.fresh.Pop())
	}
	return driver.Change{}, false, false
}

// settle ends the handing over of the record that take returned. If it succeeded, the record is removed; otherwise
// its key is parked, or moves behind the other parked keys. It reports whether any key is parked.
func (l *changeLog) settle(change driver.Change, handedOver bool) (anyParked bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := keyOf(change)
	queue := l.parked[key]
	if handedOver {
		l.count--
	}
	switch {
	case handedOver && queue == nil:
		l.fresh.Pop()
	case handedOver:
		queue.Pop()
		if queue.Len() == 0 {
			delete(l.parked, key)
			l.turns.Pop()
		}
	case queue == nil:
		queue = new(mailbox.Queue[driver.Change])
		queue.Push(l.fresh.Pop())
		l.parked[key] = queue
		l.turns.Push(key)
	default:
		l.turns.Push(l.turns.Pop())
	}
	return l.turns.Len() > 0
}

// pending returns the number of records, including the one being handed over.
func (l *changeLog) pending() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count
}

func keyOf(change driver.Change) itemKey {
	return itemKey{change.New.Key.Scope, change.New.Key.ID}
}
