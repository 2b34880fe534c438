// Package sse writes the events of a text/event-stream, see the HTML standard, section "Server-sent events".
package sse

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// Event is a server-sent event. Empty fields are omitted.
type Event struct {
	ID    string
	Type  string
	Retry time.Duration // in whole milliseconds
	// Data may have several lines. If HasData is false there is no data field, and clients dispatch nothing.
	Data    string
	HasData bool
}

// lineBreaks are the three line ends of an event stream.
var lineBreaks = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// Append appends the event. It returns an error for an ID or a type that would arrive changed.
func (e Event) Append(out []byte) ([]byte, error) {
	if strings.ContainsAny(e.ID, "\r\n\x00") || strings.ContainsAny(e.Type, "\r\n") {
		return out, errors.New("id or type contains a line break")
	}
	field := func(name, value string) {
		out = append(out, name...)
		out = append(out, ": "...)
		out = append(out, value...)
		out = append(out, '\n')
	}
	if e.ID != "" {
		field("id", e.ID)
	}
	if e.Type != "" {
		field("event", e.Type)
	}
	if e.Retry > 0 {
		field("retry", strconv.FormatInt(e.Retry.Milliseconds(), 10))
	}
	if e.HasData {
		for line := range strings.SplitSeq(lineBreaks.Replace(e.Data), "\n") {
			field("data", line)
		}
	}
	return append(out, '\n'), nil
}
