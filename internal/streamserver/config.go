package streamserver

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"path"
	"strings"
	"time"
)

// Config is what a server needs. All fields but Auth, Origins, Limits and Path are required.
type Config struct {
	Log     *slog.Logger
	Streams map[string]*Stream // by name; must not be changed
	// Auth says who a client is. If it is nil, everybody may connect, and the principal is nil.
	Auth func(context.Context, *http.Request) (principal any, err error)
	// Origins are hosts, or patterns for hosts as in path.Match. Their pages may connect, as well as pages of the
	// request's own host.
	Origins []string
	Limits  Limits
	// Path is where Mount serves the streams. Default: "/streams".
	Path string
	// Shutdown is the error with which Close ends clients. Streams that are closed with it end them in the same way.
	Shutdown error

	// Context returns the context in which Auth, OnJoin and OnLeave are called.
	Context func(context.Context) context.Context
	// Trace returns the trace id of a request, and sets it in the header of the response.
	Trace func(http.ResponseWriter, *http.Request) (traceID string)
	// Problem answers a request with an error.
	Problem func(w http.ResponseWriter, r *http.Request, status int, detail, traceID string)
	// Explain returns what a client is told about an error of Auth or OnJoin. If the status is 0, the client is told
	// only that it is refused.
	Explain func(error) (status int, detail string)
}

// Limits bound what a client may do and cost. Zero fields have their defaults.
type Limits struct {
	FrameSize    int64         // of a frame that a client sends, in bytes
	FrameRate    int           // frames per second that a client may send
	Joins        int           // subscriptions of a connection
	Buffer       int           // events that may wait for a client
	PingInterval time.Duration // between pings
	WriteTimeout time.Duration // for a client to receive the events that wait for it
	AuthTimeout  time.Duration // for the functions that decide about a client
}

const defaultPath = "/streams"

// complete fills in the defaults and returns the mistakes in the config. Each begins with the name of its field.
func (c *Config) complete() []error {
	l := &c.Limits
	var mistakes []error
	for _, negative := range []struct {
		name string
		is   bool
	}{
		{"FrameSize", orDefault(&l.FrameSize, 4<<10)},
		{"FrameRate", orDefault(&l.FrameRate, 100)},
		{"Joins", orDefault(&l.Joins, 1000)},
		{"Buffer", orDefault(&l.Buffer, 256)},
		{"PingInterval", orDefault(&l.PingInterval, 30*time.Second)},
		{"WriteTimeout", orDefault(&l.WriteTimeout, 10*time.Second)},
		{"AuthTimeout", orDefault(&l.AuthTimeout, 10*time.Second)},
	} {
		if negative.is {
			//lint:ignore ST1005 it begins with the name of a field, which the caller completes
			mistakes = append(mistakes, fmt.Errorf("Limits.%s is negative", negative.name))
		}
	}
	for i, pattern := range c.Origins {
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" || strings.Contains(pattern, "/") {
			//lint:ignore ST1005 it begins with the name of a field, which the caller completes
			mistakes = append(mistakes, fmt.Errorf("Origins[%d]: %q is not a host or a pattern for hosts", i, pattern))
		}
	}
	if c.Path == "" {
		c.Path = defaultPath
	}
	if !strings.HasPrefix(c.Path, "/") {
		//lint:ignore ST1005 it begins with the name of a field, which the caller completes
		mistakes = append(mistakes, fmt.Errorf("Path %q does not begin with a slash", c.Path))
		c.Path = defaultPath
	}
	return mistakes
}

// orDefault replaces a field that is not positive by the value, and reports whether it was negative.
func orDefault[T int | int64 | time.Duration](field *T, value T) (negative bool) {
	negative = *field < 0
	if *field <= 0 {
		*field = value
	}
	return negative
}
