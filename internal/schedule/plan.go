package schedule

import (
	"container/heap"
	"slices"
	"time"
)

// tolerance is how far the clock may be set back before all schedules are planned again. If it is set back by less,
// the schedules just wait until the clock is where it was, so that small corrections by a time server do not run
// anything twice.
const tolerance = time.Minute

// plan knows what is due when. It is a heap by next tick, then by the order of addition. It neither waits nor locks:
// the time is an argument, so that tests can make the clock jump.
type plan struct {
	entries entries
	added   int
	latest  time.Time // the latest time that was passed to take or restart
}

type entry struct {
	schedule *Schedule
	fire     func(tick time.Time)
	next     time.Time
	order    int
}

// add plans a schedule from now on and reports whether it is the next one due.
func (p *plan) add(s *Schedule, fire func(time.Time), now time.Time) bool {
	e := &entry{schedule: s, fire: fire, next: s.Next(now), order: p.added}
	p.added++
	if e.next.IsZero() {
		return false
	}
	heap.Push(&p.entries, e)
	return p.entries[0] == e
}

// restart plans all schedules again, from now on.
func (p *plan) restart(now time.Time) {
	p.entries = slices.DeleteFunc(p.entries, func(e *entry) bool {
		e.next = e.schedule.Next(now)
		return e.next.IsZero()
	})
	heap.Init(&p.entries)
	p.latest = now
}

// take returns a function to call and the tick to call it with if anything is due now. Otherwise fire is nil, and
// wait says how long it takes until something is due. It is negative if nothing ever will be.
func (p *plan) take(now time.Time) (fire func(time.Time), tick time.Time, wait time.Duration) {
	now = now.Round(0) // ticks are times of the wall clock, whatever the monotonic clock says
	if now.Before(p.latest.Add(-tolerance)) {
		p.restart(now)
	}
	if now.After(p.latest) {
		p.latest = now
	}
	if len(p.entries) == 0 {
		return nil, time.Time{}, -1
	}
	e := p.entries[0]
	if e.next.After(now) {
		return nil, time.Time{}, e.next.Sub(now)
	}
	tick = e.schedule.last(e.next, now)
	if e.next = e.schedule.Next(tick); e.next.IsZero() {
		heap.Pop(&p.entries)
	} else {
		heap.Fix(&p.entries, 0)
	}
	return e.fire, tick, 0
}

// last returns the last tick up to now, where first is a tick of the schedule that is not after now. It takes few
// steps even if there are many ticks between the two.
func (s *Schedule) last(first, now time.Time) time.Time {
	tick, free := first, now // there is no tick after free up to now
	for {
		next := s.Next(tick)
		if next.IsZero() || next.After(now) {
			return tick
		}
		tick = next
		middle := tick.Add(free.Sub(tick) / 2)
		if next = s.Next(middle); next.IsZero() || next.After(now) {
			free = middle
		} else {
			tick = next
		}
	}
}

// entries implements heap.Interface.
type entries []*entry

func (h entries) Len() int      { return len(h) }
func (h entries) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h entries) Less(i, j int) bool {
	if c := h[i].next.Compare(h[j].next); c != 0 {
		return c < 0
	}
	return h[i].order < h[j].order
}

func (h *entries) Push(x any) { *h = append(*h, x.(*entry)) }

func (h *entries) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return e
}
