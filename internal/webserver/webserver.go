// Package webserver is an HTTP server that shuts down in two steps: draining refuses new connections and lets running
// requests finish, and closing cuts off those that are left.
package webserver

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Time limits that keep idle or malicious clients from holding connections forever. Bodies and responses have none,
// since they may stream.
const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
)

// flushTimeout is how long it may take to send complete responses to slow clients.
const flushTimeout = 500 * time.Millisecond

// Config is what a [Server] needs.
type Config struct {
	Handler http.Handler
	// Context is the parent of the contexts of requests.
	Context context.Context
	// Log receives errors outside of the handler, and its panics.
	Log slog.Handler
}

// Server serves one listener: Serve, then Drain, then Close. Make one with [New].
type Server struct {
	http    http.Server
	drained chan struct{} // closed when no connection is open, or stop was called
	stop    context.CancelFunc
}

// New returns a server that does not serve yet.
func New(c Config) *Server {
	return &Server{http: http.Server{
		Handler:           c.Handler,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		ErrorLog:          slog.NewLogLogger(c.Log, slog.LevelError),
		BaseContext:       func(net.Listener) context.Context { return c.Context },
	}}
}

// Serve accepts connections until Drain is called, and then returns nil, or until the listener fails. It closes the
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
	go func() { // Close ends it
		defer close(s.drained)
		_ = s.http.Shutdown(ctx) // an error of closing the listener does not matter
	}()
}

// Close closes the connections that are still open. If finished is true, all requests have been handled, and their
// responses get a moment to be sent. It is short, since connections that have never sent a request, which browsers
// open in advance, are not worth waiting for.
func (s *Server) Close(finished bool) {
	if finished {
		// A second Shutdown looks for open connections at once, and often. That of Drain does so only twice a second by now.
		ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
		_ = s.http.Shutdown(ctx) // what is still open then is closed below
		cancel()
	}
	s.stop()
	_ = s.http.Close() // errors of closing broken connections do not matter
	<-s.drained
}
