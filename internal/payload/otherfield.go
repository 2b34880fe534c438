package payload

import (
	"reflect"
	"strings"

	"github.com/go-playground/validator/v10"
)

// comparisons are the rules that compare a field with another one: as numbers, as times, and by the length of
// strings.
var comparisons = map[string][3]string{
	"eq":  {"must be equal to ", "must be equal to ", "must be equal to "},
	"ne":  {"must not be equal to ", "must not be equal to ", "must not be equal to "},
	"gt":  {"must be greater than ", "must be later than ", "must be longer than "},
	"gte": {"must be at least ", "must not be before ", "must be at least as long as "},
	"lt":  {"must be less than ", "must be before ", "must be shorter than "},
	"lte": {"must be at most ", "must not be later than ", "must be at most as long as "},
}

// message describes the rule that a field breaks, in words that follow the field's name.
func (p *plan) message(f validator.FieldError) string {
	rule := f.Tag()
	kind, ok := strings.CutSuffix(rule, "field")
	if !ok && !strings.HasPrefix(rule, "field") {
		return message(f)
	}
	// The parameter is a path of Go names, which the sender must not see: from the same struct or, for a rule across
	// structs, from the whole payload.
	kind, across := strings.CutSuffix(kind, "cs")
	from := p.typ
	if !across {
		_, from = p.follow(f.StructNamespace())
	}
	other, _ := follow(from, f.Param())
	words, compares := comparisons[kind]
	t := indirect(f.Type())
	switch {
	case other == "":
		return "does not satisfy " + rule
	case !compares:
		return "does not satisfy " + rule + "=" + other
	case t != nil && isTime(t):
		return words[1] + other
	case t != nil && t.Kind() == reflect.String:
		return words[2] + other
	}
	return words[0] + other
}

// follow is the function follow for a path of Go names that the validator has written for a payload.
func (p *plan) follow(path string) (names string, owner reflect.Type) {
	if p.root != nil && p.root.Name() != "" {
		path = strings.TrimPrefix(path, p.root.Name()+".")
	}
	return follow(p.typ, path)
}

// follow follows a path of Go names from a value of type t. It returns the path with the names of JSON, and the
// struct that has the last field; "" and nil if the path leads nowhere.
func follow(t reflect.Type, path string) (names string, owner reflect.Type) {
	var b strings.Builder
	for path != "" {
		t = indirect(t)
		switch {
		case t == nil:
			return "", nil
		case path[0] == '[' && isCollection(t):
			end := strings.IndexByte(path, ']')
			if end < 0 {
				return "", nil
			}
			b.WriteString(path[:end+1])
			t, path = t.Elem(), path[end+1:]
		case t.Kind() == reflect.Struct:
			path = strings.TrimPrefix(path, ".")
			name := path
			if end := strings.IndexAny(path, ".["); end >= 0 {
				name = path[:end]
			}
			path = path[len(name):]
			f, ok := t.FieldByName(name)
			switch {
			case !ok && name != "" && name == t.Name():
				continue // see plan.path
			case !ok:
				return "", nil
			}
			if n := jsonName(f); n != "" {
				if b.Len() > 0 {
					b.WriteByte('.')
				}
				b.WriteString(n)
			}
			owner, t = t, f.Type
		default:
			return "", nil
		}
	}
	return b.String(), owner
}
