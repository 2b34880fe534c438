package jsonops

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/motia-go/motia/internal/jsontext"
)

// wireOp is the JSON form of every kind of operation.
type wireOp struct {
	Type   Kind              `json:"type"`
	Path   *string           `json:"path,omitempty"`
	Value  json.RawMessage   `json:"value,omitempty"`
	By     json.RawMessage   `json:"by,omitempty"`
	Values []json.RawMessage `json:"values,omitzero"`
}

// MarshalJSON writes the form that [Op.UnmarshalJSON] reads: "by" for the operand of Increment and Decrement,
// "values" for several operands of Append, "value" for any other.
func (op Op) MarshalJSON() ([]byte, error) {
	w := wireOp{Type: op.Kind, Path: &op.Path}
	switch op.Kind {
	case Set, Merge:
		w.Value = op.Value
	case Increment, Decrement:
		w.By = op.Value
	case Append:
		w.Value, w.Values = op.Value, op.Values
	case Delete:
		return jsontext.Marshal(w)
	default:
		return nil, fmt.Errorf("unknown operation %q", string(op.Kind))
	}
	if w.Value == nil && w.By == nil && w.Values == nil {
		return nil, missingMember(op.Kind, "a value")
	}
	return jsontext.Marshal(w)
}

// UnmarshalJSON reads the JSON form of an operation:
//
//	{"type":"set","path":"a","value":1}
//	{"type":"delete","path":"a"}              also "remove"
//	{"type":"increment","path":"a","by":1}    also "decrement"; also "value" instead of "by"
//	{"type":"merge","path":"a","value":{}}    without "path", the whole value
//	{"type":"append","path":"a","value":1}    without "path", the whole value; also "values" with an array, or both
//
// A missing member is an error, an unknown one is not. [Apply] checks whether path and value suit the operation.
func (op *Op) UnmarshalJSON(text []byte) error {
	if trimmed := bytes.TrimSpace(text); kindAt(trimmed, 0) != '{' {
		return fmt.Errorf("an operation is an object, not %s", describe(kindAt(trimmed, 0)))
	}
	var w wireOp
	if err := json.Unmarshal(text, &w); err != nil {
		return wrongMember(text)
	}
	if w.Type == "" {
		return errors.New(`operation without "type"`)
	}
	read := Op{Kind: w.Type, Value: w.Value}
	operand, needsPath := `"value"`, true
	switch w.Type {
	case Set:
	case Delete, "remove":
		read.Kind, read.Value, operand = Delete, nil, ""
	case Increment, Decrement:
		operand = `"by" or "value"`
		if w.By != nil {
			read.Value = w.By
		}
	case Merge:
		needsPath = false
	case Append:
		operand, needsPath = `"value" or "values"`, false
		read.Values = w.Values
	default:
		return fmt.Errorf("unknown operation %q", string(w.Type))
	}
	if w.Path == nil && needsPath {
		return missingMember(w.Type, `"path"`)
	}
	if w.Path != nil {
		read.Path = *w.Path
	}
	if operand != "" && read.Value == nil && read.Values == nil {
		return missingMember(w.Type, operand)
	}
	*op = read
	return nil
}

// wrongMember returns the error for an operation that does not decode. It replaces the error of encoding/json, which
// differs between Go releases.
func wrongMember(text []byte) error {
	var members struct {
		Type   json.RawMessage `json:"type"`
		Path   json.RawMessage `json:"path"`
		Values json.RawMessage `json:"values"`
	}
	if json.Unmarshal(text, &members) != nil {
		return errors.New("operation is not JSON")
	}
	for _, m := range []struct {
		name  string
		value []byte
		first byte
		want  string
	}{
		{"type", members.Type, '"', "a string"},
		{"path", members.Path, '"', "a string"},
		{"values", members.Values, '[', "an array"},
	} {
		if kind := kindAt(m.value, 0); kind != 0 && kind != 'n' && kind != m.first {
			return fmt.Errorf("operation: %q is %s, not %s", m.name, describe(kind), m.want)
		}
	}
	return errors.New("operation: a member is of the wrong type")
}

func missingMember(kind Kind, name string) error {
	return fmt.Errorf("operation %q without %s", string(kind), name)
}
