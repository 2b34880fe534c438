package hub

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/room"
	"github.com/motia-go/motia/internal/wire"
	"github.com/motia-go/motia/internal/wrap"
)

// hub follows one group of a stream through one watch of the backend and passes its events to all subscribers.
type hub struct {
	stream *Stream
	group  string
	refs   int                // subscribers, including those being added; guarded by stream.mu
	ready  chan struct{}      // closed when items is complete, or the hub has ended
	stop   context.CancelFunc // stops run

	lingers atomic.Bool // a client may come back for the history
	linger  *time.Timer // stops the hub; guarded by stream.mu

	mu     sync.Mutex
	live   bool  // ready is closed
	failed error // why the hub has ended; nil while it runs
	ended  context.Context
	setEnd context.CancelFunc // ends ended; called after failed was set
	items  map[string]hubItem
	all    []*Subscriber            // of the whole group
	byItem map[string][]*Subscriber // of one item

	// The following are for clients on the network.
	latest   int64    // milliseconds of the latest event
	gone     int64    // milliseconds of the latest event of any item that no longer exists
	synced   *Event   // the snapshot of the group as a Sync; nil when it is out of date
	resynced *Event   // the same snapshot as a Resync
	history  *history // nil until a client may come back for it
	members  *members // nil if the stream has no presence
	listed   *Event   // the event that lists the members; nil when it is out of date
}

// hubItem is the current state of an item.
type hubItem struct {
	data   json.RawMessage
	millis int64 // of its latest event
}

func newHub(stream *Stream, group string) *hub {
	h := &hub{
		stream: stream,
		group:  group,
		ready:  make(chan struct{}),
		items:  make(map[string]hubItem),
		byItem: make(map[string][]*Subscriber),
	}
	h.latest = stream.issued.Load()
	h.gone = h.latest
	h.ended, h.setEnd = context.WithCancel(context.Background())
	if stream.Presence {
		h.members = newMembers()
	}
	return h
}

// run follows the group until the hub is stopped.
func (h *hub) run(ctx context.Context) {
	err := h.feed(ctx)
	if ctx.Err() == nil {
		h.end(wrap.Errorf(err, "follow stream %q", h.stream.Name))
	}
}

func (h *hub) feed(ctx context.Context) error {
	st := h.stream
	unsubscribe, err := st.Bus.Subscribe(ctx, wire.StreamSubject(st.Name, h.group), h.sent)
	if err != nil {
		return err
	}
	defer unsubscribe()
	if h.members != nil {
		st.feeds.Go(func() { h.followMembers(ctx) })
		select {
		case <-h.members.ready:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := st.KV.Watch(ctx, wire.StreamBucket(st.Name), h.group, h.changed); err != nil {
		return err
	}
	return driver.ErrClosed // a watch does not end by itself
}

// end closes all subscribers with the error and admits no more.
func (h *hub) end(err error) {
	h.stream.mu.Lock()
	h.lingers.Store(false)
	h.wakeLocked()
	h.stopLocked()
	h.stream.mu.Unlock()
	h.mu.Lock()
	if h.failed == nil {
		h.failed = err
	}
	h.setEnd()
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
func (h *hub) admit(s *Subscriber) error {
	h.mu.Lock()
	if h.failed != nil {
		h.mu.Unlock()
		return h.failed
	}
	if s.seat != nil && s.seat.hub != nil && s.seat.hub != h { // the hub of the seat has failed, and is about to end the client
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

// changed is called for the entries of the watch: the snapshot, the zero Entry, the changes.
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
	event := &Event{hub: h, Type: wire.StreamUpdate, Item: id, millis: millis, Data: e.Value, revived: known && room.IsNull(old.data)}
	switch {
	case e.Deleted:
		event.Type, event.Data = wire.StreamDelete, old.data
		delete(h.items, id)
		h.gone = max(h.gone, millis)
	case !known:
		event.Type = wire.StreamCreate
		fallthrough
	default:
		h.items[id] = hubItem{e.Value, millis}
	}
	if h.live {
		event.Time = h.stream.stamp(e.Time)
		h.sendLocked(event)
	}
}

// sent is called for events from the bus.
func (h *hub) sent(data []byte) {
	e, err := wire.DecodeStreamEvent(data)
	if err != nil {
		h.stream.Log.Error("invalid stream event received", "stream", h.stream.Name, "group", h.group, "error", err)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	event := &Event{hub: h, Type: wire.StreamSent, Item: e.Item, Time: h.stream.stamp(e.Time), millis: e.Time.UnixMilli(), Name: e.Name, Payload: e.Payload}
	if e.Item != "" {
		event.millis = h.millisLocked(e.Item, e.Time)
	}
	h.sendLocked(event)
}

func (h *hub) sendLocked(event *Event) {
	h.synced, h.resynced, h.listed = nil, nil, nil
	if h.history != nil {
		h.history.add(event)
	}
	for _, s := range h.all {
		s.sendLocked(event)
	}
	if event.Item != "" || event.Type != wire.StreamSent {
		for _, s := range h.byItem[event.Item] {
			s.sendLocked(event)
		}
	}
}

func (h *hub) addLocked(s *Subscriber) {
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

// remove removes and ends the subscriber, and reports whether it was still subscribed.
func (h *hub) remove(s *Subscriber, err error) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.closed {
		return false
	}
	h.removeLocked(s, err)
	return true
}

// removeLocked removes the subscriber, moving the last one to its place, and ends it.
func (h *hub) removeLocked(s *Subscriber, err error) {
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
		t.subscribers = slices.DeleteFunc(t.subscribers, func(other *Subscriber) bool { return other == s })
	}
	s.endLocked(err)
}
