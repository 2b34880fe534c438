// Package jsontext writes JSON text, and explains what is wrong with text that is not JSON or with a value that has
// no JSON form, in the same words on every Go release.
//
// From Go 1.27 on, encoding/json is a different implementation. It accepts and returns nearly the same, but its
// errors have different texts, types and offsets. Errors reach logs, clients and tests, so these differences must not
// show. The functions here use an error of encoding/json only as a sign that something is wrong, and find out
// themselves what it is.
package jsontext

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// MaxNesting is how many objects and arrays may be around a value in the text that [Marshal] returns. It is less than
// encoding/json reads, because values are sent and listed within other values.
const MaxNesting = maxDepth - 10

// Marshal is [json.Marshal] without two differences between Go releases: a byte of a string that is not UTF-8 is
// always written as U+FFFD, and nesting beyond [MaxNesting] is always an error. All errors are *[EncodeError].
func Marshal(v any) ([]byte, error) {
	// The usual operands of updates need no encoder, which allocates more from Go 1.27 on.
	switch v := v.(type) {
	case int:
		return strconv.AppendInt(nil, int64(v), 10), nil
	case string:
		if isPlain(v) {
			return append(append(append(make([]byte, 0, len(v)+2), '"'), v...), '"'), nil
		}
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil, encodeError(v, err)
	}
	if nestsTooDeep(text) {
		return nil, &EncodeError{Reason: reasonTooDeep}
	}
	return Uniform(text), nil
}

// isPlain reports whether all of s stands for itself in JSON as encoding/json writes it.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			return false
		}
	}
	return true
}

// Encode appends what [Marshal] returns to b, and a line feed, or nothing if there is an error.
func Encode(b *bytes.Buffer, v any) error {
	start := b.Len()
	if err := json.NewEncoder(b).Encode(v); err != nil {
		b.Truncate(start)
		return encodeError(v, err)
	}
	text := b.Bytes()[start:]
	if nestsTooDeep(text) {
		b.Truncate(start)
		return &EncodeError{Reason: reasonTooDeep}
	}
	b.Truncate(start + len(Uniform(text)))
	return nil
}

// Uniform replaces the escape \ufffd by its character, in place, in text that is valid JSON. For a byte that is not
// UTF-8, Go 1.26 writes the escape and later releases write the character.
func Uniform(text []byte) []byte {
	const escape = `\ufffd`
	if !bytes.Contains(text, []byte(escape)) {
		return text
	}
	out := text[:0]
	for i := 0; i < len(text); {
		switch {
		case text[i] != '\\':
			out = append(out, text[i])
			i++
		case bytes.HasPrefix(text[i:], []byte(escape)):
			out = append(out, "\uFFFD"...)
			i += len(escape)
		default: // the next byte is escaped, which matters if it is a backslash
			out = append(out, text[i], text[i+1])
			i += 2
		}
	}
	return out
}

// nestsTooDeep reports whether the text, which is valid JSON, is nested beyond MaxNesting.
func nestsTooDeep(text []byte) bool {
	// Each level takes two brackets, so most texts are too short to be checked.
	return len(text) > 2*MaxNesting && nesting(text) > MaxNesting
}

// nesting returns how many objects and arrays are around the innermost value of the text, which is valid JSON.
func nesting(text []byte) int {
	depth, deepest := 0, 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			for i++; text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
		case '[', '{':
			depth++
			deepest = max(deepest, depth)
		case ']', '}':
			depth--
		}
	}
	return deepest
}
