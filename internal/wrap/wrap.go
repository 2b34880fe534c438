// Package wrap adds context to errors. The errors of motia and of its drivers begin with "motia: ". In a chain of
// them that appears only once, at the beginning.
package wrap

import (
	"fmt"
	"strings"
)

const prefix = "motia: "

// Errorf returns an error whose text says what was tried, followed by the text of err. It unwraps to err:
//
//	wrap.Errorf(err, "enqueue %q", topic) // motia: enqueue "send-email": queue is full
func Errorf(err error, format string, args ...any) error {
	return &wrapped{fmt.Sprintf(format, args...), err}
}

type wrapped struct {
	context string
	err     error
}

func (e *wrapped) Error() string { return prefix + e.context + ": " + Text(e.err) }
func (e *wrapped) Unwrap() error { return e.err }

// Text returns the text of err without the prefix, for use after a text that has it. The prefix may also be in the
// middle, if a driver has added context to one of our errors.
func Text(err error) string {
	return strings.ReplaceAll(strings.TrimPrefix(err.Error(), prefix), ": "+prefix, ": ")
}
