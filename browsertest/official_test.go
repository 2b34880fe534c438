package browsertest_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
)

// withEachClient runs the test with both official clients.
func withEachClient(t *testing.T, test func(t *testing.T, start func(t *testing.T, site string) *client)) {
	for name, start := range map[string]func(t *testing.T, site string) *client{"node": startNodeClient, "browser": startBrowserClient} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, start)
		})
	}
}

func TestTheOfficialClientsFollowGroupsAndItems(t *testing.T) {
	withEachClient(t, func(t *testing.T, start func(t *testing.T, site string) *client) {
		chat := startChat(t, nil)
		chat.set("r1", "m1", text("a"))
		chat.set("r1", "null", nil) // the clients fail on it
		c := chat.connect(start, "?authToken=ann-s")
		c.group("group", "chat", "r1")
		c.item("item", "chat", "r1", "m1")
		c.item("nothing", "chat", "r1", "ghost")
		c.group("other", "chat", "r2")
		c.untilState("group", `[{"id":"m1","text":"a"}]`)
		c.untilState("item", `{"id":"m1","text":"a"}`)
		c.untilState("other", `[]`)
		require.ElementsMatch(t, []string{`r1 sync [{"id":"m1","text":"a"}]`, `r1/m1 sync {"id":"m1","text":"a"}`, `r2 sync []`}, c.seen())

		// One frame for each event, though the item has two subscriptions on the socket.
		chat.set("r1", "m2", text("b"))
		chat.set("r1", "m1", text("c"))
		c.untilFrames(`r1/m2 create {"id":"m2","text":"b"}`, `r1/m1 update {"id":"m1","text":"c"}`)
		chat.send("r1", "m1", "typing", 1)
		chat.send("r1", "", "typing", 2)
		c.untilFrames(`r1/m1 typing 1`, `r1 typing 2`)
		chat.delete("r1", "m2")
		chat.delete("r1", "m2") // there is no such item: no frame
		chat.delete("r1", "null")
		chat.set("r1", "ghost", text("boo"))
		c.untilFrames(`r1/m2 delete {"id":"m2","text":"b"}`, `r1/ghost create {"id":"ghost","text":"boo"}`)
		c.untilState("nothing", `{"id":"ghost","text":"boo"}`)
		c.untilState("group", `[{"id":"m1","text":"c"},{"id":"ghost","text":"boo"}]`)
		c.untilState("item", `{"id":"m1","text":"c"}`)
		require.ElementsMatch(t, []event{{"item", "typing", "1"}, {"group", "typing", "1"}, {"group", "typing", "2"}}, c.events)

		// An item that is deleted and created again.
		chat.delete("r1", "m1")
		c.untilState("item", `null`)
		c.untilState("group", `[{"id":"ghost","text":"boo"}]`)
		chat.set("r1", "m1", text("d"))
		c.untilState("item", `{"id":"m1","text":"d"}`)
		c.untilState("group", `[{"id":"ghost","text":"boo"},{"id":"m1","text":"d"}]`)
		require.Equal(t, `[]`, c.state["other"], "the items of one group do not reach another")
	})
}

func TestTheOfficialClientsTakeEveryOfManyQuickChanges(t *testing.T) {
	const changes = 40 // fits into the buffer of a connection, so none is dropped
	withEachClient(t, func(t *testing.T, start func(t *testing.T, site string) *client) {
		chat := startChat(t, nil)
		chat.set("r1", "m1", text("0"))
		c := chat.connect(start, "?authToken=ann-s")
		c.item("item", "chat", "r1", "m1")
		c.untilState("item", `{"id":"m1","text":"0"}`)
		last := c.frames[0].Timestamp
		c.frames = nil
		for i := range changes {
			chat.set("r1", "m1", text(fmt.Sprint(i+1)))
		}
		c.until("all changes", func() bool { return len(c.frames) == changes })
		for i, f := range c.frames {
			require.Equal(t, fmt.Sprintf(`r1/m1 update {"id":"m1","text":"%d"}`, i+1), f.String())
			require.Greater(t, f.Timestamp, last, "the client drops frames that are not newer")
			last = f.Timestamp
		}
		c.untilState("item", fmt.Sprintf(`{"id":"m1","text":"%d"}`, changes))
	})
}

func TestTheOfficialClientsLeave(t *testing.T) {
	withEachClient(t, func(t *testing.T, start func(t *testing.T, site string) *client) {
		chat := startChat(t, nil)
		chat.set("r1", "m1", text("a"))
		c := chat.connect(start, "?authToken=ann-s")
		c.group("group", "chat", "r1")
		c.item("item", "chat", "r1", "m1")
		c.group("other", "chat", "r2")
		c.untilState("group", `[{"id":"m1","text":"a"}]`)
		c.untilState("item", `{"id":"m1","text":"a"}`)
		c.untilState("other", `[]`)
		c.frames = nil

		c.say(map[string]any{"do": "close", "as": "item"})
		chat.untilLeft(motia.StreamJoin{Stream: "chat", GroupID: "r1", ItemID: "m1", Principal: "ann"})
		chat.set("r1", "m1", text("b"))
		c.untilFrames(`r1/m1 update {"id":"m1","text":"b"}`) // for the group
		c.untilState("group", `[{"id":"m1","text":"b"}]`)
		require.Equal(t, `{"id":"m1","text":"a"}`, c.state["item"])

		c.say(map[string]any{"do": "close", "as": "group"})
		chat.untilLeft(motia.StreamJoin{Stream: "chat", GroupID: "r1", Principal: "ann"})
		chat.set("r1", "m1", text("c"))
		chat.set("r2", "m1", text("d"))
		c.untilFrames(`r2/m1 create {"id":"m1","text":"d"}`)

		c.say(map[string]any{"do": "shut"})
		chat.untilLeft(motia.StreamJoin{Stream: "chat", GroupID: "r2", Principal: "ann"})
	})
}

func TestTheOfficialClientsComeBackAndSeeWhatTheyHaveMissed(t *testing.T) {
	withEachClient(t, func(t *testing.T, start func(t *testing.T, site string) *client) {
		chat := startChat(t, nil)
		chat.set("r1", "m1", text("a"))
		chat.set("r1", "m2", text("b"))
		c := chat.connect(start, "?authToken=ann-s")
		c.group("group", "chat", "r1")
		c.item("item", "chat", "r1", "m1")
		c.untilState("group", `[{"id":"m1","text":"a"},{"id":"m2","text":"b"}]`)
		c.untilState("item", `{"id":"m1","text":"a"}`)

		chat.proxy.cut()
		chat.untilLeft(
			motia.StreamJoin{Stream: "chat", GroupID: "r1", ItemID: "m1", Principal: "ann"},
			motia.StreamJoin{Stream: "chat", GroupID: "r1", Principal: "ann"},
		)
		chat.set("r1", "m1", text("A"))
		chat.delete("r1", "m2")
		chat.set("r1", "m3", text("c"))
		c.frames = nil
		chat.proxy.mend(chat.addr)
		c.untilState("group", `[{"id":"m1","text":"A"},{"id":"m3","text":"c"}]`)
		c.untilState("item", `{"id":"m1","text":"A"}`)
		require.ElementsMatch(t, []string{`r1 sync [{"id":"m1","text":"A"},{"id":"m3","text":"c"}]`, `r1/m1 sync {"id":"m1","text":"A"}`}, c.seen())
		chat.set("r1", "m1", text("B"))
		c.untilFrames(`r1/m1 update {"id":"m1","text":"B"}`)
	})
}

func TestTheOfficialClientsComeToTheNextServerWhenOneGoesAway(t *testing.T) {
	const goingAway = 1001
	withEachClient(t, func(t *testing.T, start func(t *testing.T, site string) *client) {
		first := startChat(t, nil)
		first.set("r1", "m1", text("a"))
		c := first.connect(start, "?authToken=ann-s")
		c.group("group", "chat", "r1")
		c.untilState("group", `[{"id":"m1","text":"a"}]`)

		second := startChat(t, first.proxy)
		second.set("r1", "m2", text("b"))
		first.proxy.mend(second.addr)
		require.NoError(t, first.stop())
		c.until("the end of the connection", func() bool { return c.closed == goingAway })
		c.untilState("group", `[{"id":"m2","text":"b"}]`)
	})
}

func TestTheOfficialClientsAuthenticateByQueryOrSubprotocol(t *testing.T) {
	withEachClient(t, func(t *testing.T, start func(t *testing.T, site string) *client) {
		chat := startChat(t, nil)
		ann := chat.connect(start, "?authToken=ann-s")
		ann.group("room", "room", "lobby")
		here := func(c *client, want ...event) {
			t.Helper()
			c.until("presence", func() bool { return len(c.events) >= len(want) })
			require.Equal(t, want, c.events)
			c.events = nil
		}
		here(ann, event{"room", "presence:list", `[]`}, event{"room", "presence:join", `{"id":"ann"}`})
		bo := chat.connect(start, "", "Authorization", "bo-s")
		bo.group("room", "room", "lobby")
		here(bo, event{"room", "presence:list", `[{"id":"ann"}]`}, event{"room", "presence:join", `{"id":"bo"}`})
		here(ann, event{"room", "presence:join", `{"id":"bo"}`})
		bo.say(map[string]any{"do": "shut"})
		here(ann, event{"room", "presence:leave", `{"id":"bo"}`})
	})
}

// The Node client cannot be tested in this way: it has no listener for the error, which ends its process.
func TestAForgedTokenIsRefused(t *testing.T) {
	const abnormal = 1006 // the code that a browser reports for a refused handshake
	for _, auth := range []struct {
		query     string
		protocols []string
	}{{"", nil}, {"?authToken=eve-s", nil}, {"", []string{"Authorization", "eve-s"}}} {
		chat := startChat(t, nil)
		c := chat.connect(startBrowserClient, auth.query, auth.protocols...)
		c.group("group", "chat", "r1")
		c.until("the refusal", func() bool { return c.closed == abnormal })
		require.Empty(t, c.frames)
	}
}

func TestADeniedJoinIsAnsweredAndTheRestOfTheSocketGoesOn(t *testing.T) {
	withEachClient(t, func(t *testing.T, start func(t *testing.T, site string) *client) {
		chat := startChat(t, nil)
		chat.set("secret", "m1", text("s"))
		c := chat.connect(start, "?authToken=ann-s")
		c.group("denied", "chat", "secret")
		c.group("undeclared", "no-such-stream", "r1")
		c.group("group", "chat", "r1")
		c.untilState("group", `[]`)
		c.until("both errors", func() bool { return len(c.events) == 2 })
		for _, e := range c.events {
			require.Equal(t, "error", e.name)
			require.Contains(t, e.data, `{"message":"`)
		}
		require.ElementsMatch(t, []string{"denied", "undeclared"}, []string{c.events[0].as, c.events[1].as})
		chat.set("secret", "m1", text("t"))
		chat.set("r1", "m1", text("a"))
		c.untilState("group", `[{"id":"m1","text":"a"}]`)
		for _, seen := range c.seen() {
			require.NotContains(t, seen, `"text":"s"`)
			require.NotContains(t, seen, `"text":"t"`)
		}
	})
}
