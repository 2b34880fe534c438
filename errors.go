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
	// ErrNoInvocation is returned by the methods of [Topic], [Scope] and [StreamName] when their context belongs to no
	// invocation. Handlers pass their FlowContext or a context derived from it; host code and tests use [App.Context].
	ErrNoInvocation = errors.New("motia: context belongs to no invocation: pass the handler's ctx, or one from App.Context")

	// ErrQueueFull is returned by Enqueue when a bounded queue has no room. Nothing was enqueued. A step that returns
	// it to an HTTP client answers 503 with Retry-After.
	ErrQueueFull = driver.ErrFull

	// ErrNotAtomic is returned by [FlowContext.Enqueue] and [EnqueueAll] for several messages if the backend cannot accept
	// them together or not at all. Enqueue them one by one, each with an ID.
	ErrNotAtomic = errors.New("motia: backend cannot enqueue several messages atomically")

	// ErrConflict is returned by a conditional write when the stored revision is not the expected one.
	ErrConflict = driver.ErrConflict

	// ErrValueTooLarge is returned when a state value or stream item would exceed [Options.MaxValueSize].
	ErrValueTooLarge = errors.New("motia: value is too large")

	// ErrTriggerLoop is the error of a dead letter at the end of a chain of more than 100 state and stream triggers, each
	// of which has made the change that fired the next.
	ErrTriggerLoop = errors.New("motia: chain of state and stream triggers is too long")

	// ErrLeaseLost is returned by [FlowContext.ExtendVisibility] when the visibility timeout has passed.
	ErrLeaseLost = driver.ErrLeaseLost

	// ErrNoLease is returned by [FlowContext.ExtendVisibility] in HTTP requests and in host code, which hold no message.
	ErrNoLease = errors.New("motia: invocation has no visibility timeout")

	// ErrRunning is returned by Register and Run when the app runs already.
	ErrRunning = errors.New("motia: app is running")

	// ErrShutdown is returned when an app is used after Run has ended. It is also the cause of the contexts of handlers
	// that were cut off by the shutdown.
	ErrShutdown = errors.New("motia: app is shut down")

	// ErrDeadLetterNotFound is returned for a dead letter id that does not exist.
	ErrDeadLetterNotFound = errors.New("motia: dead letter not found")
)

// StepError is one mistake in the registration of a step. [App.Register] returns all mistakes at once, joined.
type StepError struct {
	Step    string // name of the step, possibly empty
	Trigger string // index and trigger, for example "0 (http POST /orders)"; empty when the mistake is not in a trigger
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

// UndeclaredTopicError says that a step enqueued to a topic that is not in its Enqueues. Nothing was sent.
type UndeclaredTopicError struct {
	Step     string
	Topic    string
	Declared []string
}

func (e *UndeclaredTopicError) Error() string {
	return fmt.Sprintf("motia: step %q enqueues to undeclared topic %q; declared: %s", e.Step, e.Topic, quoteAll(e.Declared))
}

// UnconsumedTopicError says that a step enqueues to a topic that no step consumes: its messages would go nowhere.
type UnconsumedTopicError struct {
	Step  string
	Topic string
}

func (e *UnconsumedTopicError) Error() string {
	return fmt.Sprintf("motia: step %q enqueues to topic %q, which no step consumes; if others do, declare it in VirtualEnqueues", e.Step, e.Topic)
}

// UndeclaredStreamError says that a stream was used that is not in [Options.Streams].
type UndeclaredStreamError struct {
	Stream   string
	Declared []string
}

func (e *UndeclaredStreamError) Error() string {
	return fmt.Sprintf("motia: stream %q is not declared; declared: %s", e.Stream, quoteAll(e.Declared))
}

// ItemError says that an item of a stream does not decode as the type of a subscription, see [Subscription.Next]. The
// subscription goes on, while every other error is its end.
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

// NoHandlerError says that Match had no handler for the trigger that fired.
type NoHandlerError struct {
	Trigger   TriggerType
	Available []string
}

func (e *NoHandlerError) Error() string {
	return fmt.Sprintf("motia: no handler for trigger type %q; available: %s", e.Trigger, quoteAll(e.Available))
}

// UpdateError says which operation of an update does not fit the stored value. The update changed nothing.
type UpdateError struct {
	Index  int    // of the operation, as if all that the Update has were in one list
	Op     string // for example "increment"
	Path   string
	Reason string
}

func (e *UpdateError) Error() string {
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

// ShutdownError says what did not end in time when the app was shut down. The messages concerned went back to their
// queues, without counting the attempt.
type ShutdownError struct {
	Timeout time.Duration
	Running []string // the steps cut off, or still running, sorted; one entry for each invocation
}

func (e *ShutdownError) Error() string {
	return fmt.Sprintf("motia: invocations that did not end within the shutdown timeout of %v: %s", e.Timeout, quoteAll(e.Running))
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

// HTTPError gives err an HTTP status: a handler that returns it answers with that status and the text of err as the
// detail of the problem. Other errors answer 500 and keep their text to themselves. A nil err leaves the detail out.
func HTTPError(status int, err error) error { return &StatusError{Status: status, Err: err} }

// PermanentError is an error that no retry can mend, made by [Permanent].
type PermanentError struct{ Err error }

func (e *PermanentError) Error() string {
	if e.Err == nil {
		return "permanent failure"
	}
	return e.Err.Error()
}

func (e *PermanentError) Unwrap() error { return e.Err }

// Permanent says that retrying is useless: a message whose handler returns it becomes a dead letter at once. It makes a
// *[PermanentError], so the chain of err stays intact for errors.Is and errors.As, and middleware can tell. Permanent(nil)
// is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &PermanentError{err}
}

// RetryAfterError is a failure whose next attempt is due after Delay, made by [RetryAfter].
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

// RetryAfter says when the failed attempt is repeated, in place of the backoff of the trigger. It counts as an
// attempt. It makes a *[RetryAfterError], so the chain of err stays intact for errors.Is and errors.As, and middleware can
// tell. RetryAfter(d, nil) is nil; a negative d is zero.
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
