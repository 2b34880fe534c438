package payload

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"sync"

	"github.com/go-playground/validator/v10"
)

// Tags validate by validate tags, as go-playground/validator reads them. They name fields as JSON does, and also
// apply the required rule to structs, as the validator's next major version will.
type Tags struct {
	validate *validator.Validate
	err      error
	byType   sync.Map // of reflect.Type: *typeChecks
}

// NewTags returns tags with the rules that the functions register. The functions must not change how fields are
// named.
func NewTags(configure ...func(*validator.Validate) error) *Tags {
	v := validator.New(validator.WithRequiredStructEnabled(), validator.WithTagNameFuncBlankOmit())
	v.RegisterTagNameFunc(jsonName)
	var mistakes []error
	for i, f := range configure {
		if f == nil {
			mistakes = append(mistakes, fmt.Errorf("function %d given to NewValidator is nil", i))
			continue
		}
		mistakes = append(mistakes, f(v))
	}
	return &Tags{validate: v, err: errors.Join(mistakes...)}
}

// Err returns the errors of the functions given to NewTags.
func (t *Tags) Err() error { return t.err }

// Validate returns the fields of value that break their tags, at most [MaxFields]. value is a non-nil pointer. It
// panics for mistakes in the tags of its type or in the functions given to NewTags, which a codec finds in advance.
func (t *Tags) Validate(value any) []FieldError {
	elem := reflect.TypeOf(value).Elem()
	known, ok := t.byType.Load(elem)
	if !ok {
		check, err := t.checks(elem)
		known, _ = t.byType.LoadOrStore(elem, &typeChecks{check, errors.Join(t.err, err)})
	}
	c := known.(*typeChecks)
	if c.mistake != nil {
		panic(c.mistake)
	}
	if c.check == nil {
		return nil
	}
	err := c.check(value)
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Fields
	}
	if err != nil {
		panic(err)
	}
	return nil
}

type typeChecks struct {
	check   func(value any) error
	mistake error
}

func (t *Tags) checks(elem reflect.Type) (func(any) error, error) {
	p := planFor(elem)
	if p.mode == validateNothing {
		return nil, nil
	}
	c := &checker{validate: t.validate, plan: p}
	return c.check, checkTags(t.validate, elem, p)
}

// A checker applies a plan to values.
type checker struct {
	validate *validator.Validate
	plan     plan
}

// check validates what value, a non-nil pointer, points to.
func (c *checker) check(value any) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = c.unsuitable(value, r)
		}
	}()
	if err := c.plan.run(c.validate, value); err != nil {
		return c.invalid(err)
	}
	return nil
}

// unsuitable returns the error for a rule that has panicked. The validator panics with a string when a rule does not
// suit the type of a value, and the runtime panics when a rule needs to compare values that cannot be compared. The
// sender chose the value of a field of an interface type, so the payload is wrong. Other panics are mistakes in
// registered rules.
func (c *checker) unsuitable(value, panicked any) error {
	reason, ok := panicked.(string)
	if !ok {
		err, ok := panicked.(runtime.Error)
		if !ok || !strings.Contains(err.Error(), "hash of unhashable type") {
			panic(panicked)
		}
		reason = err.Error()
	}
	return &Error{
		Kind:   Invalid,
		Fields: []FieldError{{Field: c.blame(value), Rule: RuleType, Message: "has or contains a value that its rules do not apply to"}},
		Err:    errors.New(reason),
	}
}

// blame returns the field at which the rules panic for the value, or "" if it is unknown.
func (c *checker) blame(value any) (field string) {
	if c.plan.mode != validateStruct {
		return ""
	}
	var last string
	defer func() {
		if recover() != nil {
			field, _ = c.plan.follow(last)
		}
	}()
	_ = c.validate.StructFiltered(value, func(path []byte) bool {
		last = string(path)
		return false
	})
	return ""
}

func (c *checker) invalid(err error) error {
	broken, ok := errors.AsType[validator.ValidationErrors](err)
	if !ok {
		return err
	}
	n := min(len(broken), MaxFields)
	fields := make([]FieldError, n)
	for i, f := range broken[:n] {
		fields[i] = FieldError{Field: c.plan.path(f), Rule: f.Tag(), Message: c.plan.message(f)}
	}
	return &Error{Kind: Invalid, Fields: fields, Omitted: len(broken) - n, Err: err}
}

// run validates what value points to, with the validator's method that suits the type.
func (p *plan) run(v *validator.Validate, value any) error {
	switch p.mode {
	case validateStruct:
		return v.Struct(value)
	case validateVar:
		return v.Var(value, p.tag)
	}
	return nil
}

// path returns the JSON path of a field: the validator's path without the type name at its start.
func (p *plan) path(f validator.FieldError) string {
	ns := f.Namespace()
	if p.root == nil {
		return ns
	}
	if name := p.root.Name(); name != "" {
		if ns == name {
			return ""
		}
		return strings.TrimPrefix(ns, name+".")
	}
	// An unnamed root has no type name at the start. Then the validator mistakes the first embedded struct that it
	// enters for the root. If so, the Go path has the name of that struct twice.
	for i := range p.root.NumField() {
		e := p.root.Field(i)
		name := indirect(e.Type).Name()
		if e.Anonymous && jsonName(e) == "" && strings.HasPrefix(f.StructNamespace(), e.Name+"."+name+".") {
			return strings.TrimPrefix(ns, name+".")
		}
	}
	return ns
}

// validatorTag is the key of the struct tags that hold rules.
const validatorTag = "validate"

var valuerType = reflect.TypeFor[validator.Valuer]()
