package jsonops

import (
	"bytes"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// This file reads JSON text without decoding it. The text should be valid. On invalid text the results are arbitrary,
// but the functions stay within it and return.
//
// gjson's ForEach would work, but it resolves the escapes of every string and parses every number that it passes, and
// it needs the text as a string. Here, skipping a value reads each byte once and allocates nothing.

// skipSpace returns the position of the first byte at or after i that is not white space.
func skipSpace(text []byte, i int) int {
	for i < len(text) && text[i] <= ' ' {
		i++
	}
	return i
}

// skipString returns the position after the string whose opening quote is at i.
func skipString(text []byte, i int) int {
	first := i + 1
	for i = first; ; i++ {
		n := bytes.IndexByte(text[i:], '"')
		if n < 0 {
			return len(text)
		}
		i += n
		// The quote ends the string unless an odd number of backslashes stands before it.
		slash := i
		for slash > first && text[slash-1] == '\\' {
			slash--
		}
		if (i-slash)%2 == 0 {
			return i + 1
		}
	}
}

// skipValue returns the position after the value that begins at i.
func skipValue(text []byte, i int) int {
	switch kindAt(text, i) {
	case '"':
		return skipString(text, i)
	case '{', '[':
		return skipContainer(text, i)
	}
	for i < len(text) {
		switch text[i] {
		case ',', ':', ']', '}', ' ', '\t', '\n', '\r':
			return i
		}
		i++
	}
	return i
}

func skipContainer(text []byte, i int) int {
	for depth := 0; i < len(text); {
		switch text[i] {
		case '"':
			i = skipString(text, i)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
			if depth == 0 {
				return i + 1
			}
		}
		i++
	}
	return i
}

// nesting returns how many objects and arrays of a value enclose its innermost value.
func nesting(text []byte) int {
	depth, deepest := 0, 0
	for i := 0; i < len(text); {
		switch text[i] {
		case '"':
			i = skipString(text, i)
			continue
		case '{', '[':
			depth++
			deepest = max(deepest, depth)
		case '}', ']':
			depth--
		}
		i++
	}
	return deepest
}

// kindAt returns the first byte of the value at i, which determines its type, or 0 at the end of the text.
func kindAt(text []byte, i int) byte {
	if i >= len(text) {
		return 0
	}
	return text[i]
}

// describe names the type of a value by its first byte.
func describe(kind byte) string {
	switch kind {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	if isNumber(kind) {
		return "a number"
	}
	return "not JSON"
}

func isNumber(kind byte) bool {
	return kind == '-' || '0' <= kind && kind <= '9'
}

// walker goes through the members of an object or the elements of an array.
type walker struct {
	text   []byte
	object bool
	// pos is after the item that next returned last, or after the opening bracket.
	pos int
}

// item is the place of a member or an element in the text. Only a member has a key.
type item struct {
	start, keyEnd, value, end int
}

// walk returns a walker through the object or array that begins at i.
func walk(text []byte, i int) walker {
	return walker{text: text, object: text[i] == '{', pos: i + 1}
}

// next returns the next item, and false after the last one.
func (w *walker) next() (item, bool) {
	i := skipSpace(w.text, w.pos)
	if kindAt(w.text, i) == ',' {
		i = skipSpace(w.text, i+1)
	}
	found := item{start: i, keyEnd: i}
	if w.object {
		if kindAt(w.text, i) != '"' {
			return item{}, false
		}
		found.keyEnd = skipString(w.text, i)
		i = skipSpace(w.text, found.keyEnd)
		if kindAt(w.text, i) != ':' {
			return item{}, false
		}
		i = skipSpace(w.text, i+1)
	}
	found.value, found.end = i, skipValue(w.text, i)
	if found.end == i {
		return item{}, false
	}
	w.pos = found.end
	return found, true
}

// keyIs reports whether a key, as it is in the text with its quotes, is name.
func keyIs(key []byte, name string) bool {
	if isPlain(key) {
		return string(key[1:len(key)-1]) == name
	}
	return decodeKey(key) == name
}

// isPlain reports whether the text of a key is ASCII without escapes, so that it needs no decoding.
func isPlain(key []byte) bool {
	for _, c := range key {
		if c == '\\' || c >= utf8.RuneSelf {
			return false
		}
	}
	return len(key) >= 2
}

// decodeKey returns the key that the text encodes.
func decodeKey(key []byte) string {
	return toValidUTF8(gjson.ParseBytes(key).Str)
}

// appendKey appends a key with its quotes and a colon. It is written as encoding/json would.
func appendKey(dst []byte, name string) []byte {
	return append(gjson.AppendJSONString(dst, name), ':')
}
