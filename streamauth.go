package motia

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"
)

// originAllowed protects users from pages of other sites that connect in their name.
func (a *App) originAllowed(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" { // no page of another site that could read the answer: browsers send it with those requests
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
	for _, pattern := range a.streamOrigins {
		if ok, _ := path.Match(strings.ToLower(pattern), host); ok {
			return true
		}
	}
	return false
}

// authenticate asks Options.StreamAuth who the client is.
func (a *App) authenticate(r *http.Request) (principal any, err error) {
	if a.streamAuth == nil {
		return nil, nil
	}
	return ask(a, a.Context(r.Context()), "StreamAuth", func(ctx context.Context) (any, error) { return a.streamAuth(ctx, r) })
}

// mayJoin asks StreamConfig.OnJoin.
func (a *App) mayJoin(ctx context.Context, st *stream, join StreamJoin) error {
	if st.config.OnJoin == nil {
		return nil
	}
	_, err := ask(a, a.Context(ctx), "OnJoin", func(ctx context.Context) (struct{}, error) { return struct{}{}, st.config.OnJoin(ctx, join) })
	return err
}

// hasLeft tells StreamConfig.OnLeave.
func (a *App) hasLeft(st *stream, join StreamJoin) {
	if st.config.OnLeave == nil {
		return
	}
	ctx := a.Context(context.Background())
	_, err := ask(a, ctx, "OnLeave", func(ctx context.Context) (struct{}, error) { st.config.OnLeave(ctx, join); return struct{}{}, nil })
	if err != nil {
		a.log.ErrorContext(ctx, "OnLeave has failed", "stream", join.Stream, "error", err)
	}
}

// enter makes a client present in the group, as StreamConfig.Presence says, until exit is called.
func (a *App) enter(st *stream, group string, principal any) (exit func()) {
	if st.config.Presence == nil {
		return func() {}
	}
	ctx := context.Background()
	member, err := ask(a, ctx, "Presence", func(context.Context) (Member, error) { return st.config.Presence(principal), nil })
	var value []byte
	if err == nil {
		value, err = json.Marshal(member)
	}
	if err != nil {
		a.log.ErrorContext(ctx, "client is not shown as present", "stream", st.config.Name, "group", group, "error", err)
		return func() {}
	}
	if member.ID == "" {
		return func() {}
	}
	return st.hubs.Enter(group, value)
}

// ask calls a function of the user's that decides about a client: a panic, and silence beyond the time limit, are errors.
func ask[T any](a *App, ctx context.Context, name string, f func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, a.streamLimits.AuthTimeout)
	defer cancel()
	type answer struct {
		value T
		err   error
	}
	answers := make(chan answer, 1)
	go func() { // ends with f
		no := answer{err: fmt.Errorf("%s has not answered", name)}
		defer func() {
			if p := recover(); p != nil {
				panicked := panicError(p)
				a.log.ErrorContext(ctx, name+" panicked", "error", panicked, "stack", string(panicked.Stack))
				no.err = panicked
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

// refusal is what a client is told: what an HTTPError says, else no more than that it is refused.
func refusal(err error, status int, detail string) Problem {
	var chosen *StatusError
	if errors.As(err, &chosen) {
		if chosen.Status >= 400 && chosen.Status <= 599 {
			return problemOf(err)
		}
	}
	return Problem{Status: status, Detail: detail}
}

// StreamToken returns the token that a client has sent, for [Options.StreamAuth]: as "Authorization: Bearer <token>", in
// the subprotocols "Authorization, <token>" as the official clients do, since browsers cannot set headers, or as the
// query parameter authToken. Empty means none.
func StreamToken(r *http.Request) string {
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	if offered := subprotocols(r); len(offered) > 1 && strings.EqualFold(offered[0], "Authorization") {
		return offered[1]
	}
	return r.URL.Query().Get("authToken")
}

// subprotocols returns what a WebSocket client offers.
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
