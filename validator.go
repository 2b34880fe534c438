package motia

import (
	"github.com/go-playground/validator/v10"

	"github.com/motia-go/motia/internal/payload"
	"github.com/motia-go/motia/internal/wrap"
)

// Validator says what is wrong with payloads, see [Options.Validator]. [NewValidator] returns the usual one, which reads
// tags; a Validator of your own may call it.
type Validator interface {
	// Validate returns what is wrong with value, nothing if it is valid. value is a non-nil pointer to a payload: a *T if the
	// step's TInput is T. Every payload is validated once it is decoded, before conditions and the handler see it. Validate
	// may be called concurrently, and must not keep value.
	//
	// At most 100 of the errors are reported. If Validate panics, a request is answered with 500, and a message becomes a dead
	// letter, as it does if it is not valid.
	Validate(value any) []FieldError
}

// FieldError says what is wrong with one field of a payload.
type FieldError struct {
	Field   string `json:"field"`   // JSON path, for example items[0].qty; empty for the whole payload
	Rule    string `json:"rule"`    // the rule of the `validate` tag; "type" for a value of the wrong type, "json" for text that is not JSON
	Message string `json:"message"` // for people, after the name of the field, for example "must be greater than 0"
}

// NewValidator returns a [Validator] that reads `validate` tags: those of go-playground/validator, and the rules that
// configure registers. It names fields as JSON does, and the rule "required" applies to structs as well.
//
// As [Options.Validator] it is called for types with tags only, and [App.Register] reports the errors of configure and the
// mistakes in the tags. If another Validator calls it, it panics with these when it first meets the type.
func NewValidator(configure ...func(*validator.Validate) error) Validator {
	return tagValidator{payload.NewTags(configure...)}
}

type tagValidator struct{ tags *payload.Tags }

func (v tagValidator) Validate(value any) []FieldError {
	return toFieldErrors(v.tags.Validate(value))
}

func toFieldErrors(errs []payload.FieldError) (fields []FieldError) {
	for _, e := range errs {
		fields = append(fields, FieldError(e))
	}
	return fields
}

// setValidator makes v the validator of the app.
func (a *App) setValidator(v Validator) {
	if v == nil {
		v = NewValidator()
	}
	if own, ok := v.(tagValidator); ok {
		a.validator = own.tags
		if err := own.tags.Err(); err != nil {
			a.optionMistakes = append(a.optionMistakes, wrap.Errorf(err, "Options.Validator"))
		}
		return
	}
	a.validator = payload.Func(func(value any) (errs []payload.FieldError) {
		for _, e := range v.Validate(value) {
			errs = append(errs, payload.FieldError(e))
		}
		return errs
	})
}
