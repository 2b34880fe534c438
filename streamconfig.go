package motia

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/motia-go/motia/internal/hub"
	"github.com/motia-go/motia/internal/wire"
)

// StreamConfig declares a stream. All fields but Name are for clients of [App.StreamHandler].
type StreamConfig struct {
	// Name is unique within the app, valid UTF-8 and not empty.
	Name string
	// OnJoin, if not nil, decides whether a client may follow a group or an item, before the client sees anything of it. An
	// error, a panic or no answer within [StreamLimits.AuthTimeout] refuses it. The text of an [HTTPError] is shown to the
	// client. ctx belongs to the app, as from [App.Context].
	OnJoin func(ctx context.Context, join StreamJoin) error
	// OnLeave, if not nil, is called once for each join that OnJoin has let in, when the client leaves or is gone.
	OnLeave func(ctx context.Context, join StreamJoin)
	// Presence, if not nil, shows who is in a group: it returns how others see a client, given what StreamAuth has
	// returned for the client. See [Member].
	Presence func(principal any) Member
	// History bounds what clients that lose their connection can still get when they come back.
	History StreamHistory
}

// StreamJoin is what a client of [App.StreamHandler] wants to follow.
type StreamJoin struct {
	Stream, GroupID string
	ItemID          string // empty for the whole group
	Principal       any    // what Options.StreamAuth has returned
}

// StreamHistory bounds the events that a stream keeps for clients of server-sent events that lose their connection, in
// memory, for each group that has such clients: one that comes back in time gets what it missed, any other a resync.
type StreamHistory struct {
	// Events is how many events are kept. Default: 256; negative means none.
	Events int
	// Age is how long they are kept, and how long a group without clients is followed for those that come back; at most
	// 1,000 such groups are. Default: 2 minutes.
	Age time.Duration
}

const (
	defaultHistoryEvents = 256
	defaultHistoryAge    = 2 * time.Minute
)

func (c StreamHistory) withDefaults() StreamHistory {
	setDefault(&c.Events, defaultHistoryEvents)
	setDefault(&c.Age, defaultHistoryAge)
	return c
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

// StreamLimits bound what a client of [App.StreamHandler] may do and cost. Zero fields have their defaults.
type StreamLimits struct {
	// FrameSize is the largest frame that a client may send, in bytes. Frames hold the names of streams, groups and items.
	// Default: 4 KiB.
	FrameSize int64
	// FrameRate is how many frames per second a client may send, pings among them, with bursts of ten seconds' worth.
	// Default: 100.
	FrameRate int
	// Joins is how many subscriptions a connection may have. Default: 1,000.
	Joins int
	// Buffer is how many events a client may lag behind before it is resynchronised. Default: 256.
	Buffer int
	// PingInterval is how often clients on WebSockets are sent a ping, which they have 10 seconds to answer, and how often
	// clients of server-sent events get a comment. Default: 30 s.
	PingInterval time.Duration
	// WriteTimeout is how long a client may take to receive what waits for it; then it is cut off. Default: 10 s.
	WriteTimeout time.Duration
	// AuthTimeout is how long StreamAuth, OnJoin and OnLeave may take. Default: 10 s.
	AuthTimeout time.Duration
}

func (l StreamLimits) withDefaults() StreamLimits {
	setDefault(&l.FrameSize, 4<<10)
	setDefault(&l.FrameRate, 100)
	setDefault(&l.Joins, 1000)
	setDefault(&l.Buffer, 256)
	setDefault(&l.PingInterval, 30*time.Second)
	setDefault(&l.WriteTimeout, 10*time.Second)
	setDefault(&l.AuthTimeout, 10*time.Second)
	return l
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// stream is a declared stream.
type stream struct {
	config StreamConfig
	bucket string // of its items
	hubs   *hub.Stream
}

func (a *App) declareStreams(configs []StreamConfig) {
	a.streams = make(map[string]*stream, len(configs))
	for i, c := range configs {
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
			a.streams[c.Name] = &stream{
				config: c,
				bucket: wire.StreamBucket(c.Name),
				hubs: hub.New(hub.Config{
					Name:     c.Name,
					KV:       a.backend.KV,
					Bus:      a.backend.Bus,
					Log:      a.log,
					History:  hub.History(c.History.withDefaults()),
					Presence: c.Presence != nil,
				}),
			}
		}
	}
}

// endStreams ends all subscriptions and what feeds them. Clients on the network are told to go; see clients.wait.
func (a *App) endStreams() {
	a.clients.close()
	for _, s := range a.streams {
		s.hubs.Close(ErrShutdown)
	}
	for _, s := range a.streams {
		s.hubs.Wait()
	}
}

func (a *App) undeclaredStream(name string) error {
	return &UndeclaredStreamError{Stream: name, Declared: slices.Sorted(maps.Keys(a.streams))}
}
