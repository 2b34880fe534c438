package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/motia-go/motia"
)

// Board is the stream that the windows follow: one group for each board, one item for each note.
const Board motia.StreamName[Note] = "board"

// Note is a note as it is stored and as the windows get it.
type Note struct {
	NewNote
	By      string `json:"by"`      // who added it
	Version int    `json:"version"` // counts the changes, so that a window can show the newest
}

// NewNote is what a window sends for a new note.
type NewNote struct {
	Text  string  `json:"text" validate:"max=280"`
	Color string  `json:"color" validate:"oneof=yellow pink blue green violet"`
	X     float64 `json:"x" validate:"gte=0,lte=1"` // from the left edge to the right one
	Y     float64 `json:"y" validate:"gte=0,lte=1"` // from the top to the bottom
}

// NoteChange is what a window sends to change a note. Omitted fields stay unchanged.
type NoteChange struct {
	Text  *string  `json:"text" validate:"omitnil,max=280"`
	Color *string  `json:"color" validate:"omitnil,oneof=yellow pink blue green violet"`
	X     *float64 `json:"x" validate:"omitnil,gte=0,lte=1"`
	Y     *float64 `json:"y" validate:"omitnil,gte=0,lte=1"`
}

// Typing is the event that a window sends while somebody types in a note. It is not stored.
type Typing struct {
	Name string `json:"name"`
}

// newApp makes the app. Tests pass their options; nil means defaults.
func newApp(opts *motia.Options) (*motia.App, error) {
	var o motia.Options
	if opts != nil {
		o = *opts
	}
	o.Streams = []motia.StreamConfig{{
		Name:    string(Board),
		OnJoin:  func(_ context.Context, join motia.StreamJoin) error { return checkBoard(join.GroupID) },
		History: motia.StreamHistory{Events: 1000, Age: 10 * time.Minute},
		Presence: func(principal any) motia.Member {
			return motia.Member{ID: principal.(string)}
		},
	}}
	o.StreamServer.Auth = func(_ context.Context, r *http.Request) (any, error) { return nameOf(r.URL.Query()) }
	app := motia.New(&o)
	return app, app.Register(addNote, changeNote, deleteNote, sendTyping, servePage)
}

const maxName = 24

// nameOf returns the name that the user has chosen. There are no passwords: whoever claims to be Ann is Ann. A
// service with accounts would check a token, see motia.StreamToken.
func nameOf(query url.Values) (string, error) {
	name := strings.TrimSpace(query.Get("name"))
	strange := strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) })
	switch {
	case name == "":
		return "", motia.HTTPError(http.StatusUnauthorized, errors.New("say who you are: the name is empty"))
	case !utf8.ValidString(name) || strange:
		return "", motia.HTTPError(http.StatusUnauthorized, errors.New("the name has characters that cannot be shown"))
	case utf8.RuneCountInString(name) > maxName:
		return "", motia.HTTPError(http.StatusUnauthorized, fmt.Errorf("the name is longer than %d characters", maxName))
	}
	return name, nil
}

var boardID = regexp.MustCompile(`^[a-z0-9-]{1,40}$`)

func checkBoard(id string) error {
	if !boardID.MatchString(id) {
		return motia.HTTPError(http.StatusNotFound, errors.New("a board's name has 1 to 40 small letters, digits and hyphens"))
	}
	return nil
}
