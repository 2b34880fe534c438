package memqueue

import "github.com/motia-go/motia/driver"

// worker is a goroutine that runs handlers, one after the other, until its consumer must stop or its lease was lost.
// Workers are started when there is work for another one, and park when there is none.
type worker struct {
	consumer *consumer
	wake     chan struct{} // of capacity 1; a parked worker is sent one value
	// Guarded by the subscription's lock.
	nextIdle *worker
	waker    bool // this is the worker that subscription.waking is about
	lost     bool // its lease was lost, and another worker has its slot

	// The worker's own.
	spare   *lease // the next lease, made without holding the lock
	current *lease // the lease whose handler is running
	result  driver.Result
}

// wakeLocked makes sure that a worker comes for the ready messages, if there is a free one.
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
		w.result = driver.Result{Outcome: driver.OutcomeRetry, Error: "handler ended its goroutine"} // in case the handler does not return
		w.result = w.consumer.handle(l, &l.delivery)
		l.end(returned)
	}
}

// take settles the current lease, waits for the next message and makes its lease current. It returns false when the
// worker must exit.
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

// exit removes the worker from its consumer, even if the handler has called runtime.Goexit or panicked.
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
