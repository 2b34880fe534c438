package room_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia/internal/room"
)

func TestRequestsOfTheOfficialClientsAreRead(t *testing.T) {
	for text, want := range map[string]room.Request{
		`{"type":"join","data":{"streamName":"chat","groupId":"r1","subscriptionId":"52b9"}}`:            {Type: room.Join, Stream: "chat", Group: "r1", Subscription: "52b9"},
		`{"type":"join","data":{"streamName":"chat","groupId":"r1","id":"m1","subscriptionId":"b3f1"}}`:  {Type: room.Join, Stream: "chat", Group: "r1", Item: "m1", Subscription: "b3f1"},
		`{"type":"leave","data":{"streamName":"chat","groupId":"r1","id":"m1","subscriptionId":"b3f1"}}`: {Type: room.Leave, Stream: "chat", Group: "r1", Item: "m1", Subscription: "b3f1"},
		`{"type":"join","data":{"streamName":"c/\u0000","groupId":"","id":"😀"},"more":1}`:                {Type: room.Join, Stream: "c/\x00", Item: "😀"},
	} {
		got, err := room.Parse([]byte(text))
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
}

func TestABadRequestSaysWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		``:                    "frame is not a JSON object as the protocol requires",
		`{`:                   "frame is not a JSON object as the protocol requires",
		`[]`:                  "frame is not a JSON object as the protocol requires",
		`{"type":1}`:          "frame is not a JSON object as the protocol requires",
		"{\"type\":\"\xff\"}": "frame is not valid UTF-8",
		`null`:                `frame has unknown type ""`,
		`{"type":"x"}`:        `frame has unknown type "x"`,
		`{"type":"join"}`:     "frame lacks streamName",
		`{"type":"join","data":{"streamName":"","groupId":"g"}}`:    "frame lacks streamName",
		`{"type":"join","data":{"streamName":"s"}}`:                 "frame lacks groupId",
		`{"type":"leave","data":{"streamName":"s","groupId":null}}`: "frame lacks groupId",
		`{"type":"` + strings.Repeat("x", 1000) + `"}`:              `frame has unknown type "` + strings.Repeat("x", 40) + `"`,
	} {
		_, err := room.Parse([]byte(text))
		require.EqualError(t, err, want, text)
	}
}

// The frames are those of the protocol's description, byte for byte.
func TestFramesAreAsTheOfficialClientsExpectThem(t *testing.T) {
	for want, e := range map[string]room.Event{
		`{"timestamp":1795361316195,"streamName":"chat","groupId":"r1","event":{"type":"sync","data":[{"id":"m1","text":"a"}]}}`: {
			Timestamp: 1795361316195, Type: "sync", Items: []room.Item{{"m1", json.RawMessage(`{"text":"a"}`)}, {"m2", json.RawMessage(`null`)}}},
		`{"timestamp":0,"streamName":"chat","groupId":"r1","event":{"type":"sync","data":[]}}`: {Type: "sync"},
		`{"timestamp":1795361318285,"streamName":"chat","groupId":"r1","id":"m1","event":{"type":"sync","data":{"id":"m1","text":"a"}}}`: {
			Timestamp: 1795361318285, Type: "sync", Item: "m1", Data: json.RawMessage(`{"id":"m1","text":"a"}`)},
		`{"timestamp":1,"streamName":"chat","groupId":"r1","id":"m1","event":{"type":"create","data":{"id":"m1"}}}`: {
			Timestamp: 1, Type: "create", Item: "m1", Data: json.RawMessage(`{}`)},
		`{"timestamp":1,"streamName":"chat","groupId":"r1","id":"m1","event":{"type":"update","data":{"id":7,"text":"b"}}}`: {
			Timestamp: 1, Type: "update", Item: "m1", Data: json.RawMessage(`{"id":7,"text":"b"}`)},
		`{"timestamp":1,"streamName":"chat","groupId":"r1","id":"m\"1","event":{"type":"delete","data":{"id":"m\"1", "a":1}}}`: {
			Timestamp: 1, Type: "delete", Item: `m"1`, Data: json.RawMessage(` { "a":1}`)},
		`{"timestamp":1,"streamName":"chat","groupId":"r1","id":"m1","event":{"type":"update","data":[1]}}`: {
			Timestamp: 1, Type: "update", Item: "m1", Data: json.RawMessage(`[1]`)},
		`{"timestamp":1,"streamName":"chat","groupId":"r1","id":"m1","event":{"type":"event","event":{"type":"typing","data":{"u":1}}}}`: {
			Timestamp: 1, Type: "event", Item: "m1", Name: "typing", Payload: json.RawMessage(`{"u":1}`)},
		`{"timestamp":1,"streamName":"chat","groupId":"r1","event":{"type":"event","event":{"type":"typing","data":null}}}`: {
			Timestamp: 1, Type: "event", Name: "typing"},
		"{\"timestamp\":1,\"streamName\":\"chat\",\"groupId\":\"r1\",\"id\":\"m\uFFFD\",\"event\":{\"type\":\"create\",\"data\":{\"id\":\"m\uFFFD\"}}}": {
			Timestamp: 1, Type: "create", Item: "m\xff", Data: json.RawMessage(`{}`)},
	} {
		e.Stream, e.Group = "chat", "r1"
		require.Equal(t, want, string(e.Append(nil)))
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"type":"join","data":{"streamName":"chat","groupId":"r1","id":"m1","subscriptionId":"b3f1"}}`))
	f.Add([]byte(`{"type":"leave","data":{"streamName":"\ud800","groupId":"\u0000"}}`))
	f.Add([]byte(`{"type":"join","data":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		request, err := room.Parse(text)
		if err != nil {
			require.Equal(t, room.Request{}, request)
			return
		}
		require.Contains(t, []string{room.Join, room.Leave}, request.Type)
		require.NotEmpty(t, request.Stream)
		// Names that were read stay the same when they are sent back as the name of a room.
		e := room.Event{Type: "event", Stream: request.Stream, Group: request.Group, Item: request.Item, Name: request.Subscription}
		var frame struct{ StreamName, GroupID, ID string }
		require.NoError(t, json.Unmarshal(e.Append(nil), &frame))
		require.Equal(t, []string{request.Stream, request.Group, request.Item}, []string{frame.StreamName, frame.GroupID, frame.ID})
	})
}

func FuzzAppend(f *testing.F) {
	f.Add("m1", []byte(`{"text":"a"}`))
	f.Add("", []byte(` { } `))
	f.Add("\xff", []byte(`{"id":null}`))
	f.Add("a", []byte("\t[null]\n"))
	f.Add("a", []byte(`{"n":1e999}`))
	f.Fuzz(func(t *testing.T, id string, data []byte) {
		if !json.Valid(data) {
			return
		}
		e := room.Event{Type: "sync", Items: []room.Item{{ID: id, Data: data}}}
		var frame struct {
			Event struct{ Data []any }
		}
		exactly(t, e.Append(nil), &frame)
		var item any
		exactly(t, data, &item)
		if item == nil {
			require.Empty(t, frame.Event.Data)
			return
		}
		if object, ok := item.(map[string]any); ok {
			if _, has := object["id"]; !has {
				object["id"] = strings.ToValidUTF8(id, "\ufffd")
				require.Contains(t, frame.Event.Data[0], "id")
				object["id"] = frame.Event.Data[0].(map[string]any)["id"]
			}
		}
		require.Equal(t, []any{item}, frame.Event.Data)
	})
}

// exactly decodes JSON text with its numbers as they are written: JSON has some that no float64 holds.
func exactly(t *testing.T, text []byte, v any) {
	t.Helper()
	require.True(t, json.Valid(text))
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	require.NoError(t, decoder.Decode(v))
}
