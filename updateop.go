package motia

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/motia-go/motia/internal/jsonops"
	"github.com/motia-go/motia/internal/jsontext"
)

// UpdateOp is one operation of an Update. Make one with [Set], [Delete], [Increment], [Decrement], [Merge] or
// [Append], or decode its JSON form: {"type":"set","path":"a.b","value":1}.
//
// Paths are dotted: "a.b.2.c" is the member c of the third element of b in a. `\.` is a literal dot and `\\` a
// literal backslash; no other character is special. Missing objects on the way are created. An empty path is the
// whole value. A null counts as missing, since that is how a nil map, slice or pointer is stored.
type UpdateOp struct {
	op  jsonops.Op
	err error // the operand does not encode; reported by Update
}

// Set replaces or creates what is at the path.
func Set(path string, value any) UpdateOp { return newOp(jsonops.Set, path, value) }

// Delete removes the member or element at the path; later elements move up. What is missing is not an error.
func Delete(path string) UpdateOp {
	return UpdateOp{op: jsonops.Op{Kind: jsonops.Delete, Path: path}}
}

// Number is what can be added and subtracted. Integers stay exact through the ranges of int64 and uint64; beyond them the
// update fails.
type Number interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~float32 | ~float64
}

// Increment adds to the number at the path; a missing one starts at 0.
func Increment[N Number](path string, by N) UpdateOp { return newOp(jsonops.Increment, path, by) }

// Decrement subtracts from the number at the path; a missing one starts at 0.
func Decrement[N Number](path string, by N) UpdateOp { return newOp(jsonops.Decrement, path, by) }

// Merge sets the members of value, which encodes as an object, in the object at the path. It is shallow. A missing object
// starts empty.
func Merge(path string, value any) UpdateOp { return newOp(jsonops.Merge, path, value) }

// Append adds the values at the end of the array at the path; a missing one starts empty.
func Append(path string, values ...any) UpdateOp {
	op := UpdateOp{op: jsonops.Op{Kind: jsonops.Append, Path: path, Values: make([]json.RawMessage, len(values))}}
	for i, v := range values {
		encoded, err := jsontext.Marshal(v)
		op.op.Values[i], op.err = encoded, errors.Join(op.err, err)
	}
	return op
}

func newOp(kind jsonops.Kind, path string, value any) UpdateOp {
	encoded, err := jsontext.Marshal(value)
	return UpdateOp{op: jsonops.Op{Kind: kind, Path: path, Value: encoded}, err: err}
}

// MarshalJSON writes the form that UnmarshalJSON reads.
func (o UpdateOp) MarshalJSON() ([]byte, error) {
	if o.err != nil {
		return nil, o.err
	}
	return o.op.MarshalJSON()
}

// UnmarshalJSON reads an operation that a client sent:
//
//	{"type":"set","path":"a","value":1}
//	{"type":"delete","path":"a"}              also "remove"
//	{"type":"increment","path":"a","by":1}    also "decrement"; also "value" in place of "by"
//	{"type":"merge","path":"a","value":{}}    without "path", the whole value
//	{"type":"append","path":"a","value":1}    without "path", the whole value
func (o *UpdateOp) UnmarshalJSON(text []byte) error {
	o.err = nil
	return o.op.UnmarshalJSON(text)
}

// applyOps applies the operations to the stored text, nil if there is none.
func applyOps(old []byte, ops []UpdateOp, maxSize int) ([]byte, error) {
	plain := make([]jsonops.Op, len(ops))
	for i := range ops {
		if err := ops[i].err; err != nil {
			return nil, &UpdateError{Index: i, Op: string(ops[i].op.Kind), Path: ops[i].op.Path, Reason: err.Error()}
		}
		plain[i] = ops[i].op
	}
	updated, err := jsonops.Apply(old, plain, jsonops.Limits{Size: maxSize})
	var misfit *jsonops.Error
	if !errors.As(err, &misfit) {
		return updated, err
	}
	err = &UpdateError{Index: misfit.Index, Op: string(misfit.Op), Path: misfit.Path, Reason: misfit.Reason}
	if misfit.TooLarge {
		err = fmt.Errorf("%w: %w", ErrValueTooLarge, err)
	}
	return nil, err
}
