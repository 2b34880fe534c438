package motia

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/room"
	"github.com/motia-go/motia/internal/wire"
	"github.com/motia-go/motia/internal/wrap"
)

// hubs are the hubs of one stream: one for each group that has subscribers.
type hubs struct {
	app    *App
	stream *stream
	last   atomic.Int64 // Unix nanoseconds of the latest event
	issued atomic.Int64 // the greatest milliseconds that a client may have seen: a hub that comes later begins there

	mu     sync.Mutex
	closed bool
	groups map[string]*hub
	idle   int // hubs that linger without subscribers
}

// maxIdleHubs is how many groups of a stream are followed for clients that may come back: there is no end of groups
// that clients can think of.
const maxIdleHubs = 1000

// hub follows one group of a stream through one watch of the backend and hands its events to all subscribers.
type hub struct {
	hubs  *hubs
	group string
	refs  int                // subscribers, and those being made; guarded by hubs.mu
	ready chan struct{}      // closed when items is complete, or the hub has ended
	stop  context.CancelFunc // ends run

	lingers atomic.Bool // somebody may come back for the history
	linger  *time.Timer // until it stops; guarded by hubs.mu

	mu     sync.Mutex
	live   bool  // ready is closed
	failed error // why the hub has ended; nil while it serves
	items  map[string]hubItem
	all    []*subscriber            // of the whole group
	byItem map[string][]*subscriber // of one item

	// The following are for clients on the network.
	latest   int64     // milliseconds of the latest event
	gone     int64     // milliseconds of the latest event of an item that does not exist now
	synced   *hubEvent // the snapshot of the group as a sync, as long as it is true
	resynced *hubEvent // the same as a resync
	history  *history  // nil until somebody may come back for it
	members  *members  // nil where the stream has no presence
	listed   *hubEvent // the list of the members, as long as it is true
}

// hubItem is an item as the hub knows it.
type hubItem struct {
	data   json.RawMessage
	millis int64 // of its latest event
}

// subscribe makes s a subscriber of the group. Its first event is the snapshot.
func (hs *hubs) subscribe(ctx context.Context, group string, s *subscriber) error {
	h, err := hs.acquire(group)
	if err != nil {
		return err
	}
	select {
	case <-h.ready:
	case <-ctx.Done():
		h.release()
		return context.Cause(ctx)
	}
	s.hub = h
	if err := h.admit(s); err != nil {
		h.release()
		return err
	}
	return nil
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
		h = &hub{hubs: hs, group: group, ready: make(chan struct{}), items: make(map[string]hubItem), byItem: make(map[string][]*subscriber)}
		h.latest = hs.issued.Load()
		h.gone = h.latest
		hs.groups[group] = h
		if hs.stream.config.Presence != nil {
			h.members = newMembers()
		}
		running, stop := context.WithCancel(hs.app.lifetime)
		h.stop = stop
		hs.app.subscriptions.Go(func() { h.run(running) })
	}
	h.refs++
	h.wakeLocked()
	return h, nil
}

// release gives back what acquire gave; the last one stops the hub, after a while if there is a history to come back for.
func (h *hub) release() {
	h.hubs.mu.Lock()
	defer h.hubs.mu.Unlock()
	if h.refs--; h.refs > 0 {
		return
	}
	if !h.lingers.Load() || h.hubs.idle == maxIdleHubs {
		h.stopLocked()
		return
	}
	h.hubs.idle++
	h.linger = time.AfterFunc(h.hubs.stream.history.Age, func() {
		h.hubs.mu.Lock()
		defer h.hubs.mu.Unlock()
		if h.refs == 0 {
			h.wakeLocked()
			h.stopLocked()
		}
	})
}

// wakeLocked ends the time in which a hub has no subscribers and lingers, if it does. The lock is that of the hubs.
func (h *hub) wakeLocked() {
	if h.linger != nil {
		h.linger.Stop()
		h.linger = nil
		h.hubs.idle--
	}
}

// stopLocked ends a hub that nobody needs. The lock is that of the hubs.
func (h *hub) stopLocked() {
	h.forgetLocked()
	h.stop()
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
		h.end(wrap.Errorf(err, "follow stream %q", h.hubs.stream.name))
	}
}

func (h *hub) feed(ctx context.Context) error {
	backend, stream := &h.hubs.app.backend, h.hubs.stream
	unsubscribe, err := backend.Bus.Subscribe(ctx, wire.StreamSubject(stream.name, h.group), h.sent)
	if err != nil {
		return err
	}
	defer unsubscribe()
	if h.members != nil {
		h.hubs.app.subscriptions.Go(func() { h.followMembers(ctx) })
		select {
		case <-h.members.ready:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := backend.KV.Watch(ctx, stream.bucket, h.group, h.changed); err != nil {
		return err
	}
	return driver.ErrClosed // a watch does not end by itself
}

// end closes all subscribers with the error, and lets nobody in any more.
func (h *hub) end(err error) {
	h.hubs.mu.Lock()
	h.lingers.Store(false)
	h.wakeLocked()
	h.stopLocked()
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

// admit makes s a subscriber of a hub that is ready.
func (h *hub) admit(s *subscriber) error {
	h.mu.Lock()
	if h.failed != nil {
		h.mu.Unlock()
		return h.failed
	}
	if s.seat != nil && s.seat.hub != nil && s.seat.hub != h { // which has failed, and is about to end the client
		h.mu.Unlock()
		return driver.ErrClosed
	}
	first := h.firstLocked(s)
	if s.seat != nil {
		s.seat.begin(first)
	} else {
		s.events <- first[0]
	}
	h.addLocked(s)
	h.mu.Unlock()
	if s.seat == nil {
		first[0].sort()
	}
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
	if e.Deleted && !known {
		return
	}
	millis := max(e.Time.UnixMilli(), h.gone)
	if h.live {
		millis = h.millisLocked(id, e.Time)
	}
	h.latest = max(h.latest, millis)
	event := &hubEvent{hub: h, kind: EventUpdate, item: id, millis: millis, data: e.Value, revived: known && room.IsNull(old.data)}
	switch {
	case e.Deleted:
		event.kind, event.data = EventDelete, old.data
		delete(h.items, id)
		h.gone = max(h.gone, millis)
	case !known:
		event.kind = EventCreate
		fallthrough
	default:
		h.items[id] = hubItem{e.Value, millis}
	}
	if h.live {
		event.time = h.hubs.stamp(e.Time)
		h.sendLocked(event)
	}
}

// sent receives sent events.
func (h *hub) sent(data []byte) {
	e, err := wire.DecodeStreamEvent(data)
	if err != nil {
		h.hubs.app.log.Error("sent stream event is not valid", "stream", h.hubs.stream.name, "error", err)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	event := &hubEvent{hub: h, kind: EventSent, item: e.Item, time: h.hubs.stamp(e.Time), millis: e.Time.UnixMilli(), name: e.Name, payload: e.Payload}
	if e.Item != "" {
		event.millis = h.millisLocked(e.Item, e.Time)
	}
	h.sendLocked(event)
}

func (h *hub) sendLocked(event *hubEvent) {
	h.synced, h.resynced, h.listed = nil, nil, nil
	if h.history != nil {
		h.history.add(event)
	}
	for _, s := range h.all {
		s.sendLocked(event)
	}
	if event.item != "" || event.kind != EventSent {
		for _, s := range h.byItem[event.item] {
			s.sendLocked(event)
		}
	}
}

func (h *hub) addLocked(s *subscriber) {
	if s.seat != nil {
		s.seat.subscribers = append(s.seat.subscribers, s)
	}
	if s.item == nil {
		s.index = len(h.all)
		h.all = append(h.all, s)
		return
	}
	s.index = len(h.byItem[*s.item])
	h.byItem[*s.item] = append(h.byItem[*s.item], s)
}

// remove takes the subscriber out, and reports whether it was in.
func (h *hub) remove(s *subscriber, err error) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.closed {
		return false
	}
	h.removeLocked(s, err)
	return true
}

// removeLocked takes the subscriber out, swapping the last one into its place, and ends it.
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
	if t := s.seat; t != nil {
		t.subscribers = slices.DeleteFunc(t.subscribers, func(other *subscriber) bool { return other == s })
	}
	s.endLocked(err)
}
