package memqueue

import (
	"math"
	"time"

	"github.com/motia-go/motia/driver"
)

// item is one message in one subscription. A queue may hold millions, so it fills exactly one size class of the
// allocator (112 bytes), and the fields that most messages leave empty are in extra. Data and strings are shared with
// the other subscriptions of the topic.
//
// An item is in one place at a time: the ready list, the waiting list of its group, the delay heap, a running lease
// or the dead letters. next belongs to the list that it is in.
type item struct {
	next        *item
	topic       *topic
	group       *group // nil without a group; until the item has joined, it may differ from the active group of that name
	extra       *extra // nil unless the message has such fields or has failed
	data        []byte
	traceParent string
	step        string
	sequence    uint64
	enqueued    wallTime
	// attempt counts the failed attempts since the message was published or redriven. An item in the delay heap with
	// a failed attempt waits for a retry, and holds back its group; one without has not joined its group yet.
	attempt int32
	hops    int32
}

// extra holds the fields that most messages leave empty.
type extra struct {
	id         string
	traceState string
	notBefore  wallTime
	history    *[]driver.Attempt
}

func newItem(t *topic, m *driver.Message, now time.Time) *item {
	it := &item{
		topic:       t,
		data:        m.Data,
		traceParent: m.Header.TraceParent,
		step:        m.Header.Step,
		enqueued:    packTime(now),
		hops:        int32(min(max(m.Header.Hops, math.MinInt32), math.MaxInt32)),
	}
	if m.ID != "" || m.Header.TraceState != "" || !m.NotBefore.IsZero() {
		it.extra = &extra{id: m.ID, traceState: m.Header.TraceState, notBefore: packTime(m.NotBefore)}
	}
	return it
}

// fill writes the message that the item was made from into m, which must be zero. The caller passes the group and the
// extra fields, which it has read under the lock.
func (it *item) fill(m *driver.Message, g *group, x *extra) {
	m.Topic = it.topic.name
	m.Data = it.data
	m.Header.TraceParent = it.traceParent
	m.Header.Step = it.step
	m.Header.Hops = int(it.hops)
	if g != nil {
		m.Group = g.name
	}
	if x != nil {
		m.ID = x.id
		m.Header.TraceState = x.traceState
		m.NotBefore = x.notBefore.time()
	}
}

func (it *item) remember(a driver.Attempt) {
	if it.extra == nil {
		it.extra = &extra{}
	}
	if it.extra.history == nil {
		it.extra.history = &[]driver.Attempt{}
	}
	*it.extra.history = append(*it.extra.history, a)
}

// history returns the failed attempts, oldest first.
func (it *item) history() []driver.Attempt {
	if it.extra == nil || it.extra.history == nil {
		return nil
	}
	return *it.extra.history
}

// list is a queue of items. The zero list is empty.
type list struct {
	head, tail *item
}

func (l *list) empty() bool { return l.head == nil }

func (l *list) push(it *item) {
	if l.head == nil {
		l.head = it
	} else {
		l.tail.next = it
	}
	l.tail = it
}

func (l *list) pushFront(it *item) {
	if l.head == nil {
		l.tail = it
	}
	it.next = l.head
	l.head = it
}

// pop removes and returns the first item, or nil.
func (l *list) pop() *item {
	it := l.head
	if it != nil {
		l.head = it.next
		it.next = nil
		if l.head == nil {
			l.tail = nil
		}
	}
	return it
}
