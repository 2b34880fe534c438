package motia

import (
	"context"
	"errors"
)

// StepMiddleware wraps the handlers of all steps, whatever the trigger: it sees the input, the context and the
// result. It calls next with ctx or a context derived from it, and returns what it returned or something else in its
// place. It runs after decoding, validation and conditions.
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
		next = wrapStep(a.stepMiddleware[i], inv, next)
	}
	return next(inv.ctx)
}

func wrapStep(m StepMiddleware, inv *Invocation, next StepFunc) StepFunc {
	return func(ctx context.Context) (Response, error) { return m(ctx, inv, next) }
}

// errNotAccepted says that a condition was false.
var errNotAccepted = errors.New("condition is false")
