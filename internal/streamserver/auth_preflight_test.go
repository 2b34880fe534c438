package streamserver_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
)

// Before a browser sends a header such as Authorization to another origin, it asks with a request without that
// header.
func TestAPreflightIsAnsweredForAllowedOrigins(t *testing.T) {
	app := motia.New(&motia.Options{
		Streams: []motia.StreamConfig{{Name: "notes"}},
		StreamServer: motia.StreamServerOptions{
			Origins: []string{"app.example.com"},
			Auth: func(ctx context.Context, r *http.Request) (any, error) {
				return nil, errors.New("no token")
			},
		},
	})
	for origin, status := range map[string]int{"https://app.example.com": 204, "https://evil.example": 403, "": 401} {
		r := httptest.NewRequest(http.MethodOptions, "/notes/g", nil)
		r.Header.Set("Access-Control-Request-Method", "GET")
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		w := httptest.NewRecorder()
		app.StreamHandler().ServeHTTP(w, r)
		require.Equal(t, status, w.Code, origin)
		if status == 204 {
			require.Equal(t, origin, w.Header().Get("Access-Control-Allow-Origin"))
			require.Contains(t, w.Header().Get("Access-Control-Allow-Headers"), "Authorization")
		} else {
			require.Empty(t, w.Header().Get("Access-Control-Allow-Headers"))
		}
	}
}
