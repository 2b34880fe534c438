// Package payload decodes JSON text into Go values and validates them.
//
// Whatever is wrong with the text comes back as one [*Error] that lists the fields concerned, with the names the
// sender used: items[0].qty, not Order.Items[0].Quantity. What a sender may not know, such as the names of Go types,
// is not in it.
//
//   - Text that is not JSON, or is not UTF-8, is [Malformed]; the error says at which line and column.
//   - JSON of the wrong type for its place is [WrongType]; the error names the first such value.
//   - A value that breaks its validate tags is [Invalid]; the error lists all of them.
//
// The answer to a text is the same on every Go release, letter by letter, though encoding/json and its errors are not. What
// a type's own UnmarshalJSON or UnmarshalText accepts and says is up to it. Types that cannot be decoded alike are refused
// by [For].
//
// Unknown and repeated fields are tolerated, as encoding/json tolerates them. Nothing of the input is kept: the caller
// may reuse the buffer it decoded from as soon as the call returns, also when the value holds a [json.RawMessage].
//
// A [Codec] is made once per type, when a step is registered. It finds mistakes in the tags then, and finds out whether
// the type has any; a type without them is never validated. In place of the tags, a [Func] of the user can validate.
package payload

import (
	"encoding/json"
	"errors"
	"reflect"
	"unicode/utf8"

	"github.com/motia-go/motia/internal/jsontext"
)

// A Codec decodes and validates values of one type. It is made by [For] and is safe for concurrent use.
type Codec[T any] struct {
	check  func(value any) error // given a pointer; nil if there is nothing to validate
	strict *shape                // nil for nearly all types
}

// For makes the codec of T. All codecs of a program should share one validator, since [Tags] cache what they learn about
// types; nil makes new ones.
//
// The error says everything that is wrong with T: types and json tags that cannot be decoded, or not in the same way on
// every Go release; and in validate tags an unknown rule, a parameter that is not a number, a rule that does not suit the
// type of its field. Otherwise the first payload that gets as far as such a tag would make the tags' validator panic.
func For[T any](v Validator) (*Codec[T], error) {
	if v == nil {
		v = NewTags()
	}
	t := reflect.TypeFor[T]()
	check, mistake := v.checks(t)
	if err := errors.Join(checkType(t), mistake); err != nil {
		return nil, err
	}
	return &Codec[T]{check: check, strict: shapeOf(t)}, nil
}

// Check reports what [For] would: what is wrong with T and, if v reads them, with its validate tags.
func Check[T any](v Validator) error {
	_, err := For[T](v)
	return err
}

// Decode decodes and validates data, which must be one whole JSON text. The error is a [*Error], and the value is then
// the zero value.
func (c *Codec[T]) Decode(data []byte) (T, error) {
	var value T
	if err := c.DecodeInto(data, &value); err != nil {
		var zero T
		return zero, err
	}
	return value, nil
}

// DecodeInto is [Codec.Decode] into memory that the caller provides, which saves an allocation when the value is part of
// something larger. The memory must hold a zero value, and does so after an error too, unless that is of kind [Invalid].
func (c *Codec[T]) DecodeInto(data []byte, into *T) error {
	if err := unmarshal(data, into, c.strict); err != nil {
		*into = *new(T)
		return err
	}
	return c.Validate(into)
}

// Validate validates a value that was decoded elsewhere. The error is a [*Error] of kind [Invalid].
//
// To the tags a nil pointer is valid: those of the struct that it does not point to do not apply.
func (c *Codec[T]) Validate(value *T) error {
	if c.check == nil {
		return nil
	}
	// The pointer goes into the interface as it is; the value itself would be copied to the heap.
	return c.check(value)
}

// Validates reports whether the codec has anything to validate. Only tags count for [Tags]: a rule registered for a struct
// as a whole runs when some field that T reaches has a validate tag, and not otherwise.
func (c *Codec[T]) Validates() bool { return c.check != nil }

// Unmarshal decodes data without validation: [json.Unmarshal] with the errors of this package, and stricter in one
// respect, that data must be UTF-8 throughout. The argument into must be a non-nil pointer.
func Unmarshal(data []byte, into any) error { return unmarshal(data, into, nil) }

// unmarshal is Unmarshal for a type with the given shape.
func unmarshal(data []byte, into any, strict *shape) error {
	if !utf8.Valid(data) {
		return notUTF8(data)
	}
	err := decode(data, into, strict)
	if err == nil {
		return nil
	}
	return explain(data, into, strict, err)
}

// decode is [json.Unmarshal] as strict as the strictest Go release.
func decode(data []byte, into any, strict *shape) error {
	if err := json.Unmarshal(data, into); err != nil || strict == nil {
		return err
	}
	return strict.check(data)
}

// explain returns the error for data that decode does not take because of err.
func explain(data []byte, into any, strict *shape, err error) error {
	if _, wrong := errors.AsType[*json.InvalidUnmarshalError](err); wrong {
		return err // a mistake of the caller, not of the sender
	}
	if syntax := jsontext.Check(data); syntax != nil {
		return malformed(data, syntax, err)
	}
	return wrongType(data, reflect.TypeOf(into).Elem(), err, func(doc []byte, into any) error { return decode(doc, into, strict) })
}

// Load decodes data that the app has stored or sent itself, without validation. The error reads like an [Error], but is
// none: no sender of a payload is to blame. Whatever into points to is the zero value then: what was decoded until the
// error is not the same on every Go release.
func Load(data []byte, into any) error {
	err := json.Unmarshal(data, into)
	if err == nil {
		return nil
	}
	err = explain(data, into, nil, err)
	if e, ok := errors.AsType[*Error](err); ok {
		reflect.ValueOf(into).Elem().SetZero()
		return &loadError{e.Error(), e.Err}
	}
	return err
}

type loadError struct {
	text string
	err  error // of encoding/json
}

func (e *loadError) Error() string { return e.text }
func (e *loadError) Unwrap() error { return e.err }
