package streamclient

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
	"time"
)

// parser parses server-sent events as in WHATWG HTML, section 9.2.6, "Interpreting an event stream".
type parser struct {
	r     *bufio.Reader
	limit int // of an event, in bytes

	id    string        // of the latest event with an id; it also applies to later events without one
	retry time.Duration // the latest that the server has sent; negative if there is none
	heard bool          // an event or a comment was received

	begun bool // the first line has been read
	cr    bool // the previous line ended with a carriage return, so a line feed now belongs to its end
	line  []byte
	data  []byte
}

// idleBuffer is the largest buffer that is kept between events, in bytes.
const idleBuffer = 16 << 10

// byteOrderMark may begin a stream.
var byteOrderMark = []byte("\ufeff")

func newParser(r io.Reader, limit int, id string) *parser {
	return &parser{r: bufio.NewReader(r), limit: limit, id: id, retry: -1}
}

// next returns the type and the data of the next event. The data is valid until the next call.
func (p *parser) next() (kind string, data []byte, err error) {
	if p.data = p.data[:0]; cap(p.data) > idleBuffer {
		p.data = nil
	}
	if cap(p.line) > idleBuffer {
		p.line = nil
	}
	id := p.id
	for {
		line, err := p.readLine()
		if err != nil {
			return "", nil, err
		}
		if len(line) == 0 { // the end of an event
			p.id = id
			if n := len(p.data); n > 0 {
				p.heard = true
				return kind, p.data[:n-1], nil
			}
			kind = ""
			continue
		}
		field, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(field) {
		case "":
			p.heard = true
		case "event":
			kind = string(value)
		case "data":
			p.data = append(append(p.data, value...), '\n')
		case "id":
			if !bytes.ContainsRune(value, 0) {
				id = string(value)
			}
		case "retry":
			if n, err := strconv.ParseUint(string(value), 10, 31); err == nil {
				p.retry = time.Duration(n) * time.Millisecond
			}
		}
	}
}

// readLine returns the next line, whether it ends with CR, LF or both. It does not wait for a line feed after a
// carriage return. An unfinished line at the end of the stream is dropped.
func (p *parser) readLine() ([]byte, error) {
	p.line = p.line[:0]
	for {
		if _, err := p.r.Peek(1); err != nil {
			return nil, err
		}
		chunk, _ := p.r.Peek(p.r.Buffered())
		if p.cr && chunk[0] == '\n' {
			p.cr = false
			_, _ = p.r.Discard(1) // cannot fail, since it is buffered
			continue
		}
		p.cr = false
		end := bytes.IndexAny(chunk, "\r\n")
		if end < 0 {
			end = len(chunk)
		}
		p.line = append(p.line, chunk[:end]...)
		if len(p.line)+len(p.data) > p.limit {
			return nil, invalidAnswer{fmt.Errorf("event is larger than %d bytes", p.limit)}
		}
		if end == len(chunk) {
			_, _ = p.r.Discard(end)
			continue
		}
		p.cr = chunk[end] == '\r'
		_, _ = p.r.Discard(end + 1)
		if !p.begun {
			p.begun = true
			return bytes.TrimPrefix(p.line, byteOrderMark), nil
		}
		return p.line, nil
	}
}
