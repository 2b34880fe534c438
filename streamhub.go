package motia

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/motia-go/motia/driver"
)

// hubs are the hubs of one stream: one for each group that has subscribers.
type hubs struct {
	app    *App
	stream *stream
	last   atomic.Int64 // Unix nanoseconds of the latest event

	mu     sync.Mutex
	closed bool
	groups map[string]*hub
}

// hub follows one group of a stream through one watch of the backend and hands its events to all subscribers.
type hub struct {
	hubs   *hubs
	group  string
	refs   int           // subscriptions, and those being made; guarded by hubs.mu
	ready  chan struct{} // closed when items is complete, or the watch has failed
	cancel context.CancelFunc
	unsend func() // ends the subscription to sent events; guarded by hubs.mu

	mu     sync.Mutex
	live   bool // ready is closed
	failed error
	items  map[string]json.RawMessage
	all    []*subscriber            // of the whole group
	byItem map[string][]*subscriber // of one item
}

// hubEvent is an event as all subscribers share it. It is not changed once sent.
type hubEvent struct {
	kind    StreamEventType
	item    string
	time    time.Time
	data    json.RawMessage
	name    string
	payload json.RawMessage
	items   []StreamItem[json.RawMessage]
}

// subscriber is the untyped part of a Subscription.
type subscriber struct {
	hub     *hub
	item    *string // nil for the whole group
	index   int     // in the hub's slice
	events  chan *hubEvent
	lagging atomic.Bool // has missed events since its buffer was full; set with hub.mu held
	err     error       // why events was closed; read it after
	closed  bool        // guarded by hub.mu
}

// stamp returns a time for an event that happened at t, later than that of every earlier event of the stream.
func (hs *hubs) stamp(t time.Time) time.Time {
	for {
		last := hs.last.Load()
		next := max(t.UnixNano(), last+1)
		if hs.last.CompareAndSwap(last, next) {
			return time.Unix(0, next)
		}
	}
}

// subscribe adds a subscriber whose first event is the snapshot.
func (hs *hubs) subscribe(ctx context.Context, group string, item *string, buffer int) (*subscriber, error) {
	h, err := hs.acquire(ctx, group)
	if err != nil {
		return nil, err
	}
	select {
	case <-h.ready:
	case <-ctx.Done():
		h.release()
		return nil, context.Cause(ctx)
	}
	s := &subscriber{hub: h, item: item, events: make(chan *hubEvent, buffer)}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.failed != nil {
		go h.release() // wants hubs.mu, which comes before h.mu
		return nil, h.failed
	}
	s.events <- h.snapshotLocked(s, EventSync)
	h.addLocked(s)
	return s, nil
}

// acquire returns the hub of a group and starts it if it is the first to ask.
func (hs *hubs) acquire(ctx context.Context, group string) (*hub, error) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	if hs.closed {
		return nil, ErrShutdown
	}
	if h := hs.groups[group]; h != nil {
		h.refs++
		return h, nil
	}
	h := &hub{hubs: hs, group: group, refs: 1, ready: make(chan struct{}), items: make(map[string]json.RawMessage), byItem: make(map[string][]*subscriber)}
	unsend, err := hs.app.backend.Bus.Subscribe(ctx, streamSubject(hs.stream.name, group), h.sent)
	if err != nil {
		return nil, fmt.Errorf("motia: subscribe to stream %q: %w", hs.stream.name, err)
	}
	h.unsend = unsend
	watching, cancel := context.WithCancel(hs.app.lifetime)
	h.cancel = cancel
	hs.groups[group] = h
	hs.app.subscriptions.Go(func() { h.watch(watching) })
	return h, nil
}

// release gives back what acquire gave; the last one stops the hub.
func (h *hub) release() {
	hs := h.hubs
	hs.mu.Lock()
	h.refs--
	last := h.refs == 0
	if last && hs.groups[h.group] == h {
		delete(hs.groups, h.group)
	}
	hs.mu.Unlock()
	if last {
		h.cancel()
		h.unsend()
	}
}

// close ends all subscriptions of the stream.
func (hs *hubs) close(err error) {
	hs.mu.Lock()
	hs.closed = true
	var running []*hub
	for _, h := range hs.groups {
		running = append(running, h)
	}
	hs.mu.Unlock()
	for _, h := range running {
		h.end(err)
	}
}

// watch runs until the hub is stopped.
func (h *hub) watch(ctx context.Context) {
	err := h.hubs.app.backend.KV.Watch(ctx, h.hubs.stream.bucket, h.group, h.changed)
	if ctx.Err() == nil {
		if err == nil {
			err = driver.ErrClosed
		}
		h.end(fmt.Errorf("motia: watch stream %q: %w", h.hubs.stream.name, err))
	}
}

// end closes all subscribers with the error, and lets nobody in any more.
func (h *hub) end(err error) {
	h.mu.Lock()
	h.failed = err
	h.liveLocked()
	subscribers := slices.Clone(h.all)
	for _, s := range h.byItem {
		subscribers = append(subscribers, s...)
	}
	for _, s := range subscribers {
		h.removeLocked(s, err)
	}
	h.mu.Unlock()
	for range subscribers {
		h.release()
	}
}

func (h *hub) liveLocked() {
	if !h.live {
		h.live = true
		close(h.ready)
	}
}

// changed receives the entries of the watch: the snapshot, the zero Entry, the changes.
func (h *hub) changed(e driver.Entry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if e.Revision == 0 {
		h.liveLocked()
		return
	}
	id := e.Key.ID
	old, known := h.items[id]
	event := &hubEvent{kind: EventUpdate, item: id, data: e.Value}
	switch {
	case e.Deleted && !known:
		return
	case e.Deleted:
		event.kind, event.data = EventDelete, old
		delete(h.items, id)
	case !known:
		event.kind = EventCreate
		fallthrough
	default:
		h.items[id] = e.Value
	}
	if h.live {
		event.time = h.hubs.stamp(e.Time)
		h.sendLocked(event)
	}
}

// sent receives sent events.
func (h *hub) sent(data []byte) {
	e, err := decodeStreamEvent(data)
	if err != nil {
		h.hubs.app.log.Error("sent stream event is not valid", "stream", h.hubs.stream.name, "error", err)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sendLocked(&hubEvent{kind: EventSent, item: e.Item, time: h.hubs.stamp(e.Time), name: e.Name, payload: e.Payload})
}

func (h *hub) sendLocked(event *hubEvent) {
	for _, s := range h.all {
		s.sendLocked(event)
	}
	if event.item != "" || event.kind != EventSent {
		for _, s := range h.byItem[event.item] {
			s.sendLocked(event)
		}
	}
}

// sendLocked never waits: a subscriber whose buffer is full gets a resync once it has read it.
func (s *subscriber) sendLocked(event *hubEvent) {
	if s.lagging.Load() {
		return
	}
	select {
	case s.events <- event:
	default:
		s.lagging.Store(true)
	}
}

// resync returns what is there now, in place of what the subscriber missed.
func (s *subscriber) resync() *hubEvent {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	s.lagging.Store(false)
	return s.hub.snapshotLocked(s, EventResync)
}

func (h *hub) snapshotLocked(s *subscriber, kind StreamEventType) *hubEvent {
	event := &hubEvent{kind: kind, time: h.hubs.stamp(time.Now())}
	if s.item != nil {
		event.item = *s.item
		if data, ok := h.items[*s.item]; ok {
			event.items = []StreamItem[json.RawMessage]{{*s.item, data}}
		}
		return event
	}
	event.items = make([]StreamItem[json.RawMessage], 0, len(h.items))
	for id, data := range h.items {
		event.items = append(event.items, StreamItem[json.RawMessage]{id, data})
	}
	slices.SortFunc(event.items, func(a, b StreamItem[json.RawMessage]) int { return strings.Compare(a.ID, b.ID) })
	return event
}

func (h *hub) addLocked(s *subscriber) {
	if s.item == nil {
		s.index = len(h.all)
		h.all = append(h.all, s)
		return
	}
	s.index = len(h.byItem[*s.item])
	h.byItem[*s.item] = append(h.byItem[*s.item], s)
}

// removeLocked takes the subscriber out, swapping the last one into its place, and closes its events.
func (h *hub) removeLocked(s *subscriber, err error) {
	list := h.all
	if s.item != nil {
		list = h.byItem[*s.item]
	}
	last := len(list) - 1
	list[s.index] = list[last]
	list[s.index].index = s.index
	list[last] = nil
	list = list[:last]
	switch {
	case s.item == nil:
		h.all = list
	case len(list) == 0:
		delete(h.byItem, *s.item)
	default:
		h.byItem[*s.item] = list
	}
	s.closed, s.err = true, err
	close(s.events)
}

// close ends the subscription, once.
func (s *subscriber) close(err error) {
	s.hub.mu.Lock()
	first := !s.closed
	if first {
		s.hub.removeLocked(s, err)
	}
	s.hub.mu.Unlock()
	if first {
		s.hub.release()
	}
}
