package webserver_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia/internal/webserver"
)

func TestMiddlewareRunsOutermostFirstAndWhatReturnsNothingIsNamed(t *testing.T) {
	var order []string
	named := func(name string) func(http.Handler) http.Handler {
		return func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				order = append(order, name)
				next.ServeHTTP(w, r)
			})
		}
	}
	h, err := webserver.Wrap([]func(http.Handler) http.Handler{
		named("a"), nil,
		func(http.Handler) http.Handler { return nil },
		named("b"),
		func(http.Handler) http.Handler { return http.HandlerFunc(nil) },
	}, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { order = append(order, "handler") }))
	require.EqualError(t, err, "middleware 4 returned a nil handler\nmiddleware 2 returned a nil handler")
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	require.Equal(t, []string{"a", "b", "handler"}, order)
}
