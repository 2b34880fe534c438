package motia

import (
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/payload"
	"github.com/motia-go/motia/internal/trace"
)

// traceHeader carries the trace id in every response. (W3C Trace Context defines only how it travels with requests.)
const traceHeader = "X-Trace-Id"

// ServeHTTP serves the HTTP triggers. It can be mounted anywhere; strip a prefix with http.StripPrefix. Every response has the
// trace id in X-Trace-Id: that of the request's traceparent header, as in W3C Trace Context, or a new one. Errors are
// [Problem]s.
//
// It works before Run; messages wait until then. After Run has ended it answers 503.
func (a *App) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	traceID := ""
	if parent, ok := trace.Parse(r.Header.Get("Traceparent")); ok {
		traceID = parent.TraceID
	} else {
		traceID = trace.NewTraceID()
	}
	w.Header()[traceHeader] = []string{traceID}
	if !a.flight.enter() {
		writeProblem(w, r, Problem{Status: http.StatusServiceUnavailable, Detail: "server is shutting down"}, traceID)
		return
	}
	defer a.flight.leave()
	a.http.Load().handler.ServeHTTP(w, r)
}

// router is the routes of an app at one time.
type router struct {
	app     *App
	mux     *http.ServeMux
	methods []string // that any route has, sorted
	handler http.Handler
}

func newRouter(a *App, bindings []*binding) *router {
	rt := &router{app: a, mux: http.NewServeMux()}
	rt.mux.HandleFunc("/", rt.serveUnmatched)
	for _, b := range bindings {
		if b.trigger.kind != TriggerHTTP {
			continue
		}
		rt.mux.Handle(b.route.Pattern, wrapHTTP(b.trigger.middleware, b))
		rt.methods = append(rt.methods, b.route.Method)
		if b.route.Method == http.MethodGet {
			rt.methods = append(rt.methods, http.MethodHead)
		}
	}
	slices.Sort(rt.methods)
	rt.methods = slices.Compact(rt.methods)
	rt.handler = wrapHTTP(a.middleware, rt.mux)
	return rt
}

func wrapHTTP(middleware []func(http.Handler) http.Handler, h http.Handler) http.Handler {
	for _, m := range slices.Backward(middleware) {
		if m != nil {
			h = m(h)
		}
	}
	return h
}

// serveUnmatched answers 405 if the path has a route for another method, else 404.
func (rt *router) serveUnmatched(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, method := range rt.methods {
		other := *r
		other.Method = method
		if _, pattern := rt.mux.Handler(&other); pattern != "/" && pattern != "" {
			allowed = append(allowed, method)
		}
	}
	p := Problem{Status: http.StatusNotFound, Detail: "no route matches the path"}
	if len(allowed) > 0 {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		p = Problem{Status: http.StatusMethodNotAllowed, Detail: "the path does not take " + r.Method}
	}
	writeProblem(w, r, p, responseTraceID(w))
}

// responseTraceID finds what App.ServeHTTP has set; middleware may have wrapped the writer.
func responseTraceID(w http.ResponseWriter) string {
	if v := w.Header()[traceHeader]; len(v) == 1 {
		return v[0]
	}
	return ""
}

// ServeHTTP runs the step for a request that matched.
func (b *binding) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.inFlight.Add(1)
	defer b.inFlight.Add(-1)
	c := b.newCall()
	header := driver.Header{TraceParent: r.Header.Get("Traceparent")}
	if header.TraceParent != "" {
		header.TraceState = trace.CleanState(strings.Join(r.Header["Tracestate"], ","))
	}
	inv := b.begin(c, r.Context(), header, responseTraceID(w))
	stream, response, err := b.handle(c, w, r)
	if err == nil && !stream.started {
		if err = b.respond(w, r, &response); err == nil {
			return
		}
	}
	if err == nil {
		if response.Status != 0 || response.Body != nil || response.Headers != nil {
			inv.Logger.WarnContext(inv.ctx, "response is ignored: the step has written its own")
			closeBody(response.Body)
		}
		return
	}
	b.fail(inv, w, r, stream, err)
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
			err = panicError(v)
		}
	}()
	if !b.hasPayload || r.Method == http.MethodGet || r.Method == http.MethodHead {
		return c.setHTTP(w, r, b.pathParams(r), nil, false)
	}
	if err := checkMediaType(r.Header["Content-Type"]); err != nil {
		return &ResponseStream{}, err
	}
	buf := b.app.buffers.Get()
	defer b.app.buffers.Put(buf)
	body, err := payload.ReadAll(r.Body, b.app.maxBodySize, buf)
	if err != nil {
		if _, ok := errors.AsType[*payload.TooLargeError](err); ok {
			return &ResponseStream{}, HTTPError(http.StatusRequestEntityTooLarge, err)
		}
		return &ResponseStream{}, HTTPError(http.StatusBadRequest, errors.New("body could not be read"))
	}
	return c.setHTTP(w, r, b.pathParams(r), body, true)
}

// checkMediaType accepts JSON, also by its structured suffix (RFC 6839), and a body without a type.
func checkMediaType(contentType []string) error {
	if len(contentType) == 0 || contentType[0] == "application/json" || contentType[0] == "" {
		return nil
	}
	media, _, err := mime.ParseMediaType(contentType[0])
	if err == nil && (media == "application/json" || strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json")) {
		return nil
	}
	return HTTPError(http.StatusUnsupportedMediaType, fmt.Errorf("content type %q is not JSON", contentType[0]))
}

func parseQuery(raw string) (url.Values, error) {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return nil, HTTPError(http.StatusBadRequest, fmt.Errorf("query: %w", err))
	}
	return query, nil
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

// respond writes what the handler returned. Nothing was sent if it returns an error.
func (b *binding) respond(w http.ResponseWriter, r *http.Request, response *Response) (err error) {
	defer func() {
		if v := recover(); v != nil {
			if v == http.ErrAbortHandler {
				panic(v)
			}
			err = panicError(v) // of a MarshalJSON
		}
	}()
	return response.write(w, r, &b.app.buffers)
}

// fail answers a request that could not be handled.
func (b *binding) fail(inv *Invocation, w http.ResponseWriter, r *http.Request, stream *ResponseStream, err error) {
	if errors.Is(err, http.ErrAbortHandler) {
		panic(http.ErrAbortHandler)
	}
	problem := problemOf(err)
	if err == errNotAccepted { //nolint:errorlint // ours, never wrapped
		problem = Problem{Status: http.StatusUnprocessableEntity, Detail: "the request does not meet the step's condition"}
	}
	if problem.Status >= http.StatusInternalServerError && r.Context().Err() == nil {
		b.logFailure(inv, slog.LevelError, "step failed", err)
	}
	if stream.started {
		// Part of the response is out; to cut the connection is the only way left to say that this is not all.
		panic(http.ErrAbortHandler)
	}
	writeProblem(w, r, problem, inv.TraceID)
}
