// Package jsonops applies update operations to stored JSON text.
//
// [Apply] finds the byte range that an operation is about and splices the text there; the rest is copied unchanged,
// never decoded and encoded again. So numbers keep their digits, members keep their order, and a small change of a
// large value is cheap.
//
// # Guarantees
//
//   - Operations are applied in order, and either all or none. The document is never written to.
//   - Every component of a path is literally an object key or an array index: no character in it is special.
//     See [SplitPath] for the syntax.
//   - Keys are compared as [encoding/json] decodes them: escapes are resolved, and a byte that is not valid UTF-8 is
//     U+FFFD. If an object contains a key twice, the last one counts.
//   - A null within the document counts as missing, since it is what encoding/json makes of a nil map, slice or
//     pointer.
//   - An operation that does not fit makes the update fail with an [*Error]. No value is replaced because it has the
//     wrong type.
//   - The result is valid JSON if the document and the values are.
package jsonops

import (
	"encoding/json"
	"fmt"
)

// Kind is what an operation does. It is the "type" of its JSON form.
type Kind string

// The kinds of operation. All except Delete create what is missing on the path: objects, and the element after the
// last one of an array.
const (
	// Set replaces or creates the value.
	Set Kind = "set"
	// Delete removes a member, or an element so that later ones move up. If it is missing, that is not an error.
	Delete Kind = "delete"
	// Increment adds Value to a number. A missing one starts at 0.
	Increment Kind = "increment"
	// Decrement subtracts Value from a number. A missing one starts at 0.
	Decrement Kind = "decrement"
	// Merge sets the members of Value, an object, in an object. It is shallow: a member that is itself an object
	// replaces the old one.
	Merge Kind = "merge"
	// Append adds elements at the end of an array. A missing one starts empty.
	Append Kind = "append"
)

// Op is one operation. The zero Op is not valid.
//
// Its JSON form is {"type":"set","path":"a.b","value":1}; see [Op.UnmarshalJSON].
type Op struct {
	Kind Kind
	// Path is the place of the change, in the syntax of [SplitPath]. Empty means the whole value.
	Path string
	// Value is the operand: valid JSON, a number for Increment and Decrement, an object for Merge. Delete has none.
	Value json.RawMessage
	// Values are further operands of Append, after Value. For Append, Value may be nil if Values is not: an empty
	// list then only makes sure that the array exists.
	Values []json.RawMessage
}

// Error says which operation failed an update, and why. It is always a pointer.
type Error struct {
	// Index is the position of the operation in the list.
	Index int
	Op    Kind
	Path  string
	// Reason is text for people, in lower case.
	Reason string
	// TooLarge says that all operations succeeded, but the result is larger than Limits.Size.
	TooLarge bool
}

func (e *Error) Error() string {
	return fmt.Sprintf("operation %d, %s %q: %s", e.Index, e.Op, e.Path, e.Reason)
}
