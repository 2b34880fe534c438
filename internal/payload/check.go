package payload

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/go-playground/validator/v10"

	"github.com/motia-go/motia/internal/jsontext"
)

// checkTags reports the validate tags that make the validator panic.
//
// The validator reads a tag when it first meets the struct, and the parameter of a rule when it first applies the
// rule, so a mistake after a rule that usually fails is found late. Therefore each rule is tried alone, on a value
// that is not zero. Then whole values are tried, which also warms the validator's caches.
func checkTags(v *validator.Validate, t reflect.Type, p plan) error {
	if p.mode == validateNothing {
		return nil
	}
	var errs []error
	for _, f := range p.tagged {
		errs = append(errs, checkField(v, f)...)
	}
	if len(errs) == 0 {
		zero, full := reflect.New(t), reflect.New(t)
		fill(full.Elem(), nil)
		for _, value := range []reflect.Value{zero, full} {
			if problem := try(func() { _ = p.run(v, value.Interface()) }); problem != "" {
				errs = append(errs, fmt.Errorf("type %s: bad validate tag: %s", jsontext.TypeName(t), problem))
				break
			}
		}
	}
	return errors.Join(errs...)
}

// notRules are the words in a tag that control the validator and check no value.
var notRules = map[string]bool{
	"omitempty": true, "omitnil": true, "omitzero": true, "structonly": true, "nostructlevel": true, "isdefault": true,
	"required": true, // the one rule that suits every type
}

func checkField(v *validator.Validate, f taggedField) []error {
	var errs []error
	report := func(rule, problem string) {
		name := f.owner.Name()
		if name == "" {
			name = "struct"
		}
		errs = append(errs, fmt.Errorf("field %s.%s: bad rule %q in validate tag: %s", name, f.field.Name, rule, problem))
	}
	owner := sample(f.owner)
	t := f.field.Type // the type that the next rule applies to
	var keys, values reflect.Type
	for _, rule := range strings.Split(f.tag, ",") {
		switch {
		case rule == "dive":
			c := indirect(t)
			if c.Kind() == reflect.Interface || c.Kind() == reflect.Struct {
				return errs // the type of the value that the validator will see is known only then
			}
			if !isCollection(c) {
				report(rule, "not a slice, array or map")
				return errs
			}
			t, keys = c.Elem(), nil
			if c.Kind() == reflect.Map {
				keys = c.Key()
			}
		case rule == "keys":
			if keys == nil {
				report(rule, "not after dive into a map")
				return errs
			}
			t, values = keys, t
		case rule == "endkeys":
			if values == nil {
				report(rule, "no keys before it")
				return errs
			}
			t, values = values, nil
		case rule == "":
			report(rule, "empty rule")
		case notRules[rule]:
		default:
			for alternative := range strings.SplitSeq(rule, "|") {
				if problem := tryRule(v, sample(t), owner, alternative); problem != "" {
					report(alternative, problem)
				}
			}
		}
	}
	return errs
}

// tryRule applies one rule to a value that is a field of owner.
func tryRule(v *validator.Validate, value, owner reflect.Value, rule string) string {
	return try(func() {
		for value.Kind() == reflect.Pointer && !value.IsNil() {
			value = value.Elem()
		}
		if value.Kind() == reflect.Struct && !isTime(value.Type()) {
			// Without a name the validator looks into a struct instead of applying the rule to it.
			_ = v.VarWithKey("field", value.Interface(), rule)
			return
		}
		_ = v.VarWithValue(value.Interface(), owner.Interface(), rule)
	})
}

// try returns the text of f's panic, or "" if it does not panic.
func try(f func()) (problem string) {
	defer func() {
		if r := recover(); r != nil {
			problem = strings.TrimSuffix(jsontext.TypeNames(fmt.Sprint(r)), " on field ''")
		}
	}()
	f()
	return ""
}

func sample(t reflect.Type) reflect.Value {
	v := reflect.New(t).Elem()
	fill(v, nil)
	return v
}

// fill fills every part of v with something, so that every rule of its type applies. It omits types within themselves
// and fields that cannot be set.
func fill(v reflect.Value, within []reflect.Type) {
	t := v.Type()
	for _, outer := range within {
		if outer == t {
			return
		}
	}
	within = append(within[:len(within):len(within)], t)
	switch t.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		v.SetUint(1)
	case reflect.Float32, reflect.Float64:
		v.SetFloat(1)
	case reflect.String:
		v.SetString("127.0.0.1") // an address, so that rules that resolve names do not use the network
	case reflect.Pointer:
		v.Set(reflect.New(t.Elem()))
		fill(v.Elem(), within)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(t, 1, 1))
		fill(v.Index(0), within)
	case reflect.Array:
		if t.Len() > 0 {
			fill(v.Index(0), within)
		}
	case reflect.Map:
		key, value := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
		fill(key, within)
		fill(value, within)
		v.Set(reflect.MakeMap(t))
		if key.Comparable() {
			v.SetMapIndex(key, value)
		}
	case reflect.Struct:
		for i := range t.NumField() {
			if f := v.Field(i); f.CanSet() {
				fill(f, within)
			}
		}
	}
}
