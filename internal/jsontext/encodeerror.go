package jsontext

import (
	"cmp"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An EncodeError says why a value has no JSON form.
type EncodeError struct {
	// Path leads to the value that is wrong, such as items[2].price. It is empty for the whole value.
	Path   string
	Reason string
	// Err is the error of encoding/json, or nil.
	Err error
}

func (e *EncodeError) Error() string {
	if e.Path == "" {
		return "json: " + e.Reason
	}
	return "json: " + e.Path + ": " + e.Reason
}

// Unwrap returns Err.
func (e *EncodeError) Unwrap() error { return e.Err }

var reasonTooDeep = "nested more than " + strconv.Itoa(MaxNesting) + " levels deep"

// encodeError returns the error for a value that encoding/json does not encode because of err. The methods of the
// value that encode it are called again.
func encodeError(v any, err error) *EncodeError {
	f := finder{fields: map[reflect.Type][]Field{}, within: map[reference]bool{}}
	found := f.find(reflect.ValueOf(v))
	if found == nil { // a method behaves differently now, or only one Go release calls it
		found = &EncodeError{Reason: "unsupported value of type " + TypeName(reflect.TypeOf(v))}
	}
	found.Err = err
	return found
}

// A finder looks for what cannot be encoded, in the order in which encoding/json encodes.
type finder struct {
	path   []string
	depth  int
	fields map[reflect.Type][]Field
	within map[reference]bool
}

// A reference is a pointer, map or slice.
type reference struct {
	t       reflect.Type
	pointer uintptr
	length  int
}

// maxPath bounds the paths in errors, in bytes. Keys of maps can be of any length.
const maxPath = 200

func (f *finder) fail(format string, args ...any) *EncodeError {
	path := strings.TrimPrefix(strings.Join(f.path, ""), ".")
	if len(path) > maxPath {
		path = strings.ToValidUTF8(path[:maxPath], "") + "..."
	}
	return &EncodeError{Path: path, Reason: fmt.Sprintf(format, args...)}
}

// at is find for a member or element.
func (f *finder) at(step string, v reflect.Value) *EncodeError {
	f.path = append(f.path, step)
	found := f.find(v)
	f.path = f.path[:len(f.path)-1]
	return found
}

func (f *finder) find(v reflect.Value) *EncodeError {
	if !v.IsValid() { // null
		return nil
	}
	t := v.Type()
	if t == reflect.TypeFor[json.Number]() {
		if n := v.String(); n != "" && !IsNumber(n) {
			return f.fail("invalid number literal %q", n)
		}
		return nil
	}
	if m, ok := method[json.Marshaler](v); ok {
		return f.call(t, m, "MarshalJSON", func() ([]byte, error) { return m.MarshalJSON() })
	}
	if m, ok := method[encoding.TextMarshaler](v); ok {
		return f.call(t, m, "MarshalText", func() ([]byte, error) { return m.MarshalText() })
	}
	switch t.Kind() {
	case reflect.Float32, reflect.Float64:
		if n := v.Float(); math.IsNaN(n) || math.IsInf(n, 0) {
			return f.fail("unsupported value: %v", n)
		}
	case reflect.Interface:
		return f.find(v.Elem())
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return f.enter(v, 0, func() *EncodeError { return f.find(v.Elem()) })
	case reflect.Struct:
		return f.nested(func() *EncodeError { return f.findStruct(v) })
	case reflect.Map:
		return f.findMap(v)
	case reflect.Slice:
		if v.IsNil() || isBytes(t) {
			return nil
		}
		return f.enter(v, v.Len(), func() *EncodeError { return f.findElements(v) })
	case reflect.Array:
		return f.findElements(v)
	case reflect.Func, reflect.Chan, reflect.Complex64, reflect.Complex128, reflect.UnsafePointer:
		return f.fail("unsupported type: %s", TypeName(t))
	}
	return nil
}

// method returns the value as an M, or a pointer to it if it is addressable, as encoding/json does.
func method[M any](v reflect.Value) (m M, ok bool) {
	t := reflect.TypeFor[M]()
	switch {
	case v.Type().Implements(t):
	case v.Kind() != reflect.Pointer && v.CanAddr() && reflect.PointerTo(v.Type()).Implements(t):
		v = v.Addr()
	default:
		return m, false
	}
	if (v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface) && v.IsNil() {
		return m, true // null
	}
	m, ok = v.Interface().(M)
	return m, ok
}

// call finds what is wrong with what the method of a value returns. The receiver is nil for a nil pointer.
func (f *finder) call(t reflect.Type, receiver any, name string, method func() ([]byte, error)) (found *EncodeError) {
	if receiver == nil {
		return nil
	}
	defer func() {
		if recover() != nil { // encoding/json has called it without a panic
			found = f.fail("error calling %s for type %s", name, TypeName(t))
		}
	}()
	text, err := method()
	if err != nil {
		return f.fail("error calling %s for type %s: %s", name, TypeName(t), words(err))
	}
	if name != "MarshalJSON" {
		return nil
	}
	if wrong := Check(text); wrong != nil {
		at := PositionOf(text, wrong.Offset)
		return f.fail("error calling %s for type %s: %s at line %d, column %d", name, TypeName(t), wrong.Message, at.Line, at.Column)
	}
	if f.depth+nesting(text) > MaxNesting {
		return &EncodeError{Reason: reasonTooDeep}
	}
	return nil
}

// words returns the text of an error of a method. If the method itself has used encoding/json, its text is replaced.
func words(err error) string {
	text := err.Error()
	if e, ok := errors.AsType[*json.MarshalerError](err); ok {
		t := e.Type
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		reason := "outside of what RFC 3339 can express"
		if t != reflect.TypeFor[time.Time]() {
			reason = words(e.Err)
		}
		return strings.Replace(text, e.Error(), "error encoding type "+TypeName(t)+": "+reason, 1)
	}
	if e, ok := errors.AsType[*json.UnsupportedTypeError](err); ok {
		return strings.Replace(text, e.Error(), "unsupported type: "+TypeName(e.Type), 1)
	}
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return strings.Replace(text, e.Error(), "malformed JSON", 1)
	}
	return text
}

func (f *finder) findStruct(v reflect.Value) *EncodeError {
	t := v.Type()
	fields, known := f.fields[t]
	if !known {
		fields = Fields(t)
		f.fields[t] = fields
	}
	for _, field := range fields {
		value, err := v.FieldByIndexErr(field.Index)
		if err != nil || field.OmitEmpty && isEmpty(value) || field.OmitZero && isZero(value) { // err: an embedded nil
			continue
		}
		if found := f.at("."+field.Name, value); found != nil {
			return found
		}
	}
	return nil
}

func (f *finder) findMap(v reflect.Value) *EncodeError {
	t := v.Type()
	if !isKey(t.Key()) {
		return f.fail("unsupported type: %s", TypeName(t))
	}
	type member struct {
		key   string
		value reflect.Value
	}
	var members []member
	for i := v.MapRange(); i.Next(); {
		key, found := f.key(i.Key())
		if found != nil {
			return found
		}
		members = append(members, member{key, i.Value()})
	}
	slices.SortFunc(members, func(a, b member) int { return cmp.Compare(a.key, b.key) })
	return f.enter(v, 0, func() *EncodeError {
		return f.nested(func() *EncodeError {
			for _, m := range members {
				if found := f.at("["+m.key+"]", m.value); found != nil {
					return found
				}
			}
			return nil
		})
	})
}

// isKey reports whether values of the type can be keys of an object.
func isKey(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.String,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return true
	}
	return t.Implements(reflect.TypeFor[encoding.TextMarshaler]())
}

func (f *finder) key(v reflect.Value) (string, *EncodeError) {
	if v.Kind() == reflect.String {
		return v.String(), nil
	}
	if m, ok := method[encoding.TextMarshaler](v); ok {
		if any(m) == nil {
			return "", nil
		}
		text, err := m.MarshalText()
		if err != nil {
			return "", f.fail("error calling MarshalText for type %s: %s", TypeName(v.Type()), words(err))
		}
		return string(text), nil
	}
	return fmt.Sprint(v), nil
}

func (f *finder) findElements(v reflect.Value) *EncodeError {
	return f.nested(func() *EncodeError {
		for i := range v.Len() {
			if found := f.at("["+strconv.Itoa(i)+"]", v.Index(i)); found != nil {
				return found
			}
		}
		return nil
	})
}

// nested counts an object or array as a level of nesting while find runs.
func (f *finder) nested(find func() *EncodeError) *EncodeError {
	if f.depth == MaxNesting {
		return &EncodeError{Reason: reasonTooDeep}
	}
	f.depth++
	defer func() { f.depth-- }()
	return find()
}

// enter fails if the pointer, map or slice contains itself.
func (f *finder) enter(v reflect.Value, length int, find func() *EncodeError) *EncodeError {
	r := reference{v.Type(), v.Pointer(), length}
	if f.within[r] {
		return f.fail("unsupported value: encountered a cycle via %s", TypeName(r.t))
	}
	f.within[r] = true
	defer delete(f.within, r)
	return find()
}

// isBytes reports whether a slice is encoded as base64.
func isBytes(t reflect.Type) bool {
	elem := reflect.PointerTo(t.Elem())
	return t.Elem().Kind() == reflect.Uint8 &&
		!elem.Implements(reflect.TypeFor[json.Marshaler]()) && !elem.Implements(reflect.TypeFor[encoding.TextMarshaler]())
}

// isEmpty reports whether the omitempty option omits the value.
func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Array, reflect.Map, reflect.Slice, reflect.String:
		return v.Len() == 0
	case reflect.Struct, reflect.Func, reflect.Chan, reflect.Complex64, reflect.Complex128, reflect.UnsafePointer:
		return false
	}
	return v.IsZero()
}

// isZero reports whether the omitzero option omits the value.
func isZero(v reflect.Value) bool {
	type zeroer interface{ IsZero() bool }
	if v.Type().Implements(reflect.TypeFor[zeroer]()) {
		if z, ok := method[zeroer](v); ok && z != nil {
			return z.IsZero()
		}
		return true // a nil pointer or interface
	}
	if reflect.PointerTo(v.Type()).Implements(reflect.TypeFor[zeroer]()) {
		boxed := reflect.New(v.Type())
		boxed.Elem().Set(v)
		return boxed.Interface().(zeroer).IsZero()
	}
	return v.IsZero()
}
