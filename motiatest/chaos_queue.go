package motiatest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/motia-go/motia/driver"
)

// memoryQueue is the interface of the queue of [motia.InMemory].
type memoryQueue interface {
	driver.Queue
	driver.DeadLetters
	driver.StatsReader
}

// chaosQueue is the queue of a Chaos backend.
type chaosQueue struct {
	memoryQueue
	*chaos
	configs sync.Map // driver.SubscriptionConfig by subscription
}

// onAcknowledge makes the queue call f before the result of a handler takes effect, which may be delayed.
func (q *chaosQueue) onAcknowledge(f func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.acknowledged = append(slices.Clip(q.acknowledged), f)
}

func (q *chaosQueue) Bind(ctx context.Context, topic, subscription string, config driver.SubscriptionConfig) error {
	err := q.memoryQueue.Bind(ctx, topic, subscription, config)
	if err == nil {
		q.configs.Store(subscription, config)
	}
	return err
}

func (q *chaosQueue) Publish(ctx context.Context, messages ...driver.Message) error {
	if !q.can(duplicate, failedWrite, clockJump) || ctx.Err() != nil || q.closed.Load() {
		return q.memoryQueue.Publish(ctx, messages...)
	}
	once := make([]driver.Message, len(messages)) // the slice belongs to the caller
	var twice []driver.Message
	var faults []fault
	batch := q.about("publish")
	for i := range messages {
		m := &once[i]
		*m = messages[i]
		d, _ := q.meet(q.about("message").message(m))
		batch = batch.number(uint64(d))
		if !m.NotBefore.IsZero() {
			if off := q.dueOff(m.Group); off > 0 {
				m.NotBefore = m.NotBefore.Add(off)
				faults = append(faults, fault{kind: clockJump, what: "message delayed", where: place(m), by: off, data: m.Data})
			}
		}
		twice = append(twice, *m)
		if q.strikes(d, duplicate) {
			twice = append(twice, *m)
			if m.ID == "" { // otherwise it is dropped as a duplicate
				faults = append(faults, fault{kind: duplicate, what: "message stored twice", where: place(m), data: m.Data})
			}
		}
	}
	fails := q.strikes(batch, failedWrite)
	if fails && batch.half(failedWrite) {
		return q.fails(fmt.Sprintf("publish to %q", messages[0].Topic), "publish refused", place(&messages[0]), messages[0].Data)
	}
	err := q.memoryQueue.Publish(ctx, twice...)
	if errors.Is(err, driver.ErrFull) && len(twice) > len(once) { // there may be room without the duplicates
		faults = nil
		err = q.memoryQueue.Publish(ctx, once...)
	}
	if err != nil {
		return err
	}
	for _, f := range faults {
		q.note(f)
	}
	if fails {
		failed := q.fails(fmt.Sprintf("publish to %q", messages[0].Topic), "answer to publish lost", place(&messages[0]), messages[0].Data)
		failed.written = true
		return failed
	}
	return nil
}

// fails notes a failed write and returns its error.
func (c *chaos) fails(what, how, where string, data []byte) *chaosError {
	c.note(fault{kind: failedWrite, what: how, where: where, data: data})
	return &chaosError{what: what}
}

// place returns the topic and the group of a message as text.
func place(m *driver.Message) string {
	if m.Group == "" {
		return fmt.Sprintf("topic %q", m.Topic)
	}
	return fmt.Sprintf("topic %q, group %q", m.Topic, m.Group)
}

func (q *chaosQueue) Consume(ctx context.Context, subscription string, options driver.ConsumeOptions, handle driver.Handler) error {
	if !q.can(crash, reordering, slowAck, clockJump) {
		return q.memoryQueue.Consume(ctx, subscription, options, handle)
	}
	if told := options.Expired; told != nil {
		options.Expired = func(d *driver.Delivery) {
			shown := *d
			q.timed(&shown.Message, &shown.Enqueued)
			told(&shown)
		}
	}
	return q.memoryQueue.Consume(ctx, subscription, options, func(ctx context.Context, d *driver.Delivery) driver.Result {
		return q.deliver(ctx, subscription, options.Drain, d, handle)
	})
}

// timed sets the times of a message to those of the wrong clock. It returns how far the time of enqueueing is off.
func (q *chaosQueue) timed(m *driver.Message, enqueued *time.Time) (off time.Duration) {
	if !q.can(clockJump) {
		return 0
	}
	off = q.enqueuedOff(m)
	*enqueued = enqueued.Add(off)
	if !m.NotBefore.IsZero() {
		m.NotBefore = m.NotBefore.Add(-q.dueOff(m.Group))
	}
	return off
}

func (q *chaosQueue) Dead(ctx context.Context, subscription, after string, limit int) ([]driver.DeadLetter, error) {
	letters, err := q.memoryQueue.Dead(ctx, subscription, after, limit)
	for i := range letters {
		q.timed(&letters[i].Message, &letters[i].Enqueued)
	}
	return letters, err
}

// deliver is one delivery with faults.
func (q *chaosQueue) deliver(ctx context.Context, subscription string, drain <-chan struct{}, delivered *driver.Delivery, handle driver.Handler) driver.Result {
	d := *delivered
	config := q.config(subscription)
	met, before := q.meet(q.about("delivery").text(subscription).message(&d.Message).number(uint64(d.Attempt)))
	if off := q.timed(&d.Message, &d.Enqueued); off != 0 && before == 0 {
		q.noteDelivery(clockJump, "enqueue time off", subscription, &d, off)
	}
	if q.strikes(met, reordering) {
		// Release once for each attempt at most: a message that is released every time never arrives.
		if goes := q.hold(ctx, subscription, drain, &d, config, met, before == 0 && met.half(reordering)); !goes {
			return driver.Result{Outcome: driver.OutcomeRelease}
		}
	}
	// The last attempt must not crash.
	crashes := d.Attempt <= config.Retry.MaxRetries && q.strikes(met, crash)
	if crashes && met.half(crash) {
		q.noteDelivery(crash, "crash before the handler", subscription, &d, 0)
		return crashed("before the handler began")
	}
	result := handle(ctx, &d)
	if ctx.Err() != nil {
		return result // the result does not count, or the worker is being shut down
	}
	if wait := within(ctx, met.upTo(q.faults.MaxDelay, slowAck)); wait > 0 && q.strikes(met, slowAck) {
		q.noteDelivery(slowAck, "acknowledgement delayed", subscription, &d, wait)
		pause(ctx, nil, wait)
	}
	if crashes && (result.Outcome == driver.OutcomeDone || result.Outcome == driver.OutcomeRetry || result.Outcome == driver.OutcomeRetryAfter) {
		// Not after OutcomeRelease, which may be due to the end of this process and must not cost an attempt; nor
		// after OutcomeDead, since the message must not be retried because of a lost lease.
		q.noteDelivery(crash, "crash after the handler", subscription, &d, 0)
		result = crashed("after the handler had returned")
	}
	if result.Outcome == driver.OutcomeRetry { // at a time that the seed decides
		result.Outcome, result.Delay = driver.OutcomeRetryAfter, met.retryDelay(config.Retry, d.Attempt)
	}
	q.mu.Lock()
	acknowledged := q.acknowledged
	q.mu.Unlock()
	for _, f := range acknowledged {
		f()
	}
	return result
}

func (q *chaosQueue) config(subscription string) driver.SubscriptionConfig {
	config, _ := q.configs.Load(subscription)
	known, _ := config.(driver.SubscriptionConfig)
	return known
}

func crashed(when string) driver.Result {
	return driver.Result{Outcome: driver.OutcomeRetry, Error: ErrChaos.Error() + ": the worker crashed " + when}
}

// hold makes a delivery wait, and reports whether its handler may begin. It may not if the message is to be released
// (back), or if the wait was cut short.
func (q *chaosQueue) hold(
	ctx context.Context, subscription string, drain <-chan struct{}, d *driver.Delivery, config driver.SubscriptionConfig, met digest, back bool,
) bool {
	wait := within(ctx, met.upTo(q.faults.MaxDelay, reordering))
	what := "delivery delayed"
	if back {
		what = "delivery released, delayed"
	}
	q.noteDelivery(reordering, what, subscription, d, wait)
	if !pause(ctx, drain, wait) || back {
		return false
	}
	// For the handler it is as if the message had just arrived.
	return config.Visibility <= 0 || d.Lease.Extend(ctx, config.Visibility) == nil
}

// within shortens a wait so that it takes at most half of the time that is left.
func within(ctx context.Context, wait time.Duration) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(deadline)/2)
	}
	return max(wait, 0)
}

func (q *chaosQueue) noteDelivery(k faultKind, what, subscription string, d *driver.Delivery, by time.Duration) {
	q.note(fault{kind: k, what: what, where: place(&d.Message) + " to " + subscription, attempt: d.Attempt, by: by, data: d.Data})
}
