package motia_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
)

func TestPathsAreMatchedAsTheyAreWithoutRedirects(t *testing.T) {
	for _, test := range []struct {
		name         string
		routes       []string
		method, path string
		status       int
		route        string // that served it
		allow        string
	}{
		{"a parameter beside a rest", []string{"/:id", "/files/*path"}, "GET", "/files", 200, "/:id", ""},
		{"the rest may be empty", []string{"/:id", "/files/*path"}, "GET", "/files/", 200, "/files/*path", ""},
		{"a rest within a rest", []string{"/*all", "/files/*path"}, "GET", "/files", 200, "/*all", ""},
		{"a rest within a rest, deeper", []string{"/*all", "/a/*b", "/a/:x/*c"}, "GET", "/a/b", 200, "/a/*b", ""},
		{"a slash within a rest", []string{"/*all", "/a/"}, "GET", "/a", 200, "/*all", ""},
		{"a parameter with a slash", []string{"/a/:x/", "/:y/b"}, "GET", "/a/c", 404, "", ""},
		{"another route without a slash", []string{"/a/:x/", "/:y/b"}, "GET", "/a/b", 200, "/:y/b", ""},
		{"a slash only", []string{"/a/"}, "GET", "/a", 404, "", ""},
		{"a rest only", []string{"/a/*b"}, "GET", "/a", 404, "", ""},
		{"an escaped slash is in a segment", []string{"/:id", "/a/:x/"}, "GET", "/a%2Fb", 200, "/:id", ""},
		{"an escaped slash alone is no slash at the end", []string{"/a/", "/a/:x", "/a/*b"}, "GET", "/a/%2F", 404, "", ""},
		{"the text of an escaped slash", []string{"/a/", "/a/:x"}, "GET", "/a/%252F", 200, "/a/:x", ""},
		{"another method", []string{"/:id", "/files/*path"}, "POST", "/files", 405, "", "GET, HEAD"},
		{"another method, nothing there", []string{"/a/:x/", "/:y/b"}, "POST", "/a/c", 404, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var steps []motia.Step
			for _, path := range test.routes {
				steps = append(steps, httpEcho("GET", path))
			}
			app, _ := newApp(t, nil, steps...)
			rec := do(t, app, test.method, test.path, "")
			require.Equal(t, test.status, rec.Code, rec.Header().Get("Location"))
			require.Equal(t, test.allow, rec.Header().Get("Allow"))
			if test.route == "" {
				problem(t, rec)
				return
			}
			var got struct{ Route string }
			require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &got))
			require.Equal(t, test.route, got.Route)
		})
	}
}
