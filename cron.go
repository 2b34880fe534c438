package motia

import (
	"context"
	"errors"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/trace"
)

// tick enqueues one tick of a schedule. The message's ID is the tick, so that of several processes one fires it; the
// bound on the subscription's pending messages is the overlap policy.
func (a *App) tick(ctx context.Context, b *binding, at time.Time) {
	id := at.UTC().Format(time.RFC3339Nano)
	err := a.backend.Queue.Publish(ctx, driver.Message{
		Topic:  cronTopic(b.subscription),
		ID:     id,
		Header: driver.Header{TraceParent: trace.NewTraceParent()}, // one trace for all attempts
		Data:   []byte(`"` + id + `"`),
	})
	switch {
	case errors.Is(err, driver.ErrFull):
		a.log.InfoContext(ctx, "tick is left out: the previous run has not finished", "step", b.step.config.Name, "trigger", b.trigger.String(), "tick", at)
	case err != nil && ctx.Err() == nil:
		a.log.ErrorContext(ctx, "tick is lost", "step", b.step.config.Name, "trigger", b.trigger.String(), "tick", at, "error", err)
	}
}
