package wire_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia/internal/wire"
)

func TestAStateChangeHasThisForm(t *testing.T) {
	data, err := wire.StateChange{Type: wire.StateUpdated, Scope: "orders", Key: "1", Old: json.RawMessage("null"), New: json.RawMessage("2")}.Encode()
	require.NoError(t, err)
	require.Equal(t, `{"type":"updated","scope":"orders","key":"1","old":null,"new":2}`, string(data))

	data, err = wire.StateChange{Type: wire.StateCreated, New: json.RawMessage("{}")}.Encode()
	require.NoError(t, err)
	require.Equal(t, `{"type":"created","scope":"","key":"","new":{}}`, string(data), "names are always there, values that do not exist are not")
}

func TestAStreamEventHasThisForm(t *testing.T) {
	at := time.Date(2026, 10, 25, 2, 30, 0, 5, time.UTC)
	data, err := wire.StreamEvent{Type: wire.StreamDelete, Stream: "notes", Group: "g", Item: "i", Time: at, Data: json.RawMessage("1")}.Encode()
	require.NoError(t, err)
	require.Equal(t, `{"type":"delete","stream":"notes","group":"g","item":"i","time":"2026-10-25T02:30:00.000000005Z","data":1}`, string(data))

	data, err = wire.StreamEvent{Type: wire.StreamSent, Stream: "notes", Group: "g", Time: at, Name: "typing", Payload: json.RawMessage(`"ann"`)}.Encode()
	require.NoError(t, err)
	require.Equal(t, `{"type":"event","stream":"notes","group":"g","time":"2026-10-25T02:30:00.000000005Z","name":"typing","payload":"ann"}`, string(data))
}

// hostile are names that are legal and easily damaged on their way.
var hostile = []string{"", " ", "a", "ä", "e\u0301", "\x00", "\xff\xfe", "a\xffb", "\ufffd", "\u2028", `"`, `\`, "<&>", "1:a", ":", "motia:", "motia:state", "motia:topic:motia:state"}

func TestNamesThatAreNotUTF8SurviveTheirEncoding(t *testing.T) {
	for _, name := range hostile {
		data, err := wire.StateChange{Type: wire.StateCreated, Scope: name, Key: name + "k"}.Encode()
		require.NoError(t, err)
		require.True(t, json.Valid(data))
		change, err := wire.DecodeStateChange(data)
		require.NoError(t, err)
		require.Equal(t, []string{name, name + "k"}, []string{change.Scope, change.Key})

		data, err = wire.StreamEvent{Type: wire.StreamCreate, Stream: "s", Group: name, Item: name + "i"}.Encode()
		require.NoError(t, err)
		require.True(t, json.Valid(data))
		event, err := wire.DecodeStreamEvent(data)
		require.NoError(t, err)
		require.Equal(t, []string{name, name + "i"}, []string{event.Group, event.Item})
	}
}

func TestAnUnknownMemberIsNoObstacle(t *testing.T) {
	change, err := wire.DecodeStateChange([]byte(`{"type":"deleted","scope":"s","key":"k","old":1,"later":{"version":2}}`))
	require.NoError(t, err)
	require.Equal(t, &wire.StateChange{Type: wire.StateDeleted, Scope: "s", Key: "k", Old: json.RawMessage("1")}, change)
	event, err := wire.DecodeStreamEvent([]byte(`{"type":"update","stream":"s","group":"g","item":"i","time":"2026-01-01T00:00:00Z","data":{},"later":[]}`))
	require.NoError(t, err)
	require.Equal(t, wire.StreamUpdate, event.Type)
}

func TestWhatIsNotOfTheFormIsAnError(t *testing.T) {
	for _, text := range []string{"", "1", "[]", "{", `{"type":1}`} {
		_, err := wire.DecodeStateChange([]byte(text))
		require.Error(t, err, text)
		_, err = wire.DecodeStreamEvent([]byte(text))
		require.Error(t, err, text)
	}
}
