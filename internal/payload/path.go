package payload

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"

	"github.com/motia-go/motia/internal/jsontext"
)

// A place is where a value is decoded into.
type place struct {
	t reflect.Type // without pointers; nil if unknown

	quoted     bool // a field with the string option
	unsettable bool // a field that encoding/json cannot set

	keys reflect.Type // the key type, if the value is in a map
	key  string

	// within says that the place is within a type that decodes itself. Then the type of the place is a guess, which
	// assumes that the type decodes its fields by their names.
	within bool
}

// render writes a path as the validator writes its own: members of structs after a dot, with the name from the tag,
// whatever case the sender wrote; keys of maps in brackets, like indices. It also returns the place at the end of the
// path.
func render(t reflect.Type, path []step) (string, place) {
	var b strings.Builder
	p := place{t: indirect(t)}
	for _, s := range path {
		t := p.t
		p = place{within: p.within || decodesItself(t)}
		kind := reflect.Invalid
		if t != nil {
			kind = t.Kind()
		}
		name := s.key
		switch {
		case kind == reflect.Interface && t.NumMethod() == 0:
			p.t = t
		case s.index >= 0 && (kind == reflect.Slice || kind == reflect.Array):
			p.t = t.Elem()
		case s.index < 0 && kind == reflect.Map:
			p.t, p.keys, p.key = t.Elem(), t.Key(), s.key
		case s.index < 0 && kind == reflect.Struct:
			if f := memberOf(t, s.key); f != nil {
				name, p.t, p.quoted, p.unsettable = f.Name, f.Type, f.Quoted, f.Unsettable
			}
		}
		p.t = indirect(p.t)
		switch {
		case s.index >= 0:
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		case kind == reflect.Map:
			b.WriteString("[" + name + "]")
		default:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(name)
		}
	}
	return b.String(), p
}

// memberOf returns the field of struct t that key decodes into, or nil if there is none.
func memberOf(t reflect.Type, key string) *jsontext.Field {
	var found *jsontext.Field
	for _, f := range jsontext.Fields(t) {
		switch {
		case f.Name == key:
			return &f
		case found == nil && strings.EqualFold(f.Name, key):
			found = &f
		}
	}
	return found
}

// decodesItself reports whether values of the type are decoded by an UnmarshalJSON method that may do anything.
func decodesItself(t reflect.Type) bool {
	return t != nil && t != reflect.TypeFor[json.RawMessage]() && reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]())
}

// decodesText reports whether values of the type are decoded by an UnmarshalText method.
func decodesText(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// jsonName returns the name that encoding/json gives a field. It is empty for an embedded struct whose fields appear
// among those around it. A field that JSON omits has its Go name.
func jsonName(f reflect.StructField) string {
	tag := f.Tag.Get("json")
	if tag == "-" {
		return f.Name
	}
	if name, _, _ := strings.Cut(tag, ","); name != "" {
		return name
	}
	if f.Anonymous && indirect(f.Type).Kind() == reflect.Struct {
		return ""
	}
	return f.Name
}

// unquote returns the string that begins the text, as in "a": or in "a".
func unquote(text []byte) string {
	var s string
	// The text is part of a valid document, so a string is there and this cannot fail.
	_ = json.Unmarshal(text[:skipValue(text, 0)], &s)
	return s
}

// indirect returns the type that a pointer, or a pointer to a pointer, leads to.
func indirect(t reflect.Type) reflect.Type {
	for t != nil && t.Kind() == reflect.Pointer && t.Elem() != t { // since type P *P is legal
		t = t.Elem()
	}
	return t
}
