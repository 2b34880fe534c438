package streamclient

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/payload"
)

// Error is an answer of the server that is not a stream of events: it refuses the subscription, or cannot serve it
// now.
type Error struct {
	// Status is the status of the response: for example 401 if StreamServerOptions.Auth refuses the client, 403 if
	// StreamConfig.OnJoin does, and 404 if the stream is not declared.
	Status int
	// Problem is the body of the response, if that is a problem.
	Problem motia.Problem

	retryAfter time.Duration
}

// Error implements error.
func (e *Error) Error() string {
	text := fmt.Sprintf("server answers %d %s", e.Status, http.StatusText(e.Status))
	if e.Problem.Detail != "" {
		text += ": " + e.Problem.Detail
	}
	return text
}

// errSilent is the reason for giving up a silent connection.
var errSilent = errors.New("server is silent")

// invalidAnswer is an error for which reconnecting does not help, such as an event that is too large.
type invalidAnswer struct{ error }

// final reports whether the error ends a subscription, since another attempt would have the same result.
func final(err error) bool {
	var refused *Error
	if errors.As(err, &refused) {
		return refused.Status < 500 && refused.Status != http.StatusTooManyRequests && refused.Status != http.StatusRequestTimeout
	}
	var invalid invalidAnswer
	return errors.As(err, &invalid)
}

// maxProblem bounds how many bytes of a problem are read.
const maxProblem = 64 << 10

// refusal returns the error for a response, or nil if it is a stream of events.
func refusal(response *http.Response) error {
	media, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if response.StatusCode == http.StatusOK && media == "text/event-stream" {
		return nil
	}
	e := &Error{Status: response.StatusCode, retryAfter: retryAfter(response.Header.Get("Retry-After"))}
	if media == "application/problem+json" {
		body, err := io.ReadAll(io.LimitReader(response.Body, maxProblem))
		if err == nil {
			_ = payload.Load(body, &e.Problem) // a body that is not a problem is ignored
		}
	} else if e.Status == http.StatusOK {
		e.Problem.Detail = fmt.Sprintf("response is %q, not server-sent events", media)
	}
	return e
}

// retryAfter parses the header Retry-After, which is seconds or a date. It returns zero for anything else.
func retryAfter(value string) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(value); err == nil {
		return time.Until(date)
	}
	return 0
}
