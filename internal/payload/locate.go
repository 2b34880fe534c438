package payload

import (
	"bytes"
	"errors"
)

// A step leads from a JSON value to one of its members or elements.
type step struct {
	key   string // of an object's member, if index is negative
	index int    // of an array's element
}

// The work of locate is bounded: it decodes at most this many bytes, and this many per byte of input. Each level of
// nesting costs about the length of its value at most, so this is enough except for recursive types and a hostile
// sender, who gets a shorter path.
const (
	minBudget     = 4096
	budgetPerByte = 16
)

// errTooDeep replaces an error that locate has not reached.
var errTooDeep = errors.New("contains a value of the wrong type")

// locate returns the path and the text of the first value that makes decode fail on data, and the error of decode for
// that value. If that takes too long, it returns a path that leads towards the value, and errTooDeep. data is valid
// JSON for which decode returned err.
//
// The offsets in errors of encoding/json do not help: they differ between Go releases, they count from the start of
// the piece of text that an UnmarshalJSON method got, and most errors have none. So locate decodes parts of the text.
// Starting at the top it omits half of the members of a value, then half of the remaining ones, until a single member
// that fails is left, and continues inside that one. It stops at a value that has no members, that fails without them
// as well, or whose members fail only together.
func locate(data []byte, err error, decode func([]byte) error) ([]step, []byte, error) {
	s := search{decode: decode, budget: minBudget + budgetPerByte*len(data), err: err}
	var path []step
	value := bytes.TrimSpace(data)
	for {
		members := split(value)
		if len(members) == 0 {
			return path, value, s.err
		}
		open := value[0]
		whole := s.err
		if s.fails(open, nil) {
			return path, value, whole
		}
		if s.budget < 0 {
			return path, value, errTooDeep
		}
		lo, hi := 0, len(members)
		known := hi == 1 // whether members lo to hi are known to fail
		for hi-lo > 1 {
			mid := lo + (hi-lo)/2
			if known = s.fails(open, value[members[lo].start:members[mid-1].end]); known {
				hi = mid
			} else {
				lo = mid
			}
		}
		m := members[lo]
		known = known || s.fails(open, value[m.start:m.end])
		if s.budget < 0 {
			return path, value, errTooDeep
		}
		if !known {
			return path, value, whole // the members fail only together
		}
		path = append(path, s.descend(open, value, m, lo))
		value = value[m.value:m.end]
	}
}

// search is the state of locate: the text around the value it has reached, without all other members.
type search struct {
	decode func([]byte) error
	before []byte // such as [{"items":[
	closed []byte // the brackets that close before, in reverse
	doc    []byte // scratch
	budget int
	err    error // of the last document that failed
}

// fails reports whether decode fails when the value reached has only the given members. It returns false once the
// budget is used up.
func (s *search) fails(open byte, members []byte) bool {
	doc := append(s.doc[:0], s.before...)
	doc = append(doc, open)
	doc = append(doc, members...)
	doc = append(doc, closing(open))
	for i := len(s.closed) - 1; i >= 0; i-- {
		doc = append(doc, s.closed[i])
	}
	s.doc = doc
	if s.budget -= len(doc); s.budget < 0 {
		return false
	}
	err := s.decode(doc)
	if err == nil {
		return false
	}
	s.err = err
	return true
}

func (s *search) descend(open byte, value []byte, m member, index int) step {
	s.before = append(s.before, open)
	s.closed = append(s.closed, closing(open))
	if open == '[' {
		return step{index: index}
	}
	s.before = append(s.before, value[m.start:m.value]...)
	return step{key: unquote(value[m.start:m.value]), index: -1}
}

func closing(open byte) byte { return open + 2 } // ASCII: [\] and {|}

// A member is a member of an object or an element of an array, as offsets in the text of the object or array.
type member struct {
	start int // of the key, or of the value if there is none
	value int
	end   int
}

// split finds the members of a value, which is valid JSON without space around it.
func split(value []byte) []member {
	if len(value) == 0 || value[0] != '[' && value[0] != '{' {
		return nil
	}
	var members []member
	for i := skipSpace(value, 1); value[i] != closing(value[0]); {
		m := member{start: i, value: i}
		if value[0] == '{' {
			i = skipSpace(value, skipValue(value, i))
			i = skipSpace(value, i+1) // the colon
			m.value = i
		}
		i = skipValue(value, i)
		m.end = i
		members = append(members, m)
		if i = skipSpace(value, i); value[i] == ',' {
			i = skipSpace(value, i+1)
		}
	}
	return members
}

func skipSpace(data []byte, i int) int {
	for data[i] == ' ' || data[i] == '\t' || data[i] == '\r' || data[i] == '\n' {
		i++
	}
	return i
}

// skipValue returns the offset after the value that starts at i. Nesting is counted, not recursed into.
func skipValue(data []byte, i int) int {
	depth := 0
	for ; i < len(data); i++ {
		switch data[i] {
		case '"':
			for i++; data[i] != '"'; i++ {
				if data[i] == '\\' {
					i++
				}
			}
		case '[', '{':
			depth++
			continue
		case ']', '}':
			depth--
		default:
			if depth == 0 { // a literal, which ends where something else begins
				for i < len(data) && bytes.IndexByte([]byte(" \t\r\n,:]}"), data[i]) < 0 {
					i++
				}
				return i
			}
			continue
		}
		if depth == 0 {
			return i + 1
		}
	}
	return i
}
