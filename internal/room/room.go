// Package room is the wire form of the room protocol that the official Motia stream clients speak: JSON text frames
// with which a client joins and leaves rooms, and a server sends the events in them. A room is a group of a stream,
// or one item of a group.
package room

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// Join and Leave are the types of a [Request].
const (
	Join  = "join"
	Leave = "leave"
)

// Request is a frame from a client.
type Request struct {
	Type         string
	Stream       string
	Group        string
	Item         string // empty for the whole group
	Subscription string // chosen by the client; several may be in one room
}

// Parse reads a frame from a client. Unknown members are ignored. The error tells the client what is wrong with the
// frame.
func Parse(text []byte) (Request, error) {
	if !utf8.Valid(text) {
		return Request{}, errors.New("frame is not valid UTF-8")
	}
	var frame struct {
		Type string `json:"type"`
		Data struct {
			Stream       *string `json:"streamName"`
			Group        *string `json:"groupId"`
			Item         string  `json:"id"`
			Subscription string  `json:"subscriptionId"`
		} `json:"data"`
	}
	if err := json.Unmarshal(text, &frame); err != nil {
		return Request{}, errors.New("frame is not a JSON object as the protocol requires")
	}
	if frame.Type != Join && frame.Type != Leave {
		return Request{}, fmt.Errorf("frame has unknown type %.40q", frame.Type)
	}
	switch data := &frame.Data; {
	case data.Stream == nil || *data.Stream == "":
		return Request{}, errors.New("frame lacks streamName")
	case data.Group == nil:
		return Request{}, errors.New("frame lacks groupId")
	default:
		return Request{frame.Type, *data.Stream, *data.Group, data.Item, data.Subscription}, nil
	}
}
