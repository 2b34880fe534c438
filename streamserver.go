package motia

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// StreamHandler serves the declared streams to browsers and other programs, until the app shuts down:
//
//   - a WebSocket request, whatever its path, speaks the room protocol of the official Motia clients
//     (@motiadev/stream-client-browser and -node);
//   - GET /{stream}/{group} and GET /{stream}/{group}/{item}, percent-encoded, are server-sent events (WHATWG HTML),
//     as a browser's EventSource takes them; package streamclient is a client in Go.
//
// An item that is missing is not announced to WebSocket clients, as their protocol has it: one that was deleted while a
// client was away stays on its screen if it follows the item alone, and not the group. An EventSource reconnects by itself when
// a connection is lost, but gives up on an answer such as 503: make a new one then.
//
// Browsers open six HTTP/1.1 connections to a host at most, and each EventSource holds one: where a user may have more of
// them, serve HTTP/2 or let the page use a WebSocket.
//
// [App.ListenAndServe] mounts it at [Options.StreamPath]. Elsewhere strip the prefix:
//
//	http.Handle("/streams/", http.StripPrefix("/streams", app.StreamHandler()))
//
// Clients see every item of the groups they join: say who may with [Options.StreamAuth] and [StreamConfig.OnJoin].
// Requests with an Origin header are refused unless the origin is the request's own host or one of
// [Options.StreamOrigins]. What clients cost is bounded by [Options.StreamLimits].
func (a *App) StreamHandler() http.Handler { return http.HandlerFunc(a.serveStreams) }

func (a *App) serveStreams(w http.ResponseWriter, r *http.Request) {
	delete(w.Header(), traceHeader) // what a host has set is not ours
	traceID := requestOrigin(w, r).traceID
	problem := func(p Problem) { writeProblem(w, r, p, traceID) }
	if !a.clients.enter() {
		problem(shuttingDown)
		return
	}
	defer a.clients.leave()
	if !a.originAllowed(r) {
		problem(Problem{Status: http.StatusForbidden, Detail: "origin is not allowed"})
		return
	}
	if origin := r.Header.Get("Origin"); origin != "" { // its pages may read the answer, problems too
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
		h.Add("Vary", "Origin")
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" { // a preflight, which has no credentials
			h.Set("Access-Control-Allow-Methods", "GET, HEAD")
			h.Set("Access-Control-Allow-Headers", "Authorization, Cache-Control, Last-Event-ID")
			w.WriteHeader(http.StatusNoContent)
			return
		}
	}
	principal, err := a.authenticate(r)
	if err != nil {
		a.log.InfoContext(r.Context(), "stream client is refused", "error", err, "trace_id", traceID)
		p := refusal(err, http.StatusUnauthorized, "authentication failed")
		if p.Status == http.StatusUnauthorized && w.Header().Get("WWW-Authenticate") == "" {
			w.Header().Set("WWW-Authenticate", "Bearer")
		}
		problem(p)
		return
	}
	if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		a.serveSocket(w, r, principal)
		return
	}
	if p := a.serveEvents(w, r, principal); p != nil {
		problem(*p)
	}
}

// withStreams returns what the app's own server serves: the app, and below StreamPath the streams if there are any.
func (a *App) withStreams() http.Handler {
	if len(a.streams) == 0 {
		return a
	}
	prefix := strings.TrimSuffix(a.streamPath, "/")
	streams := http.StripPrefix(prefix, a.StreamHandler())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if below(r.URL.Path, prefix) {
			streams.ServeHTTP(w, r)
		} else {
			a.ServeHTTP(w, r)
		}
	})
}

// checkStreamPath finds routes that the streams would hide.
func (a *App) checkStreamPath() error {
	if len(a.streams) == 0 {
		return nil
	}
	var mistakes []error
	for _, b := range a.bindings {
		if b.trigger.kind == TriggerHTTP && below(b.trigger.path, strings.TrimSuffix(a.streamPath, "/")) {
			mistakes = append(mistakes, fmt.Errorf("motia: step %q: %s is below Options.StreamPath %q, where the streams are", b.step.config.Name, b.trigger.String(), a.streamPath))
		}
	}
	return errors.Join(mistakes...)
}

// below reports whether the path is prefix or goes on from there.
func below(path, prefix string) bool {
	rest, ok := strings.CutPrefix(path, prefix)
	return ok && (rest == "" || rest[0] == '/')
}
