package jsontext

import (
	"strconv"
	"unicode/utf8"
)

// A SyntaxError says where a text stops being JSON, and why.
type SyntaxError struct {
	Message string // "invalid character '}' looking for beginning of value"
	Offset  int    // of the error, in bytes from 0; the length of the text if the text ends too soon
}

func (e *SyntaxError) Error() string { return e.Message }

const (
	unexpectedEnd = "unexpected end of JSON input"
	tooDeep       = "nested too deep"
)

// maxDepth is the deepest nesting that encoding/json reads.
const maxDepth = 10_000

// Check returns nil if text is one whole JSON value. As in encoding/json, strings may hold bytes that are not UTF-8.
func Check(text []byte) *SyntaxError {
	s := scanner{text: text}
	return s.document()
}

// IsNumber reports whether the text is a JSON number, without space around it.
func IsNumber(text string) bool {
	s := scanner{text: []byte(text)}
	return s.number() == nil && s.pos == len(text)
}

// A scanner reads JSON text from left to right. Its methods return the error that they meet.
type scanner struct {
	text []byte
	pos  int
	open []byte // the brackets that are open
}

// What a scanner may expect next.
const (
	wantValue = iota
	wantKey
	wantEnd // of the value around, or a comma
)

func (s *scanner) document() *SyntaxError {
	for want := wantValue; ; {
		s.space()
		switch want {
		case wantValue:
			switch s.peek() {
			case '{', '[':
				if len(s.open) == maxDepth {
					return &SyntaxError{tooDeep, s.pos}
				}
				bracket := s.text[s.pos]
				s.open = append(s.open, bracket)
				s.pos++
				s.space()
				switch {
				case s.peek() == closing(bracket):
					want = wantEnd
				case bracket == '{':
					want = wantKey
				}
				continue
			}
			if err := s.scalar(); err != nil {
				return err
			}
			want = wantEnd
		case wantKey:
			if s.peek() != '"' {
				return s.unexpected("looking for beginning of object key string")
			}
			if err := s.str(); err != nil {
				return err
			}
			s.space()
			if s.peek() != ':' {
				return s.unexpected("after object key")
			}
			s.pos++
			want = wantValue
		case wantEnd:
			if len(s.open) == 0 {
				if s.pos < len(s.text) {
					return s.unexpected("after top-level value")
				}
				return nil
			}
			bracket := s.open[len(s.open)-1]
			switch c := s.peek(); {
			case c == closing(bracket):
				s.open = s.open[:len(s.open)-1]
			case c == ',' && bracket == '{':
				want = wantKey
			case c == ',':
				want = wantValue
			case bracket == '{':
				return s.unexpected("after object key:value pair")
			default:
				return s.unexpected("after array element")
			}
			s.pos++
		}
	}
}

func closing(bracket byte) byte { return bracket + 2 } // ASCII: [\] and {|}

// scalar reads a value that is neither an object nor an array.
func (s *scanner) scalar() *SyntaxError {
	switch c := s.peek(); {
	case c == '"':
		return s.str()
	case c == '-' || isDigit(c):
		return s.number()
	case c == 't':
		return s.literal("true")
	case c == 'f':
		return s.literal("false")
	case c == 'n':
		return s.literal("null")
	}
	return s.unexpected("looking for beginning of value")
}

func (s *scanner) literal(word string) *SyntaxError {
	for i := range len(word) {
		if s.peek() != word[i] {
			return s.unexpected("in literal " + word + " (expecting " + strconv.QuoteRune(rune(word[i])) + ")")
		}
		s.pos++
	}
	return nil
}

func (s *scanner) number() *SyntaxError {
	if s.peek() == '-' {
		s.pos++
	}
	if s.peek() == '0' {
		s.pos++ // no digit may follow, so the caller deals with what comes next
	} else if err := s.digits("in numeric literal"); err != nil {
		return err
	}
	if s.peek() == '.' {
		s.pos++
		if err := s.digits("after decimal point in numeric literal"); err != nil {
			return err
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.pos++
		if c := s.peek(); c == '+' || c == '-' {
			s.pos++
		}
		return s.digits("in exponent of numeric literal")
	}
	return nil
}

// digits reads at least one digit.
func (s *scanner) digits(context string) *SyntaxError {
	if !isDigit(s.peek()) {
		return s.unexpected(context)
	}
	for isDigit(s.peek()) {
		s.pos++
	}
	return nil
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func (s *scanner) str() *SyntaxError {
	for s.pos++; ; s.pos++ {
		switch c := s.peek(); {
		case s.pos == len(s.text):
			return s.unexpected("")
		case c == '"':
			s.pos++
			return nil
		case c < ' ':
			return s.unexpected("in string literal")
		case c != '\\':
			continue
		}
		s.pos++
		switch s.peek() {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		case 'u':
			for range 4 {
				s.pos++
				if !isHex(s.peek()) {
					return s.unexpected(`in \u hexadecimal character escape`)
				}
			}
		default:
			return s.unexpected("in string escape code")
		}
	}
}

func isHex(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

func (s *scanner) space() {
	for s.pos < len(s.text) && isSpace(s.text[s.pos]) {
		s.pos++
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// peek returns the next byte, or 0 at the end of the text.
func (s *scanner) peek() byte {
	if s.pos < len(s.text) {
		return s.text[s.pos]
	}
	return 0
}

// unexpected returns the error for the next character, or for the end of the text.
func (s *scanner) unexpected(context string) *SyntaxError {
	if s.pos == len(s.text) {
		return &SyntaxError{unexpectedEnd, s.pos}
	}
	r, size := utf8.DecodeRune(s.text[s.pos:])
	quoted := strconv.QuoteRune(r)
	if r == utf8.RuneError && size == 1 {
		quoted = `'\x` + strconv.FormatUint(uint64(s.text[s.pos]), 16) + `'`
	}
	return &SyntaxError{"invalid character " + quoted + " " + context, s.pos}
}
