package payload

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode"

	"github.com/motia-go/motia/internal/jsontext"
)

// checkType returns an error for types that JSON cannot be decoded into, or not in the same way on every Go release.
func checkType(t reflect.Type) error {
	c := typeChecker{seen: map[reflect.Type]bool{}}
	c.visit(t, "type "+jsontext.TypeName(t))
	return errors.Join(c.mistakes...)
}

type typeChecker struct {
	seen     map[reflect.Type]bool
	mistakes []error
}

func (c *typeChecker) report(where, format string, args ...any) {
	c.mistakes = append(c.mistakes, fmt.Errorf("%s: %s", where, fmt.Sprintf(format, args...)))
}

func (c *typeChecker) visit(t reflect.Type, where string) {
	t = indirect(t)
	if c.seen[t] || decodesItself(t) || decodesText(t) {
		return
	}
	c.seen[t] = true
	switch t.Kind() {
	case reflect.Slice, reflect.Array:
		c.visit(t.Elem(), where)
	case reflect.Map:
		if !isKey(t.Key()) {
			c.report(where, "%s cannot be the keys of a JSON object", jsontext.TypeName(t.Key()))
		}
		c.visit(t.Elem(), where)
	case reflect.Struct:
		c.visitFields(t)
	}
}

func (c *typeChecker) visitFields(t reflect.Type) {
	owner := t.Name()
	if owner == "" {
		owner = "struct"
	}
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		elem := f.Type
		if elem.Kind() == reflect.Pointer {
			elem = elem.Elem()
		}
		embedded := f.Anonymous && elem.Kind() == reflect.Struct
		if tag == "-" || !f.IsExported() && !embedded {
			continue
		}
		where := "field " + owner + "." + f.Name
		name, options, _ := strings.Cut(tag, ",")
		if r := strings.IndexFunc(name, notInName); r >= 0 {
			c.report(where, "name %q in json tag: a name may contain only letters, digits, spaces and punctuation other than quotes, backslash and comma", name)
		}
		for option := range strings.SplitSeq(options, ",") {
			if option == "string" && quotable(elem) && (decodesItself(elem) || decodesText(elem)) {
				c.report(where, "string option in json tag: %s has a method that decodes it", jsontext.TypeName(elem))
			}
			if strings.HasPrefix(option, "format:") {
				c.report(where, "option %q in json tag is not supported", option)
			}
		}
		if embedded && name == "" && !f.IsExported() && f.Type.Kind() == reflect.Pointer {
			c.report(where, "cannot be decoded: an embedded pointer to an unexported type")
			continue
		}
		c.visit(f.Type, where)
	}
}

// notInName reports whether a name in a json tag must not contain the character. Names are limited to what all Go
// releases accept.
func notInName(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", r)
}

// quotable reports whether the string option applies to values of the type, which may have methods.
func quotable(t reflect.Type) bool {
	return t.Kind() == reflect.Bool || t.Kind() == reflect.String || rangeOf(t) != ""
}

// isKey reports whether the keys of an object decode into the type.
func isKey(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.String,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return true
	}
	return decodesText(t)
}
