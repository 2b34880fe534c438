package motia

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/route"
	"github.com/motia-go/motia/internal/schedule"
	"github.com/motia-go/motia/internal/tick"
	"github.com/motia-go/motia/internal/wire"
)

// binding is one trigger of one step at work.
type binding struct {
	app     *App
	step    *Step
	trigger *Trigger
	info    TriggerInfo
	newCall func() call
	// hasPayload is false if the step's input is None.
	hasPayload bool

	route    route.Route        // http
	handler  http.Handler       // http: the binding within the trigger's middleware
	schedule *schedule.Schedule // cron

	// The following are for all kinds but http: they go through a queue.
	queue        QueueConfig
	subscription string
	topics       []string
	bucket       string // whose changes feed the topics; empty for queue and cron

	inFlight atomic.Int64 // invocations
}

// deliver is the driver.Handler of the binding: it decodes the message, runs the step and judges the result.
func (b *binding) deliver(ctx context.Context, d *driver.Delivery) (result driver.Result) {
	b.inFlight.Add(1)
	defer b.inFlight.Add(-1)
	c := b.newCall()
	inv := c.invocation()
	b.begin(inv, ctx, originOf(d.Header))
	inv.lease = d.Lease
	inv.Trigger.Attempt = d.Attempt
	defer func() {
		if v := recover(); v != nil { // of a method of the step's error
			err := panicError(v)
			b.logFailure(inv, slog.LevelError, "step failed, and a method of its error panicked", err)
			result = driver.Result{Outcome: driver.OutcomeRetry, Error: err.Error()}
		}
	}()
	wanted, err := b.decode(c, d)
	if err != nil {
		return b.dead(inv, err)
	}
	if !wanted {
		return driver.Result{}
	}
	response, err := b.app.invoke(c)
	closeBody(response.Body) // nobody reads it
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		inv.Logger.WarnContext(inv.ctx, "handler returned after its visibility timeout expired: its result is ignored", "error", err)
	}
	return b.judge(inv, d.Attempt, err)
}

// begin makes the zero inv an invocation of the binding within parent.
func (b *binding) begin(inv *Invocation, parent context.Context, o origin) {
	inv.begin(b.app, parent, o)
	inv.Step, inv.step, inv.Trigger = b.step.config.Name, b.step, b.info
}

// maxHops is the length of the longest chain of state and stream triggers.
const maxHops = 100

// errLoop is the error of the messages of a longer chain.
var errLoop = fmt.Errorf("%w: over %d", ErrTriggerLoop, maxHops)

// decode turns the message into the input of the call. wanted is false if the trigger's filters exclude it.
func (b *binding) decode(c call, d *driver.Delivery) (wanted bool, err error) {
	defer func() {
		if v := recover(); v != nil { // of an UnmarshalJSON or a custom validation
			err = panicError(v)
		}
	}()
	tooLong := d.Header.Hops > maxHops
	switch t := b.trigger; t.kind {
	case TriggerQueue:
		if tooLong {
			return true, errLoop
		}
		return true, c.setQueue(d, t.topic)
	case TriggerCron:
		at, err := tick.At(d.Data)
		c.setCron(at.In(b.schedule.Zone()))
		return true, err
	case TriggerState:
		change, err := wire.DecodeStateChange(d.Data)
		if err != nil || !matches(t.scope, change.Scope) || !matches(t.key, change.Key) {
			return false, err
		}
		if tooLong {
			return true, errLoop
		}
		inv := c.invocation()
		inv.Trigger.Scope, inv.Trigger.Key = change.Scope, change.Key
		return true, c.setState(change)
	default:
		event, err := wire.DecodeStreamEvent(d.Data)
		if err != nil || !matches(t.group, event.Group) || !matches(t.item, event.Item) {
			return false, err
		}
		if tooLong {
			return true, errLoop
		}
		return true, c.setStream(event)
	}
}

func matches(filter *string, value string) bool { return filter == nil || *filter == value }

// judge decides what happens to a message whose handler returned err.
func (b *binding) judge(inv *Invocation, attempt int, err error) driver.Result {
	if err == nil || err == errNotAccepted { // ours, never wrapped
		return driver.Result{}
	}
	var permanent *PermanentError
	var after *RetryAfterError
	switch {
	case b.app.cutOff() || errors.Is(err, ErrShutdown) || errors.Is(inv.ctx.Err(), context.DeadlineExceeded):
		// An attempt that the shutdown cancelled does not count. After the visibility timeout, no result does.
		return driver.Result{Outcome: driver.OutcomeRelease}
	case errors.As(err, &permanent):
		return b.dead(inv, err)
	}
	result := driver.Result{Outcome: driver.OutcomeRetry, Error: err.Error()}
	if attempt < b.queue.MaxAttempts {
		if errors.As(err, &after) {
			result.Outcome, result.Delay = driver.OutcomeRetryAfter, max(after.Delay, 0)
		} else if b.queue.Backoff != nil {
			result.Outcome, result.Delay = driver.OutcomeRetryAfter, b.backoff(inv, attempt)
		}
	}
	b.logAttempt(inv, attempt, err)
	return result
}

func (b *binding) dead(inv *Invocation, err error) driver.Result {
	b.logFailure(inv, slog.LevelError, "message is dead-lettered", err)
	return driver.Result{Outcome: driver.OutcomeDead, Error: err.Error()}
}

// backoff calls the user's function, which may panic.
func (b *binding) backoff(inv *Invocation, attempt int) (d time.Duration) {
	defer func() {
		if v := recover(); v != nil {
			b.logFailure(inv, slog.LevelError, "QueueConfig.Backoff panicked: the default backoff is used", panicError(v))
			d = ExponentialBackoff(defaultBackoffBase, defaultBackoffCap)(attempt)
		}
	}()
	return max(b.queue.Backoff(attempt), 0)
}

// expired logs the failure of an attempt whose visibility timeout has expired. Its handler may still run.
func (b *binding) expired(d *driver.Delivery) {
	inv := new(Invocation)
	b.begin(inv, context.Background(), originOf(d.Header))
	inv.Trigger.Attempt = d.Attempt
	b.logAttempt(inv, d.Attempt, errors.New("visibility timeout expired"))
}

// logAttempt logs a failure after which the message is retried, unless no attempts are left.
func (b *binding) logAttempt(inv *Invocation, attempt int, err error) {
	if attempt >= b.queue.MaxAttempts {
		b.logFailure(inv, slog.LevelError, "step failed, no attempts are left: message is dead-lettered", err)
		return
	}
	b.logFailure(inv, slog.LevelWarn, "step failed, will be retried", err)
}

func (b *binding) logFailure(inv *Invocation, level slog.Level, message string, err error) {
	attrs := []any{"error", err}
	var panicked *PanicError
	if errors.As(err, &panicked) {
		attrs = append(attrs, "stack", string(panicked.Stack))
	}
	inv.Logger.Log(inv.ctx, level, message, attrs...)
}

// panicError makes an error from a recovered value.
func panicError(v any) *PanicError { return &PanicError{Value: v, Stack: debug.Stack()} }
