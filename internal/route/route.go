// Package route parses the route syntax of Motia and serves requests by a table of routes, on top of
// [net/http.ServeMux].
package route

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode"
)

// Route is a method and path that a ServeMux understands.
type Route struct {
	// Pattern is for ServeMux. Its wildcards are named p0, p1 and so on, since those of ServeMux must be Go
	// identifiers, while parameter names may be any text.
	Pattern string
	// Method is the method in upper case.
	Method string
	// Params are the names of the parameters: the i-th is wildcard p<i>.
	Params []Param
}

// Param is a parameter of a route.
type Param struct {
	Name     string // as declared
	Wildcard string // in the ServeMux pattern
}

// maxPath is far longer than any sensible path.
const maxPath = 4096

// Parse reads a method and path. A segment `:name` or `{name}` is a parameter. A last segment `*`, `*name` or
// `{name...}` takes the rest of the path, slashes included; the parameter of a bare `*` is named "*". A path that
// ends in a slash matches only that path. Everything else is literal.
func Parse(method, path string) (Route, error) {
	method = strings.ToUpper(method)
	switch {
	case method == "":
		return Route{}, errors.New("method is empty")
	case method == "*", method == "ANY", method == "ALL":
		return Route{}, fmt.Errorf("%q is not a method; a step may have a trigger for each method", method)
	case !isToken(method):
		return Route{}, fmt.Errorf("method %q is not an HTTP method", method)
	case path == "":
		return Route{}, errors.New("path is empty")
	case path[0] != '/':
		return Route{}, fmt.Errorf("path %q does not begin with a slash", path)
	case len(path) > maxPath:
		return Route{}, fmt.Errorf("path is longer than %d bytes", maxPath)
	}
	for _, r := range path {
		if unicode.IsControl(r) || unicode.IsSpace(r) || r == unicode.ReplacementChar || r == '?' || r == '#' {
			return Route{}, fmt.Errorf("path %q contains %q", path, r)
		}
	}
	route := Route{Method: method}
	pattern := []byte(method + " ")
	segments := strings.Split(path[1:], "/")
	seen := make(map[string]bool)
	for i, segment := range segments {
		last := i == len(segments)-1
		name, rest, isParam, err := parameter(segment)
		switch {
		case err != nil:
			return Route{}, fmt.Errorf("path %q: %w", path, err)
		case segment == "" && !last:
			return Route{}, fmt.Errorf("path %q has an empty segment", path)
		case segment == "." || segment == "..":
			return Route{}, fmt.Errorf("path %q has the segment %q, which clients resolve before they send it", path, segment)
		case segment == "{$}":
			return Route{}, fmt.Errorf("path %q: remove {$}, a path that ends in a slash matches only that path", path)
		case rest && !last:
			return Route{}, fmt.Errorf("path %q: %q takes the rest of the path and must be last", path, segment)
		case isParam && seen[name]:
			return Route{}, fmt.Errorf("path %q has two parameters named %q", path, name)
		}
		pattern = append(pattern, '/')
		switch {
		case isParam:
			seen[name] = true
			wildcard := "p" + strconv.Itoa(len(route.Params))
			route.Params = append(route.Params, Param{name, wildcard})
			pattern = append(append(pattern, '{'), wildcard...)
			if rest {
				pattern = append(pattern, "..."...)
			}
			pattern = append(pattern, '}')
		case segment == "": // a ServeMux pattern that ends in a slash would match everything below it
			pattern = append(pattern, "{$}"...)
		default:
			literal, err := url.PathUnescape(segment)
			switch {
			case err != nil: // ServeMux would take it literally
				return Route{}, fmt.Errorf("path %q: %w", path, err)
			case literal == "/":
				return Route{}, fmt.Errorf("path %q has the segment %q, which cannot be distinguished from a slash at the end", path, segment)
			}
			pattern = append(pattern, segment...)
		}
	}
	route.Pattern = string(pattern)
	if err := Handle(http.NewServeMux(), route.Pattern, http.NotFoundHandler()); err != nil {
		return Route{}, fmt.Errorf("path %q: %w", path, err)
	}
	return route, nil
}

// parameter reads a segment that may be a parameter.
func parameter(segment string) (name string, rest, ok bool, err error) {
	switch {
	case segment == "*":
		return "*", true, true, nil
	case strings.HasPrefix(segment, "*"):
		name, rest = segment[1:], true
	case strings.HasPrefix(segment, ":"):
		name = segment[1:]
	case strings.HasPrefix(segment, "{") && strings.HasSuffix(segment, "}"):
		name, rest = strings.CutSuffix(segment[1:len(segment)-1], "...")
	case strings.ContainsAny(segment, "{}"):
		return "", false, false, fmt.Errorf("segment %q: a parameter must be a whole segment", segment)
	default:
		return "", false, false, nil
	}
	if name == "" {
		return "", false, false, fmt.Errorf("segment %q has a parameter without a name", segment)
	}
	if strings.ContainsAny(name, "{}:*") {
		return "", false, false, fmt.Errorf("segment %q: bad parameter name %q", segment, name)
	}
	return name, rest, true, nil
}

// Handle is [http.ServeMux.Handle], but returns an error instead of the panic for a pattern that is wrong or
// conflicts with another.
func Handle(mux *http.ServeMux, pattern string, handler http.Handler) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%v", v)
		}
	}()
	mux.Handle(pattern, handler)
	return nil
}

// IsClean reports whether an escaped path begins with a slash and has no empty segments, except for the last, and
// none of the segments ".", ".." and "%2F". ServeMux redirects other paths, and mistakes a segment that is only an
// encoded slash for the slash at the end of a path.
func IsClean(path string) bool {
	if path == "" || path[0] != '/' {
		return false
	}
	for i := 0; i < len(path); {
		rest := path[i+1:] // after a slash
		end := strings.IndexByte(rest, '/')
		segment := rest
		if end >= 0 {
			segment = rest[:end]
		}
		if segment == "." || segment == ".." || strings.EqualFold(segment, "%2F") || segment == "" && end >= 0 {
			return false
		}
		if end < 0 {
			return true
		}
		i += 1 + end
	}
	return true
}

// Set is a set of patterns that can be served together. The zero value is empty.
type Set struct{ mux http.ServeMux }

// Add adds the pattern of a [Route], unless it conflicts with one in the set. Two patterns conflict if there is a
// path that both match, and neither is more specific.
func (s *Set) Add(pattern string) bool { return Handle(&s.mux, pattern, http.NotFoundHandler()) == nil }

// Conflict reports whether two patterns cannot be in one [Set].
func Conflict(a, b string) bool {
	var s Set
	return !s.Add(a) || !s.Add(b)
}

// isToken follows RFC 9110, section 5.6.2.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return false
		}
	}
	return s != ""
}
