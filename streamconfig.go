package motia

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/motia-go/motia/internal/hub"
	"github.com/motia-go/motia/internal/streamserver"
	"github.com/motia-go/motia/internal/wire"
)

// StreamConfig declares a stream. All fields but Name are for clients of [App.StreamHandler].
type StreamConfig struct {
	// Name is unique within the app, valid UTF-8 and not empty.
	Name string
	// OnJoin decides whether a client may follow a group or an item, before the client sees anything of it. If it returns an
	// error, panics or takes longer than [StreamLimits.AuthTimeout], the client is refused. The text of an [HTTPError] is
	// shown to the client. ctx belongs to the app, as from [App.Context]. Default: nil, which lets everybody join.
	OnJoin func(ctx context.Context, join StreamJoin) error
	// OnLeave is called once for each join that OnJoin has allowed, when the client leaves or its connection ends. Default:
	// nil; nothing is called.
	OnLeave func(ctx context.Context, join StreamJoin)
	// Presence returns how the others in a group see a client, given the principal that [StreamServerOptions.Auth] has
	// returned for it; see [Member]. Default: nil; nobody is shown as present.
	Presence func(principal any) Member
	// History bounds the events that clients can still get after they have lost their connection for a while.
	History StreamHistory
}

// StreamJoin is what a client of [App.StreamHandler] wants to follow.
type StreamJoin struct {
	Stream, GroupID string
	ItemID          string // empty for the whole group
	Principal       any    // what [StreamServerOptions.Auth] has returned
}

// StreamHistory bounds the events that a stream keeps for clients of server-sent events that lose their connection. It keeps
// them in memory, for each group that has such clients. A client that comes back in time gets the events that it missed; any
// other gets a resync.
type StreamHistory struct {
	// Events is how many events are kept. Default: 256; negative means none.
	Events int
	// Age is how long they are kept. It is also how long a group is followed after its last client has gone; at most 1,000
	// such groups are. Default: 2 minutes.
	Age time.Duration
}

// Member is somebody who is present in a group of a stream: a client of [App.StreamHandler] as
// [StreamConfig.Presence] shows it to others. Several connections with one ID are one member.
//
// Everybody who follows the group gets the sent events "presence:join" and "presence:leave" with the Member. Clients on
// the network also get "presence:list" with all members, at the start and after a resync; a client's own join follows the
// list that it begins with. A client whose process dies leaves within a minute. One whose network connection goes dead
// leaves when that is noticed: on a WebSocket by a missing pong, else when the network gives up. No stream triggers fire.
// [StreamName.Members] lists the members.
type Member struct {
	// ID names the member within the group. Empty: nobody sees it.
	ID string `json:"id"`
	// Info is whatever else others may know, as JSON.
	Info any `json:"info,omitempty"`
}

// StreamToken returns the token that a client has sent, for [StreamServerOptions.Auth]: as "Authorization: Bearer <token>", in
// the subprotocols "Authorization, <token>" as the official clients do, since browsers cannot set headers, or as the
// query parameter authToken. Empty means none.
func StreamToken(r *http.Request) string { return streamserver.Token(r) }

// StreamServerOptions configure [App.StreamHandler]. The zero value consists of defaults.
type StreamServerOptions struct {
	// Auth says who a client is, from the headers, the query or the subprotocols of its request; see [StreamToken].
	// [StreamConfig.OnJoin] and [StreamConfig.Presence] get the principal that it returns. If it returns an error, panics or
	// takes longer than [StreamLimits.AuthTimeout], the client is refused with status 401; an [HTTPError] chooses another
	// status. ctx belongs to the app, as from [App.Context]. Default: nil, which lets everybody connect, with nil as the
	// principal.
	Auth func(ctx context.Context, r *http.Request) (principal any, err error)
	// Origins are the other hosts whose pages may connect, or patterns for them as in path.Match, such as
	// "*.example.com". Each includes the port, unless that is the default one. Where clients are recognised by cookies, such
	// a page can act for its visitors. Default: none; pages of the host that a request is sent to may always connect.
	Origins []string
	// Limits bound what clients may do and cost. Default: those of [StreamLimits].
	Limits StreamLimits
	// Path is where [App.ListenAndServe] and [App.Serve] serve the streams, if any are declared. Default: "/streams".
	Path string
}

// StreamLimits bound what a client of [App.StreamHandler] may do and cost. Zero fields have their defaults.
type StreamLimits struct {
	// FrameSize is the largest frame that a client may send, in bytes. Frames hold the names of streams, groups and items.
	// Default: 4 KiB.
	FrameSize int64
	// FrameRate is how many frames per second a client may send, pings included, with bursts of ten seconds' worth.
	// Default: 100.
	FrameRate int
	// Joins is how many subscriptions a connection may have. Default: 1,000.
	Joins int
	// Buffer is how many events a client may lag behind before it is resynchronised. Default: 256.
	Buffer int
	// PingInterval is how often clients on WebSockets are sent a ping, which they have 10 seconds to answer, and how often
	// clients of server-sent events get a comment. Default: 30 s.
	PingInterval time.Duration
	// WriteTimeout is how long a client may take to receive what waits for it before it is cut off. Default: 10 s.
	WriteTimeout time.Duration
	// AuthTimeout is how long [StreamServerOptions.Auth], OnJoin and OnLeave may take. Default: 10 s.
	AuthTimeout time.Duration
}

// StreamHandler serves the declared streams to browsers and other programs, until the app shuts down:
//
//   - a WebSocket request, whatever its path, speaks the room protocol of the official Motia clients
//     (@motiadev/stream-client-browser and -node);
//   - GET /{stream}/{group} and GET /{stream}/{group}/{item}, percent-encoded, are server-sent events (WHATWG HTML), as a
//     browser's EventSource reads them; package streamclient is a client in Go.
//
// The room protocol has no frame that says that an item does not exist. A WebSocket client that follows an item alone, and
// not its group, goes on showing it if the item was deleted while the client was away. An EventSource reconnects by itself
// when a connection is lost, but gives up after an answer such as 503: make a new one then.
//
// Browsers open at most six HTTP/1.1 connections to a host, and each EventSource holds one. Where a user may need more,
// serve HTTP/2 or let the page use a WebSocket.
//
// [App.ListenAndServe] serves it at the Path of [StreamServerOptions]. Elsewhere strip the prefix:
//
//	http.Handle("/streams/", http.StripPrefix("/streams", app.StreamHandler()))
//
// Clients see every item of the groups they join: decide who may join with [StreamServerOptions.Auth] and
// [StreamConfig.OnJoin]. Requests with an Origin header are refused unless the origin is the request's own host or one of
// [StreamServerOptions.Origins]. [StreamLimits] bound what clients cost. [Options.Middleware] does not wrap the handler.
func (a *App) StreamHandler() http.Handler { return a.streamServer }

// checkStreamPath finds routes that the streams would hide.
func (a *App) checkStreamPath() error {
	var mistakes []error
	for _, b := range a.bindings {
		path, err := url.PathUnescape(b.trigger.path)
		if b.trigger.kind == TriggerHTTP && err == nil && a.streamServer.Takes(path) {
			mistakes = append(mistakes, fmt.Errorf("motia: step %q: %s is below Options.StreamServer.Path %q, where the streams are", b.step.config.Name, b.trigger.String(), a.streamServer.Path))
		}
	}
	return errors.Join(mistakes...)
}

// stream is a declared stream.
type stream struct {
	bucket string // of its items
	hubs   *hub.Stream
}

// declareStreams makes the streams, and the server for their clients on the network.
func (a *App) declareStreams(o Options) {
	a.streams = make(map[string]*stream, len(o.Streams))
	served := make(map[string]*streamserver.Stream, len(o.Streams))
	for i, c := range o.Streams {
		switch {
		case c.Name == "":
			a.optionMistakes = append(a.optionMistakes, fmt.Errorf("motia: Options.Streams[%d] has no name", i))
		case !utf8.ValidString(c.Name):
			a.optionMistakes = append(a.optionMistakes, fmt.Errorf("motia: Options.Streams[%d]: name %q is not valid UTF-8", i, c.Name))
		case a.streams[c.Name] != nil:
			a.optionMistakes = append(a.optionMistakes, fmt.Errorf("motia: Options.Streams[%d]: stream %q is declared twice", i, c.Name))
		case c.History.Age < 0:
			a.optionMistakes = append(a.optionMistakes, fmt.Errorf("motia: stream %q: History.Age is negative", c.Name))
		default:
			hubs := hub.New(hub.Config{
				Name:     c.Name,
				KV:       a.backend.KV,
				Bus:      a.backend.Bus,
				Log:      a.log,
				History:  hub.History(c.History),
				Presence: c.Presence != nil,
			})
			a.streams[c.Name] = &stream{wire.StreamBucket(c.Name), hubs}
			served[c.Name] = c.serve(hubs)
		}
	}
	server, mistakes := streamserver.New(streamserver.Config{
		Log:      a.log,
		Streams:  served,
		Auth:     o.StreamServer.Auth,
		Origins:  o.StreamServer.Origins,
		Limits:   streamserver.Limits(o.StreamServer.Limits),
		Path:     o.StreamServer.Path,
		Shutdown: ErrShutdown,
		Context:  a.Context,
		Trace: func(w http.ResponseWriter, r *http.Request) string {
			delete(w.Header(), traceHeader) // what a host has set is not ours
			return requestOrigin(w, r).traceID
		},
		Problem: func(w http.ResponseWriter, r *http.Request, status int, detail, traceID string) {
			writeProblem(w, r, Problem{Status: status, Detail: detail}, traceID)
		},
		Explain: explainRefusal,
	})
	a.streamServer = server
	for _, err := range mistakes {
		a.optionMistakes = append(a.optionMistakes, fmt.Errorf("motia: Options.StreamServer.%w", err))
	}
}

// serve returns the stream as its clients on the network may follow it.
func (c StreamConfig) serve(hubs *hub.Stream) *streamserver.Stream {
	s := &streamserver.Stream{Stream: hubs}
	if c.OnJoin != nil {
		s.OnJoin = func(ctx context.Context, join streamserver.Join) error { return c.OnJoin(ctx, StreamJoin(join)) }
	}
	if c.OnLeave != nil {
		s.OnLeave = func(ctx context.Context, join streamserver.Join) { c.OnLeave(ctx, StreamJoin(join)) }
	}
	if c.Presence != nil {
		s.Presence = func(principal any) streamserver.Member { return streamserver.Member(c.Presence(principal)) }
	}
	return s
}

// explainRefusal returns what a client of a stream is told of an error of Auth or OnJoin: what an HTTPError says.
func explainRefusal(err error) (status int, detail string) {
	if chosen, ok := errors.AsType[*StatusError](err); ok && chosen.Status >= 400 && chosen.Status <= 599 {
		p := problemOf(err)
		return p.Status, p.Detail
	}
	return 0, ""
}

// endStreams ends all subscriptions and what feeds them. Clients on the network are told to go, but not waited for.
func (a *App) endStreams() {
	a.streamServer.Close()
	var ending sync.WaitGroup
	for _, s := range a.streams {
		ending.Go(func() { s.hubs.Close(ErrShutdown) }) // which waits a moment for the last events
	}
	ending.Wait()
	for _, s := range a.streams {
		s.hubs.Wait()
	}
}

func (a *App) undeclaredStream(name string) error {
	return &UndeclaredStreamError{Stream: name, Declared: slices.Sorted(maps.Keys(a.streams))}
}
