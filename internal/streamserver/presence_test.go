package streamserver_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/testkit"
)

// presentAs shows clients under their token: "" hides, "panic" panics, "bad" cannot be JSON.
func presentAs(principal any) motia.Member {
	switch token := principal.(string); token {
	case "panic":
		panic("secret")
	case "bad":
		return motia.Member{ID: "bad", Info: func() {}}
	default:
		return motia.Member{ID: token, Info: map[string]string{"name": strings.ToUpper(token)}}
	}
}

func presenceApp(t testing.TB, backend *driver.Backend) (*motia.App, *testkit.Pipes, *testkit.Log) {
	return socketApp(t, motia.Options{StreamServer: motia.StreamServerOptions{Auth: authByToken}, Backend: backend}, motia.StreamConfig{Presence: presentAs})
}

// presenceDial connects a client with the token and lets it join the room.
func presenceDial(t testing.TB, l *testkit.Pipes, token, group, id string) *socketClient {
	t.Helper()
	c := socketDial(t, l, func(o *websocket.DialOptions) { o.HTTPHeader = http.Header{"Authorization": {"Bearer " + token}} })
	c.join(group, id)
	return c
}

// presenceOf returns the presence frames that have come, in short.
func presenceOf(c *socketClient) []string {
	c.t.Helper()
	found := []string{}
	for _, f := range c.frames() {
		if name, ok := strings.CutPrefix(f.Event.Event.Type, "presence:"); ok {
			require.Empty(c.t, f.ID)
			found = append(found, name+" "+string(f.Event.Event.Data))
		}
	}
	return found
}

func presenceMembers(t testing.TB, app *motia.App, group string) string {
	t.Helper()
	members, err := testkit.Notes.Members(app.Context(context.Background()), group)
	require.NoError(t, err)
	text, err := json.Marshal(members)
	require.NoError(t, err)
	return string(text)
}

const (
	presentAnn = `{"id":"ann","info":{"name":"ANN"}}`
	presentBob = `{"id":"bob","info":{"name":"BOB"}}`
)

func TestWhoJoinsAGroupIsPresentUntilItLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, l, _ := presenceApp(t, nil)
		sub := testkit.SubscribeNotes(t, app, "g")
		require.Equal(t, motia.EventSync, testkit.NextNote(t, sub).Event.Type)
		bob := presenceDial(t, l, "bob", "g", "")
		require.Equal(t, []string{
			`{"streamName":"notes","groupId":"g","event":{"type":"sync","data":[]}}`,
			`{"streamName":"notes","groupId":"g","event":{"type":"event","event":{"type":"presence:list","data":[]}}}`,
			`{"streamName":"notes","groupId":"g","event":{"type":"event","event":{"type":"presence:join","data":` + presentBob + `}}}`,
		}, bob.texts())
		require.Equal(t, "presence:join", testkit.NextNote(t, sub).Event.Name, "a subscription in the process hears of it too")
		ann := presenceDial(t, l, "ann", "g", "")
		require.Equal(t, []string{"list [" + presentBob + "]", "join " + presentAnn}, presenceOf(ann))
		require.Equal(t, []string{"join " + presentAnn}, presenceOf(bob))
		require.Equal(t, "presence:join", testkit.NextNote(t, sub).Event.Name)
		require.Equal(t, "["+presentAnn+","+presentBob+"]", presenceMembers(t, app, "g"), "ordered by id")
		require.Equal(t, "[]", presenceMembers(t, app, "h"))

		ann.leave("g", "")
		require.Equal(t, []string{"leave " + presentAnn}, presenceOf(bob))
		require.Empty(t, presenceOf(ann))
		event := testkit.NextNote(t, sub)
		require.Equal(t, "presence:leave", event.Event.Name)
		require.JSONEq(t, presentAnn, string(event.Event.Payload))
		ann.join("g", "")
		require.Equal(t, []string{"join " + presentAnn}, presenceOf(bob))
		ann.cut()
		require.Equal(t, []string{"leave " + presentAnn}, presenceOf(bob), "a client whose connection is cut leaves")
		require.Equal(t, "["+presentBob+"]", presenceMembers(t, app, "g"))
	})
}

func TestSeveralConnectionsOfAMemberAreOneMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, l, _ := presenceApp(t, nil)
		bob := presenceDial(t, l, "bob", "g", "")
		presenceOf(bob)
		first, second := presenceDial(t, l, "ann", "g", ""), presenceDial(t, l, "ann", "g", "")
		require.Equal(t, []string{"join " + presentAnn}, presenceOf(bob))
		require.Equal(t, []string{"list [" + presentAnn + "," + presentBob + "]"}, presenceOf(second))
		require.Equal(t, "["+presentAnn+","+presentBob+"]", presenceMembers(t, app, "g"))
		first.cut()
		require.Empty(t, presenceOf(bob))
		require.Equal(t, "["+presentAnn+","+presentBob+"]", presenceMembers(t, app, "g"))
		second.cut()
		require.Equal(t, []string{"leave " + presentAnn}, presenceOf(bob))
	})
}

func TestAConnectionWithSeveralRoomsOfAGroupIsPresentOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, l, _ := presenceApp(t, nil)
		bob := presenceDial(t, l, "bob", "g", "")
		presenceOf(bob)
		ann := presenceDial(t, l, "ann", "g", "i")
		require.Empty(t, presenceOf(ann), "who follows an item alone does not hear who is there")
		require.Equal(t, []string{"join " + presentAnn}, presenceOf(bob), "but is there")
		ann.join("g", "")
		require.Equal(t, []string{"list [" + presentAnn + "," + presentBob + "]"}, presenceOf(ann))
		ann.ask("join", "notes", "g", "", "second")
		require.Equal(t, []string{"list [" + presentAnn + "," + presentBob + "]"}, presenceOf(ann), "for a listener that has seen nothing yet")
		ann.leave("g", "i")
		ann.leave("g", "")
		require.Empty(t, presenceOf(bob))
		ann.ask("leave", "notes", "g", "", "second")
		require.Equal(t, []string{"leave " + presentAnn}, presenceOf(bob))
	})
}

func TestClientsWithoutAMemberAreNotPresent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, l, log := presenceApp(t, nil)
		bob := presenceDial(t, l, "bob", "g", "")
		presenceOf(bob)
		hidden := []*socketClient{presenceDial(t, l, "panic", "g", ""), presenceDial(t, l, "bad", "g", ""), presenceNameless(t, l)}
		hidden[2].join("g", "")
		for _, c := range hidden {
			require.Equal(t, []string{"list [" + presentBob + "]"}, presenceOf(c))
			c.cut()
		}
		require.Empty(t, presenceOf(bob))
		require.Equal(t, "["+presentBob+"]", presenceMembers(t, app, "g"))
		require.Len(t, log.Records(t, "client is not shown as present"), 2)
	})
}

// presenceNameless connects a client without a token.
func presenceNameless(t testing.TB, l *testkit.Pipes) *socketClient {
	t.Helper()
	conn, _, err := websocket.Dial(t.Context(), "ws://motia.test/", &websocket.DialOptions{HTTPClient: l.Client(t)})
	require.NoError(t, err)
	return socketRead(t, conn)
}

func TestPresenceLastsAsLongAsTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, l, _ := presenceApp(t, nil)
		bob, ann := presenceDial(t, l, "bob", "g", ""), presenceDial(t, l, "ann", "g", "")
		presenceOf(bob)
		time.Sleep(time.Hour)
		require.Empty(t, presenceOf(bob))
		require.Equal(t, "["+presentAnn+","+presentBob+"]", presenceMembers(t, app, "g"))
		ann.open()
	})
}

func TestAppsOnOneBackendSeeEachOthersMembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend := motia.InMemory(nil)
		one, oneNet, _ := presenceApp(t, backend)
		two, twoNet, _ := presenceApp(t, backend)
		bob := presenceDial(t, oneNet, "bob", "g", "")
		presenceOf(bob)
		ann := presenceDial(t, twoNet, "ann", "g", "")
		require.Equal(t, []string{"list [" + presentBob + "]", "join " + presentAnn}, presenceOf(ann))
		require.Equal(t, []string{"join " + presentAnn}, presenceOf(bob))
		also := presenceDial(t, oneNet, "ann", "g", "")
		require.Empty(t, presenceOf(ann))
		for _, app := range []*motia.App{one, two} {
			require.Equal(t, "["+presentAnn+","+presentBob+"]", presenceMembers(t, app, "g"))
		}
		ann.cut()
		require.Empty(t, presenceOf(bob), "she is connected elsewhere")
		also.cut()
		require.Equal(t, []string{"leave " + presentAnn}, presenceOf(bob))
	})
}

func TestMembersOfAProcessThatHasDiedLeaveInTime(t *testing.T) {
	for name, mute := range map[string]bool{"a backend that reports expired entries": false, "one that does not": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				backend := motia.InMemory(nil)
				kv := backend.KV
				if mute {
					backend.KV = presenceMuteKV{kv}
				}
				app, l, _ := presenceApp(t, backend)
				bob := presenceDial(t, l, "bob", "g", "")
				presenceOf(bob)
				key := driver.Key{Bucket: "presence:notes", Scope: "g", ID: "of-the-dead-process"}
				_, _, err := kv.Put(t.Context(), key, []byte(presentAnn), driver.PutOptions{Expires: time.Now().Add(45 * time.Second)})
				require.NoError(t, err)
				require.Equal(t, []string{"join " + presentAnn}, presenceOf(bob))
				time.Sleep(44 * time.Second)
				require.Empty(t, presenceOf(bob))
				time.Sleep(20 * time.Second)
				require.Equal(t, []string{"leave " + presentAnn}, presenceOf(bob))
				require.Equal(t, "["+presentBob+"]", presenceMembers(t, app, "g"))
			})
		})
	}
}

// presenceMuteKV does not report expired entries to its watchers.
type presenceMuteKV struct{ driver.KV }

func (k presenceMuteKV) Watch(ctx context.Context, bucket, scope string, f func(driver.Entry)) error {
	return k.KV.Watch(ctx, bucket, scope, func(e driver.Entry) {
		if bucket == "presence:notes" && e.Deleted {
			return
		}
		f(e)
	})
}

func TestWhatIsNoMemberInTheBackendHarmsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend := motia.InMemory(nil)
		_, l, log := presenceApp(t, backend)
		bob := presenceDial(t, l, "bob", "g", "")
		presenceOf(bob)
		for id, text := range map[string]string{"not-json": `{`, "array": `[]`} {
			_, _, err := backend.KV.Put(t.Context(), driver.Key{Bucket: "presence:notes", Scope: "g", ID: id}, []byte(text), driver.PutOptions{})
			require.NoError(t, err)
		}
		require.Empty(t, presenceOf(bob))
		ann := presenceDial(t, l, "ann", "g", "")
		require.Equal(t, []string{"list [" + presentBob + "]", "join " + presentAnn}, presenceOf(ann))
		require.Len(t, log.Records(t, "member of a stream is not valid"), 2)
	})
}

// Presence concerns only those who follow the group: it starts no step.
func TestPresenceFiresNoStreamTrigger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fired := new(testkit.List[string])
		app, _ := testkit.NewApp(t, &motia.Options{StreamServer: motia.StreamServerOptions{Auth: authByToken}, Streams: []motia.StreamConfig{{Name: "notes", Presence: presentAs}}},
			motia.StreamStep(motia.StepConfig{Name: "any", Triggers: []motia.Trigger{testkit.Notes.Trigger()}},
				func(in *motia.StreamInput[testkit.Note], _ *motia.FlowContext[motia.None, testkit.Note]) error {
					fired.Add(string(in.Event.Type) + in.Event.Name)
					return nil
				}))
		l := socketServe(t, app)
		stop := testkit.Start(t, app)
		bob := presenceDial(t, l, "bob", "g", "")
		require.Len(t, presenceOf(bob), 2)
		bob.cut()
		socketSet(t, app, "g", "i", `{}`)
		synctest.Wait()
		require.Equal(t, []string{"create"}, fired.All())
		require.NoError(t, stop())
	})
}
