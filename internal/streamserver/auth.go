package streamserver

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"runtime/debug"
	"strings"
)

// originAllowed protects users from pages of other sites that connect with the users' credentials.
func (s *Server) originAllowed(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" { // not a page of another site that could read the answer: browsers send Origin with such requests
		return true
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return false
	}
	host := strings.ToLower(u.Host)
	if host == strings.ToLower(r.Host) {
		return true
	}
	for _, pattern := range s.Origins {
		if ok, _ := path.Match(strings.ToLower(pattern), host); ok {
			return true
		}
	}
	return false
}

// authenticate asks Auth who the client is.
func (s *Server) authenticate(r *http.Request) (principal any, err error) {
	if s.Auth == nil {
		return nil, nil
	}
	return ask(s, s.Context(r.Context()), "StreamServer.Auth", func(ctx context.Context) (any, error) { return s.Auth(ctx, r) })
}

// ask calls a function of the user that decides about a client. It returns an error if the function panics or exceeds
// the time limit.
func ask[T any](s *Server, ctx context.Context, name string, f func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Limits.AuthTimeout)
	defer cancel()
	type answer struct {
		value T
		err   error
	}
	answers := make(chan answer, 1)
	go func() { // it ends when f ends
		no := answer{err: fmt.Errorf("%s ended its goroutine instead of returning", name)} // if f calls runtime.Goexit
		defer func() {
			if v := recover(); v != nil {
				no.err = panicError(v)
				s.Log.ErrorContext(ctx, name+" panicked", "error", no.err, "stack", string(debug.Stack()))
			}
			answers <- no
		}()
		value, err := f(ctx)
		no = answer{value, err}
	}()
	select {
	case a := <-answers:
		return a.value, a.err
	case <-ctx.Done():
		var none T
		return none, fmt.Errorf("%s: %w", name, context.Cause(ctx))
	}
}

// panicError turns the value of a panic into an error.
func panicError(v any) error {
	if err, ok := v.(error); ok {
		return fmt.Errorf("panic: %w", err)
	}
	return fmt.Errorf("panic: %v", v)
}

// refusal returns what a client is told about an error: what Explain returns, or else only the status and the detail.
func (s *Server) refusal(err error, status int, detail string) problem {
	if chosen, text := s.Explain(err); chosen != 0 {
		return problem{chosen, text}
	}
	return problem{status, detail}
}

// Token returns the token that a client sent: as "Authorization: Bearer <token>", in the subprotocols
// "Authorization, <token>", or as the query parameter authToken. It is empty if there is none.
func Token(r *http.Request) string {
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	if offered := subprotocols(r); len(offered) > 1 && strings.EqualFold(offered[0], "Authorization") {
		return offered[1]
	}
	return r.URL.Query().Get("authToken")
}

// subprotocols returns the subprotocols that a WebSocket client offers.
func subprotocols(r *http.Request) []string {
	var offered []string
	for _, line := range r.Header["Sec-Websocket-Protocol"] {
		for token := range strings.SplitSeq(line, ",") {
			if token = strings.TrimSpace(token); token != "" {
				offered = append(offered, token)
			}
		}
	}
	return offered
}
