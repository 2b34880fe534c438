package payload

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
)

// render writes a path as the validator writes its own: members of structs after a dot, with the name that the tag
// gives, whatever case the sender wrote; keys of maps in brackets, like indices. It also returns the type at the end of
// the path, nil if that is not known.
func render(t reflect.Type, path []step) (string, reflect.Type) {
	var b strings.Builder
	for _, s := range path {
		t = indirect(t)
		kind := reflect.Invalid
		if t != nil {
			kind = t.Kind()
		}
		if s.index >= 0 {
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
			if kind == reflect.Slice || kind == reflect.Array {
				t = t.Elem()
			} else {
				t = nil
			}
			continue
		}
		name := s.key
		switch kind {
		case reflect.Map:
			b.WriteString("[" + name + "]")
			t = t.Elem()
			continue
		case reflect.Struct:
			name, t = memberOf(t, s.key)
		default:
			t = nil // what a type decodes by itself has members that only it knows
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(name)
	}
	return b.String(), indirect(t)
}

// memberOf returns name and type of the field of struct t that key decodes into, and a nil type if there is none.
func memberOf(t reflect.Type, key string) (string, reflect.Type) {
	var best reflect.StructField
	for _, f := range reflect.VisibleFields(t) {
		name := jsonName(f)
		if name == "" || !f.IsExported() || f.Tag.Get("json") == "-" || !strings.EqualFold(name, key) {
			continue
		}
		exact, bestExact := name == key, jsonName(best) == key
		if best.Type == nil || exact && !bestExact || exact == bestExact && len(f.Index) < len(best.Index) {
			best = f
		}
	}
	if best.Type == nil {
		return key, nil
	}
	return jsonName(best), best.Type
}

// jsonName is the name that encoding/json gives a field. It is empty for an embedded struct whose fields appear among
// those around it. A field that JSON leaves out has its Go name.
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

// keyOf returns the key in text that starts with one, as in "a": or in "a".
func keyOf(text []byte) string {
	var key string
	// The text is part of a valid document, so a key is there and this cannot fail.
	_ = json.Unmarshal(text[:skipValue(text, 0)], &key)
	return key
}

// indirect returns the type that a pointer, or a pointer to a pointer, leads to.
func indirect(t reflect.Type) reflect.Type {
	for t != nil && t.Kind() == reflect.Pointer && t.Elem() != t { // type P *P is legal
		t = t.Elem()
	}
	return t
}
