package testkit

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
)

// Note is an item of the stream Notes.
type Note struct {
	Text string `json:"text"`
	N    int    `json:"n"`
}

// Notes is the stream that tests of streams use.
const Notes motia.StreamName[Note] = "notes"

// NotesApp returns an app with the streams "notes" and "others".
func NotesApp(t testing.TB, steps ...motia.Step) *motia.App {
	t.Helper()
	app, _ := NewApp(t, &motia.Options{Streams: []motia.StreamConfig{{Name: "notes"}, {Name: "others"}}}, steps...)
	return app
}

// StreamsOf returns the streams of the app without types.
func StreamsOf(t testing.TB, app *motia.App) motia.Streams {
	t.Helper()
	inv, ok := motia.FromContext(app.Context(t.Context()))
	require.True(t, ok)
	return inv.Streams
}

// SetNote stores a note that holds the number.
func SetNote(t testing.TB, app *motia.App, group, item string, n int) {
	t.Helper()
	_, err := Notes.Set(app.Context(t.Context()), group, item, Note{N: n})
	require.NoError(t, err)
}

// SubscribeNotes follows a group until the test ends.
func SubscribeNotes(t testing.TB, app *motia.App, group string, opts ...motia.SubscribeOption) *motia.Subscription[Note] {
	t.Helper()
	sub, err := Notes.Subscribe(app.Context(t.Context()), group, opts...)
	require.NoError(t, err)
	t.Cleanup(sub.Close)
	return sub
}

// NextNote waits for the next event.
func NextNote(t testing.TB, sub *motia.Subscription[Note]) motia.StreamInput[Note] {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	event, err := sub.Next(ctx)
	require.NoError(t, err)
	return event
}

// NoNote checks that there is no further event. It is for synctest bubbles.
func NoNote(t testing.TB, sub *motia.Subscription[Note]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	event, err := sub.Next(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded, "%+v", event)
}

// NoteText describes an event: group/item type, then the number of the note, or name and payload, or the items.
func NoteText(in motia.StreamInput[Note]) string {
	at := in.GroupID + "/" + in.ItemID + " " + string(in.Event.Type)
	switch in.Event.Type {
	case motia.EventSent:
		return fmt.Sprintf("%s %s %s", at, in.Event.Name, in.Event.Payload)
	case motia.EventSync, motia.EventResync:
		for _, item := range in.Event.Items {
			at += fmt.Sprintf(" %s=%d", item.ID, item.Data.N)
		}
		return at
	}
	return fmt.Sprintf("%s %d", at, in.Event.Data.N)
}
