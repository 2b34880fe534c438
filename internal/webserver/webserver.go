// Package webserver is an HTTP server that shuts down in two steps: it drains, which takes nothing new and lets running
// requests finish, and then closes, which cuts off what is left.
package webserver

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Time limits that keep idle or malicious clients from holding connections for ever. Bodies and responses have none,
// since they may stream.
const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
)

// flushTimeout is how long responses that are complete may take to leave for slow clients.
const flushTimeout = 500 * time.Millisecond

// Config is what a [Server] works with.
type Config struct {
	Handler http.Handler
	// Context is what the contexts of requests derive from.
	Context context.Context
	// Log receives what goes wrong outside of the handler, such as its panics, as errors.
	Log slog.Handler
}

// Server serves one listener: Serve, then Drain, then Close. Make one with [New].
type Server struct {
	http    http.Server
	drained chan struct{} // closed when no connection is open any more, or stop was called
	stop    context.CancelFunc
}

// New returns a server that serves nothing yet.
func New(c Config) *Server {
	return &Server{http: http.Server{
		Handler:           c.Handler,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		ErrorLog:          slog.NewLogLogger(c.Log, slog.LevelError),
		BaseContext:       func(net.Listener) context.Context { return c.Context },
	}}
}

// Serve takes connections until Drain is called, and then returns nil, or until the listener fails. It closes the
// listener.
func (s *Server) Serve(listener net.Listener) error {
	if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Drain closes the listener, and each connection when its request has ended. It does not wait. Close must follow.
func (s *Server) Drain() {
	s.drained = make(chan struct{})
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	go func() { // ends in Close
		defer close(s.drained)
		_ = s.http.Shutdown(ctx) // an error of closing the listener changes nothing any more
	}()
}

// Close closes the connections that are still open. If finished says that all requests have been handled, their
// responses get a moment to leave. It is short, since connections that have never sent a request, which browsers open
// in advance, are not worth waiting for.
func (s *Server) Close(finished bool) {
	if finished {
		flushed := time.NewTimer(flushTimeout)
		defer flushed.Stop()
		select {
		case <-s.drained:
		case <-flushed.C:
		}
	}
	s.stop()
	_ = s.http.Close() // an error of closing what is broken already
	<-s.drained
}
