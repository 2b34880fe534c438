package motia

import (
	"github.com/go-playground/validator/v10"

	"github.com/motia-go/motia/internal/payload"
	"github.com/motia-go/motia/internal/wrap"
)

// Validator validates payloads, see [Options.Validator]. [NewValidator] returns the usual one, which reads tags. Your
// own Validator may call it.
type Validator interface {
	// Validate returns what is wrong with value, or nil if it is valid. value is a non-nil pointer to a payload: a *T if
	// the step's TInput is T. Every payload is validated after decoding, before conditions and the handler run. Validate
	// may be called concurrently, and must not keep value.
	//
	// At most 100 of the errors are reported. If Validate panics, a request is answered with 500. A message becomes a
	// dead letter then, as if it were not valid.
	Validate(value any) []FieldError
}

// FieldError says what is wrong with one field of a payload.
type FieldError struct {
	Field   string `json:"field"`   // JSON path, for example items[0].qty; empty for the whole payload
	Rule    string `json:"rule"`    // the rule of the `validate` tag; "type" if the value has the wrong type, "json" if the text is not JSON
	Message string `json:"message"` // for people, after the name of the field, for example "must be greater than 0"
}

// NewValidator returns a [Validator] that reads `validate` tags with the rules of go-playground/validator and those
// that configure registers. It names fields as JSON does, and the rule "required" also applies to structs.
//
// As [Options.Validator] it is only called for types with tags, and [App.Register] reports the errors of configure
// and mistakes in the tags. If your own Validator calls it, it panics with them when it first validates the type.
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
