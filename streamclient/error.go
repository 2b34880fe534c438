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

// Error is an answer of the server that is not a stream of events: it refuses the subscription, or cannot serve it now.
type Error struct {
	// Status of the response: for example 401 if StreamServerOptions.Auth refuses the client, 403 if StreamConfig.OnJoin does,
	// and 404 if the stream is not declared.
	Status int
	// Problem is the body of the response, if it was one.
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

// errSilent says why a connection was given up.
var errSilent = errors.New("server is silent")

// invalidAnswer is the error of what can never be read, such as an event that is too large: to reconnect would not help.
type invalidAnswer struct{ error }

// final reports whether the error ends a subscription: another attempt would meet it again.
func final(err error) bool {
	var refused *Error
	if errors.As(err, &refused) {
		return refused.Status < 500 && refused.Status != http.StatusTooManyRequests && refused.Status != http.StatusRequestTimeout
	}
	var invalid invalidAnswer
	return errors.As(err, &invalid)
}

// maxProblem bounds what is read of a problem, in bytes.
const maxProblem = 64 << 10

// refusal returns the error for a response, nil if it is a stream of events.
func refusal(response *http.Response) error {
	media, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if response.StatusCode == http.StatusOK && media == "text/event-stream" {
		return nil
	}
	e := &Error{Status: response.StatusCode, retryAfter: retryAfter(response.Header.Get("Retry-After"))}
	if media == "application/problem+json" {
		body, err := io.ReadAll(io.LimitReader(response.Body, maxProblem))
		if err == nil {
			_ = payload.Load(body, &e.Problem) // what is no problem says nothing
		}
	} else if e.Status == http.StatusOK {
		e.Problem.Detail = fmt.Sprintf("response is %q, not server-sent events", media)
	}
	return e
}

// retryAfter reads the header of that name: seconds or a date; else zero.
func retryAfter(value string) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(value); err == nil {
		return time.Until(date)
	}
	return 0
}
