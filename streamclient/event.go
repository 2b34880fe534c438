package streamclient

import (
	"encoding/json"
	"fmt"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/payload"
)

// event is an event as the server sends it.
type event struct {
	Type      motia.StreamEventType `json:"-"`
	Timestamp int64                 `json:"timestamp"` // milliseconds
	ID        string                `json:"id"`        // of the item
	Name      string                `json:"name"`
	Data      json.RawMessage       `json:"data"`
	Payload   json.RawMessage       `json:"payload"`
	Items     []item                `json:"items"`
}

type item struct {
	ID   string          `json:"id"`
	Data json.RawMessage `json:"data"`
}

// parseEvent parses an event. For unknown kinds, which later servers may send, ok is false.
func parseEvent(kind string, data []byte) (e event, ok bool, err error) {
	e.Type = motia.StreamEventType(kind)
	switch e.Type {
	case motia.EventSync, motia.EventResync, motia.EventCreate, motia.EventUpdate, motia.EventDelete, motia.EventSent:
	default:
		return event{}, false, nil
	}
	if err := payload.Load(data, &e); err != nil {
		return event{}, false, invalidAnswer{fmt.Errorf("event %q is not valid: %w", kind, err)}
	}
	if e.Items == nil && (e.Type == motia.EventSync || e.Type == motia.EventResync) {
		return event{}, false, invalidAnswer{fmt.Errorf("event %q has no items", kind)}
	}
	return e, true, nil
}
