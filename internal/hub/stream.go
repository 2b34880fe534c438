// Package hub delivers the events of a stream to its subscribers. Each group with subscribers has a hub, which keeps
// the group's items up to date through one watch of the backend, whatever the number of subscribers. A subscriber
// first gets a snapshot of the items and then every later event. Nothing waits for a subscriber: one that is too slow
// misses events, and gets a new snapshot instead.
//
// A subscriber within the process reads from its own buffer, see [Stream.Subscribe]. A client on the network has one
// [Outbox] for everything that it follows, and a [Seat] in each group, see [Stream.Join].
package hub

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/motia-go/motia/driver"
)

// Config is what the hubs of a stream need.
type Config struct {
	Name     string // of the stream
	KV       driver.KV
	Bus      driver.Bus
	Log      *slog.Logger
	History  History
	Presence bool // whether to follow the members of the groups, see Stream.Enter
}

// Stream holds the hubs of one stream: one for each group that has subscribers.
type Stream struct {
	Config
	last   atomic.Int64   // Unix nanoseconds of the latest event
	issued atomic.Int64   // the latest milliseconds that a client may have seen: later hubs begin there
	feeds  sync.WaitGroup // the goroutines of all hubs

	mu     sync.Mutex
	closed error // why subscribing fails; nil before Close
	hubs   map[string]*hub
	idle   int // hubs that linger without subscribers
}

// maxIdleHubs is how many groups of a stream without subscribers are followed, for clients that may come back.
// Clients can invent any number of groups, so there has to be a limit.
const maxIdleHubs = 1000

// New returns a stream without subscribers.
func New(config Config) *Stream {
	config.History.Events = cmp.Or(config.History.Events, defaultHistoryEvents)
	config.History.Age = cmp.Or(config.History.Age, defaultHistoryAge)
	return &Stream{Config: config, hubs: make(map[string]*hub)}
}

// Subscribe follows the group, or one item of it if item is not nil, through a buffer for that many events.
func (st *Stream) Subscribe(ctx context.Context, group string, item *string, buffer int) (*Subscriber, error) {
	s := &Subscriber{item: item, events: make(chan *Event, buffer)}
	if err := st.subscribe(ctx, group, s); err != nil {
		return nil, err
	}
	return s, nil
}

// Join follows the group, or one item of it if item is not nil, for a client that has the seat in the group.
func (st *Stream) Join(ctx context.Context, group string, item *string, seat *Seat) (*Subscriber, error) {
	s := &Subscriber{item: item, seat: seat}
	if err := st.subscribe(ctx, group, s); err != nil {
		return nil, err
	}
	return s, nil
}

func (st *Stream) subscribe(ctx context.Context, group string, s *Subscriber) error {
	h, err := st.acquire(group)
	if err != nil {
		return err
	}
	select {
	case <-h.ready:
	case <-ctx.Done():
		h.release()
		return context.Cause(ctx)
	}
	if err := h.catchUpToJoin(ctx); err != nil {
		h.release()
		return err
	}
	s.hub = h
	if err := h.admit(s); err != nil {
		h.release()
		return err
	}
	return nil
}

// acquire returns the hub of a group and starts it if there is none. The caller must release it.
func (st *Stream) acquire(group string) (*hub, error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.closed != nil {
		return nil, st.closed
	}
	h := st.hubs[group]
	if h == nil {
		h = newHub(st, group)
		st.hubs[group] = h
		running, stop := context.WithCancel(context.Background())
		h.stop = stop
		st.feeds.Go(func() { h.run(running) })
	}
	h.refs++
	h.wakeLocked()
	return h, nil
}

// release releases a hub that acquire returned. When nobody holds the hub, it stops: at once, or if a client may come
// back for its history, when the history is too old.
func (h *hub) release() {
	h.stream.mu.Lock()
	defer h.stream.mu.Unlock()
	if h.refs--; h.refs > 0 {
		return
	}
	if !h.lingers.Load() || h.stream.idle == maxIdleHubs {
		h.stopLocked()
		return
	}
	h.stream.idle++
	h.linger = time.AfterFunc(h.stream.History.Age, func() {
		h.stream.mu.Lock()
		defer h.stream.mu.Unlock()
		if h.refs == 0 {
			h.wakeLocked()
			h.stopLocked()
		}
	})
}

// wakeLocked makes a hub without subscribers no longer linger. The lock is the stream's.
func (h *hub) wakeLocked() {
	if h.linger != nil {
		h.linger.Stop()
		h.linger = nil
		h.stream.idle--
	}
}

// stopLocked stops a hub. The next subscriber starts a new one. The lock is the stream's.
func (h *hub) stopLocked() {
	if h.stream.hubs[h.group] == h {
		delete(h.stream.hubs, h.group)
	}
	h.stop()
}

// Close ends all subscribers with the error, as [Subscriber.Finish] does. Later calls of Subscribe and Join return
// it.
func (st *Stream) Close(err error) {
	st.mu.Lock()
	if st.closed == nil {
		st.closed = err
	}
	running := slices.Collect(maps.Values(st.hubs))
	st.mu.Unlock()
	finishAll(running, err)
}

// Wait returns when everything that Close ends has ended.
func (st *Stream) Wait() { st.feeds.Wait() }

// Groups returns the groups that have a hub, in no order.
func (st *Stream) Groups() []string {
	st.mu.Lock()
	defer st.mu.Unlock()
	return slices.Collect(maps.Keys(st.hubs))
}
