package payload

import (
	"strconv"
	"strings"
)

// Kind classifies what is wrong with a payload.
type Kind uint8

const (
	Malformed Kind = iota + 1 // not one whole JSON text in UTF-8
	WrongType                 // JSON, but a value does not have the type that its place needs
	Invalid                   // the types are right, but rules are broken
)

// String returns "malformed JSON", "wrong type" or "invalid payload".
func (k Kind) String() string {
	switch k {
	case Malformed:
		return "malformed JSON"
	case WrongType:
		return "wrong type"
	case Invalid:
		return "invalid payload"
	}
	return "kind " + strconv.Itoa(int(k))
}

// Values of [FieldError.Rule] that are not rules of the validator.
const (
	RuleJSON = "json" // the text must be JSON
	RuleType = "type" // the value must have the right type
)

// MaxFields is the number of fields that an [Error] lists. A megabyte of empty objects can break a million rules, and
// the answer must not be larger than the request.
const MaxFields = 100

// maxFieldsInText bounds the text of an error, which goes into logs and dead letters.
const maxFieldsInText = 10

// FieldError says what is wrong with one field.
type FieldError struct {
	// Field is the path in the JSON text: customer.address.zip, items[0].qty, prices[EUR]. It is empty for the whole
	// value.
	Field string `json:"field"`
	// Rule is the rule that is broken, without its parameter: required, gte, [RuleType].
	Rule string `json:"rule"`
	// Message completes a sentence that begins with the name of the field: "is required", "must be at least 1".
	Message string `json:"message"`
}

// Error says what is wrong with a payload.
type Error struct {
	Kind Kind
	// Fields is never empty. It holds exactly one entry unless Kind is [Invalid], and then at most [MaxFields].
	Fields []FieldError
	// Omitted is the number of broken rules that are not in Fields.
	Omitted int
	// Position is where the text stops being JSON. It is the zero value unless Kind is [Malformed].
	Position Position
	// Err is the error of encoding/json or the validator. Its text may name Go types. The text of encoding/json
	// differs between Go releases.
	Err error
}

// Error returns all fields in one line, or the first few if there are many.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Kind.String())
	separator := ": "
	for i, f := range e.Fields {
		b.WriteString(separator)
		separator = "; "
		if i == maxFieldsInText {
			b.WriteString("and ")
			b.WriteString(strconv.Itoa(len(e.Fields) - i + e.Omitted))
			b.WriteString(" more")
			break
		}
		if e.Kind != Malformed {
			name := f.Field
			if name == "" {
				name = "value"
			}
			b.WriteString(name)
			b.WriteByte(' ')
		}
		b.WriteString(f.Message)
	}
	return b.String()
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }
