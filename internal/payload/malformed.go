package payload

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/motia-go/motia/internal/jsontext"
)

// A Position is a place in a text.
type Position = jsontext.Position

var errNotUTF8 = errors.New("invalid UTF-8")

var byteOrderMark = []byte("\uFEFF")

// notUTF8 returns the error for data that is not UTF-8, whether it is otherwise JSON or not.
func notUTF8(data []byte) *Error {
	i := 0
	for i < len(data) {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		i += size
	}
	at := jsontext.PositionOf(data, i)
	return malformedAt(at, fmt.Sprintf("invalid UTF-8 at line %d, column %d", at.Line, at.Column), errNotUTF8)
}

// malformed returns the error for data that is not JSON because of syntax. err is the error of encoding/json.
func malformed(data []byte, syntax *jsontext.SyntaxError, err error) *Error {
	const whitespace = " \t\r\n" // the white space of JSON, which is less than that of Unicode
	if len(bytes.Trim(data, whitespace)) == 0 {
		return malformedAt(jsontext.PositionOf(data, len(data)), "no JSON value", err)
	}
	if bytes.HasPrefix(data, byteOrderMark) {
		return malformedAt(jsontext.PositionOf(data, 0), "byte order mark before the JSON value", err)
	}
	at := jsontext.PositionOf(data, syntax.Offset)
	return malformedAt(at, fmt.Sprintf("%s at line %d, column %d", syntax.Message, at.Line, at.Column), err)
}

func malformedAt(at Position, message string, err error) *Error {
	return &Error{
		Kind:     Malformed,
		Fields:   []FieldError{{Rule: RuleJSON, Message: message}},
		Position: at,
		Err:      err,
	}
}
