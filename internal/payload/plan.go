package payload

import (
	"encoding/json"
	"reflect"
	"strings"
	"time"
)

type mode uint8

const (
	validateNothing mode = iota
	validateStruct       // a struct: Validate.Struct
	validateVar          // something with structs in it: Validate.Var with a tag that leads to them
)

// A plan says how to validate values of a type. It is made once per codec.
type plan struct {
	mode   mode
	typ    reflect.Type  // of the values
	tag    string        // for validateVar
	root   reflect.Type  // the struct that paths start with, nil if they start with an index or key
	tagged []taggedField // the fields with rules that the validator can reach
}

type taggedField struct {
	owner reflect.Type
	field reflect.StructField
	tag   string
}

func planFor(t reflect.Type) plan {
	// The tag that leads to the structs: it dives into collections and skips nil pointers.
	var tag []string
	elem := t
	seen := map[reflect.Type]bool{}
	for !seen[elem] {
		seen[elem] = true // type Tree []Tree never ends
		if elem.Kind() == reflect.Pointer {
			tag = append(tag, "omitempty")
			elem = indirect(elem)
		}
		if k := elem.Kind(); k != reflect.Slice && k != reflect.Array && k != reflect.Map {
			break
		}
		tag = append(tag, "dive")
		elem = elem.Elem()
	}
	if elem.Kind() != reflect.Struct {
		return plan{}
	}

	w := walker{seen: map[reflect.Type]bool{}}
	w.visit(elem)
	p := plan{typ: t, tagged: w.tagged}
	switch {
	case !w.needed:
	case elem == t:
		p.mode, p.root = validateStruct, t
	default:
		p.mode, p.tag = validateVar, strings.Join(tag, ",")
		if elem == indirect(t) {
			p.root = elem
		}
	}
	return p
}

// A walker visits the types that the validator would visit with values of a type: it follows structs and pointers,
// and collections if a tag says dive. Each type is visited once, so cycles end.
type walker struct {
	seen   map[reflect.Type]bool
	tagged []taggedField
	needed bool
}

func (w *walker) visit(t reflect.Type) {
	t = indirect(t)
	if t.Implements(valuerType) || reflect.PointerTo(t).Implements(valuerType) {
		w.needed = true // it passes another value to the validator, whose type is known only then
	}
	if t.Kind() != reflect.Struct || isTime(t) || w.seen[t] {
		return
	}
	w.seen[t] = true
	decodesItself := reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]())
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get(validatorTag)
		if tag == "-" || !f.IsExported() && !f.Anonymous {
			continue
		}
		if tag != "" {
			w.needed = true
			w.tagged = append(w.tagged, taggedField{t, f, tag})
		}
		next := f.Type
		for _, rule := range strings.Split(tag, ",") {
			if c := indirect(next); rule == "dive" && isCollection(c) {
				next = c.Elem()
			}
		}
		// JSON puts no struct with tags into an interface, but a type that decodes itself may.
		if k := indirect(next).Kind(); k == reflect.Interface && (decodesItself || indirect(next).NumMethod() > 0) {
			w.needed = true
		}
		w.visit(next)
	}
}

// isTime reports whether the validator treats t as a time, whose fields it ignores.
func isTime(t reflect.Type) bool { return t.ConvertibleTo(reflect.TypeFor[time.Time]()) }

func isCollection(t reflect.Type) bool {
	return t.Kind() == reflect.Slice || t.Kind() == reflect.Array || t.Kind() == reflect.Map
}
