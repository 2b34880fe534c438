package motia

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/trace"
)

// Invocation is one run of a step without type parameters, for [StepMiddleware] and helper functions. Its fields must
// not be modified. Like the [FlowContext] of the handler, it is valid until the handler has returned.
type Invocation struct {
	// Step is the name of the step, empty for a context made by [App.Context].
	Step    string
	TraceID string
	Trigger TriggerInfo
	// Input is the [Input] of the handler, for example *HTTPInput[Order]; nil for a context made by [App.Context].
	Input   any
	State   StateManager
	Streams Streams
	Logger  *slog.Logger

	app   *App
	step  *Step
	bound // to the context of the handler

	origin     origin
	parent     string // traceparent of what the invocation sends; made by header when first needed
	parentOnce sync.Once
	lease      driver.Lease // nil if the invocation has no message

	// The following are storage for what the exported fields point to, so that an invocation is one allocation.
	context    invocationContext
	logger     slog.Logger
	logHandler invocationLogHandler
}

// StepMiddleware wraps the handlers of all steps, for all kinds of triggers. It runs after decoding, validation and
// conditions. It calls next with ctx or a context derived from it, and returns the results of next or others.
//
//	func timing(ctx context.Context, inv *motia.Invocation, next motia.StepFunc) (motia.Response, error) {
//		start := time.Now()
//		response, err := next(ctx)
//		inv.Logger.InfoContext(ctx, "step ran", "duration", time.Since(start), "error", err)
//		return response, err
//	}
type StepMiddleware func(ctx context.Context, inv *Invocation, next StepFunc) (Response, error)

// StepFunc runs what comes after a [StepMiddleware]: the next one, or the handler.
type StepFunc func(ctx context.Context) (Response, error)

// FromContext returns the invocation that ctx belongs to, if any.
func FromContext(ctx context.Context) (*Invocation, bool) {
	inv, ok := ctx.Value(invocationKey{}).(*Invocation)
	return inv, ok
}

func invocationOf(ctx context.Context) (*Invocation, error) {
	if inv, ok := ctx.Value(invocationKey{}).(*Invocation); ok {
		return inv, nil
	}
	return nil, ErrNoInvocation
}

type invocationKey struct{}

// invocationContext carries the invocation: context.WithValue without its allocation.
type invocationContext struct {
	context.Context
	inv *Invocation
}

func (c *invocationContext) Value(key any) any {
	if key == (invocationKey{}) {
		return c.inv
	}
	return c.Context.Value(key)
}

// origin is the trace that an invocation continues, and the length of the chain of triggers that led to it.
type origin struct {
	traceID    string
	flags      byte // of the traceparent
	traceState string
	hops       int
}

// newOrigin begins a trace.
func newOrigin() origin { return origin{traceID: trace.NewTraceID(), flags: trace.Sampled} }

// originOf returns the origin of a message or a write. Without a valid traceparent it begins a trace.
func originOf(header driver.Header) origin {
	p, ok := trace.Parse(header.TraceParent)
	if !ok {
		o := newOrigin()
		o.hops = header.Hops
		return o
	}
	return origin{p.TraceID, p.Flags, header.TraceState, header.Hops}
}

// begin makes the zero inv an invocation of the app within parent.
func (inv *Invocation) begin(app *App, parent context.Context, o origin) {
	inv.app = app
	inv.context = invocationContext{parent, inv}
	inv.bound = bound{inv, &inv.context}
	inv.origin, inv.TraceID = o, o.traceID
	inv.State = StateManager{&inv.bound}
	inv.Streams = Streams{&inv.bound}
	inv.logHandler.inv = inv
	inv.logger = *slog.New(&inv.logHandler)
	inv.Logger = &inv.logger
}

// Context returns a context for code outside of steps, such as main, other HTTP handlers and tests. The methods of
// [Topic], [Scope] and [StreamName] work with it, and [FromContext] returns its State and Streams. It may enqueue to
// any topic and begins a new trace. If ctx already belongs to an invocation of the app, Context returns ctx.
func (a *App) Context(ctx context.Context) context.Context {
	if inv, ok := FromContext(ctx); ok && inv.app == a {
		return ctx
	}
	inv := new(Invocation)
	inv.begin(a, ctx, newOrigin())
	return inv.ctx
}

// header returns the header of the messages and writes of the invocation.
func (inv *Invocation) header() driver.Header {
	inv.parentOnce.Do(func() {
		inv.parent = trace.Format(inv.origin.traceID, trace.NewSpanID(), inv.origin.flags)
	})
	return driver.Header{TraceParent: inv.parent, TraceState: inv.origin.traceState, Step: inv.Step, Hops: inv.origin.hops}
}

// invoke checks the conditions and runs the handler within the middleware. Panics become errors.
func (a *App) invoke(c call) (response Response, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = panicError(v)
		}
	}()
	if !c.accepts() {
		return Response{}, errNotAccepted
	}
	inv := c.invocation()
	if len(a.stepMiddleware) == 0 {
		return c.handle(inv.ctx)
	}
	next := c.handle
	for i := len(a.stepMiddleware) - 1; i >= 0; i-- {
		middleware, inner := a.stepMiddleware[i], next
		next = func(ctx context.Context) (Response, error) { return middleware(ctx, inv, inner) }
	}
	return next(inv.ctx)
}

// errNotAccepted says that a condition was false.
var errNotAccepted = errors.New("condition is false")
