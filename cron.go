package motia

import (
	"context"
	"errors"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/trace"
)

// tickPatience is how long a tick is offered to a backend that does not take it: well within the time for which its
// ID is remembered, so that one whose answer was lost does not fire twice.
const tickPatience = time.Minute

// tickBackoff is the pause between two offers.
var tickBackoff = driver.RetryPolicy{Base: 100 * time.Millisecond, Cap: 10 * time.Second, Factor: 2, Jitter: 0.2}

// tick fires one tick of a schedule. Other schedules do not wait for a backend that fails.
func (r *runner) tick(ctx context.Context, b *binding, at time.Time) {
	message := driver.Message{
		Topic:  cronTopic(b.subscription),
		ID:     at.UTC().Format(time.RFC3339Nano),
		Header: driver.Header{TraceParent: trace.NewTraceParent()}, // one trace for all attempts
	}
	message.Data = []byte(`"` + message.ID + `"`)
	if err := r.app.enqueueTick(ctx, b, at, message); err != nil {
		r.app.log.WarnContext(ctx, "tick is not taken yet", "step", b.step.config.Name, "trigger", b.trigger.String(), "tick", at, "error", err)
		r.work.Go(func() { r.app.repeatTick(ctx, b, at, message, err) })
	}
}

// repeatTick offers a tick again until it is taken, or the next one is due.
func (a *App) repeatTick(ctx context.Context, b *binding, at time.Time, message driver.Message, err error) {
	patience := tickPatience
	if next := b.schedule.Next(at); !next.IsZero() {
		patience = min(patience, time.Until(next))
	}
	ended, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for attempt := 1; err != nil && pause(ended, tickBackoff.Delay(attempt)) == nil; attempt++ {
		err = a.enqueueTick(ctx, b, at, message)
	}
	if err != nil && ctx.Err() == nil {
		a.log.ErrorContext(ctx, "tick is lost", "step", b.step.config.Name, "trigger", b.trigger.String(), "tick", at, "error", err)
	}
}

// enqueueTick enqueues one tick of a schedule. The message's ID is the tick, so that of several processes one fires
// it; the bound on the subscription's pending messages is the overlap policy.
func (a *App) enqueueTick(ctx context.Context, b *binding, at time.Time, message driver.Message) error {
	err := a.backend.Queue.Publish(ctx, message)
	if errors.Is(err, driver.ErrFull) {
		a.log.InfoContext(ctx, "tick is left out: the previous run has not finished", "step", b.step.config.Name, "trigger", b.trigger.String(), "tick", at)
		return nil
	}
	return err
}
