package memqueue

import (
	"sync"
	"time"

	"github.com/motia-go/motia/driver"
)

// subscription holds the messages of one subscription. Its lock is held for a few pointer moves at a time, and never
// while foreign code runs.
type subscription struct {
	name  string
	index int // orders the locks of several subscriptions
	clock clock

	mu       sync.Mutex
	config   driver.SubscriptionConfig
	closed   bool
	sequence uint64

	// ready holds what a worker may start: messages without a group and the heads of groups.
	ready  list
	groups groups
	// unstarted counts the items in ready and those that wait in groups.
	unstarted int
	delayed   delayHeap
	dueAlarm  alarm
	dead      deadLetters

	running  []*lease
	watchdog alarm

	consumers []*consumer
	idle      *worker // a stack, since the worker that went idle last has warm caches
	// waking says that a worker was woken or started and has not looked at the ready list yet. There is only one such
	// worker at a time. If it leaves something it wakes the next one, so that a burst does not wake workers that
	// would find nothing.
	waking bool
}

func newSubscription(name string, index int, c clock) *subscription {
	s := &subscription{name: name, index: index, clock: c}
	s.dueAlarm = newAlarm(s.fallDue)
	s.watchdog = newAlarm(s.endOverdueLeases)
	return s
}

// configure replaces the policy. Messages that were already accepted keep their delay and order.
func (s *subscription) configure(config driver.SubscriptionConfig) {
	s.mu.Lock()
	s.config = config
	s.mu.Unlock()
}

// publish accepts one message, which is the most frequent case.
func (s *subscription) publish(it *item, m *driver.Message, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refuseLocked(1); err != nil {
		return err
	}
	s.acceptLocked(it, m, now)
	s.wakeLocked()
	return nil
}

// refuseLocked returns why n more messages cannot be accepted, or nil if they can.
func (s *subscription) refuseLocked(n int) error {
	if s.closed {
		return driver.ErrClosed
	}
	if limit := s.config.MaxPending; limit > 0 && s.unstarted+s.delayed.len()+len(s.running)+n > limit {
		return driver.ErrFull
	}
	return nil
}

// acceptLocked stores a message. The caller wakes a worker.
func (s *subscription) acceptLocked(it *item, m *driver.Message, now time.Time) {
	s.sequence++
	it.sequence = s.sequence
	if m.Group != "" || s.config.Ordered {
		if it.group = s.groups.get(m.Group); it.group == nil {
			it.group = &group{name: m.Group}
		}
	}
	delay := s.config.Delay
	if !m.NotBefore.IsZero() {
		delay = max(delay, m.NotBefore.Sub(now))
	}
	moment := s.clock.instant(now)
	if delay > 0 {
		s.delayLocked(it, moment.add(delay), moment)
		return
	}
	// Items that were due earlier join first, even if the alarm is late.
	if s.delayed.next() <= moment {
		s.joinDueLocked(moment)
	}
	s.joinLocked(it)
}

func (s *subscription) delayLocked(it *item, due, now instant) {
	s.delayed.push(due, it)
	s.dueAlarm.set(s.delayed.next(), now)
}

// joinLocked puts an item behind those of its group, or behind all that are ready.
func (s *subscription) joinLocked(it *item) {
	s.unstarted++
	if it.group != nil {
		if active := s.groups.get(it.group.name); active != nil {
			it.group = active
			active.push(it)
			return
		}
		s.groups.add(it.group)
	}
	s.ready.push(it)
}

// leaveLocked makes the next message of a group the head after the old head was finished. The new head goes behind
// all ready messages, so that one large group does not hold back the others.
func (s *subscription) leaveLocked(it *item) {
	if it.group == nil {
		return
	}
	if next := it.group.pop(); next != nil {
		s.ready.push(next)
		return
	}
	s.groups.remove(it.group)
}

// dueAtOnce bounds how many delayed items join under one hold of the lock: some 100 microseconds.
const dueAtOnce = 1024

// fallDue makes due items join. It is called by the alarm.
func (s *subscription) fallDue() {
	for more := true; more; {
		s.mu.Lock()
		s.dueAlarm.rang()
		now := s.clock.now()
		s.joinDueLocked(now)
		more = s.delayed.next() <= now
		if !more {
			s.dueAlarm.set(s.delayed.next(), now)
		}
		s.wakeLocked()
		s.mu.Unlock()
	}
}

// joinDueLocked moves due items out of the heap, in the order in which they became due.
func (s *subscription) joinDueLocked(now instant) {
	for range dueAtOnce {
		if s.delayed.next() > now {
			return
		}
		it := s.delayed.pop()
		if it.attempt > 0 { // a retry, which is already the head of its group
			s.unstarted++
			s.ready.push(it)
		} else {
			s.joinLocked(it)
		}
	}
}

// stats counts the messages.
func (s *subscription) stats() driver.SubscriptionStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return driver.SubscriptionStats{
		Ready:   s.unstarted,
		Delayed: s.delayed.len(),
		Running: len(s.running),
		Dead:    s.dead.len(),
	}
}

// close refuses further messages and silences the alarms, except for leases that are still held.
func (s *subscription) close() {
	s.mu.Lock()
	s.closed = true
	s.dueAlarm.stop()
	s.mu.Unlock()
}

// silence stops the watchdog as well.
func (s *subscription) silence() {
	s.mu.Lock()
	s.watchdog.stop()
	s.mu.Unlock()
}
