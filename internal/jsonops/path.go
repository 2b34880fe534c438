package jsonops

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// SplitPath appends the components of a path to dst. They are separated by dots; `\.` is a literal dot and `\\` a
// literal backslash. A backslash before anything else, or at the end, is an error, and so are more than limit
// components.
//
// The empty path has no components: it means the whole value. Otherwise components may be empty: "a..b" has three,
// and the middle one is the key "". There is no path to the key "" of the outermost object.
//
// A byte that is not valid UTF-8 becomes U+FFFD, as in JSON.
func SplitPath(path string, dst []string, limit int) ([]string, error) {
	if path == "" {
		return dst, nil
	}
	path = toValidUTF8(path)
	for count := 1; ; count++ {
		if count > limit {
			return nil, fmt.Errorf("the path has more than %d components", limit)
		}
		end := strings.IndexAny(path, `.\`)
		if end < 0 {
			return append(dst, path), nil
		}
		if path[end] == '.' {
			dst, path = append(dst, path[:end]), path[end+1:]
			continue
		}
		component, rest, more, err := cutEscaped(path)
		if err != nil {
			return nil, err
		}
		dst, path = append(dst, component), rest
		if !more {
			return dst, nil
		}
	}
}

// cutEscaped cuts the first component off a path, resolving escapes. more reports whether a dot followed it.
func cutEscaped(path string) (component, rest string, more bool, err error) {
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		switch c := path[i]; c {
		case '.':
			return b.String(), path[i+1:], true, nil
		case '\\':
			i++
			if i == len(path) {
				return "", "", false, errors.New("the path ends in a lone backslash")
			}
			if path[i] != '.' && path[i] != '\\' {
				r, _ := utf8.DecodeRuneInString(path[i:])
				return "", "", false, fmt.Errorf(`the path has a backslash before %q; only \. and \\ are escapes`, r)
			}
			b.WriteByte(path[i])
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), "", false, nil
}

// JoinPath returns the path of the components, escaped so that [SplitPath] returns them. A single empty component has
// no path; the result is the empty path.
func JoinPath(components ...string) string {
	var b strings.Builder
	for i, component := range components {
		if i > 0 {
			b.WriteByte('.')
		}
		for j := range len(component) {
			if c := component[j]; c == '.' || c == '\\' {
				b.WriteByte('\\')
			}
			b.WriteByte(component[j])
		}
	}
	return b.String()
}

// toValidUTF8 replaces every byte that is not valid UTF-8 by U+FFFD, as encoding/json does on decoding and encoding.
// In contrast, strings.ToValidUTF8 replaces a run of such bytes by one U+FFFD.
func toValidUTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s))
}
