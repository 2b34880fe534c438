// Package tick turns the ticks of schedules into messages on queues.
//
// The ID of a message is its tick, so only one of several processes that run the same schedule fires it: the queue
// drops the messages of the others as duplicates. The queue also decides what happens if the previous run has not
// finished: a queue with a bound on its pending messages refuses the tick, which is then skipped.
package tick

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/payload"
	"github.com/motia-go/motia/internal/schedule"
	"github.com/motia-go/motia/internal/trace"
)

// patience is how long a tick is offered to a queue that fails: well within the time for which the queue remembers
// IDs, so that a tick that was accepted does not fire twice if the answer of the queue was lost.
const patience = time.Minute

// backoff is the pause between two offers.
var backoff = driver.RetryPolicy{Base: 100 * time.Millisecond, Cap: 10 * time.Second, Factor: 2, Jitter: 0.2}

// Schedule is one schedule and where its ticks go.
type Schedule struct {
	Times *schedule.Schedule
	Topic string
	// Attrs identify the schedule in log records. They are like the arguments of [slog.Logger.Log].
	Attrs []any
}

// Config is what [Run] needs.
type Config struct {
	Schedules []Schedule
	// Publish enqueues messages, as [driver.Queue] does. It must allow concurrent calls.
	Publish func(ctx context.Context, messages ...driver.Message) error
	Log     *slog.Logger
}

// Run publishes a message for each tick until ctx ends. When it returns, nothing that it started is still running.
// Without schedules it returns at once.
func Run(ctx context.Context, c Config) {
	if len(c.Schedules) == 0 {
		return
	}
	var runner schedule.Runner
	var retries sync.WaitGroup
	for _, s := range c.Schedules {
		runner.Add(s.Times, func(at time.Time) {
			message := newMessage(s.Topic, at)
			if err := c.publish(ctx, s, at, message); err != nil {
				c.Log.WarnContext(ctx, "tick could not be enqueued, will be retried", s.attrs(at, "error", err)...)
				// Other schedules do not wait for a queue that fails.
				retries.Go(func() { c.retry(ctx, s, at, message, err) })
			}
		})
	}
	runner.Run(ctx)
	retries.Wait()
}

// newMessage returns the message of a tick. [At] reads it.
func newMessage(topic string, at time.Time) driver.Message {
	id := at.UTC().Format(time.RFC3339Nano)
	return driver.Message{
		Topic:  topic,
		ID:     id,
		Data:   []byte(`"` + id + `"`),
		Header: driver.Header{TraceParent: trace.NewTraceParent()}, // one trace for all attempts
	}
}

// At returns the tick of a message with this data.
func At(data []byte) (time.Time, error) {
	var at time.Time
	err := payload.Load(data, &at)
	return at, err
}

// publish offers a tick to the queue. If the queue is full, that is not an error: the tick is skipped.
func (c Config) publish(ctx context.Context, s Schedule, at time.Time, message driver.Message) error {
	err := c.Publish(ctx, message)
	if errors.Is(err, driver.ErrFull) {
		c.Log.InfoContext(ctx, "tick skipped: the previous run has not finished", s.attrs(at)...)
		return nil
	}
	return err
}

// retry offers a tick that failed with err again, until it is accepted or the next one is due.
func (c Config) retry(ctx context.Context, s Schedule, at time.Time, message driver.Message, err error) {
	patience := patience
	if next := s.Times.Next(at); !next.IsZero() {
		patience = min(patience, time.Until(next))
	}
	patient, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for attempt := 1; err != nil; attempt++ {
		select {
		case <-patient.Done():
			if ctx.Err() == nil {
				c.Log.ErrorContext(ctx, "tick lost: it could not be enqueued", s.attrs(at, "error", err)...)
			}
			return
		case <-time.After(backoff.Delay(attempt)):
			err = c.publish(patient, s, at, message)
		}
	}
}

func (s Schedule) attrs(at time.Time, more ...any) []any {
	attrs := append(s.Attrs[:len(s.Attrs):len(s.Attrs)], "tick", at)
	return append(attrs, more...)
}
