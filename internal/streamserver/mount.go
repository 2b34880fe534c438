package streamserver

import (
	"net/http"
	"strings"
)

// Mount returns a handler that serves the streams at Path and below it, and passes other requests to next. If there
// are no streams, it returns next.
func (s *Server) Mount(next http.Handler) http.Handler {
	if len(s.Streams) == 0 {
		return next
	}
	streams := http.StripPrefix(s.prefix(), s)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.Takes(r.URL.Path) {
			streams.ServeHTTP(w, r)
		} else {
			next.ServeHTTP(w, r)
		}
	})
}

// Takes reports whether the handler from Mount serves streams at the path.
func (s *Server) Takes(path string) bool {
	rest, ok := strings.CutPrefix(path, s.prefix())
	return ok && (rest == "" || rest[0] == '/') && len(s.Streams) > 0
}

func (s *Server) prefix() string { return strings.TrimSuffix(s.Path, "/") }
