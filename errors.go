package motia

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/wrap"
)

// Sentinel errors, for errors.Is. Most are returned with context before them, such as
// `motia: enqueue "send-email" from step "create-order": queue is full`.
var (
	// ErrNoInvocation is returned by the methods of [Topic], [Scope] and [StreamName] if their context belongs to no
	// invocation. Handlers pass their FlowContext or a context derived from it; host code and tests use [App.Context].
	ErrNoInvocation = errors.New("motia: context belongs to no invocation: pass the handler's ctx, or one from App.Context")

	// ErrQueueFull is returned by Enqueue if a queue has reached its [QueueConfig.MaxPending]. Nothing was enqueued. If
	// an HTTP handler returns it, the client gets status 503 with Retry-After.
	ErrQueueFull = driver.ErrFull

	// ErrNotAtomic is returned by [FlowContext.Enqueue] and [EnqueueAll] for several messages if the backend cannot
	// enqueue them atomically. Enqueue them one by one then, each with an ID.
	ErrNotAtomic = errors.New("motia: backend cannot enqueue several messages atomically")

	// ErrConflict is returned by a write with [IfRevision] if the stored value has another revision.
	ErrConflict = driver.ErrConflict

	// ErrValueTooLarge is returned if a state value or stream item would exceed [Options.MaxValueSize].
	ErrValueTooLarge = errors.New("motia: value is too large")

	// ErrTriggerLoop is the error of a dead letter that ends a chain of more than 100 state and stream triggers, in
	// which each step made the change that fired the next.
	ErrTriggerLoop = errors.New("motia: chain of state and stream triggers is too long")

	// ErrLeaseLost is returned by [FlowContext.ExtendVisibility] if the visibility timeout has already expired.
	ErrLeaseLost = driver.ErrLeaseLost

	// ErrNoLease is returned by [FlowContext.ExtendVisibility] in HTTP requests and in host code: they hold no message.
	ErrNoLease = errors.New("motia: invocation has no visibility timeout")

	// ErrRunning is returned by Register and Run if the app is already running.
	ErrRunning = errors.New("motia: app is running")

	// ErrShutdown is returned if an app is used after Run has ended. It is also the [context.Cause] in handlers that the
	// shutdown has cancelled.
	ErrShutdown = errors.New("motia: app is shut down")

	// ErrDeadLetterNotFound is returned for a dead letter id that does not exist.
	ErrDeadLetterNotFound = errors.New("motia: dead letter not found")
)

// StepError is one mistake in the registration of a step. [App.Register] returns all mistakes at once, joined.
type StepError struct {
	Step    string // name of the step, possibly empty
	Trigger string // index and trigger, for example "0 (http POST /orders)"; empty if the mistake is not in a trigger
	Err     error
}

func (e *StepError) Error() string {
	reason := wrap.Text(e.Err)
	if e.Trigger == "" {
		return fmt.Sprintf("motia: step %q: %s", e.Step, reason)
	}
	return fmt.Sprintf("motia: step %q: trigger %s: %s", e.Step, e.Trigger, reason)
}

func (e *StepError) Unwrap() error { return e.Err }

// UndeclaredTopicError says that a step enqueued to a topic that is not in its [StepConfig.Enqueues]. Nothing was
// enqueued.
type UndeclaredTopicError struct {
	Step     string
	Topic    string
	Declared []string
}

func (e *UndeclaredTopicError) Error() string {
	return fmt.Sprintf("motia: step %q enqueues to undeclared topic %q; declared: %s", e.Step, e.Topic, quoteAll(e.Declared))
}

// UnconsumedTopicError says that a step enqueues to a topic that no step consumes: the messages would be dropped.
type UnconsumedTopicError struct {
	Step  string
	Topic string
}

func (e *UnconsumedTopicError) Error() string {
	return fmt.Sprintf("motia: step %q enqueues to topic %q, which no step consumes; if another program does, add it to VirtualEnqueues", e.Step, e.Topic)
}

// UndeclaredStreamError says that a stream was used that is not in [Options.Streams].
type UndeclaredStreamError struct {
	Stream   string
	Declared []string
}

func (e *UndeclaredStreamError) Error() string {
	return fmt.Sprintf("motia: stream %q is not declared; declared: %s", e.Stream, quoteAll(e.Declared))
}

// ItemError says that an item of a stream does not decode as the type of the subscription, see [Subscription.Next].
// The subscription goes on; every other error ends it.
type ItemError struct {
	Stream  string
	GroupID string
	ItemID  string
	Err     error
}

func (e *ItemError) Error() string {
	return fmt.Sprintf("motia: item %q of stream %q, group %q: %v", e.ItemID, e.Stream, e.GroupID, e.Err)
}

func (e *ItemError) Unwrap() error { return e.Err }

// NoHandlerError says that [Match] was given no handler for the trigger that fired.
type NoHandlerError struct {
	Trigger   TriggerType
	Available []string
}

func (e *NoHandlerError) Error() string {
	return fmt.Sprintf("motia: no handler for trigger type %q; available: %s", e.Trigger, quoteAll(e.Available))
}

// UpdateError says which operation of an update does not fit the stored value. The update changed nothing.
type UpdateError struct {
	Index  int    // of the operation, counted over all arguments of the Update
	Op     string // for example "increment"
	Path   string
	Reason string
}

func (e *UpdateError) Error() string {
	if e.Op == "" {
		return fmt.Sprintf("operation %d: %s", e.Index, e.Reason)
	}
	return fmt.Sprintf("operation %d, %s of %q: %s", e.Index, e.Op, e.Path, e.Reason)
}

// PanicError is a panic of user code, turned into a failed attempt.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Unwrap returns the value of the panic if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// ShutdownError says which handlers did not return within the shutdown timeout. Their messages went back to the
// queues, without counting the attempt.
type ShutdownError struct {
	Timeout time.Duration
	Running []string // the names of their steps, sorted; one entry for each invocation
}

func (e *ShutdownError) Error() string {
	return fmt.Sprintf("motia: steps did not finish within the shutdown timeout of %v: %s", e.Timeout, quoteAll(e.Running))
}

// StatusError is an error with an HTTP status, made by [HTTPError].
type StatusError struct {
	Status int
	Err    error
}

func (e *StatusError) Error() string {
	if e.Err == nil {
		return strings.ToLower(http.StatusText(e.Status))
	}
	return e.Err.Error()
}

func (e *StatusError) Unwrap() error { return e.Err }

// HTTPError gives err an HTTP status from 400 to 599. If a handler returns it, the client gets a [Problem] with that
// status and the text of err as its detail (none if err is nil). Other errors are answered with 500, without their
// text.
func HTTPError(status int, err error) error { return &StatusError{Status: status, Err: err} }

// PermanentError is an error that is not retried, made by [Permanent].
type PermanentError struct{ Err error }

func (e *PermanentError) Error() string {
	if e.Err == nil {
		return "permanent failure"
	}
	return e.Err.Error()
}

func (e *PermanentError) Unwrap() error { return e.Err }

// Permanent says that a retry would not help: if a handler returns it, the message becomes a dead letter at once. It
// returns a *[PermanentError] that wraps err, so that middleware can recognise it. Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &PermanentError{err}
}

// RetryAfterError is an error after which the message is retried with the given Delay, made by [RetryAfter].
type RetryAfterError struct {
	Delay time.Duration
	Err   error
}

func (e *RetryAfterError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("retry after %v", e.Delay)
	}
	return e.Err.Error()
}

func (e *RetryAfterError) Unwrap() error { return e.Err }

// RetryAfter says how long to wait before the message is retried, in place of the trigger's backoff. The attempt
// counts as failed. It returns a *[RetryAfterError] that wraps err, so that middleware can recognise it.
// RetryAfter(d, nil) is nil; a negative d counts as zero.
func RetryAfter(d time.Duration, err error) error {
	if err == nil {
		return nil
	}
	return &RetryAfterError{max(d, 0), err}
}

func quoteAll(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = fmt.Sprintf("%q", n)
	}
	return strings.Join(quoted, ", ")
}
