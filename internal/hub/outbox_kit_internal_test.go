package hub

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/wire"
)

// outboxGroup is a hub without a backend.
type outboxGroup struct {
	*hub
	revision uint64
	sends    int
}

func newOutboxGroup(name string) *outboxGroup {
	h := newHub(New(Config{Name: "s"}), name)
	h.refs, h.stop = 1, func() {}
	h.changed(driver.Entry{}) // the end of the watch's snapshot
	return &outboxGroup{hub: h}
}

// write stores a value, which numbers the writes of the group, or null.
func (g *outboxGroup) write(id string, null bool) {
	g.revision++
	value := fmt.Sprintf(`{"n":%d}`, g.revision)
	if null {
		value = "null"
	}
	g.changed(driver.Entry{Key: driver.Key{ID: id}, Value: []byte(value), Revision: g.revision, Time: time.Now()})
}

func (g *outboxGroup) delete(id string) {
	g.revision++
	g.changed(driver.Entry{Key: driver.Key{ID: id}, Deleted: true, Revision: g.revision, Time: time.Now()})
}

// send sends an event, which numbers the sent events of the group.
func (g *outboxGroup) send() {
	g.sends++
	g.sent([]byte(fmt.Sprintf(`{"event":"e","time":"2026-01-02T15:04:05Z","payload":%d}`, g.sends)))
}

// outboxRoom is the state that a client builds from the events of one subscription.
type outboxRoom struct {
	group *outboxGroup
	item  string // empty for the group
	sub   *Subscriber

	synced bool
	state  map[string]string
	sends  int  // the latest one that it got
	gap    bool // there may be some between that one and the next
	at     int64
}

// outboxClient takes from an outbox when the test calls take.
type outboxClient struct {
	t     assert.TestingT
	box   *Outbox
	batch []Parcel
	seats map[*outboxGroup]*Seat
	rooms []*outboxRoom
	syncs int // that it got instead of something missed
}

func newOutboxClient(t assert.TestingT, limit int) *outboxClient {
	return &outboxClient{t: t, box: &Outbox{Limit: limit, Wake: func() {}, Cut: func() {}}, seats: make(map[*outboxGroup]*Seat)}
}

func (c *outboxClient) join(g *outboxGroup, item string) {
	if slices.ContainsFunc(c.rooms, func(r *outboxRoom) bool { return r.group == g && r.item == item }) {
		return
	}
	if c.seats[g] == nil {
		c.seats[g] = &Seat{Box: c.box}
	}
	s := &Subscriber{hub: g.hub, seat: c.seats[g]}
	if item != "" {
		s.item = &item
	}
	g.stream.mu.Lock()
	g.refs++
	g.stream.mu.Unlock()
	c.rooms = append(c.rooms, &outboxRoom{group: g, item: item, sub: s, gap: true})
	assert.NoError(c.t, g.admit(s))
}

func (c *outboxClient) leave(i int) {
	r := c.rooms[i]
	c.rooms = slices.Delete(c.rooms, i, i+1)
	r.sub.Close(nil)
	if !slices.ContainsFunc(c.rooms, func(other *outboxRoom) bool { return other.group == r.group }) {
		c.box.Forget(c.seats[r.group])
		delete(c.seats, r.group)
	}
}

// take takes a batch, and reports whether there was one.
func (c *outboxClient) take() bool {
	batch, err := c.box.Take(c.batch)
	assert.NoError(c.t, err)
	c.batch = batch
	for _, p := range batch {
		for _, r := range c.rooms {
			if r.sub.seat == p.seat && r.sub.wants(p.Event) {
				c.receive(r, p.Event)
			}
		}
	}
	return batch != nil
}

func (c *outboxClient) receive(r *outboxRoom, e *Event) {
	switch {
	case e.Type == Sync || e.Type == Resync:
		if e.Item != r.item {
			return // of another room
		}
		if r.synced && e.Type == Resync {
			c.syncs++
		}
		r.synced, r.gap, r.state = true, true, make(map[string]string)
		for _, item := range e.Items {
			r.state[item.ID] = string(item.Data)
		}
		return
	case !r.synced:
		return
	}
	assert.GreaterOrEqual(c.t, e.Time.UnixNano(), r.at, "events come in order, each of them once")
	r.at = e.Time.UnixNano()
	if e.Type == wire.StreamSent {
		n, _ := strconv.Atoi(string(e.Payload))
		if r.gap {
			assert.Greater(c.t, n, r.sends)
		} else {
			assert.Equal(c.t, r.sends+1, n, "sent events are missing without a resync")
		}
		r.sends, r.gap = n, false
		return
	}
	// What the frame says, and what a client that trusts it does with it.
	var frame struct{ Event struct{ Type string } }
	text := e.RoomFrame()
	if text != nil {
		assert.NoError(c.t, json.Unmarshal(text, &frame))
	}
	old, known := r.state[e.Item]
	known = known && old != "null"
	switch frame.Event.Type {
	case "create":
		assert.False(c.t, known, "%s is created but is known: %s", e.Item, old)
	case "update":
		assert.True(c.t, known, "%s is updated but is not known", e.Item)
	}
	if e.Type == wire.StreamDelete {
		delete(r.state, e.Item)
	} else {
		r.state[e.Item] = string(e.Data)
	}
}

// check compares the rooms with what is stored, after everything was taken.
func (c *outboxClient) check() {
	for _, r := range c.rooms {
		want := make(map[string]string)
		for id, item := range r.group.items {
			if r.item == "" || r.item == id {
				want[id] = string(item.data)
			}
		}
		assert.True(c.t, r.synced)
		assert.Equal(c.t, want, r.state, "group %s item %q", r.group.group, r.item)
		if r.item == "" && !r.gap {
			assert.Equal(c.t, r.group.sends, r.sends, "the last sent events are missing without a resync")
		}
	}
}
