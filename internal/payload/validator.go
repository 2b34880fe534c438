package payload

import "reflect"

// A Validator validates decoded payloads. It is a [*Tags] or a [Func].
type Validator interface {
	// checks returns a function that checks a value of the type, given a pointer to it, or nil if there is nothing to
	// check.
	checks(t reflect.Type) (check func(value any) error, mistake error)
}

// A Func validates every payload, without tags. It gets a non-nil pointer and returns the fields that break a rule.
// It may be called concurrently.
type Func func(value any) []FieldError

func (f Func) checks(reflect.Type) (func(any) error, error) {
	return func(value any) error {
		broken := f(value)
		if len(broken) == 0 {
			return nil
		}
		n := min(len(broken), MaxFields)
		return &Error{Kind: Invalid, Fields: broken[:n], Omitted: len(broken) - n}
	}, nil
}
