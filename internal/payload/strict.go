package payload

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"

	"github.com/motia-go/motia/internal/jsontext"
)

// A shape leads to the values that the two implementations of encoding/json treat differently, so that the stricter
// rule applies on every release:
//
//   - a number in a string, by the string option, must begin with a digit or a minus: Go 1.27 also accepts +1, NaN
//     and Inf;
//   - a [json.Number] in a string, by the string option, must be a number: Go 1.26 accepts everything that begins
//     like one;
//   - a key of a map with integer keys must be an integer: Go 1.27 also accepts null, as 0.
//
// Types without such values have no shape, and their payloads are not checked.
type shape struct {
	fields  []shapeField // of a struct
	elem    *shape       // of a map, slice or array
	intKeys bool
	quoted  quotedKind
}

type shapeField struct {
	name  string
	shape *shape // nil if there is nothing to check
}

type quotedKind uint8

const (
	notInString quotedKind = iota
	numberInString
	jsonNumberInString
)

var (
	errQuoted = errors.New("string does not hold a number")
	errKey    = errors.New("key is not an integer")
)

// shapeOf returns the shape of a type, or nil.
func shapeOf(t reflect.Type) *shape {
	b := shapeBuilder{shapes: map[reflect.Type]*shape{}}
	s := b.shape(t, false)
	if !b.needed {
		return nil
	}
	return s
}

type shapeBuilder struct {
	shapes map[reflect.Type]*shape
	needed bool
}

func (b *shapeBuilder) shape(t reflect.Type, quoted bool) *shape {
	t = indirect(t)
	kind := notInString
	switch {
	case t == reflect.TypeFor[json.Number]() && quoted:
		kind = jsonNumberInString
	case decodesItself(t) || decodesText(t):
		return nil
	case rangeOf(t) != "" && quoted:
		kind = numberInString
	}
	if kind != notInString {
		b.needed = true
		return &shape{quoted: kind}
	}
	if s, known := b.shapes[t]; known {
		return s
	}
	s := new(shape)
	b.shapes[t] = s // types may contain themselves
	switch t.Kind() {
	case reflect.Struct:
		for _, f := range jsontext.Fields(t) {
			s.fields = append(s.fields, shapeField{f.Name, b.shape(f.Type, f.Quoted)})
		}
	case reflect.Map:
		s.intKeys = rangeOf(t.Key()) != "" && !decodesText(t.Key())
		b.needed = b.needed || s.intKeys
		s.elem = b.shape(t.Elem(), false)
	case reflect.Slice, reflect.Array:
		s.elem = b.shape(t.Elem(), false)
	}
	return s
}

// check checks data, which must be valid JSON that decodes into the type of the shape.
func (s *shape) check(data []byte) error {
	_, err := s.walk(data, skipSpace(data, 0))
	return err
}

// walk checks the value that begins at i and returns the offset after it.
func (s *shape) walk(data []byte, i int) (end int, err error) {
	if s == nil {
		return skipValue(data, i), nil
	}
	open := data[i]
	switch {
	case open == '"' && s.quoted != notInString:
		end = skipValue(data, i)
		return end, s.quoted.check(unquote(data[i:end]))
	case open != '{' && open != '[':
		return skipValue(data, i), nil
	}
	for i = skipSpace(data, i+1); data[i] != closing(open); {
		inner := s.elem
		if open == '{' {
			key := i
			i = skipValue(data, i)
			if inner, err = s.member(data[key:i]); err != nil {
				return 0, err
			}
			i = skipSpace(data, i)
			i = skipSpace(data, i+1) // the colon
		}
		if i, err = inner.walk(data, i); err != nil {
			return 0, err
		}
		if i = skipSpace(data, i); data[i] == ',' {
			i = skipSpace(data, i+1)
		}
	}
	return i + 1, nil
}

// member returns the shape of the member with the key, which is JSON text.
func (s *shape) member(key []byte) (*shape, error) {
	if !s.intKeys && len(s.fields) == 0 {
		return s.elem, nil
	}
	name := unquote(key)
	if s.intKeys && name == "null" {
		return nil, errKey
	}
	var found *shape
	for _, f := range s.fields {
		if f.name == name {
			return f.shape, nil
		}
		if found == nil && strings.EqualFold(f.name, name) {
			found = f.shape
		}
	}
	if len(s.fields) == 0 {
		return s.elem, nil
	}
	return found, nil
}

func (k quotedKind) check(content string) error {
	ok := jsontext.IsNumber(content)
	if k == numberInString {
		ok = content == "null" || strings.IndexAny(content, "-0123456789") == 0
	}
	if !ok {
		return errQuoted
	}
	return nil
}
