package motia_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

func TestAStreamKeepsItemsByGroupAndID(t *testing.T) {
	app := testkit.NotesApp(t)
	notes := testkit.StreamsOf(t, app).Get("notes")

	found, err := notes.Get("g", "i", new(any))
	require.NoError(t, err)
	require.False(t, found)
	change, err := notes.Set("g", "i", testkit.Note{Text: "a", N: 1})
	require.NoError(t, err)
	require.Nil(t, change.Old)
	change, err = notes.Update("g", "i", motia.Increment("n", 1), motia.Set("text", "b"))
	require.NoError(t, err)
	require.JSONEq(t, `{"text":"a","n":1}`, string(change.Old))
	require.JSONEq(t, `{"text":"b","n":2}`, string(change.New))
	var note testkit.Note
	found, err = notes.Get("g", "i", &note)
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, testkit.Note{Text: "b", N: 2}, note)

	for _, id := range []string{"z", "a", ""} {
		_, err = notes.Set("h", id, id)
		require.NoError(t, err)
	}
	_, err = testkit.StreamsOf(t, app).Get("others").Set("elsewhere", "i", 1)
	require.NoError(t, err)
	items, err := notes.List("h")
	require.NoError(t, err)
	require.Equal(t, []json.RawMessage{[]byte(`""`), []byte(`"a"`), []byte(`"z"`)}, items)
	groups, err := notes.Groups()
	require.NoError(t, err)
	require.Equal(t, []string{"g", "h"}, groups)
	_, err = notes.Update("g", "i", motia.Increment("text", 1))
	require.ErrorAs(t, err, new(*motia.UpdateError))

	old, err := notes.Delete("g", "i")
	require.NoError(t, err)
	require.JSONEq(t, `{"text":"b","n":2}`, string(old))
	old, err = notes.Delete("g", "i")
	require.NoError(t, err)
	require.Nil(t, old)
	items, err = notes.List("g")
	require.NoError(t, err)
	require.Equal(t, []json.RawMessage{}, items)
	values, err := stateOf(t, app).Scopes()
	require.NoError(t, err)
	require.Empty(t, values, "streams are not state")
}

func TestATypedStreamReadsAndWritesItsType(t *testing.T) {
	app := testkit.NotesApp(t)
	ctx := app.Context(t.Context())

	change, err := testkit.Notes.Set(ctx, "g", "b", testkit.Note{Text: "b", N: 1})
	require.NoError(t, err)
	require.False(t, change.Old.Exists())
	change, err = testkit.Notes.Update(ctx, "g", "b", motia.Increment("n", 2))
	require.NoError(t, err)
	updated, err := change.New.Value()
	require.NoError(t, err)
	require.Equal(t, testkit.Note{Text: "b", N: 3}, updated)
	_, err = testkit.Notes.Set(ctx, "g", "a", testkit.Note{Text: "a", N: 1})
	require.NoError(t, err)
	list, err := testkit.Notes.List(ctx, "g")
	require.NoError(t, err)
	require.Equal(t, []testkit.Note{{Text: "a", N: 1}, {Text: "b", N: 3}}, list)
	note, found, err := testkit.Notes.Get(ctx, "g", "b")
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, testkit.Note{Text: "b", N: 3}, note)
	groups, err := testkit.Notes.Groups(ctx)
	require.NoError(t, err)
	require.Equal(t, []string{"g"}, groups)
	require.NoError(t, testkit.Notes.Send(ctx, "g", "", "ping", nil), "nobody listens")
	note, found, err = testkit.Notes.Delete(ctx, "g", "b")
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, testkit.Note{Text: "b", N: 3}, note)
	_, found, err = testkit.Notes.Delete(ctx, "g", "b")
	require.NoError(t, err)
	require.False(t, found)
}

func TestEveryUseOfAnUndeclaredStreamIsAnError(t *testing.T) {
	app := testkit.NotesApp(t)
	ctx := app.Context(t.Context())
	handle := testkit.StreamsOf(t, app).Get("nots")
	_, getErr := handle.Get("g", "i", new(any))
	_, setErr := handle.Set("g", "i", 1)
	_, updateErr := handle.Update("g", "i", motia.Set("", 1))
	_, deleteErr := handle.Delete("g", "i")
	_, listErr := handle.List("g")
	_, groupsErr := handle.Groups()
	_, subscribeErr := handle.Subscribe(ctx, "g")
	_, loadErr := handle.Load("g", "i", new(any))
	_, modifyErr := handle.Modify("g", "i", func(old json.RawMessage) (any, error) { return old, nil })
	errs := []error{getErr, loadErr, setErr, updateErr, modifyErr, deleteErr, listErr, groupsErr, subscribeErr, handle.Send("g", "i", "e", 1)}
	for _, err := range handle.All("g") {
		errs = append(errs, err)
	}
	const typed motia.StreamName[int] = "nots"
	_, _, getErr = typed.Get(ctx, "g", "i")
	_, setErr = typed.Set(ctx, "g", "i", 1)
	_, updateErr = typed.Update(ctx, "g", "i", motia.Set("", 1))
	_, _, deleteErr = typed.Delete(ctx, "g", "i")
	_, listErr = typed.List(ctx, "g")
	_, groupsErr = typed.Groups(ctx)
	_, subscribeErr = typed.Subscribe(ctx, "g")
	_, _, loadErr = typed.Load(ctx, "g", "i")
	_, modifyErr = typed.Modify(ctx, "g", "i", func(n int) (int, error) { return n, nil })
	errs = append(errs, getErr, loadErr, setErr, updateErr, modifyErr, deleteErr, listErr, groupsErr, subscribeErr, typed.Send(ctx, "g", "i", "e", 1))
	for _, err := range typed.All(ctx, "g") {
		errs = append(errs, err)
	}
	require.Len(t, errs, 22)
	for i, err := range errs {
		var undeclared *motia.UndeclaredStreamError
		require.ErrorAs(t, err, &undeclared, "%d", i)
		require.Equal(t, motia.UndeclaredStreamError{Stream: "nots", Declared: []string{"notes", "others"}}, *undeclared)
	}
}

func TestTheZeroStreamsBelongToNoInvocation(t *testing.T) {
	handle := motia.Streams{}.Get("notes")
	_, getErr := handle.Get("g", "i", new(any))
	_, setErr := handle.Set("g", "i", 1)
	_, groupsErr := handle.Groups()
	_, subscribeErr := handle.Subscribe(t.Context(), "g")
	_, withErr := motia.Streams{}.With(t.Context()).Get("notes").List("g")
	for _, err := range []error{getErr, setErr, groupsErr, subscribeErr, withErr, handle.Send("g", "i", "e", 1)} {
		require.ErrorIs(t, err, motia.ErrNoInvocation)
	}
}

func TestMistakesInDeclaredStreamsAreReportedByRegister(t *testing.T) {
	app := motia.New(&motia.Options{Streams: []motia.StreamConfig{{Name: "a"}, {Name: ""}, {Name: "a"}, {Name: "\xff"}}})
	err := app.Register()
	require.ErrorContains(t, err, "Options.Streams[1] has no name")
	require.ErrorContains(t, err, `Options.Streams[2]: stream "a" is declared twice`)
	require.ErrorContains(t, err, `Options.Streams[3]: name "\xff" is not valid UTF-8`)
}

func TestMistakesInTheOptionsOfStreamsAreReported(t *testing.T) {
	app := motia.New(&motia.Options{
		StreamServer: motia.StreamServerOptions{
			Limits:  motia.StreamLimits{FrameSize: -1, FrameRate: -1, Joins: -1, Buffer: -1, PingInterval: -1, WriteTimeout: -1, AuthTimeout: -1},
			Origins: []string{"ok.example.com", "*.ok", "", "https://example.com", "[", "ok:8080"},
			Path:    "streams",
		},
		Streams: []motia.StreamConfig{{Name: "ok"}, {Name: "old", History: motia.StreamHistory{Age: -1}}},
	})
	err := app.Register()
	for _, want := range []string{
		"motia: Options.StreamServer.Limits.FrameSize is negative", "StreamServer.Limits.FrameRate", "StreamServer.Limits.Joins",
		"StreamServer.Limits.Buffer", "StreamServer.Limits.PingInterval", "StreamServer.Limits.WriteTimeout", "StreamServer.Limits.AuthTimeout",
		`motia: Options.StreamServer.Origins[2]: "" is not a host or a pattern for hosts`, "StreamServer.Origins[3]", "StreamServer.Origins[4]",
		`motia: Options.StreamServer.Path "streams" does not begin with a slash`, `"old": History.Age`,
	} {
		require.ErrorContains(t, err, want)
	}
	require.NotContains(t, err.Error(), "Origins[0]")
	require.NotContains(t, err.Error(), "Origins[1]")
	require.NotContains(t, err.Error(), "Origins[5]")
}

func TestMembersNeedADeclaredStream(t *testing.T) {
	app, _ := testkit.NewApp(t, nil)
	_, err := testkit.Notes.Members(app.Context(t.Context()), "g")
	require.ErrorAs(t, err, new(*motia.UndeclaredStreamError))
	_, err = testkit.Notes.Members(t.Context(), "g")
	require.ErrorIs(t, err, motia.ErrNoInvocation)
}

func TestASentEventThatDoesNotEncodeIsAnError(t *testing.T) {
	app := testkit.NotesApp(t)
	err := testkit.Notes.Send(app.Context(t.Context()), "g", "i", "typing", make(chan int))
	require.ErrorContains(t, err, `send "typing" to stream "notes"`)
}

func TestAnyStringIsALegalGroupAndItem(t *testing.T) {
	names := []string{"", "a", "a.b", "/", "\x00", "🦄", "*", ">", "1:a", "\xff", "\xfe"}
	app := testkit.NotesApp(t)
	ctx := app.Context(t.Context())
	subs := make(map[[2]string]*motia.Subscription[testkit.Note])
	for _, group := range names {
		for _, id := range names {
			sub, err := testkit.Notes.Subscribe(ctx, group, motia.ForItem(id))
			require.NoError(t, err)
			defer sub.Close()
			require.Equal(t, motia.EventSync, testkit.NextNote(t, sub).Event.Type)
			subs[[2]string{group, id}] = sub
		}
	}
	n := 0
	for _, group := range names {
		for _, id := range names {
			n++
			change, err := testkit.Notes.Set(ctx, group, id, testkit.Note{N: n})
			require.NoError(t, err)
			require.False(t, change.Old.Exists())
			if id != "" { // that addresses the group
				require.NoError(t, testkit.Notes.Send(ctx, group, id, "sent", n))
			}
			sub := subs[[2]string{group, id}]
			created := testkit.NextNote(t, sub)
			require.Equal(t, fmt.Sprintf("%q %q create %d", group, id, n), fmt.Sprintf("%q %q %s %d", created.GroupID, created.ItemID, created.Event.Type, created.Event.Data.N))
			if id != "" {
				sent := testkit.NextNote(t, sub)
				require.Equal(t, fmt.Sprintf("%q %q event %d", group, id, n), fmt.Sprintf("%q %q %s %s", sent.GroupID, sent.ItemID, sent.Event.Type, sent.Event.Payload))
			}
		}
	}
	groups, err := testkit.Notes.Groups(ctx)
	require.NoError(t, err)
	require.ElementsMatch(t, names, groups)
}
