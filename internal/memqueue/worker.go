package memqueue

import "github.com/motia-go/motia/driver"

// worker is a goroutine that runs handlers, one after the other, until its consumer is to stop or its lease was lost.
// Workers are started when there is work for one more, and park when there is none.
type worker struct {
	consumer *consumer
	wake     chan struct{} // of capacity 1; what parks is sent to once
	// Guarded by the subscription's lock.
	nextIdle *worker
	waker    bool // it is the one that subscription.waking speaks of
	lost     bool // its lease was lost, and its slot went to another worker

	// The worker's own.
	spare   *lease // the next one, made outside of the lock
	current *lease // the one whose handler runs
	result  driver.Result
}

// wakeLocked sees to it that somebody comes for what is ready, if anybody can.
func (s *subscription) wakeLocked() {
	if s.waking || s.ready.empty() {
		return
	}
	if w := s.idle; w != nil {
		s.idle = w.nextIdle
		w.nextIdle = nil
		w.waker, s.waking = true, true
		w.wake <- struct{}{}
		return
	}
	var free *consumer
	for _, c := range s.consumers {
		if c.workers < c.slots && (free == nil || c.workers < free.workers) {
			free = c
		}
	}
	if free != nil {
		s.waking = true
		free.startWorkerLocked()
	}
}

func (c *consumer) startWorkerLocked() {
	c.workers++
	c.goroutines++
	w := &worker{consumer: c, wake: make(chan struct{}, 1), waker: true}
	go w.run()
}

func (w *worker) run() {
	defer w.exit()
	for w.take() {
		l := w.current
		w.result = driver.Result{Outcome: driver.OutcomeRetry, Error: "handler ended its goroutine"} // should it not return
		w.result = w.consumer.handle(l, &l.delivery)
		l.end(returned)
	}
}

// take settles the current lease and makes the next one current, when there is something to do. It returns false when
// the worker is to exit.
func (w *worker) take() bool {
	c := w.consumer
	s := c.sub
	for {
		if w.spare == nil {
			w.spare = newLease(c)
		}
		stop := c.told()
		now := s.clock.now()
		s.mu.Lock()
		if w.waker {
			w.waker, s.waking = false, false
		}
		if w.current != nil && !w.settleLocked(now) {
			s.mu.Unlock()
			return false
		}
		if stop {
			c.stopLocked()
		}
		if c.stopping {
			s.wakeLocked()
			s.mu.Unlock()
			return false
		}
		if s.startLocked(w.spare, now) {
			w.current, w.spare = w.spare, nil
			g, x := w.current.item.group, w.current.item.extra // may change once the lease is lost
			s.wakeLocked()
			s.mu.Unlock()
			w.current.fill(g, x)
			return true
		}
		w.nextIdle, s.idle = s.idle, w
		s.mu.Unlock()
		<-w.wake
	}
}

// settleLocked settles the current lease, and reports whether the worker still held it.
func (w *worker) settleLocked(now instant) bool {
	l := w.current
	w.current = nil
	if l.index < 0 {
		w.lost = true
		return false
	}
	w.consumer.sub.settleLocked(l, w.result, now)
	return true
}

// exit ends the worker's part in its consumer, also when the handler has called runtime.Goexit or panics.
func (w *worker) exit() {
	c := w.consumer
	s := c.sub
	if w.current != nil {
		w.current.end(returned)
	}
	now := s.clock.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.current != nil {
		w.settleLocked(now)
	}
	if !w.lost {
		c.workers--
	}
	c.goroutines--
	if c.stopping && c.goroutines == 0 {
		close(c.done)
	}
	s.wakeLocked()
}
