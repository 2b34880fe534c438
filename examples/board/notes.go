package main

import (
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/motia-go/motia"
)

// The windows write with requests to these steps. The stream brings everything that a step stores or sends to all
// windows, including the writer's.

var addNote = motia.HTTPStep(motia.StepConfig{
	Name:     "add-note",
	Triggers: []motia.Trigger{motia.HTTP("POST", "/boards/:board/notes")},
}, func(in *motia.HTTPInput[NewNote], ctx *motia.Ctx[NewNote]) (motia.Response, error) {
	board, name, err := whereAndWho(in.Request.PathParams, in.Request.QueryParams)
	if err != nil {
		return motia.Response{}, err
	}
	id := strings.ToLower(rand.Text()[:12])
	note := Note{NewNote: in.Request.Body, By: name, Version: 1}
	if _, err := Board.Set(ctx, board, id, note); err != nil {
		return motia.Response{}, err
	}
	return motia.Response{
		Status:  http.StatusCreated,
		Headers: http.Header{"Location": {"/boards/" + board + "/notes/" + id}},
		Body:    motia.StreamItem[Note]{ID: id, Data: note},
	}, nil
})

var changeNote = motia.HTTPStep(motia.StepConfig{
	Name:     "change-note",
	Triggers: []motia.Trigger{motia.HTTP("PATCH", "/boards/:board/notes/:note")},
}, func(in *motia.HTTPInput[NoteChange], ctx *motia.Ctx[NoteChange]) (motia.Response, error) {
	board, _, err := whereAndWho(in.Request.PathParams, in.Request.QueryParams)
	if err != nil {
		return motia.Response{}, err
	}
	id := in.Request.PathParams["note"]
	if _, found, err := Board.Get(ctx, board, id); err != nil || !found {
		return motia.Response{}, errors.Join(err, errNoNote)
	}

	// This is one atomic change of only the given fields, since somebody else may be moving the note at the same
	// time.
	change, err := Board.Update(ctx, board, id, in.Request.Body.ops(), motia.Increment("version", 1))
	if err != nil {
		return motia.Response{}, err
	}
	if !change.Old.Exists() { // it has just been deleted, and the update has created a new one
		_, _, err := Board.Delete(ctx, board, id)
		return motia.Response{}, errors.Join(err, errNoNote)
	}
	return motia.Response{Body: motia.StreamItem[motia.Stored[Note]]{ID: id, Data: change.New}}, nil
})

var deleteNote = motia.HTTPStep(motia.StepConfig{
	Name:     "delete-note",
	Triggers: []motia.Trigger{motia.HTTP("DELETE", "/boards/:board/notes/:note")},
}, func(in *motia.HTTPInput[motia.None], ctx *motia.Ctx[motia.None]) (motia.Response, error) {
	board, _, err := whereAndWho(in.Request.PathParams, in.Request.QueryParams)
	if err != nil {
		return motia.Response{}, err
	}
	_, _, err = Board.Delete(ctx, board, in.Request.PathParams["note"]) // an already deleted note is fine
	return motia.Response{}, err
})

var sendTyping = motia.HTTPStep(motia.StepConfig{
	Name:     "send-typing",
	Triggers: []motia.Trigger{motia.HTTP("POST", "/boards/:board/notes/:note/typing")},
}, func(in *motia.HTTPInput[motia.None], ctx *motia.Ctx[motia.None]) (motia.Response, error) {
	board, name, err := whereAndWho(in.Request.PathParams, in.Request.QueryParams)
	if err != nil {
		return motia.Response{}, err
	}
	return motia.Response{}, Board.Send(ctx, board, in.Request.PathParams["note"], "typing", Typing{Name: name})
})

var errNoNote = motia.HTTPError(http.StatusNotFound, errors.New("somebody has deleted this note"))

func (c NoteChange) ops() motia.UpdateOps {
	var ops motia.UpdateOps
	if c.Text != nil {
		ops = append(ops, motia.Set("text", *c.Text))
	}
	if c.Color != nil {
		ops = append(ops, motia.Set("color", *c.Color))
	}
	if c.X != nil {
		ops = append(ops, motia.Set("x", *c.X))
	}
	if c.Y != nil {
		ops = append(ops, motia.Set("y", *c.Y))
	}
	return ops
}

// whereAndWho returns the board of a request and the name of the sender.
func whereAndWho(path map[string]string, query url.Values) (board, name string, err error) {
	name, err = nameOf(query)
	if err != nil {
		return "", "", err
	}
	return path["board"], name, checkBoard(path["board"])
}
