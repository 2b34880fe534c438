package motia

import (
	"net/http"
	"slices"
	"strings"

	"github.com/motia-go/motia/internal/route"
)

// router is the routes of an app at one time.
type router struct {
	mux     *http.ServeMux
	methods []string // that any route has, sorted
}

func newRouter(bindings []*binding) *router {
	rt := &router{mux: http.NewServeMux()}
	none := (*unmatched)(rt)
	rt.mux.Handle("/", none)
	for _, b := range bindings {
		if b.trigger.kind != TriggerHTTP {
			continue
		}
		rt.mux.Handle(b.route.Pattern, b.handler)
		rt.methods = append(rt.methods, b.route.Method)
		if b.route.Method == http.MethodGet {
			rt.methods = append(rt.methods, http.MethodHead)
		}
	}
	for _, b := range bindings {
		// ServeMux would redirect /files to /files/ if only the latter has a route, and under a stripped prefix to
		// the wrong place.
		if bare, ok := b.route.WithoutSlash(); ok {
			_ = route.Handle(rt.mux, bare, none) // not where another step has the route
		}
	}
	slices.Sort(rt.methods)
	rt.methods = slices.Compact(rt.methods)
	return rt
}

// wrapHTTP puts middleware around h, outermost first.
func wrapHTTP(middleware []func(http.Handler) http.Handler, h http.Handler) http.Handler {
	for _, m := range slices.Backward(middleware) {
		if m != nil { // Register has said so
			h = m(h)
		}
	}
	return h
}

// serveRoutes is what the app's middleware wraps.
func (a *App) serveRoutes(w http.ResponseWriter, r *http.Request) {
	rt := a.routes.Load()
	path := r.URL.Path
	if r.URL.RawPath != "" {
		path = r.URL.EscapedPath()
	}
	switch {
	case path == "": // the whole path was a prefix that was stripped
		r = r.Clone(r.Context())
		r.URL.Path = "/"
	case !route.IsClean(path): // ServeMux would redirect it, under a stripped prefix to the wrong place
		writeProblem(w, r, noRoute, responseTraceID(w))
		return
	}
	rt.mux.ServeHTTP(w, r)
}

var noRoute = Problem{Status: http.StatusNotFound, Detail: "no route matches the path"}

// unmatched is the handler of a router for requests without a route. It answers 405 if the path has a route for
// another method, else 404.
type unmatched router

func (rt *unmatched) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, method := range rt.methods {
		other := *r
		other.Method = method
		h, _ := rt.mux.Handler(&other)
		if _, none := h.(*unmatched); !none {
			allowed = append(allowed, method)
		}
	}
	problem := noRoute
	if len(allowed) > 0 {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		problem = Problem{Status: http.StatusMethodNotAllowed, Detail: "the path does not take " + r.Method}
	}
	writeProblem(w, r, problem, responseTraceID(w))
}
