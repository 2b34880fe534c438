package payload

import (
	"encoding"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// wrongType is the error for data that is JSON, but does not decode into a t.
func wrongType(data []byte, t reflect.Type, err error) *Error {
	path, cause := locate(data, err, func(doc []byte) error {
		return json.Unmarshal(doc, reflect.New(t).Interface())
	})
	field, at := render(t, path)
	return &Error{
		Kind:   WrongType,
		Fields: []FieldError{{Field: field, Rule: RuleType, Message: mismatch(at, cause)}},
		Err:    err,
	}
}

// mismatch says in the words of JSON what an error says in those of Go. The type is that of the value concerned, if
// known.
func mismatch(t reflect.Type, err error) string {
	if err == errTooDeep {
		return err.Error()
	}
	if t == reflect.TypeFor[time.Time]() {
		return "must be a time such as 2006-01-02T15:04:05Z"
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		want := expected(e.Type)
		if literal, ok := strings.CutPrefix(e.Value, "number "); ok {
			if n := rangeOf(e.Type); n != "" {
				want += " " + n
			}
			return "must be " + want + ", not " + shorten(literal)
		}
		return "must be " + want + ", not " + article(e.Value)
	}
	if _, ok := errors.AsType[base64.CorruptInputError](err); ok {
		return "must be a base64 string"
	}
	text := strings.TrimPrefix(err.Error(), "json: ")
	switch {
	case strings.HasPrefix(text, "invalid use of ,string"):
		return "must be a string that holds the value"
	case strings.HasPrefix(text, "invalid number literal"):
		return "must be a number"
	}
	return "is not valid: " + text // the words of the type's own UnmarshalJSON or UnmarshalText
}

// expected names the JSON values that decode into a t.
func expected(t reflect.Type) string {
	t = indirect(t)
	if t == reflect.TypeFor[json.Number]() {
		return "a number"
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return "a string"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return "an integer"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Slice, reflect.Array:
		if t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8 {
			return "a base64 string"
		}
		return "an array"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.String:
		return "a string"
	}
	return "null" // interfaces with methods, channels, functions: nothing else decodes into them
}

// rangeOf says which numbers fit a t, for a literal that does not.
func rangeOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		limit := int64(math.MaxInt64) >> (64 - t.Bits())
		return "from " + strconv.FormatInt(-limit-1, 10) + " to " + strconv.FormatInt(limit, 10)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return "from 0 to " + strconv.FormatUint(uint64(math.MaxUint64)>>(64-t.Bits()), 10)
	case reflect.Float32, reflect.Float64:
		return "of " + strconv.Itoa(t.Bits()) + " bits"
	}
	return ""
}

func article(value string) string {
	switch value {
	case "array", "object":
		return "an " + value
	case "bool":
		return "a boolean"
	case "null":
		return value
	}
	return "a " + value
}

// shorten keeps a literal of a megabyte out of messages.
func shorten(literal string) string {
	const limit = 32
	if len(literal) <= limit {
		return literal
	}
	return strings.ToValidUTF8(literal[:limit], "") + "..."
}
