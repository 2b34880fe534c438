package motia

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/motia-go/motia/internal/route"
)

// router is the routes of an app at one time.
type router struct {
	mux *http.ServeMux
	// shallow has the routes that may take a path of so many segments where mux would redirect to the path with a
	// slash, under a stripped prefix to the wrong place: those that end in a wildcard for the rest of the path.
	shallow map[int]*http.ServeMux
	methods []string // that any route has, sorted
}

// routed marks the handlers of routes: ServeMux has handlers of its own.
type routed struct{ http.Handler }

func newRouter(bindings []*binding) *router {
	rt := &router{mux: http.NewServeMux()}
	none := (*unmatched)(rt)
	rt.mux.Handle("/", none)
	for _, b := range bindings {
		if b.trigger.kind != TriggerHTTP {
			continue
		}
		rt.mux.Handle(b.route.Pattern, routed{b.handler})
		rt.methods = append(rt.methods, b.route.Method)
		if b.route.Method == http.MethodGet {
			rt.methods = append(rt.methods, http.MethodHead)
		}
	}
	rt.shallow = make(map[int]*http.ServeMux)
	for _, b := range bindings {
		depth := strings.Count(b.route.Pattern, "/") - 1
		if depth < 1 || !endsInSlash(b.route.Pattern) || rt.shallow[depth] != nil {
			continue
		}
		mux := http.NewServeMux()
		mux.Handle("/", none)
		for _, other := range bindings {
			if strings.HasSuffix(other.route.Pattern, "...}") && strings.Count(other.route.Pattern, "/") <= depth {
				mux.Handle(other.route.Pattern, routed{other.handler})
			}
		}
		rt.shallow[depth] = mux
	}
	slices.Sort(rt.methods)
	rt.methods = slices.Compact(rt.methods)
	return rt
}

// endsInSlash reports whether the pattern takes paths that end in a slash.
func endsInSlash(pattern string) bool {
	return strings.HasSuffix(pattern, "/{$}") || strings.HasSuffix(pattern, "...}")
}

// muxFor returns what serves the request without a redirect. The path is clean.
func (rt *router) muxFor(r *http.Request, path string) *http.ServeMux {
	if len(rt.shallow) == 0 || strings.HasSuffix(path, "/") {
		return rt.mux
	}
	shallow := rt.shallow[strings.Count(path, "/")]
	if shallow == nil {
		return rt.mux
	}
	switch h, _ := rt.mux.Handler(r); h.(type) {
	case routed, *unmatched:
		return rt.mux
	}
	return shallow
}

// wrapHTTP puts middleware around h, outermost first. The error says which of them have returned nil; they are left
// out.
func wrapHTTP(middleware []func(http.Handler) http.Handler, h http.Handler) (http.Handler, error) {
	var mistakes []error
	for i, m := range slices.Backward(middleware) {
		if m == nil { // Register says so
			continue
		}
		outer := m(h)
		if f, ok := outer.(http.HandlerFunc); outer == nil || ok && f == nil {
			mistakes = append(mistakes, fmt.Errorf("middleware %d has returned a nil handler", i))
			continue
		}
		h = outer
	}
	if len(middleware) > 0 {
		h = announced(h)
	}
	return h, errors.Join(mistakes...)
}

// serveRoutes is what the app's middleware wraps.
func (a *App) serveRoutes(w http.ResponseWriter, r *http.Request) {
	rt := a.routes.Load()
	path := r.URL.EscapedPath()
	switch {
	case path == "": // the whole path was a prefix that was stripped
		r = r.Clone(r.Context())
		r.URL.Path, path = "/", "/"
	case !route.IsClean(path): // ServeMux would redirect it, under a stripped prefix to the wrong place, or mistake it
		writeProblem(w, r, noRoute, requestOrigin(w, r).traceID)
		return
	}
	rt.muxFor(r, path).ServeHTTP(w, r)
}

var noRoute = Problem{Status: http.StatusNotFound, Detail: "no route matches the path"}

// unmatched is the handler of a router for requests without a route. It answers 405 if the path has a route for
// another method, else 404.
type unmatched router

func (rt *unmatched) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	path := r.URL.EscapedPath()
	for _, method := range rt.methods {
		other := *r
		other.Method = method
		h, _ := (*router)(rt).muxFor(&other, path).Handler(&other)
		if _, none := h.(*unmatched); !none {
			allowed = append(allowed, method)
		}
	}
	problem := noRoute
	if len(allowed) > 0 {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		problem = Problem{Status: http.StatusMethodNotAllowed, Detail: "the path does not take " + r.Method}
	}
	writeProblem(w, r, problem, requestOrigin(w, r).traceID)
}
