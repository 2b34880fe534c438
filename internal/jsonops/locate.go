package jsonops

import (
	"fmt"
	"math"
	"strconv"
)

// location is where a path leads.
type location struct {
	// start and end enclose the value, or the null in its place. If there is neither, they are equal and say where to
	// insert.
	start, end int
	found      bool
	// missing are the components that lead nowhere. The first of them belongs into the container around start, unless
	// fresh says that there is no container, because there is no text or only a null.
	missing []string
	fresh   bool
	// inArray says that this container is an array, comma that it already has items.
	inArray, comma bool
}

// locate follows a path. A null counts as missing. It returns an error if the path cannot lead anywhere, even if
// something were created: through a scalar, or into an array by something that is not an index. create says that the
// caller will create what is missing; then an index beyond the end of an array is an error as well.
func locate(text []byte, path []string, create bool) (location, error) {
	at := skipSpace(text, 0)
	if at == len(text) {
		return location{start: at, end: at, missing: path, fresh: true}, nil
	}
	end := -1
	for depth, name := range path {
		var hit item
		var found bool
		w := walker{}
		switch text[at] {
		case '{':
			w = walk(text, at)
			for member, ok := w.next(); ok; member, ok = w.next() {
				if keyIs(text[member.start:member.keyEnd], name) {
					hit, found = member, true // The last one counts, so there is no early exit.
				}
			}
		case '[':
			index, err := parseIndex(name, path[:depth])
			if err != nil {
				return location{}, err
			}
			w = walk(text, at)
			count := 0
			for element, ok := w.next(); ok; element, ok = w.next() {
				if count == index {
					hit, found = element, true
					break
				}
				count++
			}
			if !found && index > count && create {
				return location{}, fmt.Errorf("index %s is beyond the end of %s, an array of %d", name, place(path[:depth]), count)
			}
		case 'n':
			return location{start: at, end: skipValue(text, at), missing: path[depth:], fresh: true}, nil
		default:
			return location{}, throughScalar(text[at], path[:depth])
		}
		if !found {
			return location{
				start: w.pos, end: w.pos, missing: path[depth:], inArray: !w.object, comma: w.pos > at+1,
			}, nil
		}
		at, end = hit.value, hit.end
	}
	if end < 0 {
		end = skipValue(text, at)
	}
	return location{start: at, end: end, found: text[at] != 'n'}, nil
}

// parseIndex reads a component as an index into the array at the given path: decimal digits, without a sign or
// leading zeros.
func parseIndex(name string, array []string) (int, error) {
	valid := name != "" && (name[0] != '0' || name == "0")
	for i := range len(name) {
		valid = valid && '0' <= name[i] && name[i] <= '9'
	}
	if !valid {
		return 0, fmt.Errorf("%q is not an index, but %s is an array", name, place(array))
	}
	index, err := strconv.Atoi(name)
	if err != nil {
		return math.MaxInt, nil // Beyond the end of every array.
	}
	return index, nil
}

func throughScalar(kind byte, at []string) error {
	return fmt.Errorf("path through a scalar: %s is %s", place(at), describe(kind))
}

// place names the place that a path leads to, for error texts.
func place(path []string) string {
	if len(path) == 0 {
		return "the whole value"
	}
	return strconv.Quote(JoinPath(path...))
}
