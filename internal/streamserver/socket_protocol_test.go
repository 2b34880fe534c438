package streamserver_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
)

func TestASocketSpeaksTheRoomProtocolWordForWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, l, _ := socketApp(t, motia.Options{}, motia.StreamConfig{})
		socketSet(t, app, "r1", "m1", `{"id":"m1","text":"a"}`)
		socketSet(t, app, "r1", "m2", `{"text":"no id"}`)
		socketSet(t, app, "r1", "m0", `null`)
		c := socketDial(t, l)
		c.join("r1", "")
		require.Equal(t, []string{
			`{"streamName":"notes","groupId":"r1","event":{"type":"sync","data":[{"id":"m1","text":"a"},{"id":"m2","text":"no id"}]}}`,
		}, c.texts())
		socketSet(t, app, "r1", "m3", `{"text":"c"}`)
		socketSet(t, app, "r1", "m3", `{"text":"c"}`) // changes nothing
		socketSet(t, app, "r1", "m3", `{"text":"d"}`)
		socketSend(t, app, "r1", "m3", "typing", map[string]int{"u": 1})
		socketSend(t, app, "r1", "", "typing", nil)
		socketSet(t, app, "r1", "m3", `-`)
		socketSet(t, app, "r1", "m3", `-`) // it is missing
		require.Equal(t, []string{
			`{"streamName":"notes","groupId":"r1","id":"m3","event":{"type":"create","data":{"id":"m3","text":"c"}}}`,
			`{"streamName":"notes","groupId":"r1","id":"m3","event":{"type":"update","data":{"id":"m3","text":"d"}}}`,
			`{"streamName":"notes","groupId":"r1","id":"m3","event":{"type":"event","event":{"type":"typing","data":{"u":1}}}}`,
			`{"streamName":"notes","groupId":"r1","event":{"type":"event","event":{"type":"typing","data":null}}}`,
			`{"streamName":"notes","groupId":"r1","id":"m3","event":{"type":"delete","data":{"id":"m3","text":"d"}}}`,
		}, c.texts())
		c.leave("r1", "")
		c.join("r1", "m1")
		require.Equal(t, []string{
			`{"streamName":"notes","groupId":"r1","id":"m1","event":{"type":"sync","data":{"id":"m1","text":"a"}}}`,
		}, c.texts())
		c.leave("r1", "m1")
		c.join("r1", "missing")
		c.join("r1", "m0")
		socketSet(t, app, "r1", "m1", `{"text":"left"}`)
		require.Empty(t, c.texts(), "the clients do not bear a missing item")
		c.open()
	})
}

func TestTheTimestampOfAFrameIsTheTimeInMilliseconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, l, _ := socketApp(t, motia.Options{}, motia.StreamConfig{})
		socketSet(t, app, "g", "i", `{}`)
		time.Sleep(time.Second)
		c := socketDial(t, l)
		c.join("g", "")
		time.Sleep(time.Second)
		socketSet(t, app, "g", "i", `{"n":1}`)
		time.Sleep(time.Second)
		socketSend(t, app, "g", "", "x", nil)
		frames := c.frames()
		require.Len(t, frames, 3)
		now := time.Now().UnixMilli()
		for i, f := range frames {
			require.InDelta(t, now-int64(2-i)*1000, f.Timestamp, 2, f.text)
		}
	})
}

func TestASocketWithAGroupAndItsItemsGetsOneFrameForEachEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, l, _ := socketApp(t, motia.Options{}, motia.StreamConfig{})
		socketSet(t, app, "g", "i", `{}`)
		for name, rooms := range map[string][]string{"group first": {"", "i", "j"}, "items first": {"i", "j", ""}} {
			c := socketDial(t, l)
			for _, id := range rooms {
				c.join("g", id)
			}
			require.Len(t, c.frames(), 2, "%s: the group and the item that is there", name)
			socketSet(t, app, "g", "i", fmt.Sprintf(`{"n":%q}`, name))
			socketSend(t, app, "g", "i", "typing", 1)
			socketSend(t, app, "g", "", "all", 1)
			socketSet(t, app, "g", "j", `{}`)
			socketSet(t, app, "g", "j", `-`)
			require.Equal(t, []string{"i update", "i event typing", "event all", "j create", "j delete"}, c.kinds(), name)
			c.leave("g", "")
			socketSend(t, app, "g", "i", "typing", 2)
			socketSend(t, app, "g", "other", "typing", 2)
			socketSend(t, app, "g", "", "all", 2)
			require.Equal(t, []string{"i event typing"}, c.kinds(), "%s: the items are still followed without the group", name)
		}
	})
}

func TestEachSubscriptionOfARoomGetsASyncAndTheRoomLastsAsLongAsOneOfThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, l, _ := socketApp(t, motia.Options{}, motia.StreamConfig{})
		for _, id := range []string{"", "i"} {
			socketSet(t, app, "g", "i", `{"n":1}`)
			c := socketDial(t, l)
			for _, subscription := range []string{"one", "two", "three", "two"} { // two as after a reconnect of a proxy
				c.ask("join", "notes", "g", id, subscription)
				require.Len(t, c.frames(), 1, subscription)
			}
			for i, subscription := range []string{"one", "unknown", "two", "one"} {
				c.ask("leave", "notes", "g", id, subscription)
				socketSet(t, app, "g", "i", fmt.Sprintf(`{"n":%d}`, i+10))
				require.Equal(t, []string{"i update"}, c.kinds(), subscription)
			}
			c.ask("leave", "notes", "g", id, "three")
			socketSet(t, app, "g", "i", `{"n":3}`)
			require.Empty(t, c.kinds())
			c.ask("join", "notes", "g", id, "one")
			require.Len(t, c.frames(), 1)
			c.open()
		}
	})
}

func TestAnEmptySubscriptionIDIsOneToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, l, _ := socketApp(t, motia.Options{}, motia.StreamConfig{})
		c := socketDial(t, l)
		c.send(`{"type":"join","data":{"streamName":"notes","groupId":""}}`)
		require.Equal(t, []string{`{"streamName":"notes","groupId":"","event":{"type":"sync","data":[]}}`}, c.texts())
		c.send(`{"type":"leave","data":{"streamName":"notes","groupId":""}}`)
		synctest.Wait()
		socketSet(t, app, "", "i", `{}`)
		require.Empty(t, c.texts())
	})
}

func TestTimestampsOfAnItemIncreaseStrictly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, l, _ := socketApp(t, limited(motia.StreamLimits{Buffer: 1000}), motia.StreamConfig{})
		last := map[string]int64{}
		check := func(c *socketClient, atLeast int) {
			t.Helper()
			frames := c.frames()
			require.GreaterOrEqual(t, len(frames), atLeast)
			for _, f := range frames {
				if f.ID != "" {
					require.Greater(t, f.Timestamp, last[f.ID], f.text)
					last[f.ID] = f.Timestamp
				}
			}
		}
		// Time stands still in the bubble: all of this happens within one millisecond.
		storm := func() {
			for n := range 50 {
				socketSet(t, app, "g", "i", fmt.Sprintf(`{"n":%d}`, n))
				socketSend(t, app, "g", "i", "typing", n)
				socketSet(t, app, "g", "i", `-`)
				socketSend(t, app, "g", "i", "gone", n)
				socketSet(t, app, "g", "i", `null`)
				socketSet(t, app, "g", "i", `{}`)
			}
		}
		group, item := socketDial(t, l), socketDial(t, l)
		group.join("g", "")
		item.join("g", "i")
		storm()
		check(group, 250)
		clear(last)
		check(item, 250)
		seen := last["i"]

		item.leave("g", "i")
		item.join("g", "i")
		frames := item.frames()
		require.Len(t, frames, 1)
		require.Greater(t, frames[0].Timestamp, seen, "after leaving and joining again")
		seen = frames[0].Timestamp

		item.cut()
		group.cut()
		synctest.Wait() // the hub is gone
		item = socketDial(t, l)
		item.join("g", "i")
		socketSet(t, app, "g", "i", `{"n":"after"}`)
		frames = item.frames()
		require.Len(t, frames, 2)
		require.Greater(t, frames[0].Timestamp, seen, "after a reconnect")
		require.Greater(t, frames[1].Timestamp, frames[0].Timestamp)
	})
}

// If a client is already in the group, its listener for an item gets events of the item before its own sync arrives.
func TestASyncIsNewerThanEveryEventBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, l, _ := socketApp(t, motia.Options{}, motia.StreamConfig{})
		socketSet(t, app, "g", "i", `{}`)
		c := socketDial(t, l)
		c.join("g", "")
		socketSet(t, app, "g", "i", `{"n":1}`)
		socketSend(t, app, "g", "i", "typing", nil)
		c.join("g", "i")
		frames := c.frames()
		require.Len(t, frames, 4)
		require.Greater(t, frames[3].Timestamp, frames[2].Timestamp)
	})
}

func TestTheSyncOfAGroupIsNotOlderThanWhatItsClientsHaveSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, l, _ := socketApp(t, motia.Options{}, motia.StreamConfig{})
		c := socketDial(t, l)
		c.join("g", "")
		for n := range 20 { // within one millisecond
			socketSet(t, app, "g", "i", fmt.Sprintf(`{"n":%d}`, n))
		}
		frames := c.frames()
		newest := slices.MaxFunc(frames, func(a, b socketFrame) int { return int(a.Timestamp - b.Timestamp) }).Timestamp
		c.ask("join", "notes", "g", "", "another")
		require.GreaterOrEqual(t, c.frames()[0].Timestamp, newest)
		c.cut()
		synctest.Wait() // the hub is gone
		c = socketDial(t, l)
		c.join("g", "")
		require.GreaterOrEqual(t, c.frames()[0].Timestamp, newest, "after a reconnect")
	})
}

func TestAnItemThatIsNullIsMissingForTheRoomProtocol(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, l, _ := socketApp(t, motia.Options{}, motia.StreamConfig{})
		socketSet(t, app, "g", "i", `null`)
		group, item := socketDial(t, l), socketDial(t, l)
		group.join("g", "")
		item.join("g", "i")
		require.Equal(t, []string{`{"streamName":"notes","groupId":"g","event":{"type":"sync","data":[]}}`}, group.texts())
		require.Empty(t, item.texts())
		for _, text := range []string{`-`, `null`, `{"n":1}`, `null`, `-`, `{"n":2}`, `null`, `{"n":3}`, `{"n":4}`, `-`} {
			socketSet(t, app, "g", "i", text)
		}
		want := []string{
			`{"streamName":"notes","groupId":"g","id":"i","event":{"type":"create","data":{"id":"i","n":1}}}`,
			`{"streamName":"notes","groupId":"g","id":"i","event":{"type":"delete","data":{"id":"i"}}}`,
			`{"streamName":"notes","groupId":"g","id":"i","event":{"type":"create","data":{"id":"i","n":2}}}`,
			`{"streamName":"notes","groupId":"g","id":"i","event":{"type":"delete","data":{"id":"i"}}}`,
			`{"streamName":"notes","groupId":"g","id":"i","event":{"type":"create","data":{"id":"i","n":3}}}`,
			`{"streamName":"notes","groupId":"g","id":"i","event":{"type":"update","data":{"id":"i","n":4}}}`,
			`{"streamName":"notes","groupId":"g","id":"i","event":{"type":"delete","data":{"id":"i","n":4}}}`,
		}
		require.Equal(t, want, group.texts())
		require.Equal(t, want, item.texts())
	})
}

func TestItemsThatAreNotObjectsComeAsTheyAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, l, _ := socketApp(t, motia.Options{}, motia.StreamConfig{})
		c := socketDial(t, l)
		c.join("g", "i")
		for _, text := range []string{`[1]`, `"text"`, `7`, `{"id":7}`, `{"sub":{"id":1}}`} {
			socketSet(t, app, "g", "i", text)
		}
		var data []string
		for _, f := range c.frames() {
			data = append(data, string(f.Event.Data))
		}
		require.Equal(t, []string{`[1]`, `"text"`, `7`, `{"id":7}`, `{"id":"i","sub":{"id":1}}`}, data)
	})
}

// No room can be joined for such an item alone, but it is part of its group.
func TestAnItemWithAnEmptyIDReachesItsGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, l, _ := socketApp(t, motia.Options{}, motia.StreamConfig{})
		c := socketDial(t, l)
		c.join("g", "")
		for _, text := range []string{`{"n":1}`, `{"n":2}`, `-`} {
			socketSet(t, app, "g", "", text)
		}
		require.Equal(t, []string{
			`{"streamName":"notes","groupId":"g","event":{"type":"sync","data":[]}}`,
			`{"streamName":"notes","groupId":"g","event":{"type":"create","data":{"id":"","n":1}}}`,
			`{"streamName":"notes","groupId":"g","event":{"type":"update","data":{"id":"","n":2}}}`,
			`{"streamName":"notes","groupId":"g","event":{"type":"delete","data":{"id":"","n":2}}}`,
		}, c.texts())
	})
}

func TestNothingOfAGroupReachesAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, l, _ := socketApp(t, motia.Options{}, motia.StreamConfig{Presence: func(any) motia.Member { return motia.Member{ID: "x"} }})
		names := []string{"", "g", "g/i", "g:i", "G", "g\x00", "*", "g ", "😀", "g.i", ">"}
		clients := make([]*socketClient, len(names))
		for i, name := range names {
			clients[i] = socketDial(t, l)
			clients[i].join(name, "")
			clients[i].join(name, "i")
			clients[i].ask("join", "others", name, "", "s")
		}
		for _, c := range clients {
			require.Len(t, c.frames(), 4, "two syncs, who is present, and the client itself")
		}
		for i, name := range names {
			socketSet(t, app, name, "i", `{"n":1}`)
			socketSend(t, app, name, "i", "to item", nil)
			socketSend(t, app, name, "", "to group", nil)
			for j, c := range clients {
				frames := c.frames()
				if i != j {
					require.Empty(t, frames, "%q hears of %q", names[j], name)
					continue
				}
				require.Len(t, frames, 3)
				for _, f := range frames {
					require.Equal(t, name, f.GroupID)
				}
			}
		}
	})
}
