package payload

import (
	"errors"
	"reflect"
	"strings"

	"github.com/go-playground/validator/v10"
)

// NewValidator makes a validator that names fields as JSON does and applies the required rule to structs too, as the
// next major version will. Rules may be registered with it before the first use.
func NewValidator() *validator.Validate {
	v := validator.New(validator.WithRequiredStructEnabled(), validator.WithTagNameFuncBlankOmit())
	v.RegisterTagNameFunc(jsonName)
	return v
}

// A checker applies a plan to values.
type checker struct {
	validate *validator.Validate
	plan     plan
}

// check validates what value, a non-nil pointer, points to.
func (c *checker) check(value any) (err error) {
	// The validator panics with a string when a rule does not suit the type of a field. For a field of an interface type
	// it is the sender who chose that type, so this is about the payload. Other panics are mistakes in registered rules.
	defer func() {
		switch r := recover().(type) {
		case nil:
		case string:
			err = &Error{
				Kind:   Invalid,
				Fields: []FieldError{{Message: "cannot be validated: " + r}},
				Err:    errors.New(r),
			}
		default:
			panic(r)
		}
	}()
	if err := c.plan.run(c.validate, value); err != nil {
		return c.invalid(err)
	}
	return nil
}

func (c *checker) invalid(err error) error {
	broken, ok := errors.AsType[validator.ValidationErrors](err)
	if !ok {
		return err
	}
	n := min(len(broken), MaxFields)
	fields := make([]FieldError, n)
	for i, f := range broken[:n] {
		fields[i] = FieldError{Field: c.plan.path(f), Rule: f.Tag(), Message: message(f)}
	}
	return &Error{Kind: Invalid, Fields: fields, Omitted: len(broken) - n, Err: err}
}

// run lets the validator loose on what value points to. It is the one place that knows which call suits which type.
func (p *plan) run(v *validator.Validate, value any) error {
	switch p.mode {
	case validateStruct:
		return v.Struct(value)
	case validateVar:
		return v.Var(value, p.tag)
	}
	return nil
}

// path returns the JSON path of a field: the validator's, without the name of the type it starts with.
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
	// A root without a name puts nothing there, and then the validator takes the first struct it enters without a name
	// in the path for the root: an embedded one. That is the case if the Go path has its name twice.
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
