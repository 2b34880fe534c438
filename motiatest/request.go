package motiatest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime/debug"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/jsontext"
)

// Request returns a request as clients send it. A body that is a string, a []byte or an io.Reader is sent unchanged,
// nil means no body, and anything else is sent as JSON. The target is a path, which may have a query; mistakes in it
// panic, as in [httptest.NewRequest].
func Request(method, target string, body any) *http.Request {
	var reader io.Reader
	switch body := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(body)
	case []byte:
		reader = bytes.NewReader(body)
	case io.Reader:
		reader = body
	default:
		text, err := jsontext.Marshal(body)
		if err != nil {
			reader = errorReader{err}
			break
		}
		reader = bytes.NewReader(text)
	}
	r := httptest.NewRequest(method, target, reader)
	if reader != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

// errorReader makes a request fail whose body cannot be encoded.
type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }

// Do sends the request to the app and returns the complete response. Use [motia.App.ServeHTTP] for requests from
// other goroutines, and for responses that do not end by themselves.
func (a *App) Do(r *http.Request) *httptest.ResponseRecorder {
	a.Helper()
	response := httptest.NewRecorder()
	func() {
		defer func() {
			if v := recover(); v != nil && v != http.ErrAbortHandler { //nolint:errorlint // the value that net/http compares with
				a.Fatalf("motiatest: %s %s panicked: %v\n%s", r.Method, r.URL, v, debug.Stack())
			}
		}()
		a.ServeHTTP(response, r)
	}()
	return response
}

// recordedBody bounds how much of a body is recorded.
const recordedBody = 64 << 10

// middleware records requests. It is the outermost middleware of the app.
func (r *recorder) middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		s := spanOf(req.Context()) // made by Invoke
		if s == nil {
			s = new(span)
		}
		s.request = req.Method + " " + req.URL.RequestURI()
		r.begin(s, Event{Kind: KindStart, TraceID: w.Header().Get("X-Trace-Id"), Trigger: "http " + s.request})
		rw := &responseWriter{ResponseWriter: w, rec: r, span: s}
		req = req.WithContext(withSpan(req.Context(), s))
		body := &requestBody{ReadCloser: req.Body}
		if req.Body != nil && req.Body != http.NoBody {
			req.Body = body
		}
		ended := false
		defer func() { r.end(s, rw.end(ended, body.text(), r)) }()
		next.ServeHTTP(rw, req)
		ended = true
	})
}

// stepMiddleware records what handlers return. It is the outermost step middleware of the app.
func (r *recorder) stepMiddleware(ctx context.Context, inv *motia.Invocation, next motia.StepFunc) (response motia.Response, err error) {
	s := spanOf(ctx)
	if s == nil {
		return next(ctx)
	}
	r.mu.Lock()
	s.called = true
	s.start.Step, s.start.Attempt = inv.Step, inv.Trigger.Attempt
	r.mu.Unlock()
	inv.Logger = slog.New(spanLogger{inv.Logger.Handler(), s})
	defer func() {
		v := recover()
		if v != nil {
			err = &motia.PanicError{Value: v, Stack: debug.Stack()}
		}
		r.mu.Lock()
		s.returned = true
		r.mu.Unlock()
		if s.capture != nil {
			s.capture(err)
		}
		if v != nil {
			panic(v) // package motia handles it
		}
	}()
	return next(ctx)
}

// responseWriter records what is written.
type responseWriter struct {
	http.ResponseWriter
	rec  *recorder
	span *span

	mu     sync.Mutex
	status int
	body   bytes.Buffer
}

// Unwrap is for http.ResponseController.
func (w *responseWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *responseWriter) WriteHeader(status int) {
	w.begin(status)
	w.ResponseWriter.WriteHeader(status)
}

func (w *responseWriter) Write(p []byte) (int, error) {
	w.begin(http.StatusOK)
	w.mu.Lock()
	w.body.Write(p[:min(len(p), recordedBody-w.body.Len())])
	w.mu.Unlock()
	return w.ResponseWriter.Write(p)
}

func (w *responseWriter) begin(status int) {
	w.mu.Lock()
	first := w.status == 0 && status >= http.StatusOK
	if first {
		w.status = status
	}
	w.mu.Unlock()
	if first {
		w.rec.mu.Lock()
		w.span.answered = true
		w.rec.mu.Unlock()
		w.rec.bump()
	}
}

// end returns the end event of the request.
func (w *responseWriter) end(ended bool, request json.RawMessage, r *recorder) Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	r.mu.Lock()
	w.span.start.Data = request
	r.mu.Unlock()
	e := Event{Outcome: OutcomeDone, Status: w.status, Data: asJSON(w.body.Bytes())}
	if e.Status == 0 && ended {
		e.Status = http.StatusOK // the default of net/http
	}
	if !ended {
		e.Err = errCut.Error()
	}
	if !ended || e.Status >= http.StatusBadRequest {
		e.Outcome = OutcomeFailed
	}
	return e
}

var errCut = errors.New("the connection was cut")

// requestBody records what is read.
type requestBody struct {
	io.ReadCloser
	mu   sync.Mutex
	read bytes.Buffer
}

func (b *requestBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.mu.Lock()
	b.read.Write(p[:min(n, recordedBody-b.read.Len())])
	b.mu.Unlock()
	return n, err
}

func (b *requestBody) text() json.RawMessage {
	b.mu.Lock()
	defer b.mu.Unlock()
	return asJSON(b.read.Bytes())
}

// asJSON returns the text, compact, or as a JSON string if it is not JSON.
func asJSON(text []byte) json.RawMessage {
	if len(text) == 0 {
		return nil
	}
	var compact bytes.Buffer
	if json.Compact(&compact, text) == nil {
		return compact.Bytes()
	}
	if !utf8.Valid(text) {
		quoted, _ := json.Marshal(text) // base64
		return quoted
	}
	quoted, _ := json.Marshal(string(text)) // cannot fail for strings
	return quoted
}
