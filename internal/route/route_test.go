package route_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia/internal/route"
)

func TestParseTranslatesEverySpelling(t *testing.T) {
	for _, test := range []struct {
		method, path, pattern string
		params                []string
	}{
		{"GET", "/", "GET /{$}", nil},
		{"GET", "/orders", "GET /orders", nil},
		{"GET", "/orders/", "GET /orders/{$}", nil},
		{"post", "/orders", "POST /orders", nil},
		{"GET", "/orders/:id", "GET /orders/{p0}", []string{"id"}},
		{"GET", "/orders/{id}", "GET /orders/{p0}", []string{"id"}},
		{"GET", "/:a/x/{b}", "GET /{p0}/x/{p1}", []string{"a", "b"}},
		{"GET", "/orders/:id/", "GET /orders/{p0}/{$}", []string{"id"}},
		{"GET", "/:order-id", "GET /{p0}", []string{"order-id"}},
		{"GET", "/:größe", "GET /{p0}", []string{"größe"}},
		{"GET", "/files/*", "GET /files/{p0...}", []string{"*"}},
		{"GET", "/files/*path", "GET /files/{p0...}", []string{"path"}},
		{"GET", "/files/{path...}", "GET /files/{p0...}", []string{"path"}},
		{"GET", "/*", "GET /{p0...}", []string{"*"}},
		{"GET", "/v1:batch", "GET /v1:batch", nil},
		{"GET", "/caf%C3%A9", "GET /caf%C3%A9", nil},
		{"GET", "/a.b/...", "GET /a.b/...", nil},
		{"M-SEARCH", "/x", "M-SEARCH /x", nil},
	} {
		t.Run(test.method+" "+test.path, func(t *testing.T) {
			got, err := route.Parse(test.method, test.path)
			require.NoError(t, err)
			require.Equal(t, test.pattern, got.Pattern)
			require.Equal(t, strings.ToUpper(test.method), got.Method)
			var names []string
			for _, p := range got.Params {
				names = append(names, p.Name)
			}
			require.Equal(t, test.params, names)
		})
	}
}

func TestParseSaysWhatIsWrong(t *testing.T) {
	for _, test := range []struct{ method, path, want string }{
		{"", "/x", "method is empty"},
		{"*", "/x", `"*" is not a method`},
		{"any", "/x", `"ANY" is not a method`},
		{"ALL", "/x", `"ALL" is not a method`},
		{"GET POST", "/x", `method "GET POST" is not an HTTP method`},
		{"GÉT", "/x", "is not an HTTP method"},
		{"GET", "", "path is empty"},
		{"GET", "orders", "does not begin with a slash"},
		{"GET", "http://example.com/x", "does not begin with a slash"},
		{"GET", "/a b", `contains ' '`},
		{"GET", "/a\nb", `contains '\n'`},
		{"GET", "/a\x00b", `contains '\x00'`},
		{"GET", "/a\xffb", "contains"},
		{"GET", "/a?x=1", `contains '?'`},
		{"GET", "/a#b", `contains '#'`},
		{"GET", "/a//b", "has an empty segment"},
		{"GET", "//a", "has an empty segment"},
		{"GET", "/a/./b", `has the segment "."`},
		{"GET", "/a/..", `has the segment ".."`},
		{"GET", "/a/%2F", `has the segment "%2F"`},
		{"GET", "/a/%2f/b", `has the segment "%2f"`},
		{"GET", "/:", "without a name"},
		{"GET", "/{}", "without a name"},
		{"GET", "/{...}", "without a name"},
		{"GET", "/{$}", "remove {$}"},
		{"GET", "/{id", "a parameter must be a whole segment"},
		{"GET", "/id}", "a parameter must be a whole segment"},
		{"GET", "/x{id}", "a parameter must be a whole segment"},
		{"GET", "/{a}{b}", "bad parameter name"},
		{"GET", "/:a:b", "bad parameter name"},
		{"GET", "/{*}", "bad parameter name"},
		{"GET", "/:id/x/:id", `two parameters named "id"`},
		{"GET", "/:id/x/{id}", `two parameters named "id"`},
		{"GET", "/*/x", "must be last"},
		{"GET", "/{rest...}/x", "must be last"},
		{"GET", "/*rest/", "must be last"},
		{"GET", "/100%", "invalid URL escape"},
		{"GET", "/a%zzb", "invalid URL escape"},
		{"GET", "/" + strings.Repeat("a", 4096), "longer than 4096 bytes"},
	} {
		t.Run(test.method+" "+test.path[:min(20, len(test.path))], func(t *testing.T) {
			_, err := route.Parse(test.method, test.path)
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestPatternsConflictWhenNeitherIsMoreSpecific(t *testing.T) {
	for _, test := range []struct {
		a, b     string
		conflict bool
	}{
		{"/orders/:id", "/orders/{other}", true},
		{"/:a/x", "/x/:b", true},
		{"/orders/:id", "/orders/new", false},
		{"/files/*", "/files/:name", false},
		{"/orders", "/orders/", false},
		{"/*", "/", false},
	} {
		a, err := route.Parse("GET", test.a)
		require.NoError(t, err)
		b, err := route.Parse("GET", test.b)
		require.NoError(t, err)
		require.Equal(t, test.conflict, route.Conflict(a.Pattern, b.Pattern), "%s and %s", test.a, test.b)
		require.Equal(t, test.conflict, route.Conflict(b.Pattern, a.Pattern), "%s and %s", test.b, test.a)
		c, err := route.Parse("POST", test.b)
		require.NoError(t, err)
		require.False(t, route.Conflict(a.Pattern, c.Pattern), "other methods do not conflict")
	}
}

func TestASetKeepsWhatItHadWhenAPatternIsRefused(t *testing.T) {
	var s route.Set
	require.True(t, s.Add("GET /a"))
	require.False(t, s.Add("GET /a"))
	require.True(t, s.Add("GET /b"))
}

func TestIsCleanRefusesWhatServeMuxWouldRedirectOrMistake(t *testing.T) {
	for path, want := range map[string]bool{
		"/": true, "/a": true, "/a/": true, "/a/b": true, "/.a": true, "/...": true, "/a..b/": true, "/%2e%2e/": true, "/a%2F%2Fb": true,
		"": false, "a": false, "*": false, "//": false, "/a//b": false, "//a": false, "/a//": false,
		"/%252F": true, "/%2F%2F": true, "/%2F": false, "/a/%2f": false, "/a/%2F/": false, "/%2f/a": false,
		"/.": false, "/..": false, "/./a": false, "/a/../b": false, "/a/..": false, "/a/.": false, "/a/./": false,
	} {
		require.Equal(t, want, route.IsClean(path), "%q", path)
	}
}

// FuzzRoute checks that every route that Parse accepts can be served, and gets its parameters decoded.
func FuzzRoute(f *testing.F) {
	for _, path := range []string{
		"/", "/orders/:id", "/orders/{id}/", "/files/*", "/files/{rest...}", "/a%2Fb/:x", "/a//b", "/{$}", "/:", "/a/../b", "/%", "/:a/:b/*c", "/é/:ü",
	} {
		f.Add("GET", path, "v")
		f.Add("post", path, "a/b ü%2F..")
	}
	f.Fuzz(func(t *testing.T, method, path, value string) {
		r, err := route.Parse(method, path)
		if err != nil {
			require.NotEmpty(t, err.Error())
			require.Empty(t, r.Pattern)
			return
		}
		if value == "" || value == "." || value == ".." || r.Method == http.MethodConnect {
			return // clients resolve these, and CONNECT has no path
		}
		mux := http.NewServeMux()
		var got []string
		require.NoError(t, route.Handle(mux, r.Pattern, http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			got = []string{}
			for _, p := range r.Params {
				got = append(got, req.PathValue(p.Wildcard))
			}
		})))
		var want []string
		segments := strings.Split(path[1:], "/")
		for i, s := range segments {
			if strings.HasPrefix(s, ":") || strings.HasPrefix(s, "*") || strings.HasPrefix(s, "{") {
				segments[i] = url.PathEscape(value)
				want = append(want, value)
			} else {
				literal, err := url.PathUnescape(s)
				require.NoError(t, err)
				segments[i] = url.PathEscape(literal)
			}
		}
		target, err := url.Parse("http://host/" + strings.Join(segments, "/"))
		require.NoError(t, err)
		if !route.IsClean(target.EscapedPath()) {
			return
		}
		mux.ServeHTTP(httptest.NewRecorder(), &http.Request{Method: r.Method, URL: target, Host: "host"})
		require.NotNil(t, got, "%q does not match its own path %q", r.Pattern, target)
		if len(want) > 0 {
			require.Equal(t, want, got)
		}
	})
}
