// Package wrap puts context before errors. The errors of motia and of its drivers begin with "motia: ", and a chain of
// them shows that once, at its beginning.
package wrap

import (
	"fmt"
	"strings"
)

const prefix = "motia: "

// Errorf returns an error that says what was tried before the text of err, and unwraps to err:
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

// Text returns the text of err without the prefix, to be put after something that has it. A driver may have put context
// of its own before one of our errors, so the prefix may also be in the middle.
func Text(err error) string {
	return strings.ReplaceAll(strings.TrimPrefix(err.Error(), prefix), ": "+prefix, ": ")
}
