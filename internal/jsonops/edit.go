package jsonops

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

func (e *editor) set(path []string, value []byte) error {
	at, err := locate(e.text, path, true)
	if err != nil {
		return err
	}
	e.put(at, value)
	return nil
}

func (e *editor) add(path []string, by []byte, subtract bool) error {
	if kind := kindAt(by, 0); !isNumber(kind) {
		return fmt.Errorf("the value is %s, not a number", describe(kind))
	}
	at, err := locate(e.text, path, true)
	if err != nil {
		return err
	}
	number := []byte{'0'}
	if at.found {
		number = e.text[at.start:at.end]
		if kind := kindAt(e.text, at.start); !isNumber(kind) {
			return fmt.Errorf("the target is %s, not a number", describe(kind))
		}
	}
	var digits [32]byte
	sum, err := appendSum(digits[:0], number, by, subtract)
	if err != nil {
		return err
	}
	e.put(at, sum)
	return nil
}

// append adds value, if there is one, and then values.
func (e *editor) append(path []string, value []byte, values []json.RawMessage) error {
	at, err := locate(e.text, path, true)
	if err != nil {
		return err
	}
	var list []byte
	if len(value) > 0 {
		list = value
	}
	if len(values) > 0 {
		list = bytes.Clone(list)
		for _, v := range values {
			if list != nil {
				list = append(list, ',')
			}
			list = append(list, bytes.TrimSpace(v)...)
		}
	}

	switch {
	case !at.found:
		e.put(at, []byte{'['}, list, []byte{']'})
	case e.text[at.start] != '[':
		return fmt.Errorf("the target is %s, not an array", describe(e.text[at.start]))
	case len(list) > 0:
		first := kindAt(e.text, skipSpace(e.text, at.start+1))
		e.put(location{start: at.end - 1, end: at.end - 1, comma: first != ']'}, list)
	}
	return nil
}

func (e *editor) delete(path []string) error {
	if len(path) == 0 {
		return errors.New("cannot delete the whole value by an update; delete the key instead")
	}
	parent, name := path[:len(path)-1], path[len(path)-1]
	at, err := locate(e.text, parent, false)
	if err != nil || !at.found {
		return err
	}
	index := 0
	switch kind := e.text[at.start]; kind {
	case '{':
	case '[':
		if index, err = parseIndex(name, parent); err != nil {
			return err
		}
	default:
		return throughScalar(kind, parent)
	}

	// All members of that name are cut out in one pass. The text up to cursor is done; last is the end of the last
	// item that stays.
	w := walk(e.text, at.start)
	var out []byte
	cursor, last, stays := 0, w.pos, false
	for count := 0; ; count++ {
		it, ok := w.next()
		if !ok {
			break
		}
		if w.object && !keyIs(e.text[it.start:it.keyEnd], name) || !w.object && count != index {
			if !stays && out != nil {
				cursor = it.start // The first item that stays needs no comma before it.
			}
			last, stays = it.end, true
			continue
		}
		if out == nil {
			out = e.begin(0)
		}
		if cursor < last {
			out = append(out, e.text[cursor:last]...)
		}
		cursor = it.end
	}
	if out != nil {
		e.commit(append(out, e.text[cursor:]...))
	}
	return nil
}
