// Package streamserver serves streams to clients on the network: as rooms on a WebSocket, see package room, and as
// server-sent events. It decides who may connect and join, and limits what a client can do and cost. The events of
// the streams come from package hub.
package streamserver

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/motia-go/motia/internal/hub"
)

// Stream is a stream and who may follow it.
type Stream struct {
	*hub.Stream
	OnJoin   func(context.Context, Join) error // nil lets everybody in
	OnLeave  func(context.Context, Join)       // may be nil
	Presence func(principal any) Member        // nil if the stream has no presence
}

// Join is what a client wants to follow.
type Join struct {
	Stream, GroupID string
	ItemID          string // empty for the whole group
	Principal       any    // what Config.Auth returned
}

// Member is how other clients see a client. If the ID is empty they do not see it.
type Member struct {
	ID   string `json:"id"`
	Info any    `json:"info,omitempty"`
}

// Server is an http.Handler.
type Server struct {
	Config
	clients clients
}

// New returns a server for the streams, and the mistakes in its configuration, for which it uses defaults.
func New(config Config) (*Server, []error) {
	config.Origins = slices.Clone(config.Origins)
	mistakes := config.complete()
	return &Server{Config: config}, mistakes
}

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
	if origin := r.Header.Get("Origin"); origin != "" { // its pages may read the answer, even if it is a problem
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

// Close admits no more clients, and tells the connected ones to leave.
func (s *Server) Close() { s.clients.close(s.Shutdown) }

// Wait returns when all clients have left.
func (s *Server) Wait() { s.clients.wait() }

// problem is what a client is told about an error. The zero value means that there is none.
type problem struct {
	status int
	detail string
}

var shuttingDown = problem{http.StatusServiceUnavailable, "server is shutting down"}
