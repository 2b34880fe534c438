package motiatest

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/trace"
	"github.com/motia-go/motia/internal/wire"
)

// Enqueue enqueues data to the topic, like code outside of steps. It ends the test if that fails.
func Enqueue[T any](app *App, topic motia.Topic[T], data T, opts ...motia.EnqueueOption) {
	app.Helper()
	err := insist(func() error { return topic.Enqueue(app.Context(app.ctx), data, opts...) })
	if err != nil {
		app.Fatalf("motiatest: %v", err)
	}
}

// SetState stores a value, like code outside of steps: state triggers fire. It ends the test if that fails.
func SetState[T any](app *App, scope motia.Scope[T], key string, value T, opts ...motia.SetOption) {
	app.Helper()
	err := insist(func() error {
		_, err := scope.Set(app.Context(app.ctx), key, value, opts...)
		return err
	})
	if err != nil {
		app.Fatalf("motiatest: %v", err)
	}
}

// insistence is how often a write of the test itself is tried on a [Chaos] backend, whose faults are meant for the
// steps.
const insistence = 100

// insist makes a write of the test itself, and repeats it if chaos makes it fail.
func insist(write func() error) (err error) {
	for range insistence {
		if err = write(); !errors.Is(err, ErrChaos) {
			return err
		}
		if lostAnswer(err) != nil {
			return nil
		}
	}
	return err
}

// Tick makes a schedule due now: every cron trigger that was declared with the expression fires. The overlap policy
// applies, so the tick is skipped if the previous run has not finished. It ends the test if no trigger has the
// expression.
//
// In a bubble the test can also wait for a schedule, with time.Sleep.
func (a *App) Tick(expression string) {
	a.Helper()
	a.rec.mu.Lock()
	var due, others []string
	for _, sub := range a.rec.subscriptions {
		switch {
		case sub.kind != motia.TriggerCron:
		case sub.expression == expression:
			due = append(due, sub.id)
		default:
			others = append(others, sub.expression)
		}
	}
	a.rec.mu.Unlock()
	if len(due) == 0 {
		slices.Sort(others)
		a.Fatalf("motiatest: no step has the schedule %q; there are: %s", expression, quoted(others))
		return
	}
	slices.Sort(due)
	tick, _ := json.Marshal(time.Now().UTC()) // cannot fail for times of this century
	for _, id := range due {
		err := insist(func() error {
			return a.options.Backend.Queue.Publish(a.ctx, driver.Message{
				Topic:  wire.CronTopic(id),
				Header: driver.Header{TraceParent: trace.NewTraceParent()},
				Data:   tick,
			})
		})
		if err != nil && !errors.Is(err, driver.ErrFull) {
			a.Fatalf("motiatest: tick of %q: %v", expression, err)
		}
	}
}

func quoted(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return `"` + strings.Join(names, `", "`) + `"`
}
