package hub

import (
	"encoding/json"

	"github.com/motia-go/motia/internal/jsontext"
)

// SSEFrame returns the event as a server-sent event.
func (e *Event) SSEFrame() []byte {
	e.sseOnce.Do(func() { e.sseText = e.encodeSSE() })
	return e.sseText
}

// sseData is the data of a server-sent event.
type sseData struct {
	Timestamp int64           `json:"timestamp"`
	ID        string          `json:"id,omitempty"`
	Name      string          `json:"name,omitempty"`
	Data      json.RawMessage `json:"data,omitempty"`
	Payload   json.RawMessage `json:"payload,omitempty"`
	Items     []Item          `json:"items,omitzero"`
}

func (e *Event) encodeSSE() []byte {
	data := sseData{Timestamp: e.millis, ID: e.Item, Name: e.Name, Data: e.Data, Payload: e.Payload, Items: e.Items}
	text, err := jsontext.Marshal(data) // which also puts it on one line
	if err != nil {                     // another program has stored something that is not JSON
		e.hub.stream.Log.Error("stream item is not valid JSON", "stream", e.hub.stream.Name, "group", e.hub.group, "item", e.Item, "error", err)
		return nil
	}
	out := make([]byte, 0, len(text)+80)
	if e.hub.history != nil {
		out = append(out, "id: "+e.eventID()+"\n"...)
	}
	out = append(out, "event: "+e.Type+"\ndata: "...)
	out = append(out, text...)
	return append(out, "\n\n"...)
}
