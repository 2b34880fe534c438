package jsontext

import (
	"bytes"
	"unicode/utf8"
)

// A Position is a place in a text.
type Position struct {
	Offset int // in bytes, from 0; the length of the text if the text ends too soon
	Line   int // from 1
	Column int // in characters, from 1
}

// PositionOf returns the position of the byte at the offset, which may be the length of the text.
func PositionOf(text []byte, offset int) Position {
	before := text[:min(offset, len(text))]
	line := before[bytes.LastIndexByte(before, '\n')+1:]
	return Position{
		Offset: len(before),
		Line:   1 + bytes.Count(before, []byte{'\n'}),
		Column: 1 + utf8.RuneCount(line),
	}
}
