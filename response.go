package motia

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/motia-go/motia/internal/jsontext"
	"github.com/motia-go/motia/internal/payload"
	"github.com/motia-go/motia/internal/sse"
	"github.com/motia-go/motia/internal/wrap"
)

// Response is the answer of a handler to an HTTP request. Other triggers ignore it.
type Response struct {
	// Status is the HTTP status. Zero means 200 with a body and 204 without.
	Status int
	// Headers are added to the response.
	Headers http.Header
	// Body is encoded as JSON, but []byte, string and io.Reader are sent as they are, and nil means no body. An
	// io.Reader that is an io.Closer is closed.
	Body any
}

// ResponseStream writes a response piece by piece. The first call of Start, Write or Send sends the status and the
// headers. A handler that uses it returns the zero [Response]. If the handler then returns an error, it is logged and
// the connection is closed, so that the client notices. ResponseStream must not be used concurrently, or after the
// handler has returned.
type ResponseStream struct {
	w       http.ResponseWriter
	request *http.Request
	started bool
}

// NewResponseStream returns the stream that a handler would get for the request. It is for package motiatest.
func NewResponseStream(w http.ResponseWriter, r *http.Request) *ResponseStream {
	return &ResponseStream{w: w, request: r}
}

// Header returns the headers of the response. Changes must be made before the first write.
func (s *ResponseStream) Header() http.Header { return s.w.Header() }

// Start sends the status and the headers. Without it, the first write sends 200.
func (s *ResponseStream) Start(status int) error {
	if s.started {
		return errors.New("motia: response has already started")
	}
	if !validStatus(status) {
		return fmt.Errorf("motia: response status %d is out of range", status)
	}
	s.started = true
	s.w.WriteHeader(status)
	return s.flush()
}

// Write sends a chunk of the body and flushes it.
func (s *ResponseStream) Write(chunk []byte) (int, error) {
	if !s.started {
		if err := s.Start(http.StatusOK); err != nil {
			return 0, err
		}
	}
	if s.request.Method == http.MethodHead {
		return len(chunk), nil
	}
	n, err := s.w.Write(chunk)
	if err != nil {
		return n, err
	}
	return n, s.flush()
}

// ServerSentEvent is an event of a text/event-stream, see the HTML standard, section "Server-sent events".
type ServerSentEvent struct {
	ID    string        // lets the client resume with Last-Event-ID; omitted if empty
	Event string        // type of the event; empty means "message"
	Data  any           // string and []byte are sent as they are, anything else as JSON; omitted if nil
	Retry time.Duration // how long the client waits before it reconnects; omitted if zero
}

// Send writes a server-sent event and flushes it. The first event sets the Content-Type and status 200, unless the
// response has already started.
func (s *ResponseStream) Send(event ServerSentEvent) error {
	out := sse.Event{ID: event.ID, Type: event.Event, Retry: event.Retry, HasData: event.Data != nil}
	switch data := event.Data.(type) {
	case nil:
	case string:
		out.Data = data
	case []byte:
		out.Data = string(data)
	default:
		encoded, err := jsontext.Marshal(data)
		if err != nil {
			return wrap.Errorf(err, "server-sent event")
		}
		out.Data = string(encoded)
	}
	text, err := out.Append(nil)
	if err != nil {
		return wrap.Errorf(err, "server-sent event")
	}
	if !s.started {
		h := s.Header()
		if h.Get("Content-Type") == "" {
			h.Set("Content-Type", "text/event-stream")
		}
		if h.Get("Cache-Control") == "" {
			h.Set("Cache-Control", "no-cache")
		}
	}
	_, err = s.Write(text)
	return err
}

func (s *ResponseStream) flush() error {
	err := http.NewResponseController(s.w).Flush()
	if errors.Is(err, http.ErrNotSupported) { // a writer that cannot flush sends everything at the end
		return nil
	}
	return err
}

// write sends the response. If it returns an error, stream.started says whether anything was sent.
func (res *Response) write(stream *ResponseStream, buffers *payload.Buffers) error {
	if res.Status != 0 && !validStatus(res.Status) {
		closeBody(res.Body)
		return fmt.Errorf("response status %d is out of range", res.Status)
	}
	switch body := res.Body.(type) {
	case nil:
		res.start(stream, http.StatusNoContent, "")
	case []byte:
		res.raw(stream, body, "application/octet-stream")
	case string:
		res.raw(stream, []byte(body), "text/plain; charset=utf-8")
	case io.Reader:
		defer closeBody(body)
		res.start(stream, http.StatusOK, "application/octet-stream")
		if stream.request.Method != http.MethodHead && res.allowsBody() {
			if _, err := io.Copy(stream.w, body); err != nil {
				return fmt.Errorf("response body: %w", err)
			}
		}
	default:
		b := buffers.Get()
		defer buffers.Put(b)
		if err := jsontext.Encode(b, body); err != nil {
			return fmt.Errorf("response body: %w", err)
		}
		res.raw(stream, b.Bytes(), "application/json")
	}
	return nil
}

func (res *Response) raw(stream *ResponseStream, body []byte, contentType string) {
	withBody := res.allowsBody()
	if withBody && stream.request.Method == http.MethodHead {
		stream.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		withBody = false
	}
	res.start(stream, http.StatusOK, contentType)
	if withBody {
		_, _ = stream.w.Write(body) // the client is gone: nobody can be told
	}
}

// start sends the status and the headers.
func (res *Response) start(stream *ResponseStream, status int, contentType string) {
	h := stream.w.Header()
	for name, values := range res.Headers {
		name = http.CanonicalHeaderKey(name)
		switch name {
		case "Content-Type", "Content-Length", traceHeader: // there can be only one of each
			h[name] = slices.Clone(values)
		default:
			h[name] = append(h[name], values...)
		}
	}
	if contentType != "" && h.Get("Content-Type") == "" && res.allowsBody() {
		h["Content-Type"] = []string{contentType}
	}
	if res.Status != 0 {
		status = res.Status
	}
	stream.started = true
	stream.w.WriteHeader(status)
}

// validStatus reports whether the status can be that of a response: 1xx only announce another one.
func validStatus(status int) bool { return status >= 200 && status <= 999 }

// allowsBody follows RFC 9110, sections 15.3.5 and 15.4.5.
func (res *Response) allowsBody() bool {
	return res.Status != http.StatusNoContent && res.Status != http.StatusNotModified
}

// closeBody closes the body of a response if it is an io.ReadCloser.
func closeBody(body any) {
	defer func() { _ = recover() }() // of Close: it must not undo what the handler has done
	if c, ok := body.(io.ReadCloser); ok {
		_ = c.Close() // the error does not matter: it was read to its end, or not at all
	}
}
