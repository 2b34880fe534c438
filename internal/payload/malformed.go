package payload

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

var errNotUTF8 = errors.New("invalid UTF-8")

var byteOrderMark = []byte("\uFEFF")

// notUTF8 is the error for data that is not UTF-8, whether it is JSON otherwise or not.
func notUTF8(data []byte) *Error {
	i := 0
	for i < len(data) {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		i += size
	}
	at := positionOf(data, i)
	return malformedAt(at, fmt.Sprintf("invalid UTF-8 at line %d, column %d", at.Line, at.Column), errNotUTF8)
}

// malformed is the error for data that is UTF-8 but not JSON.
func malformed(data []byte, syntax *json.SyntaxError) *Error {
	const whitespace = " \t\r\n" // of JSON, less than that of Unicode
	text := syntax.Error()
	if len(bytes.Trim(data, whitespace)) == 0 {
		return malformedAt(positionOf(data, len(data)), "no JSON value", syntax)
	}
	if bytes.HasPrefix(data, byteOrderMark) {
		return malformedAt(positionOf(data, 0), "byte order mark before the JSON value", syntax)
	}

	// The offset counts the bytes read, the offending one included, unless it was the end that came too soon. The end
	// within a literal or number is reported as a space that is not there.
	offset := int(syntax.Offset)
	unreal := offset == len(data) && data[offset-1] != ' ' && strings.HasPrefix(text, "invalid character ' '")
	switch {
	case unreal || strings.HasPrefix(text, "unexpected end"):
		text, offset = "unexpected end of JSON input", len(data)
	case offset > 0:
		offset--
	}
	if strings.HasSuffix(text, "exceeded max depth") {
		text = "nested too deep"
	}
	at := positionOf(data, offset)
	return malformedAt(at, fmt.Sprintf("%s at line %d, column %d", text, at.Line, at.Column), syntax)
}

func malformedAt(at Position, message string, err error) *Error {
	return &Error{
		Kind:     Malformed,
		Fields:   []FieldError{{Rule: RuleJSON, Message: message}},
		Position: at,
		Err:      err,
	}
}

func positionOf(data []byte, offset int) Position {
	before := data[:min(offset, len(data))]
	line := before[bytes.LastIndexByte(before, '\n')+1:]
	return Position{
		Offset: len(before),
		Line:   1 + bytes.Count(before, []byte{'\n'}),
		Column: 1 + utf8.RuneCount(line),
	}
}
