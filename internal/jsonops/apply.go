package jsonops

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/motia-go/motia/internal/jsontext"
)

// Limits limit what an update may do. A field that is not positive has its default.
type Limits struct {
	// Depth is how many components a path may have. The default is 32.
	Depth int
	// Size is how many bytes the result may have. The default is 1 MiB.
	Size int
}

const (
	defaultDepth = 32
	defaultSize  = 1 << 20
	// maxNesting is how deep a value may be nested. It is the same for values that are stored whole, since an update
	// must not store what nobody can read.
	maxNesting = jsontext.MaxNesting
)

var errNoValue = errors.New("the value is missing")

// Apply applies the operations to doc in order and returns the result, or an [*Error] and nothing else.
//
// doc must be valid JSON. It is never written to; if nothing changed, the result is doc itself, otherwise new memory.
// The result never refers to the values of the operations.
//
// An empty doc means that the value is missing. It starts as {}, which is also the result if no operation creates
// anything. Only for an operation at the empty path it is missing, like a member: Append then makes an array, and
// Increment counts from 0.
//
// The size limit is for the final result: operations may exceed it temporarily. The error names the operation after
// which the size stayed above the limit.
func Apply(doc []byte, ops []Op, limits Limits) ([]byte, error) {
	depth, size := limits.Depth, limits.Size
	if depth <= 0 {
		depth = defaultDepth
	}
	if size <= 0 {
		size = defaultSize
	}

	e := editor{text: doc}
	var components [defaultDepth]string // Usually keeps the paths off the heap.
	tooLarge := -1
	for i := range ops {
		op := &ops[i]
		path, err := SplitPath(op.Path, components[:0], depth)
		if err == nil {
			err = e.apply(op, path)
		}
		if err != nil {
			return nil, &Error{Index: i, Op: op.Kind, Path: op.Path, Reason: err.Error()}
		}
		if len(e.text) <= size {
			tooLarge = -1
		} else if tooLarge < 0 {
			tooLarge = i
		}
	}

	if len(e.text) == 0 {
		return []byte("{}"), nil
	}
	if bytes.Equal(e.text, doc) {
		return doc, nil
	}
	if tooLarge >= 0 {
		op := &ops[tooLarge]
		reason := fmt.Sprintf("the result has %d bytes, more than %d", len(e.text), size)
		return nil, &Error{Index: tooLarge, Op: op.Kind, Path: op.Path, Reason: reason, TooLarge: true}
	}
	return e.result(), nil
}

// apply applies one operation, whose path has been split.
func (e *editor) apply(op *Op, path []string) error {
	value := bytes.TrimSpace(op.Value)
	switch op.Kind {
	case Delete:
		return e.delete(path)
	case Set, Increment, Decrement, Merge:
		if len(value) == 0 {
			return errNoValue
		}
	case Append:
		if len(value) == 0 && op.Values == nil {
			return errNoValue
		}
		for _, v := range op.Values {
			if len(v) == 0 {
				return errNoValue
			}
			if err := checkNesting(v, len(path)); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("unknown operation %q", string(op.Kind))
	}
	if err := checkNesting(value, len(path)); err != nil {
		return err
	}

	switch op.Kind {
	case Increment:
		return e.add(path, value, false)
	case Decrement:
		return e.add(path, value, true)
	case Merge:
		return e.merge(path, value)
	case Append:
		return e.append(path, value, op.Values)
	}
	return e.set(path, value)
}

// checkNesting refuses a value that would nest too deeply where the path leads. One level more is for the array of
// Append.
func checkNesting(value []byte, depth int) error {
	// Each level takes two brackets, so short values need not be checked.
	if len(value)/2+depth+1 > maxNesting && nesting(value)+depth+1 > maxNesting {
		return fmt.Errorf("the value is nested more than %d deep", maxNesting-depth-1)
	}
	return nil
}
