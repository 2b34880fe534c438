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
	// Name must be unique within the app, valid UTF-8 and not empty.
	Name string
	// OnJoin decides whether a client may follow a group or an item, before the client sees anything of it. If it
	// returns an error, panics or takes longer than [StreamLimits.AuthTimeout], the client is refused. The text of an
	// [HTTPError] is shown to the client. ctx belongs to the app, as from [App.Context]. Default: nil, which lets
	// everybody join.
	OnJoin func(ctx context.Context, join StreamJoin) error
	// OnLeave is called once for each join that OnJoin has allowed, when the client leaves or its connection ends.
	// Default: nil.
	OnLeave func(ctx context.Context, join StreamJoin)
	// Presence returns how the others in a group see a client, given the principal that [StreamServerOptions.Auth]
	// returned for it; see [Member]. Default: nil; nobody is shown as present.
	Presence func(principal any) Member
	// History limits the events that clients can still get after they have lost their connection for a while.
	History StreamHistory
}

// StreamJoin is what a client of [App.StreamHandler] wants to follow.
type StreamJoin struct {
	Stream, GroupID string
	ItemID          string // empty for the whole group
	Principal       any    // returned by [StreamServerOptions.Auth]
}

// StreamHistory limits the events that a stream keeps in memory for clients of server-sent events that lose their
// connection, for each group that has such clients. A client that reconnects in time gets the events that it missed;
// any other gets a resync.
type StreamHistory struct {
	// Events is how many events are kept. Default: 256; negative means none.
	Events int
	// Age is how long they are kept. After the last client of a group has left, its events are collected for that long;
	// at most 1,000 such groups are. Default: 2 minutes.
	Age time.Duration
}

// Member is a client of [App.StreamHandler] that is present in a group of a stream, as [StreamConfig.Presence] shows
// it to others. Several connections with the same ID are one member.
//
// All subscribers of the group get the sent events "presence:join" and "presence:leave" with the Member. Network
// clients also get "presence:list" with all members at the start, followed by their own join, and after a resync. If
// the process that serves a client dies, the client leaves within a minute. If its connection dies, it leaves when
// that is noticed: by a missing pong on a WebSocket, or else by the network. No stream triggers fire.
// [StreamName.Members] lists the members.
type Member struct {
	// ID identifies the member within the group. Nobody sees a member with an empty ID.
	ID string `json:"id"`
	// Info is what else others may know about the member, encoded as JSON.
	Info any `json:"info,omitempty"`
}

// StreamToken returns the token that a client has sent, for [StreamServerOptions.Auth]: in the header "Authorization:
// Bearer <token>", in the subprotocols "Authorization, <token>" as the official clients send it (browsers cannot set
// headers), or in the query parameter authToken. It is empty if there is none.
func StreamToken(r *http.Request) string { return streamserver.Token(r) }

// StreamServerOptions configure [App.StreamHandler]. Zero fields have their defaults.
type StreamServerOptions struct {
	// Auth authenticates a client by the headers, the query or the subprotocols of its request; see [StreamToken].
	// [StreamConfig.OnJoin] and [StreamConfig.Presence] get the principal that it returns. If it returns an error,
	// panics or takes longer than [StreamLimits.AuthTimeout], the client is refused with status 401; an [HTTPError]
	// chooses another status. ctx belongs to the app, as from [App.Context]. Default: nil; everybody may connect, and
	// the principal is nil.
	Auth func(ctx context.Context, r *http.Request) (principal any, err error)
	// Origins are the other hosts whose pages may connect, or patterns for them as in path.Match, such as
	// "*.example.com". Each includes the port, unless it is the default one. If Auth reads cookies, such pages can act
	// for their visitors. Pages of the host that the request is sent to may always connect. Default: none.
	Origins []string
	// Limits limit what each client may do and cost. Default: the defaults of [StreamLimits].
	Limits StreamLimits
	// Path is where [App.ListenAndServe] and [App.Serve] serve the streams, if any are declared. Default: "/streams".
	Path string
}

// StreamLimits limit what a client of [App.StreamHandler] may do and cost. Zero fields have their defaults.
type StreamLimits struct {
	// FrameSize is the largest frame that a client may send, in bytes. Frames hold names of streams, groups and items.
	// Default: 4 KiB.
	FrameSize int64
	// FrameRate is how many frames per second a client may send, including pings, and up to ten times as many in a
	// burst. Default: 100.
	FrameRate int
	// Joins is how many subscriptions a connection may have. Default: 1,000.
	Joins int
	// Buffer is how many events a client may lag behind before it is resynchronised. Default: 256.
	Buffer int
	// PingInterval is how often WebSocket clients get a ping, which they must answer within 10 seconds, and how often
	// clients of server-sent events get a comment. Default: 30 s.
	PingInterval time.Duration
	// WriteTimeout is how long a client may take to receive pending data before it is disconnected. Default: 10 s.
	WriteTimeout time.Duration
	// AuthTimeout is how long [StreamServerOptions.Auth], OnJoin and OnLeave may take. Default: 10 s.
	AuthTimeout time.Duration
}

// StreamHandler returns a handler that serves the declared streams to network clients until the app shuts down:
//
//   - WebSocket requests, with any path, use the room protocol of the official Motia clients
//     (@motiadev/stream-client-browser and -node);
//   - GET /{stream}/{group} and GET /{stream}/{group}/{item}, percent-encoded, are answered with server-sent events
//     (WHATWG HTML), for the EventSource of browsers; package streamclient is a client in Go.
//
// The room protocol has no frame for an item that does not exist. So a WebSocket client that follows a single item
// still shows it if it was deleted while the client was disconnected. An EventSource reconnects by itself when its
// connection is lost, but gives up after an answer such as 503: make a new one then.
//
// Browsers open at most six HTTP/1.1 connections to a host, and each EventSource holds one. If a user may need more,
// serve HTTP/2 or let the page use a WebSocket.
//
// [App.ListenAndServe] serves it below [StreamServerOptions.Path]. In another server, strip the prefix:
//
//	http.Handle("/streams/", http.StripPrefix("/streams", app.StreamHandler()))
//
// Clients see every item of the groups they join: decide with [StreamServerOptions.Auth] and [StreamConfig.OnJoin]
// who may join. Requests with an Origin header are refused unless the origin is the request's own host or one of
// [StreamServerOptions.Origins]. [StreamLimits] limit what clients cost. [Options.Middleware] does not apply.
func (a *App) StreamHandler() http.Handler { return a.streamServer }

// checkStreamPath returns the routes that the streams would hide.
func (a *App) checkStreamPath() error {
	var mistakes []error
	for _, b := range a.bindings {
		path, err := url.PathUnescape(b.trigger.path)
		if b.trigger.kind == TriggerHTTP && err == nil && a.streamServer.Takes(path) {
			mistakes = append(mistakes, fmt.Errorf("motia: step %q: %s is hidden by the streams below Options.StreamServer.Path %q", b.step.config.Name, b.trigger.String(), a.streamServer.Path))
		}
	}
	return errors.Join(mistakes...)
}

// stream is a declared stream.
type stream struct {
	bucket string // of its items
	hubs   *hub.Stream
}

// declareStreams makes the streams, and the server for their network clients.
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
			delete(w.Header(), traceHeader) // a host may have set another one
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

// serve returns the stream for the server of its network clients.
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

// explainRefusal returns what a client is told about an error of Auth or OnJoin: only what an HTTPError says.
func explainRefusal(err error) (status int, detail string) {
	if chosen, ok := errors.AsType[*StatusError](err); ok && chosen.Status >= 400 && chosen.Status <= 599 {
		p := problemOf(err)
		return p.Status, p.Detail
	}
	return 0, ""
}

// endStreams ends all subscriptions and what feeds them. It tells network clients to leave, and does not wait.
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
