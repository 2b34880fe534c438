package jsonops

import "bytes"

// editor holds the text between operations. Each operation reads text and writes the new text to a second buffer, and
// then the two are swapped: two allocations are enough for any number of operations.
type editor struct {
	text []byte
	// own says that text is a buffer of the editor, not the caller's document.
	own   bool
	spare []byte
}

// begin returns an empty buffer with room for the text and extra more bytes.
func (e *editor) begin(extra int) []byte {
	if cap(e.spare) >= len(e.text)+extra {
		return e.spare[:0]
	}
	return make([]byte, 0, len(e.text)+extra)
}

// commit makes what was written to the buffer the text.
func (e *editor) commit(text []byte) {
	if e.own {
		e.spare = e.text
	}
	e.text, e.own = text, true
}

// result returns the text, in memory that is not much larger than the text.
func (e *editor) result() []byte {
	if cap(e.text) > len(e.text)+len(e.text)/2+bytes.MinRead {
		return bytes.Clone(e.text)
	}
	return e.text
}

// put writes a value, given in parts, at the location, with the keys and objects that are missing around it.
func (e *editor) put(at location, value ...[]byte) {
	extra := len(`,`)
	for _, part := range value {
		extra += len(part)
	}
	for _, name := range at.missing {
		extra += len(name) + len(`{"":}`)
	}
	out := append(e.begin(extra), e.text[:at.start]...)

	if at.comma {
		out = append(out, ',')
	}
	opened := 0
	for i, name := range at.missing {
		first := i == 0 && !at.fresh // In a container that exists.
		if first && at.inArray {
			continue
		}
		if !first {
			out = append(out, '{')
			opened++
		}
		out = appendKey(out, name)
	}
	for _, part := range value {
		out = append(out, part...)
	}
	for range opened {
		out = append(out, '}')
	}
	e.commit(append(out, e.text[at.end:]...))
}
