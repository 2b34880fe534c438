package hub

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
	"github.com/motia-go/motia/internal/jsontext"
	"github.com/motia-go/motia/internal/payload"
	"github.com/motia-go/motia/internal/wire"
	"github.com/motia-go/motia/internal/wrap"
)

const (
	// presenceBeat is how often a process renews the presence of its clients.
	presenceBeat = 15 * time.Second
	// presenceTTL is how long a renewal lasts: after that, the clients of a process that has died are no longer
	// present.
	presenceTTL = 45 * time.Second
)

// Enter makes a connection of a member present in the group until exit is called. The member is a JSON object with an
// id.
func (st *Stream) Enter(group string, member json.RawMessage) (exit func()) {
	var mu sync.Mutex
	left := false
	ctx := context.Background()
	key := driver.Key{Bucket: wire.PresenceBucket(st.Name), Scope: group, ID: rand.Text()}
	put := func(options driver.PutOptions) {
		if _, _, err := st.KV.Put(ctx, key, member, options); err != nil {
			st.Log.ErrorContext(ctx, "cannot store presence", "stream", st.Name, "group", group, "error", err)
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

// members are the members present in the group of a hub, guarded by the hub's lock.
type members struct {
	ready       chan struct{} // closed when connections is complete
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

// followMembers keeps the members of the hub up to date until ctx ends.
func (h *hub) followMembers(ctx context.Context) {
	st := h.stream
	st.feeds.Go(func() { // the backend need not report entries that expire
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
	err := st.KV.Watch(ctx, wire.PresenceBucket(st.Name), h.group, h.memberChanged)
	if ctx.Err() == nil {
		if err == nil {
			err = driver.ErrClosed // a watch does not end by itself
		}
		h.end(wrap.Errorf(err, "follow members of stream %q", st.Name))
	}
}

// memberChanged is called for the entries of the watch.
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
	var member struct {
		ID string `json:"id"`
	}
	if err := payload.Load(e.Value, &member); err != nil {
		h.stream.Log.Error("member of a stream is not valid", "stream", h.stream.Name, "group", h.group, "error", err)
		return
	}
	_, known := m.connections[e.Key.ID]
	m.connections[e.Key.ID] = attendance{member.ID, e.Value, e.Expires}
	h.listed = nil
	if known {
		return // renewed
	}
	if m.counts[member.ID]++; m.counts[member.ID] == 1 {
		h.sendLocked(h.presenceLocked("presence:join", e.Value))
	}
}

// memberLostLocked removes a connection.
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

// listLocked returns the event that lists the members. Clients share it until the next event.
func (m *members) listLocked(h *hub) *Event {
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
	text, _ := jsontext.Marshal(list) // cannot fail: its parts were decoded before
	h.listed = h.presenceLocked("presence:list", text)
	return h.listed
}

func (h *hub) presenceLocked(name string, payload json.RawMessage) *Event {
	now := time.Now()
	return &Event{hub: h, Type: wire.StreamSent, Time: h.stream.stamp(now), millis: now.UnixMilli(), Name: name, Payload: payload}
}
