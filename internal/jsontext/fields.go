package jsontext

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
)

// A Field is a struct field as encoding/json sees it.
type Field struct {
	Name  string // in JSON
	Type  reflect.Type
	Index []int // as for [reflect.Value.FieldByIndexErr]

	Quoted    bool // has the string option, and a kind that it applies to
	OmitEmpty bool
	OmitZero  bool

	// Unsettable says that the field belongs to an unexported struct that is embedded by pointer: decoding fails if
	// the text contains the field.
	Unsettable bool

	tagged bool // the name is from the tag
}

// Fields returns the fields of a struct type, including those of embedded structs, in the order in which they are
// encoded. If several fields have the same name, it returns the one that encoding/json uses, if it uses any.
func Fields(t reflect.Type) []Field {
	var all []Field
	visited := map[reflect.Type]bool{}
	for here := []*embedded{{t: t, times: 1}}; len(here) > 0; {
		var deeper []*embedded
		for _, e := range here {
			if visited[e.t] {
				continue
			}
			visited[e.t] = true
			for i := range e.t.NumField() {
				f, inner := e.field(i)
				if f.Type == nil {
					continue
				}
				if inner == nil {
					// The fields of a struct that is embedded twice hide deeper ones, but are hidden themselves.
					all = append(all, slices.Repeat([]Field{f}, min(e.times, 2))...)
					continue
				}
				same := slices.IndexFunc(deeper, func(d *embedded) bool { return d.t == inner })
				if same >= 0 {
					deeper[same].times++
					continue
				}
				deeper = append(deeper, &embedded{t: inner, times: 1, index: f.Index, unsettable: f.Unsettable})
			}
		}
		here = deeper
	}
	return dominant(all)
}

// embedded is a struct whose fields appear among those of the struct around it.
type embedded struct {
	t          reflect.Type
	times      int // on its level
	index      []int
	unsettable bool
}

// field returns the i-th field, without a type if JSON omits it; and the struct that is embedded there, if any.
func (e *embedded) field(i int) (f Field, inner reflect.Type) {
	sf := e.t.Field(i)
	tag := sf.Tag.Get("json")
	elem := sf.Type
	if elem.Kind() == reflect.Pointer && elem.Name() == "" {
		elem = elem.Elem()
	}
	isStruct := elem.Kind() == reflect.Struct
	if tag == "-" || !sf.IsExported() && (!sf.Anonymous || !isStruct) {
		return Field{}, nil
	}
	name, options, _ := strings.Cut(tag, ",")
	f = Field{
		Name:       cmp.Or(name, sf.Name),
		Type:       sf.Type,
		Index:      append(slices.Clone(e.index), i),
		Unsettable: e.unsettable,
		tagged:     name != "",
	}
	if sf.Anonymous && name == "" && isStruct {
		f.Unsettable = f.Unsettable || !sf.IsExported() && sf.Type.Kind() == reflect.Pointer
		return f, elem
	}
	for option := range strings.SplitSeq(options, ",") {
		switch option {
		case "string":
			f.Quoted = quotable(elem)
		case "omitempty":
			f.OmitEmpty = true
		case "omitzero":
			f.OmitZero = true
		}
	}
	return f, nil
}

// quotable reports whether the string option applies to values of a type.
func quotable(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Bool, reflect.String, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return true
	}
	return false
}

// dominant omits fields that others with the same name hide: less deep ones, or equally deep ones that have the name
// in their tag. If several are left, it omits them all.
func dominant(all []Field) []Field {
	tagFirst := func(f Field) int {
		if f.tagged {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(all, func(a, b Field) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(len(a.Index), len(b.Index)), cmp.Compare(tagFirst(a), tagFirst(b)))
	})
	var fields []Field
	for i := 0; i < len(all); {
		end := i + 1
		for end < len(all) && all[end].Name == all[i].Name {
			end++
		}
		if end == i+1 || len(all[i].Index) < len(all[i+1].Index) || all[i].tagged != all[i+1].tagged {
			fields = append(fields, all[i])
		}
		i = end
	}
	slices.SortFunc(fields, func(a, b Field) int { return slices.Compare(a.Index, b.Index) })
	return fields
}
