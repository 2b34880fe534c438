package room

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/tidwall/gjson"

	"github.com/motia-go/motia/internal/jsontext"
)

// Event is the content of a frame to a client. Which fields are set depends on the type.
type Event struct {
	Timestamp int64 // milliseconds since 1970; has to increase strictly with the events of one item
	Stream    string
	Group     string
	Item      string // empty for the whole group, or if the item's id is empty
	Type      string // sync, create, update, delete or event

	Data    json.RawMessage // the item, for all types except event and the sync of a group
	Items   []Item          // for the sync of a group
	Name    string          // for event
	Payload json.RawMessage // for event
}

// Item is an item of a group.
type Item struct {
	ID   string
	Data json.RawMessage
}

// Append appends the frame to dst. Items that are objects without an id get one, since the clients need it. Items
// that are null are omitted from a group, since the clients fail on them.
func (e *Event) Append(dst []byte) []byte {
	dst = append(dst, `{"timestamp":`...)
	dst = strconv.AppendInt(dst, e.Timestamp, 10)
	dst = append(dst, `,"streamName":`...)
	dst = appendString(dst, e.Stream)
	dst = append(dst, `,"groupId":`...)
	dst = appendString(dst, e.Group)
	if e.Item != "" {
		dst = append(dst, `,"id":`...)
		dst = appendString(dst, e.Item)
	}
	dst = append(dst, `,"event":{"type":"`...)
	dst = append(dst, e.Type...)
	switch {
	case e.Type == "event":
		dst = append(dst, `","event":{"type":`...)
		dst = appendString(dst, e.Name)
		dst = append(dst, `,"data":`...)
		dst = appendValue(dst, e.Payload)
		dst = append(dst, '}')
	case e.Type != "sync" || e.Item != "": // an item with an empty id has no room of its own
		dst = append(dst, `","data":`...)
		dst = appendItem(dst, e.Item, e.Data)
	default:
		dst = append(dst, `","data":[`...)
		first := true
		for _, item := range e.Items {
			if IsNull(item.Data) {
				continue
			}
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = appendItem(dst, item.ID, item.Data)
		}
		dst = append(dst, ']')
	}
	return append(dst, '}', '}')
}

// IsNull reports whether the item counts as missing for the clients.
func IsNull(data json.RawMessage) bool {
	data = bytes.TrimSpace(data)
	return len(data) == 0 || string(data) == "null"
}

func appendItem(dst []byte, id string, data json.RawMessage) []byte {
	object := bytes.TrimSpace(data)
	if len(object) == 0 || object[0] != '{' || gjson.GetBytes(object, "id").Exists() {
		return appendValue(dst, object)
	}
	dst = append(dst, `{"id":`...)
	dst = appendString(dst, id)
	if rest := bytes.TrimSpace(object[1:]); rest[0] != '}' {
		dst = append(dst, ',')
	}
	return append(dst, object[1:]...)
}

func appendValue(dst []byte, value json.RawMessage) []byte {
	if len(value) == 0 {
		return append(dst, "null"...)
	}
	return append(dst, value...)
}

func appendString(dst []byte, s string) []byte {
	text, _ := jsontext.Marshal(s) // cannot fail for a string
	return append(dst, text...)
}
