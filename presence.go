package motia

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/wire"
	"github.com/motia-go/motia/internal/wrap"
)

// Member is somebody who is present in a group of a stream: a client of [App.StreamHandler] as
// [StreamConfig.Presence] shows it to others. Several connections with one ID are one member.
//
// Everybody who follows the group gets sent events: "presence:join" and "presence:leave" with the Member, and clients
// on the network "presence:list" with all of them at the start and after a resync. A client's own join follows the list
// that it begins with. One whose process dies leaves within a minute; one whose line goes dead leaves when that is noticed:
// by its missing sign of life on a WebSocket, else when the network gives up. No stream triggers fire.
// [StreamName.Members] lists them.
type Member struct {
	// ID names the member within the group. Empty: nobody sees it.
	ID string `json:"id"`
	// Info is whatever else others may know, as JSON.
	Info any `json:"info,omitempty"`
}

const (
	// presenceBeat is how often a process says that its clients are still there, and presenceTTL how long the word of a
	// process that has died counts.
	presenceBeat = 15 * time.Second
	presenceTTL  = 45 * time.Second
)

// enter makes a client present in the group, until exit is called.
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
		a.log.ErrorContext(ctx, "client is not shown as present", "stream", st.name, "group", group, "error", err)
		return func() {}
	}
	if member.ID == "" {
		return func() {}
	}
	var mu sync.Mutex
	left := false
	key := driver.Key{Bucket: wire.PresenceBucket(st.name), Scope: group, ID: rand.Text()}
	put := func(options driver.PutOptions) {
		if _, _, err := a.backend.KV.Put(ctx, key, value, options); err != nil {
			a.log.ErrorContext(ctx, "presence is not stored", "stream", st.name, "group", group, "error", err)
		}
	}
	var beat *time.Timer
	stay := func() {
		mu.Lock()
		defer mu.Unlock()
		if !left {
			put(driver.PutOptions{Expires: time.Now().Add(presenceTTL)})
			beat.Reset(presenceBeat)
		}
	}
	mu.Lock()
	beat = time.AfterFunc(presenceBeat, stay)
	put(driver.PutOptions{Expires: time.Now().Add(presenceTTL)})
	mu.Unlock()
	return func() {
		mu.Lock()
		defer mu.Unlock()
		left = true
		beat.Stop()
		put(driver.PutOptions{Delete: true})
	}
}

// Members returns who is present in the group, ordered by ID.
func (s StreamName[T]) Members(ctx context.Context, group string) ([]Member, error) {
	st, err := s.group(ctx, group)
	if err != nil {
		return nil, err
	}
	st.Bucket = wire.PresenceBucket(string(s))
	values, err := st.List(ctx)
	if err != nil {
		return nil, err
	}
	members := make([]Member, 0, len(values))
	for _, value := range values {
		var m Member
		if err := json.Unmarshal(value, &m); err != nil {
			return nil, wrap.Errorf(err, "members of stream %q", string(s))
		}
		members = append(members, m)
	}
	slices.SortFunc(members, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
	return slices.CompactFunc(members, func(a, b Member) bool { return a.ID == b.ID }), nil
}

// members are those present in the group of a hub. The hub's lock guards them.
type members struct {
	ready       chan struct{} // closed when they are complete
	connections map[string]attendance
	counts      map[string]int // of connections, by member
}

// attendance is one connection of a member.
type attendance struct {
	id      string // of the member
	member  json.RawMessage
	expires time.Time
}

func newMembers() *members {
	return &members{ready: make(chan struct{}), connections: make(map[string]attendance), counts: make(map[string]int)}
}

// followMembers keeps the members of the hub until ctx ends.
func (h *hub) followMembers(ctx context.Context) {
	app := h.hubs.app
	app.subscriptions.Go(func() { // the backend need not tell of those that expire
		beat := time.NewTicker(presenceBeat)
		defer beat.Stop()
		for {
			select {
			case now := <-beat.C:
				h.expireMembers(now)
			case <-ctx.Done():
				return
			}
		}
	})
	err := app.backend.KV.Watch(ctx, wire.PresenceBucket(h.hubs.stream.name), h.group, h.memberChanged)
	if ctx.Err() == nil {
		if err == nil {
			err = driver.ErrClosed // a watch does not end by itself
		}
		h.end(wrap.Errorf(err, "follow members of stream %q", h.hubs.stream.name))
	}
}

// memberChanged receives the entries of the watch.
func (h *hub) memberChanged(e driver.Entry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	m := h.members
	if e.Revision == 0 {
		close(m.ready)
		return
	}
	if e.Deleted {
		h.memberLostLocked(e.Key.ID)
		return
	}
	var member Member
	if err := json.Unmarshal(e.Value, &member); err != nil {
		h.hubs.app.log.Error("member of a stream is not valid", "stream", h.hubs.stream.name, "group", h.group, "error", err)
		return
	}
	_, known := m.connections[e.Key.ID]
	m.connections[e.Key.ID] = attendance{member.ID, e.Value, e.Expires}
	h.listed = nil
	if known {
		return // it goes on
	}
	if m.counts[member.ID]++; m.counts[member.ID] == 1 {
		h.sendLocked(h.presenceLocked("presence:join", e.Value))
	}
}

// memberLostLocked forgets a connection.
func (h *hub) memberLostLocked(connection string) {
	m := h.members
	lost, known := m.connections[connection]
	if !known {
		return
	}
	delete(m.connections, connection)
	h.listed = nil
	if m.counts[lost.id]--; m.counts[lost.id] == 0 {
		delete(m.counts, lost.id)
		h.sendLocked(h.presenceLocked("presence:leave", lost.member))
	}
}

func (h *hub) expireMembers(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for connection, a := range h.members.connections {
		if now.After(a.expires) {
			h.memberLostLocked(connection)
		}
	}
}

// listLocked returns the event that lists the members, which clients share until something happens.
func (m *members) listLocked(h *hub) *hubEvent {
	if h.listed != nil {
		return h.listed
	}
	all := slices.Collect(maps.Values(m.connections))
	slices.SortFunc(all, func(a, b attendance) int { return cmp.Compare(a.id, b.id) })
	list := make([]json.RawMessage, 0, len(m.counts))
	for i, a := range all {
		if i == 0 || a.id != all[i-1].id {
			list = append(list, a.member)
		}
	}
	payload, _ := json.Marshal(list) // it was decoded before
	h.listed = h.presenceLocked("presence:list", payload)
	return h.listed
}

func (h *hub) presenceLocked(name string, payload json.RawMessage) *hubEvent {
	now := time.Now()
	return &hubEvent{hub: h, kind: EventSent, time: h.hubs.stamp(now), millis: now.UnixMilli(), name: name, payload: payload}
}
