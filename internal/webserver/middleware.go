package webserver

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
)

// Wrap puts middleware around h, outermost first. Nil ones are skipped. The error says which of them returned a nil
// handler; those are skipped as well.
func Wrap(middleware []func(http.Handler) http.Handler, h http.Handler) (http.Handler, error) {
	var mistakes []error
	for i, m := range slices.Backward(middleware) {
		if m == nil {
			continue
		}
		outer := m(h)
		if f, ok := outer.(http.HandlerFunc); outer == nil || ok && f == nil {
			mistakes = append(mistakes, fmt.Errorf("middleware %d returned a nil handler", i))
			continue
		}
		h = outer
	}
	return h, errors.Join(mistakes...)
}
