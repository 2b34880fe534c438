package route_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia/internal/route"
)

// table serves routes, each "METHOD /path", or "/path" for GET. The responses name the route and the parameters.
func table(t testing.TB, routes ...string) *route.Table {
	var entries []route.Entry
	for _, text := range routes {
		method, path, ok := strings.Cut(text, " ")
		if !ok {
			method, path = http.MethodGet, text
		}
		parsed, err := route.Parse(method, path)
		require.NoError(t, err)
		entries = append(entries, route.Entry{Route: parsed, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, text)
			for _, p := range parsed.Params {
				fmt.Fprintf(w, " %s=%s", p.Name, r.PathValue(p.Wildcard))
			}
		})})
	}
	return route.NewTable(entries, func(w http.ResponseWriter, _ *http.Request, allowed []string) {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		status := http.StatusNotFound
		if len(allowed) > 0 {
			status = http.StatusMethodNotAllowed
		}
		w.WriteHeader(status)
	})
}

func serve(h http.Handler, method, target string) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest(method, target, nil))
	return rec
}

func TestPathsAreMatchedAsTheyAreWithoutRedirects(t *testing.T) {
	for _, test := range []struct {
		name         string
		routes       []string
		method, path string
		status       int
		answer       string // the route that served it, and its parameters
		allow        string
	}{
		{"a parameter beside a rest", []string{"/:id", "/files/*path"}, "GET", "/files", 200, "/:id id=files", ""},
		{"the rest may be empty", []string{"/:id", "/files/*path"}, "GET", "/files/", 200, "/files/*path path=", ""},
		{"a rest within a rest", []string{"/*all", "/files/*path"}, "GET", "/files", 200, "/*all all=files", ""},
		{"a rest within a rest, deeper", []string{"/*all", "/a/*b", "/a/:x/*c"}, "GET", "/a/b", 200, "/a/*b b=b", ""},
		{"a slash within a rest", []string{"/*all", "/a/"}, "GET", "/a", 200, "/*all all=a", ""},
		{"a parameter with a slash", []string{"/a/:x/", "/:y/b"}, "GET", "/a/c", 404, "", ""},
		{"another route without a slash", []string{"/a/:x/", "/:y/b"}, "GET", "/a/b", 200, "/:y/b y=a", ""},
		{"a slash only", []string{"/a/"}, "GET", "/a", 404, "", ""},
		{"a rest only", []string{"/a/*b"}, "GET", "/a", 404, "", ""},
		{"the root", []string{"/", "/:id"}, "GET", "/", 200, "/", ""},
		{"an escaped slash is in a segment", []string{"/:id", "/a/:x/"}, "GET", "/a%2Fb", 200, "/:id id=a/b", ""},
		{"an escaped slash alone is no slash at the end", []string{"/a/", "/a/:x", "/a/*b"}, "GET", "/a/%2F", 404, "", ""},
		{"the text of an escaped slash", []string{"/a/", "/a/:x"}, "GET", "/a/%252F", 200, "/a/:x x=%2F", ""},
		{"a path that is not clean", []string{"/a/:x", "/*all"}, "GET", "/a//b", 404, "", ""},
		{"a path that is not clean, another method", []string{"/a/:x", "/*all"}, "POST", "/a/../b", 404, "", ""},
		{"another method", []string{"/:id", "/files/*path"}, "POST", "/files", 405, "", "GET, HEAD"},
		{"another method, nothing there", []string{"/a/:x/", "/:y/b"}, "POST", "/a/c", 404, "", ""},
		{"another method, several", []string{"GET /a/:x", "PATCH /a/b", "DELETE /:y/:z", "POST /c"}, "PUT", "/a/b", 405, "", "DELETE, GET, HEAD, PATCH"},
		{"another method, its own HEAD", []string{"GET /a", "HEAD /a"}, "PUT", "/a", 405, "", "GET, HEAD"},
		{"HEAD by GET", []string{"GET /a"}, "HEAD", "/a", 200, "GET /a", ""},
		{"HEAD by its own", []string{"GET /a", "HEAD /a"}, "HEAD", "/a", 200, "HEAD /a", ""},
		{"no routes", nil, "GET", "/", 404, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			rec := serve(table(t, test.routes...), test.method, test.path)
			require.Equal(t, test.status, rec.Code, rec.Header().Get("Location"))
			require.Equal(t, test.allow, rec.Header().Get("Allow"))
			require.Equal(t, test.answer, rec.Body.String())
		})
	}
}

func TestAPrefixThatWasTheWholePathLeavesTheRoot(t *testing.T) {
	h := http.StripPrefix("/api", table(t, "/", "/dir/", "/a/:id"))
	for target, answer := range map[string]string{"/api": "/", "/api/": "/", "/api/dir/": "/dir/", "/api/a/x%2Fy": "/a/:id id=x/y"} {
		rec := serve(h, "GET", target)
		require.Equal(t, http.StatusOK, rec.Code, target)
		require.Equal(t, answer, rec.Body.String())
	}
	for _, target := range []string{"/api/dir", "/api//a/1", "/api/a/../a/1"} { // a redirect would lose the prefix
		require.Equal(t, http.StatusNotFound, serve(h, "GET", target).Code, target)
	}
}
