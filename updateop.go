package motia

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/motia-go/motia/internal/jsonops"
	"github.com/motia-go/motia/internal/jsontext"
)

// UpdateOption is an option of Update: [UpdateOp], [UpdateOps] or [IfRevision]. It cannot be implemented elsewhere.
type UpdateOption interface{ applyUpdate(*updating) }

// UpdateOp is one operation of an Update. Make one with [Set], [Delete], [Increment], [Decrement], [Merge] or
// [Append], or decode its JSON form: {"type":"set","path":"a.b","value":1}. An Update with the zero UpdateOp fails
// with an *[UpdateError].
//
// Paths are dotted: "a.b.2.c" is the member c of the third element of b in a. `\.` is a literal dot and `\\` a
// literal backslash; no other character is special. Missing objects on the way are created. An empty path is the
// whole value. A null counts as missing, since that is how a nil map, slice or pointer is stored.
type UpdateOp struct{ operation *operation } // a pointer alone is an UpdateOption without an allocation

// operation is immutable: copies of an UpdateOp share it.
type operation struct {
	jsonops.Op
	err error // the operand does not encode; reported by Update
}

// UpdateOps is a list of operations, for example one that a client sent as JSON:
//
//	_, err := Orders.Update(ctx, id, motia.UpdateOps(request.Ops), motia.IfRevision(request.Revision))
type UpdateOps []UpdateOp

func (o UpdateOp) applyUpdate(u *updating) { u.ops = append(u.ops, o.operation) }

func (ops UpdateOps) applyUpdate(u *updating) {
	for _, o := range ops {
		o.applyUpdate(u)
	}
}

// Set replaces or creates what is at the path.
func Set(path string, value any) UpdateOp { return newOp(jsonops.Set, path, value) }

// Delete removes the member or element at the path, if there is one; later elements move up.
func Delete(path string) UpdateOp {
	return UpdateOp{&operation{Op: jsonops.Op{Kind: jsonops.Delete, Path: path}}}
}

// Number is any type of number, for [Increment] and [Decrement]. Integers stay exact within the ranges of int64 and
// uint64; an update that exceeds them fails.
type Number interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~float32 | ~float64
}

// Increment adds to the number at the path; a missing one starts at 0.
func Increment[N Number](path string, by N) UpdateOp { return newOp(jsonops.Increment, path, by) }

// Decrement subtracts from the number at the path; a missing one starts at 0.
func Decrement[N Number](path string, by N) UpdateOp { return newOp(jsonops.Decrement, path, by) }

// Merge sets the members of value, which must encode as an object, in the object at the path. It is shallow. A
// missing object starts empty.
func Merge(path string, value any) UpdateOp { return newOp(jsonops.Merge, path, value) }

// Append adds the values at the end of the array at the path; a missing one starts empty.
func Append(path string, values ...any) UpdateOp {
	o := &operation{Op: jsonops.Op{Kind: jsonops.Append, Path: path, Values: make([]json.RawMessage, len(values))}}
	for i, v := range values {
		encoded, err := jsontext.Marshal(v)
		o.Values[i], o.err = encoded, errors.Join(o.err, err)
	}
	return UpdateOp{o}
}

func newOp(kind jsonops.Kind, path string, value any) UpdateOp {
	encoded, err := jsontext.Marshal(value)
	return UpdateOp{&operation{jsonops.Op{Kind: kind, Path: path, Value: encoded}, err}}
}

// MarshalJSON writes the form that UnmarshalJSON reads.
func (o UpdateOp) MarshalJSON() ([]byte, error) {
	if o.operation == nil {
		return jsonops.Op{}.MarshalJSON() // an error
	}
	if o.operation.err != nil {
		return nil, o.operation.err
	}
	return o.operation.Op.MarshalJSON()
}

// UnmarshalJSON reads an operation that a client sent:
//
//	{"type":"set","path":"a","value":1}
//	{"type":"delete","path":"a"}              also "remove"
//	{"type":"increment","path":"a","by":1}    also "decrement"; also "value" in place of "by"
//	{"type":"merge","path":"a","value":{}}    "path" may be omitted: the whole value
//	{"type":"append","path":"a","value":1}    "path" may be omitted: the whole value
func (o *UpdateOp) UnmarshalJSON(text []byte) error {
	read := new(operation)
	if err := read.UnmarshalJSON(text); err != nil {
		return err
	}
	o.operation = read
	return nil
}

// updating is what the options of an Update say.
type updating struct {
	ops       []*operation
	condition *uint64       // nil if there is none
	few       [4]*operation // is one allocation with the rest
}

func newUpdating(options []UpdateOption) *updating {
	u := new(updating)
	u.ops = u.few[:0]
	for _, o := range options {
		if o != nil {
			o.applyUpdate(u)
		}
	}
	return u
}

// applyOps applies the operations to the stored text, nil if there is none.
func applyOps(old []byte, ops []*operation, maxSize int) ([]byte, error) {
	var few [4]jsonops.Op // keeps those of most updates off the heap
	plain := few[:0]
	for i, o := range ops {
		if o == nil {
			o = new(operation)
		}
		if o.err != nil {
			return nil, &UpdateError{Index: i, Op: string(o.Kind), Path: o.Path, Reason: o.err.Error()}
		}
		plain = append(plain, o.Op)
	}
	updated, err := jsonops.Apply(old, plain, jsonops.Limits{Size: maxSize})
	if err == nil {
		return updated, nil
	}
	var misfit *jsonops.Error
	if !errors.As(err, &misfit) {
		return nil, err
	}
	err = &UpdateError{Index: misfit.Index, Op: string(misfit.Op), Path: misfit.Path, Reason: misfit.Reason}
	if misfit.TooLarge {
		err = fmt.Errorf("%w: %w", ErrValueTooLarge, err)
	}
	return nil, err
}
