package motia

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
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
	hubs  *hubs
	group string
	refs  int                // subscribers, and those being made; guarded by hubs.mu
	ready chan struct{}      // closed when items is complete, or the hub has ended
	stop  context.CancelFunc // ends run

	mu     sync.Mutex
	live   bool  // ready is closed
	failed error // why the hub has ended; nil while it serves
	items  map[string]json.RawMessage
	all    []*subscriber            // of the whole group
	byItem map[string][]*subscriber // of one item
}

// hubEvent is an event as all subscribers share it; a snapshot belongs to one. It is not changed once somebody can
// read it.
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
	h, err := hs.acquire(group)
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
	if err := h.admit(s); err != nil {
		h.release()
		return nil, err
	}
	return s, nil
}

// acquire returns the hub of a group and starts it if there is none. release must follow.
func (hs *hubs) acquire(group string) (*hub, error) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	if hs.closed {
		return nil, ErrShutdown
	}
	h := hs.groups[group]
	if h == nil {
		h = &hub{hubs: hs, group: group, ready: make(chan struct{}), items: make(map[string]json.RawMessage), byItem: make(map[string][]*subscriber)}
		hs.groups[group] = h
		running, stop := context.WithCancel(hs.app.lifetime)
		h.stop = stop
		hs.app.subscriptions.Go(func() { h.run(running) })
	}
	h.refs++
	return h, nil
}

// release gives back what acquire gave; the last one stops the hub.
func (h *hub) release() {
	h.hubs.mu.Lock()
	defer h.hubs.mu.Unlock()
	if h.refs--; h.refs == 0 {
		h.forgetLocked()
		h.stop()
	}
}

// forgetLocked makes the next subscriber start a new hub. The lock is that of the hubs.
func (h *hub) forgetLocked() {
	if h.hubs.groups[h.group] == h {
		delete(h.hubs.groups, h.group)
	}
}

// close ends all subscriptions of the stream.
func (hs *hubs) close(err error) {
	hs.mu.Lock()
	hs.closed = true
	running := slices.Collect(maps.Values(hs.groups))
	hs.mu.Unlock()
	for _, h := range running {
		h.end(err)
	}
}

// run feeds the hub until it is stopped.
func (h *hub) run(ctx context.Context) {
	err := h.feed(ctx)
	if ctx.Err() == nil {
		h.end(fmt.Errorf("motia: follow stream %q: %w", h.hubs.stream.name, err))
	}
}

func (h *hub) feed(ctx context.Context) error {
	backend, stream := &h.hubs.app.backend, h.hubs.stream
	unsubscribe, err := backend.Bus.Subscribe(ctx, streamSubject(stream.name, h.group), h.sent)
	if err != nil {
		return err
	}
	defer unsubscribe()
	if err := backend.KV.Watch(ctx, stream.bucket, h.group, h.changed); err != nil {
		return err
	}
	return driver.ErrClosed // a watch does not end by itself
}

// end closes all subscribers with the error, and lets nobody in any more.
func (h *hub) end(err error) {
	h.hubs.mu.Lock()
	h.forgetLocked()
	h.hubs.mu.Unlock()
	h.mu.Lock()
	if h.failed == nil {
		h.failed = err
	}
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

// admit makes s a subscriber of a hub that is ready, and its snapshot the first event.
func (h *hub) admit(s *subscriber) error {
	h.mu.Lock()
	if h.failed != nil {
		h.mu.Unlock()
		return h.failed
	}
	snapshot := h.snapshotLocked(s, EventSync)
	s.events <- snapshot
	h.addLocked(s)
	h.mu.Unlock()
	snapshot.sort()
	return nil
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
		return
	default:
	}
	s.lagging.Store(true)
	// It may have read its buffer before that, and wait by now without knowing that it lags.
	select {
	case s.events <- event:
		s.lagging.Store(false)
	default:
	}
}

// resync returns what is there now, in place of what the subscriber missed; nil if it has missed nothing, or has to read
// its buffer first.
func (s *subscriber) resync() *hubEvent {
	if !s.lagging.Load() {
		return nil
	}
	s.hub.mu.Lock()
	if !s.lagging.Load() || len(s.events) > 0 { // what is in the buffer is part of the snapshot
		s.hub.mu.Unlock()
		return nil
	}
	s.lagging.Store(false)
	snapshot := s.hub.snapshotLocked(s, EventResync)
	s.hub.mu.Unlock()
	snapshot.sort()
	return snapshot
}

// snapshotLocked returns the items for s, not sorted yet: that takes time, and needs no lock.
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
	return event
}

func (e *hubEvent) sort() {
	slices.SortFunc(e.items, func(a, b StreamItem[json.RawMessage]) int { return strings.Compare(a.ID, b.ID) })
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
