package streamserver

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/motia-go/motia/internal/hub"
)

// reconnectDelay is how many milliseconds a client of server-sent events waits before it reconnects after a lost
// connection.
const reconnectDelay = "2000"

// serveEvents serves a group or an item as server-sent events. If it cannot begin, it returns the problem to answer
// with.
func (s *Server) serveEvents(w http.ResponseWriter, r *http.Request, principal any) (failed problem) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		return problem{http.StatusMethodNotAllowed, r.Method + " is not allowed for this path"}
	}
	join, ok := parsePath(r.URL.EscapedPath())
	if !ok {
		return problem{http.StatusNotFound, "the path is not /{stream}/{group} or /{stream}/{group}/{item}"}
	}
	st := s.Streams[join.Stream]
	if st == nil {
		return problem{http.StatusNotFound, "stream is not declared"}
	}
	join.Principal = principal
	ctx := r.Context()
	if p := s.mayJoin(ctx, st, join); p.status != 0 {
		return p
	}
	defer s.hasLeft(st, join)
	if r.Method == http.MethodHead { // it only asks whether the client may join
		beginEvents(w)
		return problem{}
	}

	wake := make(chan struct{}, 1)
	box := &hub.Outbox{
		Limit: s.Limits.Buffer,
		Wake: func() {
			select {
			case wake <- struct{}{}:
			default: // it is already awake
			}
		},
		Cut: func() { _ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(closeTimeout)) },
	}
	subscriber, p := s.follow(ctx, st, join, &hub.Seat{Box: box, Returns: true, After: lastEventID(r)})
	if p.status != 0 {
		return p
	}
	defer subscriber.Close(nil)
	s.clients.add(box)
	defer s.clients.drop(box)
	defer box.Fail(errLeft) // after this nobody uses w
	defer s.show(st, join.GroupID, principal)()
	s.writeEvents(w, r, box, wake)
	return problem{}
}

// parsePath reads the path of a group or an item. Slashes within names are percent-encoded.
func parsePath(escaped string) (Join, bool) {
	var names []string
	for segment := range strings.SplitSeq(strings.TrimPrefix(escaped, "/"), "/") {
		name, err := url.PathUnescape(segment)
		if err != nil {
			return Join{}, false
		}
		names = append(names, name)
	}
	switch len(names) {
	case 2:
		return Join{Stream: names[0], GroupID: names[1]}, names[0] != ""
	case 3:
		return Join{Stream: names[0], GroupID: names[1], ItemID: names[2]}, names[0] != "" && names[2] != ""
	}
	return Join{}, false
}

// lastEventID returns the id of the last event that the client has seen. An EventSource sends it when it reconnects;
// a page that creates a new one can put it into the query.
func lastEventID(r *http.Request) string {
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		return id
	}
	return r.URL.Query().Get("lastEventId")
}

// writeEvents writes events until the client has left or the stream ends.
func (s *Server) writeEvents(w http.ResponseWriter, r *http.Request, box *hub.Outbox, wake <-chan struct{}) {
	control := http.NewResponseController(w)
	beginEvents(w)
	write := func(texts ...[]byte) bool {
		// Without a deadline a stalled client would stay connected forever. HTTP/2 ends the stream when the deadline
		// passes, even if nobody writes, so the deadline is cleared afterwards.
		_ = control.SetWriteDeadline(time.Now().Add(s.Limits.WriteTimeout))
		for _, text := range texts {
			if _, err := w.Write(text); err != nil {
				return false
			}
		}
		if control.Flush() != nil {
			return false
		}
		_ = control.SetWriteDeadline(time.Time{})
		return true
	}
	alive := time.NewTicker(s.Limits.PingInterval)
	defer alive.Stop()
	var batch []hub.Parcel
	var texts [][]byte
	for ok := write([]byte("retry: " + reconnectDelay + "\n\n")); ok; {
		var err error
		if batch, err = box.Take(batch); err != nil {
			if !errors.Is(err, s.Shutdown) {
				s.Log.ErrorContext(r.Context(), "stream client is cut off", "error", err)
			}
			_ = control.SetWriteDeadline(time.Now().Add(s.Limits.WriteTimeout)) // for the end of the response
			return
		}
		if batch != nil {
			texts = texts[:0]
			for _, p := range batch {
				texts = append(texts, p.Event.SSEFrame())
			}
			ok = write(texts...)
			continue
		}
		select {
		case <-wake:
		case <-alive.C:
			ok = write([]byte(": alive\n\n"))
		case <-r.Context().Done():
			return
		}
	}
}

// beginEvents writes the header of a response with server-sent events.
func beginEvents(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // otherwise nginx would hold events back
	w.WriteHeader(http.StatusOK)
}
