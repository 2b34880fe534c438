// Package payload decodes JSON text into Go values and validates them.
//
// Everything that is wrong with the text is returned as one [*Error] that lists the fields concerned, with the names
// the sender used: items[0].qty, not Order.Items[0].Quantity. It does not contain what a sender must not know, such
// as the names of Go types.
//
//   - Text that is not JSON, or is not UTF-8, is [Malformed]; the error says at which line and column.
//   - JSON of the wrong type for its place is [WrongType]; the error names the first such value.
//   - A value that breaks its validate tags is [Invalid]; the error lists all of them.
//
// The answer to a text is exactly the same on every Go release, though encoding/json and its errors are not. What a
// type's own UnmarshalJSON or UnmarshalText accepts and says is up to the type. [For] refuses types that cannot be
// decoded in the same way.
//
// Unknown and repeated fields are tolerated, as encoding/json tolerates them. Nothing of the input is kept: the
// caller may reuse the buffer it decoded from as soon as the call returns, even if the value holds a
// [json.RawMessage].
//
// A [Codec] is made once per type, when a step is registered. That is when mistakes in the tags are found, and
// whether the type has any tags; a type without tags is never validated. A [Func] of the user can replace validation
// by tags.
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
	check  func(value any) error // takes a pointer; nil if there is nothing to validate
	strict *shape                // nil for nearly all types
}

// For makes the codec of T. All codecs of a program should share one validator, since [Tags] cache what they learn
// about types. If v is nil, For makes new Tags.
//
// The error lists everything that is wrong with T: types and json tags that cannot be decoded, or not in the same way
// on every Go release; and in validate tags, unknown rules, parameters that are not numbers, and rules that do not
// suit the type of their field. Without this check the first payload that reaches such a tag would make the validator
// panic.
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

// Check returns the error that [For] would: what is wrong with T and, if v reads them, with its validate tags.
func Check[T any](v Validator) error {
	_, err := For[T](v)
	return err
}

// Decode decodes and validates data, which must be one whole JSON text. The error is a [*Error], and the value is
// then the zero value.
func (c *Codec[T]) Decode(data []byte) (T, error) {
	var value T
	if err := c.DecodeInto(data, &value); err != nil {
		var zero T
		return zero, err
	}
	return value, nil
}

// DecodeInto is [Codec.Decode] into memory that the caller provides, which saves an allocation when the value is part
// of something larger. The memory must hold a zero value, and also holds one after an error, unless the error is of
// kind [Invalid].
func (c *Codec[T]) DecodeInto(data []byte, into *T) error {
	if err := unmarshal(data, into, c.strict); err != nil {
		*into = *new(T)
		return err
	}
	return c.Validate(into)
}

// Validate validates a value that was decoded elsewhere. The error is a [*Error] of kind [Invalid].
//
// For tags a nil pointer is valid, since there is no struct whose tags could apply.
func (c *Codec[T]) Validate(value *T) error {
	if c.check == nil {
		return nil
	}
	// A pointer fits into the interface; the value itself would be copied to the heap.
	return c.check(value)
}

// Validates reports whether the codec has anything to validate. For [Tags], only tags count: a rule that is
// registered for a struct as a whole runs only if some field that T reaches has a validate tag.
func (c *Codec[T]) Validates() bool { return c.check != nil }

// Unmarshal decodes data without validation. It is [json.Unmarshal] with the errors of this package, and stricter in
// one respect: data must be valid UTF-8. The argument into must be a non-nil pointer.
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

// explain returns the error for data that decode refuses with err.
func explain(data []byte, into any, strict *shape, err error) error {
	if _, wrong := errors.AsType[*json.InvalidUnmarshalError](err); wrong {
		return err // a mistake of the caller, not the sender
	}
	if syntax := jsontext.Check(data); syntax != nil {
		return malformed(data, syntax, err)
	}
	return wrongType(data, reflect.TypeOf(into).Elem(), err, func(doc []byte, into any) error { return decode(doc, into, strict) })
}

// Load decodes data that the app has stored or sent itself, without validation. The error reads like an [Error], but
// is not one, since no sender of a payload is to blame. After an error into points to a zero value, because what was
// decoded before the error differs between Go releases.
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
