// Package streamserver serves streams to clients on the network: as rooms on a WebSocket, see package room, and as
// server-sent events. It says who may connect and join, and bounds what a client can do and cost. What happens in the
// streams comes from package hub.
package streamserver

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/motia-go/motia/internal/hub"
)

// Config is what a server needs. All fields but Auth and Origins are required.
type Config struct {
	Log     *slog.Logger
	Streams map[string]*Stream // by name; not changed any more
	// Auth says who a client is. Nil means that everybody may connect, with nil as the principal.
	Auth func(context.Context, *http.Request) (principal any, err error)
	// Origins are the hosts, or patterns for hosts as in path.Match, whose pages may connect besides those of the
	// request's own host.
	Origins []string
	Limits  Limits
	// Shutdown is the error with which Close ends clients. Streams that are closed with it end them in the same way.
	Shutdown error

	// Context returns the context in which Auth, OnJoin and OnLeave are called.
	Context func(context.Context) context.Context
	// Trace returns the trace id of a request, and sets it in the header of the response.
	Trace func(http.ResponseWriter, *http.Request) (traceID string)
	// Problem answers a request with an error.
	Problem func(w http.ResponseWriter, r *http.Request, status int, detail, traceID string)
	// Explain returns what a client is told of an error of Auth or OnJoin. A status of 0 means that it is told nothing but
	// that it is refused.
	Explain func(error) (status int, detail string)
}

// Stream is a stream and who may follow it.
type Stream struct {
	*hub.Stream
	OnJoin   func(context.Context, Join) error // nil lets everybody in
	OnLeave  func(context.Context, Join)       // may be nil
	Presence func(principal any) Member        // nil where nobody is shown as present
}

// Join is what a client wants to follow.
type Join struct {
	Stream, GroupID string
	ItemID          string // empty for the whole group
	Principal       any    // what Config.Auth has returned
}

// Member is how others see a client. An empty ID means that they do not see it.
type Member struct {
	ID   string `json:"id"`
	Info any    `json:"info,omitempty"`
}

// Limits bound what a client may do and cost.
type Limits struct {
	FrameSize    int64         // of a frame that a client sends, in bytes
	FrameRate    int           // frames per second that a client may send
	Joins        int           // subscriptions of a connection
	Buffer       int           // events that a client may lag behind
	PingInterval time.Duration // between pings
	WriteTimeout time.Duration // for a client to receive what waits for it
	AuthTimeout  time.Duration // for the functions that decide about a client
}

// Server is an http.Handler.
type Server struct {
	Config
	clients clients
}

// New returns a server for the streams.
func New(config Config) *Server { return &Server{Config: config} }

// ServeHTTP serves a client.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	traceID := s.Trace(w, r)
	answer := func(p problem) { s.Problem(w, r, p.status, p.detail, traceID) }
	if !s.clients.enter() {
		answer(shuttingDown)
		return
	}
	defer s.clients.leave()
	if !s.originAllowed(r) {
		answer(problem{http.StatusForbidden, "origin is not allowed"})
		return
	}
	if origin := r.Header.Get("Origin"); origin != "" { // its pages may read the answer, problems too
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
		h.Add("Vary", "Origin")
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" { // a preflight request, which has no credentials
			h.Set("Access-Control-Allow-Methods", "GET, HEAD")
			h.Set("Access-Control-Allow-Headers", "Authorization, Cache-Control, Last-Event-ID")
			w.WriteHeader(http.StatusNoContent)
			return
		}
	}
	principal, err := s.authenticate(r)
	if err != nil {
		s.Log.InfoContext(r.Context(), "stream client is refused", "error", err, "trace_id", traceID)
		p := s.refusal(err, http.StatusUnauthorized, "authentication failed")
		if p.status == http.StatusUnauthorized && w.Header().Get("WWW-Authenticate") == "" {
			w.Header().Set("WWW-Authenticate", "Bearer")
		}
		answer(p)
		return
	}
	if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		s.serveSocket(w, r, principal)
		return
	}
	if p := s.serveEvents(w, r, principal); p.status != 0 {
		answer(p)
	}
}

// Close lets no clients in any more, and tells those that are connected to go.
func (s *Server) Close() { s.clients.close(s.Shutdown) }

// Wait returns when all clients have left.
func (s *Server) Wait() { s.clients.wait() }

// problem is what a client is told of an error. The zero value means that there is none.
type problem struct {
	status int
	detail string
}

var shuttingDown = problem{http.StatusServiceUnavailable, "server is shutting down"}
