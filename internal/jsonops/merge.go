package jsonops

import "fmt"

// merge sets the members of an object in another, in one pass over each.
func (e *editor) merge(path []string, value []byte) error {
	if kind := kindAt(value, 0); kind != '{' {
		return fmt.Errorf("the value is %s, not an object", describe(kind))
	}
	at, err := locate(e.text, path, true)
	if err != nil {
		return err
	}
	if !at.found {
		e.put(at, value)
		return nil
	}
	if kind := e.text[at.start]; kind != '{' {
		return fmt.Errorf("the target is %s, not an object", describe(kind))
	}
	incoming := readPatch(value)
	if len(incoming.members) == 0 {
		return nil
	}

	// The text up to cursor is done, w.pos is the end of the last member seen.
	out := e.begin(len(value))
	w := walk(e.text, at.start)
	cursor, empty := 0, true
	for {
		last := w.pos
		old, ok := w.next()
		if !ok {
			break
		}
		empty = false
		m := incoming.find(e.text[old.start:old.keyEnd])
		switch {
		case m == nil:
			continue
		case m.written: // The object contains the key twice. Only one stays.
			out = append(out, e.text[cursor:last]...)
		default:
			out = append(append(out, e.text[cursor:old.value]...), m.value...)
			m.written = true
		}
		cursor = old.end
	}
	out = append(out, e.text[cursor:w.pos]...)
	for i := range incoming.members {
		m := &incoming.members[i]
		if m.written {
			continue
		}
		if !empty {
			out = append(out, ',')
		}
		out = append(append(append(out, m.key...), ':'), m.value...)
		empty = false
	}
	e.commit(append(out, e.text[w.pos:]...))
	return nil
}

// patch holds the members of an object in order, each key once.
type patch struct {
	members []patchMember
	index   map[string]int
}

type patchMember struct {
	key, value []byte
	written    bool
}

func readPatch(object []byte) patch {
	p := patch{index: make(map[string]int)}
	w := walk(object, 0)
	for it, ok := w.next(); ok; it, ok = w.next() {
		m := patchMember{key: object[it.start:it.keyEnd], value: object[it.value:it.end]}
		if earlier := p.find(m.key); earlier != nil {
			*earlier = m // The last one counts.
			continue
		}
		p.index[decodeKey(m.key)] = len(p.members)
		p.members = append(p.members, m)
	}
	return p
}

// find returns the member with the key that the text encodes, or nil.
func (p patch) find(key []byte) *patchMember {
	var i int
	var ok bool
	if isPlain(key) {
		i, ok = p.index[string(key[1:len(key)-1])]
	} else {
		i, ok = p.index[decodeKey(key)]
	}
	if !ok {
		return nil
	}
	return &p.members[i]
}
