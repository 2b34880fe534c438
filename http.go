package motia

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/motia-go/motia/internal/payload"
	"github.com/motia-go/motia/internal/trace"
	"github.com/motia-go/motia/internal/webserver"
)

// traceHeader has the trace id in every response. (W3C Trace Context only defines headers of requests.)
const traceHeader = "X-Trace-Id"

// ServeHTTP serves the HTTP triggers. It can be mounted anywhere; strip a prefix with http.StripPrefix. Every
// response has the trace id in X-Trace-Id: that of the request's traceparent header (W3C Trace Context), or a new
// one. Errors are answered with a [Problem]. Paths must match exactly: there are no redirects to another spelling.
//
// It may be used before Run; messages wait until then. After Run has ended, it answers with 503.
func (a *App) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	delete(w.Header(), traceHeader) // a host may have set another one
	if !a.requests.Enter() {
		writeProblem(w, r, shuttingDown, requestOrigin(w, r).traceID)
		return
	}
	defer a.requests.Leave()
	a.handler.ServeHTTP(w, r)
}

var shuttingDown = Problem{Status: http.StatusServiceUnavailable, Detail: "server is shutting down"}

// wrapHTTP is webserver.Wrap for middleware that may read the trace id of the request, or answer the request.
func wrapHTTP(middleware []func(http.Handler) http.Handler, h http.Handler) (http.Handler, error) {
	h, err := webserver.Wrap(middleware, h)
	if len(middleware) > 0 {
		h = announced(h)
	}
	return h, err
}

// announced sets the trace id of the response before middleware runs, which may read it or answer the request.
func announced(middleware http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if w.Header()[traceHeader] == nil {
			requestOrigin(w, r)
		}
		middleware.ServeHTTP(w, r)
	})
}

// serveRoutes is the handler that the app's middleware wraps.
func (a *App) serveRoutes(w http.ResponseWriter, r *http.Request) { a.routeTable().ServeHTTP(w, r) }

// unmatched answers a request that no route matches: with 405 if other methods are allowed, or else with 404.
func unmatched(w http.ResponseWriter, r *http.Request, allowed []string) {
	problem := Problem{Status: http.StatusNotFound, Detail: "no route matches the path"}
	if len(allowed) > 0 {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		problem = Problem{Status: http.StatusMethodNotAllowed, Detail: r.Method + " is not allowed for this path"}
	}
	writeProblem(w, r, problem, requestOrigin(w, r).traceID)
}

// requestOrigin reads the trace of a request and sets its id in the header of the response. It is called once per
// request, by the code that answers it: http.ServeMux could not pass on an earlier result without an allocation.
//
// If there is middleware, which may answer too, it is called before the middleware, see announced, and again behind
// it: middleware may pass on another request, or a writer with headers of its own, as http.TimeoutHandler does.
func requestOrigin(w http.ResponseWriter, r *http.Request) origin {
	h := w.Header()
	if v := r.Header["Traceparent"]; len(v) == 1 { // several are invalid
		if p, ok := trace.Parse(v[0]); ok {
			if v := h[traceHeader]; len(v) != 1 || v[0] != p.TraceID {
				h[traceHeader] = []string{p.TraceID}
			}
			return origin{traceID: p.TraceID, flags: p.Flags, traceState: trace.CleanState(strings.Join(r.Header["Tracestate"], ","))}
		}
	}
	if v := h[traceHeader]; len(v) == 1 && trace.ValidTraceID(v[0]) {
		return origin{traceID: v[0], flags: trace.Sampled}
	}
	o := newOrigin()
	h[traceHeader] = []string{o.traceID}
	return o
}

// ServeHTTP runs the step for a request that matched.
func (b *binding) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.inFlight.Add(1)
	defer b.inFlight.Add(-1)
	c := b.newCall()
	ctx, release := b.app.untilCutOff(r.Context())
	defer release()
	inv := c.invocation()
	b.begin(inv, ctx, requestOrigin(w, r))
	stream, response, err := b.handle(c, w, r)
	switch {
	case err != nil:
		closeBody(response.Body)
	case !stream.started:
		err = b.respond(stream, &response)
	case response.Status != 0 || response.Body != nil || response.Headers != nil:
		closeBody(response.Body)
		inv.Logger.WarnContext(inv.ctx, "returned response is ignored: the step has already written one")
	}
	if err != nil {
		b.fail(inv, w, r, stream, err)
	}
}

// servedKey marks the contexts of requests to the app's own server, which end when the shutdown cancels handlers.
type servedKey struct{}

// untilCutOff makes the context of a request to another server end when the shutdown cancels handlers.
func (a *App) untilCutOff(ctx context.Context) (_ context.Context, release func()) {
	handlers := a.handlers.Load()
	if handlers == nil || ctx.Value(servedKey{}) != nil {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(*handlers, func() { cancel(context.Cause(*handlers)) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// handle reads the request and runs the step.
func (b *binding) handle(c call, w http.ResponseWriter, r *http.Request) (*ResponseStream, Response, error) {
	stream, err := b.readInput(c, w, r)
	if err != nil {
		return stream, Response{}, err
	}
	response, err := b.app.invoke(c)
	return stream, response, err
}

func (b *binding) readInput(c call, w http.ResponseWriter, r *http.Request) (stream *ResponseStream, err error) {
	defer func() {
		if v := recover(); v != nil { // of an UnmarshalJSON or a custom validation
			stream, err = new(ResponseStream), panicError(v)
		}
	}()
	if !b.hasPayload || r.Method == http.MethodGet || r.Method == http.MethodHead {
		return c.setHTTP(w, r, b.pathParams(r), nil, false)
	}
	if err := payload.CheckMediaType(r.Header["Content-Type"]); err != nil {
		return new(ResponseStream), HTTPError(http.StatusUnsupportedMediaType, err)
	}
	buf := b.app.buffers.Get()
	defer b.app.buffers.Put(buf)
	var body []byte
	if r.Body != nil { // it is nil in some requests that tests make
		if body, err = payload.ReadAll(r.Body, b.app.maxBodySize, buf); err != nil {
			return new(ResponseStream), bodyError(err)
		}
	}
	return c.setHTTP(w, r, b.pathParams(r), body, true)
}

// bodyError returns the error for the client if the body could not be read.
func bodyError(err error) error {
	if _, ok := errors.AsType[*payload.TooLargeError](err); ok {
		return HTTPError(http.StatusRequestEntityTooLarge, err)
	}
	if limit, ok := errors.AsType[*http.MaxBytesError](err); ok { // of middleware
		return HTTPError(http.StatusRequestEntityTooLarge, &payload.TooLargeError{Limit: limit.Limit})
	}
	return HTTPError(http.StatusBadRequest, errors.New("body could not be read"))
}

func (b *binding) pathParams(r *http.Request) map[string]string {
	if len(b.route.Params) == 0 {
		return nil
	}
	params := make(map[string]string, len(b.route.Params))
	for _, p := range b.route.Params {
		params[p.Name] = r.PathValue(p.Wildcard)
	}
	return params
}

// respond writes what the handler returned.
func (b *binding) respond(stream *ResponseStream, response *Response) (err error) {
	defer func() {
		if v := recover(); v != nil { // of a MarshalJSON or a Read
			err = panicError(v)
		}
	}()
	return response.write(stream, &b.app.buffers)
}

// fail answers a request that could not be handled.
func (b *binding) fail(inv *Invocation, w http.ResponseWriter, r *http.Request, stream *ResponseStream, err error) {
	if errors.Is(err, http.ErrAbortHandler) {
		panic(http.ErrAbortHandler)
	}
	problem := problemOf(err)
	_, panicked := errors.AsType[*PanicError](err)
	cutOff := !panicked && (errors.Is(err, ErrShutdown) || b.app.cutOff() && errors.Is(err, context.Canceled))
	if cutOff && problem.Status == http.StatusInternalServerError {
		problem = shuttingDown
	}
	switch {
	case problem.Status < http.StatusInternalServerError && !stream.started:
	case cutOff:
		b.logFailure(inv, slog.LevelWarn, "step cancelled by the shutdown", err)
	case r.Context().Err() != nil && !panicked:
		b.logFailure(inv, slog.LevelInfo, "step failed after the client disconnected", err)
	default:
		b.logFailure(inv, slog.LevelError, "step failed", err)
	}
	if stream.started {
		// Part of the response has been sent. Only a closed connection can still tell the client that it is incomplete.
		panic(http.ErrAbortHandler)
	}
	writeProblem(w, r, problem, inv.TraceID)
}
