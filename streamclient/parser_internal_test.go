package streamclient

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
)

// parseAll returns the events of a stream as "id|type|data", and the retry.
func parseAll(t testing.TB, r io.Reader, limit int) (events []string, p *parser) {
	t.Helper()
	p = newParser(r, limit, "")
	for {
		kind, data, err := p.next()
		if err == io.EOF {
			return events, p
		}
		require.NoError(t, err)
		events = append(events, fmt.Sprintf("%s|%s|%s", p.id, kind, data))
	}
}

// The examples are those of WHATWG HTML, section 9.2.6, and its corner cases.
func TestTheParserReadsEventsAsTheStandardSays(t *testing.T) {
	for text, want := range map[string][]string{
		"data: YHOO\ndata: +2\ndata: 10\n\n": {"||YHOO\n+2\n10"},
		": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n": {"1||first event", "||second event", "|| third event"},
		"data\n\ndata\ndata\n\ndata:":                                   {"||", "||\n"}, // the last one is not complete
		"data:test\n\ndata: test\n\n":                                   {"||test", "||test"},
		"event: a\nevent: b\ndata: 1\n\n":                               {"|b|1"},
		"event: a\n\ndata: 1\n\n":                                       {"||1"}, // without data there is no event, and its type is forgotten
		"id: 7\n\ndata: 1\n\ndata: 2\n\n":                               {"7||1", "7||2"},
		"id: 7\x00\ndata: 1\n\n":                                        {"||1"},
		"id: 7\ndata: 1\n":                                              nil,
		"data: 1\r\rdata: 2\r\n\r\ndata: 3\n\ndata: 4\r\n\ndata: 5\n\r": {"||1", "||2", "||3", "||4", "||5"},
		"data: 1\r\ndata: 2\r\n\n":                                      {"||1\n2"},
		"\ufeffdata: 1\n\n\ufeffdata: 2\n\n":                            {"||1"},
		"\ufeff\ufeffdata: 1\n\n":                                       nil,
		"\ufeff\n\ufeffdata: 1\n\n":                                     nil,
		"DATA: 1\n data: 2\ndata : 3\n\n":                               nil,
		"data: a: b\nother: c\n:data: d\n\n":                            {"||a: b"},
		"data: ü\x00\xff\n\n":                                           {"||ü\x00\xff"},
		"":                                                              nil,
		"\n\n\r\r\n":                                                    nil,
	} {
		for name, r := range map[string]io.Reader{"whole": strings.NewReader(text), "byte by byte": iotest.OneByteReader(strings.NewReader(text))} {
			got, _ := parseAll(t, r, 1<<20)
			require.Equal(t, want, got, "%q %s", text, name)
		}
	}
}

func TestTheParserReadsRetries(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"retry: 2000\n":              2 * time.Second,
		"retry:0\n":                  0,
		"retry: 5\nretry: x\n":       5 * time.Millisecond,
		"retry: -1\n":                -1,
		"retry: +1\n":                -1,
		"retry: 1.5\n":               -1,
		"retry: 1 \n":                -1,
		"retry\n":                    -1,
		"retry: 1_0\n":               -1,
		"retry: 10":                  -1, // not complete
		"retry: 99999999999999999\n": -1,
	} {
		_, p := parseAll(t, strings.NewReader(text), 1<<20)
		require.Equal(t, want, p.retry, text)
	}
}

func TestTheParserHoldsNoMoreThanItsLimit(t *testing.T) {
	for _, text := range []string{
		strings.Repeat("x", 101), ":" + strings.Repeat("x", 200) + "\n", strings.Repeat("data:x\n", 51), "data:" + strings.Repeat("x", 60) + "\ndata:" + strings.Repeat("x", 60) + "\n\n",
	} {
		p := newParser(strings.NewReader(text), 100, "")
		_, _, err := p.next()
		require.EqualError(t, err, "event is larger than 100 bytes")
	}
	ok := strings.Repeat(":"+strings.Repeat("x", 90)+"\n", 100) + "data:" + strings.Repeat("x", 90) + "\n\n"
	events, _ := parseAll(t, strings.NewReader(ok+ok), 100)
	require.Len(t, events, 2)

	// A large event does not stay in memory.
	r, w := io.Pipe()
	p := newParser(r, 1<<20, "")
	go func() {
		_, _ = io.WriteString(w, "data:"+strings.Repeat("x", 1<<19)+"\n\n:\n")
		_ = w.CloseWithError(errors.New("cut"))
	}()
	_, data, err := p.next()
	require.NoError(t, err)
	require.Len(t, data, 1<<19)
	_, _, err = p.next()
	require.EqualError(t, err, "cut")
	require.LessOrEqual(t, cap(p.data)+cap(p.line), 2*idleBuffer)
}

// An event is available as soon as its last byte has arrived: a carriage return does not wait for a line feed.
func TestTheParserDoesNotWaitForMore(t *testing.T) {
	for _, text := range []string{"data: 1\r\r", "data: 1\n\n", "data: 1\r\n\r"} {
		r, w := io.Pipe()
		go func() { _, _ = io.WriteString(w, text) }() // and nothing else, ever
		_, data, err := newParser(r, 100, "").next()
		require.NoError(t, err)
		require.Equal(t, "1", string(data))
	}
}

// reference parses a whole stream, line by line as in the standard.
func reference(text string) (events []string, id string, retry time.Duration) {
	text = strings.TrimPrefix(text, "\ufeff")
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = strings.ReplaceAll(text, "\r", "\n")
	lines := strings.Split(text, "\n")
	retry = -1
	data, kind, buffered := "", "", ""
	for _, line := range lines[:len(lines)-1] {
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			id = buffered
			if data != "" {
				events = append(events, fmt.Sprintf("%s|%s|%s", id, kind, strings.TrimSuffix(data, "\n")))
			}
			data, kind = "", ""
		case field == "event":
			kind = value
		case field == "data":
			data += value + "\n"
		case field == "id" && !strings.Contains(value, "\x00"):
			buffered = value
		case field == "retry" && value != "" && strings.Trim(value, "0123456789") == "":
			if n, err := strconv.ParseUint(value, 10, 31); err == nil {
				retry = time.Duration(n) * time.Millisecond
			}
		}
	}
	return events, id, retry
}

func FuzzParser(f *testing.F) {
	for _, text := range []string{
		"retry: 2000\n\nid: a-1\nevent: sync\ndata: {\"timestamp\":1,\"items\":[]}\n\n: alive\n\n",
		"\ufeffdata: 1\r\rdata: 2\r\n\r\ndata: 3\n\n", "id\nid:\x00\ndata\n\n", "\r\n\r\n\n\r:", "event:a\ndata\ndata:\n\n",
	} {
		f.Add(text, uint16(3))
	}
	f.Fuzz(func(t *testing.T, text string, chunk uint16) {
		events, id, retry := reference(text)
		got, p := parseAll(t, &chunks{text, int(chunk)%64 + 1}, len(text)*2+16)
		require.Equal(t, events, got)
		require.Equal(t, id, p.id)
		require.Equal(t, retry, p.retry)
		for _, event := range got { // an unexpected event is refused and does not cause a panic
			_, kind, _ := strings.Cut(event, "|")
			kind, data, _ := strings.Cut(kind, "|")
			e, ok, err := parseEvent(kind, []byte(data))
			require.False(t, ok && err != nil)
			require.Equal(t, ok, e.Type != "")
		}
	})
}

// chunks reads a few bytes at a time.
type chunks struct {
	text string
	size int
}

func (c *chunks) Read(p []byte) (int, error) {
	if c.text == "" {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), c.size)], c.text)
	c.text = c.text[n:]
	return n, nil
}
