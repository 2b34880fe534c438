package motia

import (
	"errors"
	"net/http"

	"github.com/motia-go/motia/internal/jsontext"
	"github.com/motia-go/motia/internal/payload"
)

// Problem is the body of an error response: application/problem+json as in RFC 9457, with the trace id and, if
// validation failed, the errors of the fields.
type Problem struct {
	Type    string       `json:"type"`  // always "about:blank": the status says everything
	Title   string       `json:"title"` // the text of the status
	Status  int          `json:"status"`
	Detail  string       `json:"detail,omitempty"`
	TraceID string       `json:"traceId,omitempty"`
	Errors  []FieldError `json:"errors,omitempty"`
}

// retryAfter is how long clients are told to wait if a queue is full or the server shuts down, in seconds.
const retryAfter = "1"

// problemOf returns what the client is told about an error.
func problemOf(err error) Problem {
	var status *StatusError
	var input *payload.Error
	switch {
	case err == errNotAccepted: // ours, never wrapped
		return Problem{Status: http.StatusUnprocessableEntity, Detail: "the request does not meet the step's condition"}
	case errors.As(err, &status):
		if status.Status < 400 || status.Status > 599 {
			break // not an error status, so it is a mistake in the step
		}
		p := Problem{Status: status.Status}
		if status.Err != nil {
			p.Detail = status.Err.Error()
		}
		return p
	case errors.As(err, &input):
		return Problem{Status: http.StatusBadRequest, Detail: input.Error(), Errors: toFieldErrors(input.Fields)}
	case errors.Is(err, ErrQueueFull):
		return Problem{Status: http.StatusServiceUnavailable, Detail: "queue is full"}
	}
	return Problem{Status: http.StatusInternalServerError}
}

func writeProblem(w http.ResponseWriter, r *http.Request, p Problem, traceID string) {
	p.Type, p.Title, p.TraceID = "about:blank", http.StatusText(p.Status), traceID
	body, _ := jsontext.Marshal(p) // strings and numbers only
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Del("Content-Length") // which the step may have set
	if p.Status == http.StatusServiceUnavailable && h.Get("Retry-After") == "" {
		h.Set("Retry-After", retryAfter)
	}
	w.WriteHeader(p.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the client is gone: nobody can be told
	}
}
