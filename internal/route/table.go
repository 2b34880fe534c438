package route

import (
	"net/http"
	"slices"
	"strings"
)

// Table serves requests by the most specific of its routes. Paths match as they are: unlike a ServeMux, it never
// redirects to another spelling, which would be the wrong URL if a prefix was stripped.
type Table struct {
	mux *http.ServeMux
	// shallow is used where mux would redirect to the path with a slash at the end. By number of segments, it has the
	// routes that may match: those that end in a wildcard for the rest of the path.
	shallow   map[int]*http.ServeMux
	methods   []string // the methods of all routes, sorted
	unmatched func(w http.ResponseWriter, r *http.Request, allowed []string)
}

// Entry is a route and the handler of its requests.
type Entry struct {
	Route   Route
	Handler http.Handler
}

// NewTable returns the table of routes that do not conflict; see [Conflict]. Requests that match no route go to
// unmatched, with the methods that have a route for their path. If there are any, the status should be 405, otherwise
// 404.
func NewTable(entries []Entry, unmatched func(w http.ResponseWriter, r *http.Request, allowed []string)) *Table {
	t := &Table{mux: http.NewServeMux(), shallow: make(map[int]*http.ServeMux), unmatched: unmatched}
	t.mux.Handle("/", none{t})
	for _, e := range entries {
		t.mux.Handle(e.Route.Pattern, matched{e.Handler})
		t.methods = append(t.methods, e.Route.Method)
		if e.Route.Method == http.MethodGet {
			t.methods = append(t.methods, http.MethodHead)
		}
	}
	slices.Sort(t.methods)
	t.methods = slices.Compact(t.methods)
	for _, e := range entries {
		depth := strings.Count(e.Route.Pattern, "/") - 1
		if depth > 0 && endsInSlash(e.Route.Pattern) && t.shallow[depth] == nil {
			t.shallow[depth] = t.newShallow(entries, depth)
		}
	}
	return t
}

func (t *Table) newShallow(entries []Entry, depth int) *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("/", none{t})
	for _, e := range entries {
		if strings.HasSuffix(e.Route.Pattern, "...}") && strings.Count(e.Route.Pattern, "/") <= depth {
			mux.Handle(e.Route.Pattern, matched{e.Handler})
		}
	}
	return mux
}

// endsInSlash reports whether the pattern matches paths that end in a slash.
func endsInSlash(pattern string) bool {
	return strings.HasSuffix(pattern, "/{$}") || strings.HasSuffix(pattern, "...}")
}

// ServeHTTP serves a request.
func (t *Table) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.EscapedPath()
	switch {
	case path == "": // the stripped prefix was the whole path
		r = r.Clone(r.Context())
		r.URL.Path, path = "/", "/"
	case !IsClean(path):
		t.unmatched(w, r, nil)
		return
	}
	t.muxFor(r, path).ServeHTTP(w, r)
}

// muxFor returns the ServeMux that serves the request without a redirect. The path must be clean.
func (t *Table) muxFor(r *http.Request, path string) *http.ServeMux {
	if len(t.shallow) == 0 || strings.HasSuffix(path, "/") {
		return t.mux
	}
	shallow := t.shallow[strings.Count(path, "/")]
	if shallow == nil {
		return t.mux
	}
	switch h, _ := t.mux.Handler(r); h.(type) {
	case matched, none:
		return t.mux
	}
	return shallow
}

// matched marks the handlers of entries, since ServeMux also has its own handlers.
type matched struct{ http.Handler }

// none is the handler for requests that match no route.
type none struct{ *Table }

func (t none) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	path := r.URL.EscapedPath()
	for _, method := range t.methods {
		other := *r
		other.Method = method
		h, _ := t.muxFor(&other, path).Handler(&other)
		if _, nothing := h.(none); !nothing {
			allowed = append(allowed, method)
		}
	}
	t.unmatched(w, r, allowed)
}
