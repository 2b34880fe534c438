package memqueue

import (
	"fmt"
	"slices"
	"time"

	"github.com/motia-go/motia/driver"
)

// startLocked gives the first ready item to a lease, if there is one.
func (s *subscription) startLocked(l *lease, now instant) bool {
	it := s.ready.pop()
	if it == nil {
		return false
	}
	s.unstarted--
	l.item = it
	l.started = now
	deadline := never
	if v := s.config.Visibility; v > 0 {
		deadline = min(now.add(v), never-1)
		s.watchdog.set(deadline, now)
	}
	l.deadline.Store(int64(deadline))
	l.index = int32(len(s.running))
	s.running = append(s.running, l)
	l.delivery.Attempt = int(it.attempt) + 1
	return true
}

// stopLocked ends the hold of a lease on its message.
func (s *subscription) stopLocked(l *lease) {
	last := len(s.running) - 1
	s.running[l.index] = s.running[last]
	s.running[l.index].index = l.index
	s.running[last] = nil
	s.running = s.running[:last]
	l.index = -1
}

// settleLocked applies the handler's result to the message of a lease, unless the visibility bound has passed.
func (s *subscription) settleLocked(l *lease, result driver.Result, now instant) {
	if instant(l.deadline.Load()) <= now {
		s.expireLocked(l, now)
		return
	}
	s.stopLocked(l)
	it := l.item
	switch result.Outcome {
	case driver.OutcomeDone:
		s.leaveLocked(it)
	case driver.OutcomeRelease:
		s.releaseLocked(it)
	case driver.OutcomeDead:
		s.failLocked(l, result.Error, now)
		s.buryLocked(it)
	case driver.OutcomeRetryAfter:
		s.failLocked(l, result.Error, now)
		s.retryLocked(it, result.Delay, now)
	case driver.OutcomeRetry:
		s.failLocked(l, result.Error, now)
		s.retryLocked(it, s.config.Retry.Delay(int(it.attempt)), now)
	default: // unknown outcomes are retried, so that nothing is lost
		s.failLocked(l, fmt.Sprintf("unknown outcome %d: %s", result.Outcome, result.Error), now)
		s.retryLocked(it, s.config.Retry.Delay(int(it.attempt)), now)
	}
}

// releaseLocked makes an item ready as if it had not been started. If it has a group, it is still the head of it.
func (s *subscription) releaseLocked(it *item) {
	s.unstarted++
	s.ready.pushFront(it)
}

// expireLocked ends a lease whose visibility bound has passed.
func (s *subscription) expireLocked(l *lease, now instant) {
	s.stopLocked(l)
	held := time.Duration(instant(l.deadline.Load()) - l.started)
	s.failLocked(l, fmt.Sprintf("visibility timeout of %v expired", held), now)
	s.retryLocked(l.item, s.config.Retry.Delay(int(l.item.attempt)), now)
}

// failLocked records a failed attempt.
func (s *subscription) failLocked(l *lease, text string, now instant) {
	ended := time.Now().Round(0)
	l.item.attempt++
	l.item.remember(driver.Attempt{Started: ended.Add(-time.Duration(now - l.started)), Ended: ended, Error: text})
}

// retryLocked retries an item after a failed attempt, unless that was the last one.
func (s *subscription) retryLocked(it *item, delay time.Duration, now instant) {
	switch {
	case int(it.attempt) > s.config.Retry.MaxRetries:
		s.buryLocked(it)
	case delay > 0:
		s.delayLocked(it, now.add(delay), now)
	default:
		s.unstarted++
		s.ready.push(it)
	}
}

// buryLocked makes an item a dead letter.
func (s *subscription) buryLocked(it *item) {
	s.leaveLocked(it)
	s.dead.add(it)
}

// endOverdueLeases is called by the watchdog, which is one timer for all leases. It looks at all that are held, which
// are few.
func (s *subscription) endOverdueLeases() {
	var overdue []*lease
	var told []*driver.Delivery // copies for the consumers, since the handlers own the leases' deliveries
	s.mu.Lock()
	s.watchdog.rang()
	now := s.clock.now()
	next := never
	for _, l := range slices.Backward(s.running) { // backward, since expireLocked fills the gap with the last lease
		deadline := instant(l.deadline.Load())
		if deadline > now {
			next = min(next, deadline)
			continue
		}
		told = append(told, l.copyLocked())
		s.expireLocked(l, now)
		// Its worker is busy until the handler returns, so another worker gets the slot.
		l.consumer.workers--
		overdue = append(overdue, l)
	}
	s.watchdog.set(next, now)
	s.wakeLocked()
	s.mu.Unlock()
	for i, l := range overdue {
		l.end(expired)
		if notify := l.consumer.notify; notify != nil {
			notify(told[i])
		}
	}
}
