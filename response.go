package motia

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"

	"github.com/motia-go/motia/internal/payload"
)

// write sends the response. If it returns an error, stream says whether something was sent before.
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
		if err := json.NewEncoder(b).Encode(body); err != nil {
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
		_, _ = stream.w.Write(body) // the client is gone; nobody is left to tell
	}
}

// start sends the status and the headers.
func (res *Response) start(stream *ResponseStream, status int, contentType string) {
	h := stream.w.Header()
	for name, values := range res.Headers {
		name = http.CanonicalHeaderKey(name)
		switch name {
		case "Content-Type", "Content-Length", traceHeader: // of which there can be only one
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

// validStatus reports whether a response can end with the status: 1xx only announce another one.
func validStatus(status int) bool { return status >= 200 && status <= 999 }

// allowsBody follows RFC 9110, sections 15.3.5 and 15.4.5.
func (res *Response) allowsBody() bool {
	return res.Status != http.StatusNoContent && res.Status != http.StatusNotModified
}

// closeBody closes the body of a response if that is for us to do.
func closeBody(body any) {
	defer func() { _ = recover() }() // of the Close: it must not undo what the handler has done
	if c, ok := body.(io.ReadCloser); ok {
		_ = c.Close() // a reader that was read to its end, or not at all, has nothing to say
	}
}
