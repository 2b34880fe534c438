package sse_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia/internal/sse"
)

func TestAnEventIsWrittenAsTheStandardSays(t *testing.T) {
	for _, c := range []struct {
		event sse.Event
		want  string
	}{
		{sse.Event{}, "\n"},
		{sse.Event{HasData: true}, "data: \n\n"},
		{sse.Event{ID: "7", Type: "note", Retry: 1500 * time.Millisecond, Data: "a", HasData: true}, "id: 7\nevent: note\nretry: 1500\ndata: a\n\n"},
		{sse.Event{Data: "a\nb\r\nc\rd", HasData: true}, "data: a\ndata: b\ndata: c\ndata: d\n\n"},
		{sse.Event{Data: "a\n", HasData: true}, "data: a\ndata: \n\n"},
	} {
		got, err := c.event.Append([]byte("before "))
		require.NoError(t, err)
		require.Equal(t, "before "+c.want, string(got))
	}
}

func TestAnIDOrTypeThatWouldEndItsLineIsRefused(t *testing.T) {
	for _, event := range []sse.Event{{ID: "a\nb"}, {ID: "a\rb"}, {ID: "a\x00b"}, {Type: "a\nb"}, {Type: "a\rb"}} {
		_, err := event.Append(nil)
		require.Error(t, err)
	}
}
