package motia

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/motia-go/motia/internal/payload"
)

// write sends the response. It returns an error only if nothing was sent yet.
func (res *Response) write(w http.ResponseWriter, r *http.Request, buffers *payload.Buffers) error {
	if res.Status != 0 && (res.Status < 200 || res.Status > 999) {
		closeBody(res.Body)
		return fmt.Errorf("response status %d is out of range", res.Status)
	}
	switch body := res.Body.(type) {
	case nil:
		res.header(w, http.StatusNoContent, "")
	case []byte:
		res.raw(w, r, body, "application/octet-stream")
	case string:
		res.raw(w, r, []byte(body), "text/plain; charset=utf-8")
	case io.Reader:
		defer closeBody(body)
		res.header(w, http.StatusOK, "application/octet-stream")
		if r.Method != http.MethodHead && res.allowsBody() {
			_, err := io.Copy(w, body)
			if err != nil {
				// The status line is out; to cut the connection is the only way left to say that this is not all.
				panic(http.ErrAbortHandler)
			}
		}
	default:
		b := buffers.Get()
		defer buffers.Put(b)
		if err := json.NewEncoder(b).Encode(body); err != nil {
			return fmt.Errorf("response body: %w", err)
		}
		res.raw(w, r, b.Bytes(), "application/json")
	}
	return nil
}

func (res *Response) raw(w http.ResponseWriter, r *http.Request, body []byte, contentType string) {
	if r.Method == http.MethodHead && res.allowsBody() {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	res.header(w, http.StatusOK, contentType)
	if r.Method != http.MethodHead && res.allowsBody() {
		_, _ = w.Write(body) // the client is gone; nobody is left to tell
	}
}

func (res *Response) header(w http.ResponseWriter, status int, contentType string) {
	h := w.Header()
	for name, values := range res.Headers {
		name = http.CanonicalHeaderKey(name)
		h[name] = append(h[name], values...)
	}
	if contentType != "" && h.Get("Content-Type") == "" && res.allowsBody() {
		h["Content-Type"] = []string{contentType}
	}
	if res.Status != 0 {
		status = res.Status
	}
	w.WriteHeader(status)
}

// allowsBody follows RFC 9110, sections 15.3.5 and 15.4.5.
func (res *Response) allowsBody() bool {
	return res.Status != http.StatusNoContent && res.Status != http.StatusNotModified
}

func closeBody(body any) {
	if c, ok := body.(io.Closer); ok {
		_ = c.Close() // a reader that was read to its end has nothing to say
	}
}
