package streamserver_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

// officialGroup is StreamGroupSubscription of @motiadev/stream-client, rule by rule.
type officialGroup struct {
	state []map[string]any
	last  int64
	items map[any]int64
}

func (g *officialGroup) listener(t testing.TB, f socketFrame) {
	index := func(id any) int {
		return slices.IndexFunc(g.state, func(item map[string]any) bool { return item["id"] == id })
	}
	switch f.Event.Type {
	case "sync":
		if f.Timestamp < g.last {
			return
		}
		g.items = make(map[any]int64)
		g.last = f.Timestamp
		g.state = nil // Unmarshal would reuse the maps
		assert.NoError(t, json.Unmarshal(f.Event.Data, &g.state))
	case "create":
		item := officialItemOf(t, f)
		if index(item["id"]) < 0 {
			g.state = append(g.state, item)
		}
	case "update":
		item := officialItemOf(t, f)
		id := item["id"]
		if at, known := g.items[id]; known && at >= f.Timestamp {
			return
		}
		g.last = f.Timestamp
		g.items[id] = f.Timestamp
		if i := index(id); i >= 0 {
			g.state[i] = item
		}
	case "delete":
		id := officialItemOf(t, f)["id"]
		g.last = f.Timestamp
		g.items[id] = f.Timestamp
		g.state = slices.DeleteFunc(g.state, func(item map[string]any) bool { return item["id"] == id })
	}
}

// officialItem is its StreamItemSubscription.
type officialItem struct {
	state map[string]any // nil for null
	last  int64
}

func (i *officialItem) listener(t testing.TB, f socketFrame) {
	if f.Timestamp <= i.last {
		return
	}
	i.last = f.Timestamp
	switch f.Event.Type {
	case "sync", "create", "update":
		i.state = officialItemOf(t, f)
	case "delete":
		i.state = nil
	}
}

// officialItemOf reads the item of a frame. The clients expect an object with an id.
func officialItemOf(t testing.TB, f socketFrame) map[string]any {
	var item map[string]any
	assert.NoError(t, json.Unmarshal(f.Event.Data, &item), f.text)
	assert.Contains(t, item, "id", f.text)
	return item
}

// officialClient is its Stream: what it does with a frame, and how it comes back.
type officialClient struct {
	t      testing.TB
	groups map[string][]*officialGroup           // by group
	items  map[string]map[string][]*officialItem // by group and id
	again  int                                   // how often it has connected again
}

func newOfficialClient(t testing.TB) *officialClient {
	return &officialClient{t: t, groups: make(map[string][]*officialGroup), items: make(map[string]map[string][]*officialItem)}
}

// follow subscribes to the group, for id "", or the item. It returns what the client sends.
func (c *officialClient) follow(group, id string) string {
	if id == "" {
		c.groups[group] = append(c.groups[group], &officialGroup{items: make(map[any]int64)})
	} else {
		if c.items[group] == nil {
			c.items[group] = make(map[string][]*officialItem)
		}
		c.items[group][id] = append(c.items[group][id], new(officialItem))
	}
	return socketRequest("join", "notes", group, id, fmt.Sprint(rand.Int()))
}

// rejoin returns what the client sends after a reconnect.
func (c *officialClient) rejoin() (joins []string) {
	for group, listeners := range c.groups {
		for i := range listeners {
			joins = append(joins, socketRequest("join", "notes", group, "", fmt.Sprint(i)))
		}
	}
	for group, items := range c.items {
		for id, listeners := range items {
			for i := range listeners {
				joins = append(joins, socketRequest("join", "notes", group, id, fmt.Sprint(i)))
			}
		}
	}
	return joins
}

func (c *officialClient) receive(f socketFrame) {
	if f.ID != "" {
		for _, item := range c.items[f.GroupID][f.ID] {
			item.listener(c.t, f)
		}
		if f.Event.Type == "sync" {
			return
		}
	}
	for _, group := range c.groups[f.GroupID] {
		group.listener(c.t, f)
	}
}

// run follows the stream until ctx ends, pausing between frames, and with cuts, losing its connection now and then.
func (c *officialClient) run(ctx context.Context, l *testkit.Pipes, random *rand.Rand, pause time.Duration, cuts bool) {
	for ; ; c.again++ {
		conn, _, err := websocket.Dial(ctx, "ws://motia.test/", &websocket.DialOptions{HTTPClient: l.Client(c.t)})
		if err != nil {
			assert.ErrorIs(c.t, err, context.Canceled)
			return
		}
		conn.SetReadLimit(-1)
		connected, cut := context.WithCancel(ctx)
		if cuts && c.again < 8 {
			connected, cut = context.WithTimeout(ctx, time.Duration(random.IntN(int(400*time.Millisecond))))
		}
		var joining sync.WaitGroup
		joining.Go(func() {
			for _, join := range c.rejoin() {
				_ = conn.Write(connected, websocket.MessageText, []byte(join)) // the connection may be cut
			}
		})
		last := make(map[[2]string]int64)
		for {
			_, text, err := conn.Read(connected)
			if err != nil {
				break
			}
			f := socketFrame{text: string(text)}
			assert.NoError(c.t, json.Unmarshal(text, &f))
			if f.ID != "" {
				item := [2]string{f.GroupID, f.ID}
				assert.Greater(c.t, f.Timestamp, last[item], f.text)
				last[item] = f.Timestamp
			}
			c.receive(f)
			if pause > 0 {
				time.Sleep(time.Duration(random.IntN(int(pause))))
			}
		}
		cut()
		_ = conn.CloseNow()
		joining.Wait()
		if ctx.Err() != nil {
			return
		}
		time.Sleep(2 * time.Second) // as the official clients do
	}
}

// check compares what the client has with what is stored.
func (c *officialClient) check(stored map[string]map[string]map[string]any, name string) {
	for group, listeners := range c.groups {
		for _, g := range listeners {
			got := make(map[string]map[string]any)
			for _, item := range g.state {
				assert.NotContains(c.t, got, item["id"], "%s: an item twice", name)
				got[item["id"].(string)] = item
			}
			assert.Equal(c.t, stored[group], got, "%s: group %s", name, group)
		}
	}
	for group, items := range c.items {
		for id, listeners := range items {
			for _, item := range listeners {
				if stored[group][id] == nil && c.again > 0 {
					continue // the protocol has no frame for an item that was deleted while the client was away
				}
				assert.Equal(c.t, stored[group][id], item.state, "%s: item %s of %s", name, id, group)
			}
		}
	}
}

func TestOfficialClientsAlwaysEndWithWhatIsStored(t *testing.T) {
	for round := range uint64(6) {
		t.Run(fmt.Sprint("round ", round), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { officialRound(t, rand.New(rand.NewPCG(round, 1))) })
		})
	}
}

func officialRound(t *testing.T, random *rand.Rand) {
	app, l, _ := socketApp(t, limited(motia.StreamLimits{Buffer: 1 + random.IntN(40)}), motia.StreamConfig{
		Presence: func(any) motia.Member { return motia.Member{ID: "x"} },
	})
	groups, ids := []string{"g", "h"}, []string{"a", "b", "c"}
	ctx, stop := context.WithCancel(context.Background())
	var clients, writers sync.WaitGroup
	all := make(map[string]*officialClient)
	for _, speed := range []time.Duration{0, time.Millisecond, 10 * time.Millisecond} {
		for _, cuts := range []bool{false, true} {
			for kind, rooms := range map[string][]string{"group": {""}, "items": {"a", "b"}, "both": {"a", "", "c", "a", ""}} {
				c := newOfficialClient(t)
				all[fmt.Sprintf("%s, pausing %v, cuts %v", kind, speed, cuts)] = c
				for _, id := range rooms {
					for _, group := range groups {
						c.follow(group, id)
					}
				}
				seed := rand.New(rand.NewPCG(random.Uint64(), 2))
				clients.Go(func() { c.run(ctx, l, seed, speed, cuts) })
			}
		}
	}
	for writer := range 3 {
		seed := rand.New(rand.NewPCG(random.Uint64(), 3))
		writers.Go(func() {
			for n := range 150 {
				group, id := groups[seed.IntN(2)], ids[seed.IntN(3)]
				switch seed.IntN(8) {
				case 0:
					socketSet(t, app, group, id, `-`)
				case 1:
					socketSet(t, app, group, id, `null`)
				case 2:
					socketSend(t, app, group, id, "typing", n)
				case 3:
					time.Sleep(time.Duration(seed.IntN(int(20 * time.Millisecond))))
				default:
					socketSet(t, app, group, id, fmt.Sprintf(`{"writer":%d,"n":%d}`, writer, n))
				}
			}
		})
	}
	writers.Wait()
	time.Sleep(time.Minute) // the clients come back and read
	synctest.Wait()
	stop()
	clients.Wait()

	stored := make(map[string]map[string]map[string]any)
	inv, _ := motia.FromContext(app.Context(t.Context()))
	for _, group := range groups {
		stored[group] = make(map[string]map[string]any)
		for _, id := range ids {
			var item map[string]any
			_, err := inv.Streams.Get("notes").Get(group, id, &item)
			require.NoError(t, err)
			if item != nil {
				item["id"] = id
				stored[group][id] = item
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		all[name].check(stored, name)
	}
}

// An update that the protocol sends as a delete or a create is not dropped because of a later update.
func TestASlowOfficialClientHearsOfItemsThatWereNullForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, l, _ := socketApp(t, limited(motia.StreamLimits{Buffer: 10}), motia.StreamConfig{})
		socketSet(t, app, "g", "there", `{"n":0}`)
		socketSet(t, app, "g", "null", `null`)
		socketSet(t, app, "g", "other", `{}`)
		client := newOfficialClient(t)
		conn, _, err := websocket.Dial(t.Context(), "ws://motia.test/", &websocket.DialOptions{HTTPClient: l.Client(t)})
		require.NoError(t, err)
		require.NoError(t, conn.Write(t.Context(), websocket.MessageText, []byte(client.follow("g", ""))))
		synctest.Wait() // the sync waits for the client
		socketSet(t, app, "g", "there", `null`)
		socketSet(t, app, "g", "there", `{"n":1}`)
		socketSet(t, app, "g", "null", `{"n":2}`)
		socketSet(t, app, "g", "null", `{"n":3}`)
		for n := range 12 { // more than the buffer holds
			socketSet(t, app, "g", "other", fmt.Sprintf(`{"n":%d}`, n))
		}
		frames := socketRead(t, conn).frames()
		require.Less(t, len(frames), 13, "updates have coalesced")
		for i, f := range frames {
			require.Equal(t, i == 0, f.Event.Type == "sync", "no resync was needed")
			client.receive(f)
		}
		client.check(map[string]map[string]map[string]any{"g": {
			"there": {"id": "there", "n": 1.0}, "null": {"id": "null", "n": 3.0}, "other": {"id": "other", "n": 11.0},
		}}, "slow")
	})
}

// A client that is quick enough for its buffer gets the snapshot and then every event, once.
func TestASocketThatJoinsWhileOthersWriteLosesAndDoublesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, l, _ := socketApp(t, limited(motia.StreamLimits{Buffer: 10_000}), motia.StreamConfig{})
		ctx := app.Context(context.Background())
		var writers sync.WaitGroup
		for range 3 {
			writers.Go(func() {
				for range 300 {
					_, err := testkit.Notes.Update(ctx, "g", "i", motia.Increment("n", 1))
					assert.NoError(t, err)
				}
			})
		}
		var clients []*socketClient
		for i := range 10 {
			c := socketDial(t, l)
			c.send(socketRequest("join", "notes", "g", []string{"", "i"}[i%2], "s"))
			clients = append(clients, c)
		}
		writers.Wait()
		for _, c := range clients {
			n := -1
			for _, f := range c.frames() {
				var item testkit.Note
				if f.Event.Type == "sync" && f.ID == "" {
					var items []testkit.Note
					require.NoError(t, json.Unmarshal(f.Event.Data, &items))
					if item.N = 0; len(items) > 0 {
						item = items[0]
					}
				} else {
					require.NoError(t, json.Unmarshal(f.Event.Data, &item))
				}
				if n >= 0 {
					require.Equal(t, n+1, item.N, f.text)
				}
				n = item.N
			}
			require.Equal(t, 900, n)
		}
	})
}
