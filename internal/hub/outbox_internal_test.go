package hub

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia/internal/wire"
)

// Whatever is written and sent, and however a client reads, joins and leaves, it ends with what is stored. Sent
// events are missing only before a resync, and the number of waiting events is bounded.
func TestWhatAnOutboxGivesAlwaysMakesWhatIsStored(t *testing.T) {
	var syncs, coalesced int
	for seed := range uint64(100) {
		random := rand.New(rand.NewPCG(seed, 1))
		limit := 1 + random.IntN(20)
		groups := []*outboxGroup{newOutboxGroup("a"), newOutboxGroup("b"), newOutboxGroup("c")}
		client := newOutboxClient(t, limit)
		ids := []string{"1", "2", "3", "4", "5", "6", "7", "8"}[:1+random.IntN(8)]
		reads := 1 + random.IntN(20) // in a hundred steps
		for range 400 {
			g := groups[random.IntN(1+random.IntN(len(groups)))] // some are busier than others
			id := ids[random.IntN(len(ids))]
			before := len(client.box.queue)
			switch n := random.IntN(100); {
			case n < reads:
				client.take()
			case n < 25:
				if random.IntN(2) == 0 {
					id = ""
				}
				client.join(g, id)
			case n < 28 && len(client.rooms) > 0:
				client.leave(random.IntN(len(client.rooms)))
			case n < 31 && len(client.rooms) > 0:
				r := client.rooms[random.IntN(len(client.rooms))]
				require.NoError(t, r.sub.Again(t.Context()))
			case n < 40:
				g.delete(id)
			case n < 50:
				g.send()
			default:
				lagging := len(client.box.lagging)
				g.write(id, random.IntN(8) == 0)
				if len(client.box.queue) < before && len(client.box.lagging) == lagging {
					coalesced++
				}
			}
			require.LessOrEqual(t, len(client.box.queue), limit+len(client.rooms), "seed %d", seed)
			require.LessOrEqual(t, len(client.box.lagging), len(client.seats), "seed %d", seed)
		}
		for client.take() {
		}
		client.check()
		for range limit { // no seat is lagging now
			groups[0].send()
		}
		lagged := client.syncs
		for client.take() {
		}
		client.check()
		require.Equal(t, lagged, client.syncs)
		syncs += client.syncs
		for len(client.rooms) > 0 {
			client.leave(0)
		}
		for _, g := range groups {
			require.Equal(t, 1, g.refs)
			require.Empty(t, g.all)
			require.Empty(t, g.byItem)
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	require.Greater(t, syncs, 50)
	require.Greater(t, coalesced, 50)
}

// The same concurrently, for the race detector. The client reads once for several writes: if it read as fast as it
// can, it would keep up and never be resynchronised.
func TestAnOutboxMayBeFilledAndEmptiedAtTheSameTime(t *testing.T) {
	groups := []*outboxGroup{newOutboxGroup("a"), newOutboxGroup("b")}
	client := newOutboxClient(t, 4)
	reads := make(chan struct{})
	var writing, reading sync.WaitGroup
	for i, g := range groups {
		client.join(g, "")
		client.join(g, "1")
		writing.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 2))
			for range 5000 {
				switch n := random.IntN(10); {
				case n == 0:
					g.send()
				case n == 1:
					g.delete(strconv.Itoa(random.IntN(6)))
				default:
					g.write(strconv.Itoa(random.IntN(6)), false)
				}
				if random.IntN(5) == 0 {
					reads <- struct{}{}
				}
			}
		})
	}
	reading.Go(func() {
		for range reads {
			client.take()
		}
		for client.take() {
		}
	})
	joiner := &Subscriber{hub: groups[0].hub, seat: client.seats[groups[0]], item: new("none")} // in a seat that lags now and then
	for range 500 {
		groups[0].stream.mu.Lock()
		groups[0].refs++
		groups[0].stream.mu.Unlock()
		assert.NoError(t, groups[0].admit(joiner))
		joiner.Close(nil)
		joiner.closed = false
	}
	writing.Wait()
	close(reads)
	reading.Wait()
	client.check()
	require.NotZero(t, client.syncs)
}

func TestOnlyUpdatesThatLaterOnesReplaceAreLeftOut(t *testing.T) {
	for name, c := range map[string]struct {
		before string // the items in the group when the client joins; in capitals if they are null
		do     string // what happens then: w(rite), n(ull) and d(elete) an item, (send an) event
		want   string // what of it the client still gets
	}{
		"updates of one item":            {"a", "wa wa wa wa", "wa"},
		"updates of a new item":          {"", "wa wa wa wa", "wa wa"},
		"updates of several items":       {"ab", "wa wb wa wb wa wc wc", "wb wa wc wc"},
		"updates before a delete":        {"a", "wa wa da", "da"},
		"a delete and a new item":        {"a", "wa da wa wa wa", "da wa wa"},
		"sent events":                    {"a", "wa ev wa ev wa wa", "ev ev wa"},
		"an item that is null meanwhile": {"a", "wa wa na wa wa", "na wa wa"},
		"an item that is null no more":   {"A", "wa wa wa wa", "wa wa"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newOutboxGroup("g")
			for _, id := range c.before {
				lower := string(id | 0x20)
				g.write(lower, string(id) != lower)
			}
			client := newOutboxClient(t, 64)
			client.join(g, "")
			client.take()
			for step := range strings.FieldsSeq(c.do) {
				switch id := step[1:]; step[0] {
				case 'w', 'n':
					g.write(id, step[0] == 'n')
				case 'd':
					g.delete(id)
				default:
					g.send()
				}
			}
			require.Len(t, client.box.queue, len(strings.Fields(c.do)))
			client.box.coalesceLocked()
			var got []string
			for _, p := range client.box.queue {
				switch {
				case p.Event.Type == wire.StreamSent:
					got = append(got, "ev")
				case p.Event.Type == wire.StreamDelete:
					got = append(got, "d"+p.Event.Item)
				case string(p.Event.Data) == "null":
					got = append(got, "n"+p.Event.Item)
				default:
					got = append(got, "w"+p.Event.Item)
				}
			}
			require.Equal(t, c.want, strings.Join(got, " "))
			for client.take() {
			}
			client.check()
		})
	}
}

// A group that floods the outbox does not push the others out of it.
func TestAGroupThatFloodsIsResynchronisedAndTheOthersLoseNothing(t *testing.T) {
	busy, quiet := newOutboxGroup("busy"), newOutboxGroup("quiet")
	client := newOutboxClient(t, 8)
	client.join(quiet, "")
	client.join(busy, "")
	client.take()
	quiet.write("before", false)
	quiet.send()
	for n := range 1000 {
		busy.write(strconv.Itoa(n), false)
	}
	quiet.send()
	quiet.write("after", false)
	require.Len(t, client.box.queue, 4)
	for client.take() {
	}
	client.check()
	require.Equal(t, 1, client.syncs, "of the busy group alone")
	require.Equal(t, 2, client.rooms[0].sends)
}

func TestAClientThatAsksAgainAndAgainWithoutReadingFillsNothing(t *testing.T) {
	g := newOutboxGroup("g")
	client := newOutboxClient(t, 8)
	client.join(g, "")
	client.take() // but does not take more
	for range 1000 {
		g.write("a", false) // so that the snapshots differ
		client.join(g, "a")
		require.NoError(t, client.rooms[0].sub.Again(t.Context()))
		client.leave(1)
		require.LessOrEqual(t, len(client.box.queue), 8)
		require.LessOrEqual(t, len(client.box.lagging), 1)
	}
	for client.take() {
	}
	client.check()
}

func TestAnIdleOutboxKeepsNoLargeQueue(t *testing.T) {
	g := newOutboxGroup("g")
	client := newOutboxClient(t, 256)
	client.join(g, "")
	for range 100 {
		g.send()
	}
	for client.take() {
	}
	require.LessOrEqual(t, cap(client.box.queue), idleParcels)
}

func TestClientsOfAGroupShareItsSnapshots(t *testing.T) {
	g := newOutboxGroup("g")
	g.write("a", false)
	var got [2][]*Event
	clients := []*outboxClient{newOutboxClient(t, 2), newOutboxClient(t, 2)}
	for i, c := range clients {
		c.join(g, "")
		got[i] = append(got[i], c.box.queue[0].Event)
		c.take()
	}
	for range 3 {
		g.send()
	}
	for i, c := range clients {
		require.True(t, c.take())
		require.Equal(t, 1, c.syncs)
		got[i] = append(got[i], c.batch[0].Event)
	}
	require.Same(t, got[0][0], got[1][0])
	require.Same(t, got[0][1], got[1][1], "encoded once, however many have been too slow")
	g.write("a", false)
	for _, c := range clients {
		c.take()
		c.check()
	}
}

func TestAGroupThatHasOverflownIsResynchronisedWhileOthersAreBusy(t *testing.T) {
	busy, quiet := newOutboxGroup("busy"), newOutboxGroup("quiet")
	client := newOutboxClient(t, 4)
	client.join(busy, "")
	client.join(quiet, "")
	client.take()
	for range 5 {
		quiet.send()
	}
	busy.write("a", false) // as ever when the client takes
	require.True(t, client.take())
	require.Equal(t, 1, client.syncs)
}

// Clients of the room protocol ignore a sync of the group that is older than a delete.
func TestTheSyncOfAGroupIsNotOlderThanADeleteThatStandsForTheSyncOfAnItem(t *testing.T) {
	g := newOutboxGroup("g")
	client := newOutboxClient(t, 4)
	client.join(g, "a")
	client.join(g, "")
	client.take()
	for range 100 { // the milliseconds run ahead of the clock
		g.write("a", false)
	}
	g.delete("a")
	for i := range 5 {
		g.write(strconv.Itoa(i), false)
	}
	require.True(t, client.take())
	require.Len(t, client.batch, 2)
	require.Contains(t, string(client.batch[0].Event.RoomFrame()), `"delete"`)
	require.GreaterOrEqual(t, client.batch[1].Event.millis, client.batch[0].Event.millis)
}
