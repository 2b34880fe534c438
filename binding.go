package motia

import (
	"context"
	"encoding/json"
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

	// The following are for all kinds but http, which travel through a queue.
	queue        QueueConfig
	subscription string
	topics       []string
	bucket       string // whose changes feed the topics; empty for queue and cron

	inFlight atomic.Int64 // invocations
}

// maxHops bounds a chain of state and stream triggers.
const maxHops = 100

// begin makes c an invocation of the binding.
func (b *binding) begin(c call, parent context.Context, header driver.Header, traceID string) *Invocation {
	inv := c.invocation()
	inv.begin(b.app, parent, header, traceID)
	inv.Step, inv.step, inv.Trigger = b.step.config.Name, b.step, b.info
	return inv
}

// deliver is the driver.Handler of the binding.
func (b *binding) deliver(ctx context.Context, d *driver.Delivery) driver.Result {
	b.inFlight.Add(1)
	defer b.inFlight.Add(-1)
	c := b.newCall()
	inv := b.begin(c, ctx, d.Header, "")
	inv.lease = d.Lease
	inv.Trigger.Attempt = d.Attempt
	if d.Header.Hops > maxHops {
		return b.dead(inv, fmt.Errorf("%w: over %d", ErrTriggerLoop, maxHops))
	}
	wanted, err := b.decode(c, d)
	if err != nil {
		return b.dead(inv, err)
	}
	if !wanted {
		return driver.Result{}
	}
	response, err := b.app.invoke(c)
	closeBody(response.Body) // nobody is there to read it
	return b.result(inv, d.Attempt, err)
}

// decode turns the message into the input of the call. wanted is false if the trigger is narrowed to something else.
func (b *binding) decode(c call, d *driver.Delivery) (wanted bool, err error) {
	defer func() {
		if v := recover(); v != nil { // of an UnmarshalJSON or a custom validation
			err = panicError(v)
		}
	}()
	switch t := b.trigger; t.kind {
	case TriggerQueue:
		return true, c.setQueue(d, t.topic)
	case TriggerCron:
		var tick time.Time
		err := json.Unmarshal(d.Data, &tick)
		c.setCron(tick.In(b.schedule.Zone()))
		return true, err
	case TriggerState:
		change, err := decodeStateChange(d.Data)
		if err != nil || !matches(t.scope, change.Scope) || !matches(t.key, change.Key) {
			return false, err
		}
		inv := c.invocation()
		inv.Trigger.Scope, inv.Trigger.Key = change.Scope, change.Key
		return true, c.setState(change)
	default:
		event, err := decodeStreamEvent(d.Data)
		if err != nil || !matches(t.group, event.Group) || !matches(t.item, event.Item) {
			return false, err
		}
		return true, c.setStream(event)
	}
}

func matches(filter *string, value string) bool { return filter == nil || *filter == value }

// result says what becomes of a message whose handler returned err.
func (b *binding) result(inv *Invocation, attempt int, err error) driver.Result {
	if err == nil || err == errNotAccepted { // ours, never wrapped
		return driver.Result{}
	}
	var permanent *permanentError
	var after *retryAfterError
	switch {
	case b.app.cutOff():
		// The shutdown ran out of patience, so the failure says nothing about the message.
		return driver.Result{Outcome: driver.Release}
	case errors.As(err, &permanent):
		return b.dead(inv, err)
	case attempt > b.queue.MaxRetries:
		b.logFailure(inv, slog.LevelError, "step failed, retries are used up: message is dead-lettered", err)
		return driver.Result{Outcome: driver.Retry, Error: err.Error()}
	}
	result := driver.Result{Outcome: driver.Retry, Error: err.Error()}
	if errors.As(err, &after) {
		result.Outcome, result.Delay = driver.RetryAfter, after.delay
	} else if b.queue.Backoff != nil {
		result.Outcome, result.Delay = driver.RetryAfter, b.backoff(inv, attempt)
	}
	b.logFailure(inv, slog.LevelWarn, "step failed, will be retried", err)
	return result
}

// backoff asks the user's function, which may panic.
func (b *binding) backoff(inv *Invocation, attempt int) (d time.Duration) {
	defer func() {
		if v := recover(); v != nil {
			b.logFailure(inv, slog.LevelError, "QueueConfig.Backoff panicked, retrying at the default", panicError(v))
			d = ExponentialBackoff(defaultBackoffBase, defaultBackoffCap)(attempt)
		}
	}()
	return max(b.queue.Backoff(attempt), 0)
}

func (b *binding) dead(inv *Invocation, err error) driver.Result {
	b.logFailure(inv, slog.LevelError, "message is dead-lettered", err)
	return driver.Result{Outcome: driver.Dead, Error: err.Error()}
}

func (b *binding) logFailure(inv *Invocation, level slog.Level, message string, err error) {
	attrs := []any{"error", err}
	var panicked *PanicError
	if errors.As(err, &panicked) {
		attrs = append(attrs, "stack", string(panicked.Stack))
	}
	inv.Logger.Log(inv.ctx, level, message, attrs...)
}

// panicError makes an error of a recovered value.
func panicError(v any) *PanicError { return &PanicError{Value: v, Stack: debug.Stack()} }
