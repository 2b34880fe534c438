package streamserver

import (
	"context"
	"errors"
	"net/http"

	"github.com/motia-go/motia/internal/hub"
	"github.com/motia-go/motia/internal/jsontext"
)

// mayJoin asks OnJoin, and returns a problem to answer with if the client is refused. If it is not refused, hasLeft
// must follow.
func (s *Server) mayJoin(ctx context.Context, st *Stream, join Join) (refused problem) {
	if st.OnJoin == nil {
		return problem{}
	}
	_, err := ask(s, s.Context(ctx), "OnJoin", func(ctx context.Context) (struct{}, error) { return struct{}{}, st.OnJoin(ctx, join) })
	if err == nil {
		return problem{}
	}
	s.Log.InfoContext(ctx, "join is refused", "stream", join.Stream, "group", join.GroupID, "item", join.ItemID, "error", err)
	return s.refusal(err, http.StatusForbidden, "join is refused")
}

// follow subscribes a client that may join. If that fails it returns a problem to answer with.
func (s *Server) follow(ctx context.Context, st *Stream, join Join, seat *hub.Seat) (*hub.Subscriber, problem) {
	var item *string
	if id := join.ItemID; id != "" {
		item = &id
	}
	subscriber, err := st.Join(ctx, join.GroupID, item, seat)
	if err != nil {
		return nil, s.cannotFollow(ctx, join, err)
	}
	return subscriber, problem{}
}

// cannotFollow logs an error of a stream, and returns a problem to answer with.
func (s *Server) cannotFollow(ctx context.Context, join Join, err error) problem {
	if errors.Is(err, s.Shutdown) {
		return shuttingDown
	}
	s.Log.ErrorContext(ctx, "client cannot follow the stream", "stream", join.Stream, "group", join.GroupID, "error", err)
	return problem{http.StatusServiceUnavailable, "stream is not available"}
}

// show makes the client present in the group, as the member that Presence returns, until exit is called.
func (s *Server) show(st *Stream, group string, principal any) (exit func()) {
	if st.Presence == nil {
		return func() {}
	}
	ctx := context.Background()
	member, err := ask(s, ctx, "Presence", func(context.Context) (Member, error) { return st.Presence(principal), nil })
	var value []byte
	if err == nil {
		value, err = jsontext.Marshal(member)
	}
	if err != nil {
		s.Log.ErrorContext(ctx, "client is not shown as present", "stream", st.Name, "group", group, "error", err)
		return func() {}
	}
	if member.ID == "" {
		return func() {}
	}
	return st.Enter(group, value)
}

// hasLeft calls OnLeave.
func (s *Server) hasLeft(st *Stream, join Join) {
	if st.OnLeave == nil {
		return
	}
	ctx := s.Context(context.Background())
	_, err := ask(s, ctx, "OnLeave", func(ctx context.Context) (struct{}, error) { st.OnLeave(ctx, join); return struct{}{}, nil })
	if err != nil {
		s.Log.ErrorContext(ctx, "OnLeave failed", "stream", join.Stream, "error", err)
	}
}
