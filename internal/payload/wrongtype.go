package payload

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/motia-go/motia/internal/jsontext"
)

// wrongType returns the error for data that is JSON, but does not decode into a t because of err. decode says whether
// a part of data decodes.
func wrongType(data []byte, t reflect.Type, err error, decode func([]byte, any) error) *Error {
	path, value, cause := locate(data, err, func(doc []byte) error {
		return decode(doc, reflect.New(t).Interface())
	})
	field, at := render(t, path)
	return &Error{
		Kind:   WrongType,
		Fields: []FieldError{{Field: field, Rule: RuleType, Message: at.reason(value, cause)}},
		Err:    err,
	}
}

const (
	notValid = "is not valid"
	notATime = "must be a time such as 2006-01-02T15:04:05Z"
)

// reason says why the value, which is JSON text, does not decode here, in words that follow the name of the field.
// The cause is the error of encoding/json; its text is used only if it comes from a method of the type.
func (p place) reason(value []byte, cause error) string {
	switch {
	case cause == errTooDeep: // made by locate, never wrapped
		return cause.Error()
	case p.unsettable:
		return "cannot be set"
	case p.keys != nil && p.t != nil && json.Unmarshal(value, reflect.New(p.t).Interface()) == nil:
		return badKey(p.keys, p.key, cause)
	case p.t == reflect.TypeFor[time.Time]():
		return notATime
	case p.within || decodesItself(p.t):
		return p.ownReason(value, cause)
	}
	if m := misfit(p.t, p.quoted, value); m != "" {
		return m
	}
	if p.t != nil && decodesText(p.t) {
		return notValid + ": " + cause.Error() // the words of the type's own UnmarshalText
	}
	return notValid
}

// badKey says what is wrong with a key of a map.
func badKey(t reflect.Type, key string, cause error) string {
	if decodesText(t) {
		return notValid + ": " + cause.Error()
	}
	if n := rangeOf(t); n != "" {
		return "must be " + expected(t) + " " + n + ", not " + shorten(key)
	}
	return notValid
}

// ownReason is reason for values decoded by an UnmarshalJSON method. The method's own words are repeated, but most
// such methods let encoding/json decode some other value and return its error.
func (p place) ownReason(value []byte, cause error) string {
	text := cause.Error()
	wrong, isType := errors.AsType[*json.UnmarshalTypeError](cause)
	_, isSyntax := errors.AsType[*json.SyntaxError](cause)
	_, isBase64 := errors.AsType[base64.CorruptInputError](cause)
	unnamed := strings.Contains(text, "json: ") && !strings.Contains(text, "json: unknown field ")
	switch {
	case isTimeError(cause):
		return notATime
	case !isType && !isSyntax && !isBase64 && !unnamed:
		return notValid + ": " + strings.TrimPrefix(text, "json: ")
	case p.within:
		// What the error is about depends on the Go release. The field of that name says more.
		if decodesItself(p.t) {
			return notValid
		}
		return cmp.Or(misfit(p.t, p.quoted, value), notValid)
	case isBase64:
		return "must be a base64 string"
	case !isType || wrong.Type == nil:
		return notValid
	}
	t := indirect(wrong.Type)
	switch {
	case t == reflect.TypeFor[json.Number]() && value[0] == '"': // not an UnmarshalTypeError in Go 1.26
		return notValid
	case json.Unmarshal(value, reflect.New(t).Interface()) == nil: // the error is about another value
		return notValid
	}
	return cmp.Or(misfit(t, false, value), notValid)
}

// isTimeError reports whether the error is that of [time.Time.UnmarshalJSON].
func isTimeError(err error) bool {
	if e, ok := errors.AsType[*time.ParseError](err); ok {
		return e.Layout == time.RFC3339
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return e.Type == reflect.TypeFor[time.Time]()
	}
	notString := new(time.Time).UnmarshalJSON([]byte("0"))
	return strings.Contains(err.Error(), notString.Error())
}

// misfit says why the value cannot decode into a t that does not decode itself. It is empty if nothing is known to be
// wrong.
func misfit(t reflect.Type, quoted bool, value []byte) string {
	if t == nil {
		return ""
	}
	kind := kindOf(value)
	want := expected(t)
	isNumber := kind == "a number"
	switch {
	case t == reflect.TypeFor[json.Number]():
		if quoted {
			return notQuoted
		}
		if kind == "a string" {
			return "must be a number"
		}
	case quoted:
		return badQuoted(t, value)
	case decodesText(t):
		if kind == "a string" {
			return ""
		}
	case isNumber && rangeOf(t) != "":
		return "must be " + want + " " + rangeOf(t) + ", not " + shorten(string(value))
	case t.Kind() == reflect.Interface && t.NumMethod() == 0:
		if isNumber {
			return misfit(reflect.TypeFor[float64](), false, value)
		}
		return ""
	case want == "a base64 string":
		switch kind {
		case "a string":
			return "must be " + want
		case "an array":
			return ""
		}
	case kind == want || want == "true or false" && kind == "a boolean":
		return ""
	}
	return "must be " + want + ", not " + kind
}

const notQuoted = "must be a string that holds the value"

// badQuoted says what is wrong with the value of a field that has the string option.
func badQuoted(t reflect.Type, value []byte) string {
	if value[0] == '"' && rangeOf(t) != "" {
		if content := unquote(value); jsontext.IsNumber(content) {
			return "must be " + expected(t) + " " + rangeOf(t) + ", not " + shorten(content)
		}
	}
	return notQuoted
}

// kindOf names the type of a JSON value.
func kindOf(value []byte) string {
	switch value[0] {
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
	return "a number"
}

// expected names the JSON values that decode into a t.
func expected(t reflect.Type) string {
	if t == reflect.TypeFor[json.Number]() {
		return "a number"
	}
	if decodesText(t) {
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
	case reflect.Map:
		if isKey(t.Key()) {
			return "an object"
		}
	case reflect.Struct:
		return "an object"
	case reflect.String:
		return "a string"
	}
	return "null" // interfaces with methods, channels, functions: nothing else decodes into them
}

// rangeOf says which numbers fit a t. It is empty if t is not a number.
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

// shorten cuts long literals in messages.
func shorten(literal string) string {
	const limit = 32
	if len(literal) <= limit {
		return literal
	}
	return strings.ToValidUTF8(literal[:limit], "") + "..."
}
