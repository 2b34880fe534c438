package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/motiatest"
)

func startApp(t *testing.T) *motiatest.App { return motiatest.RunApp(t, newApp) }

// addTo puts a yellow note on a board and returns its path.
func addTo(t *testing.T, app *motiatest.App, board, name, text string) string {
	t.Helper()
	response := app.Do(motiatest.Request("POST", "/boards/"+board+"/notes?name="+name, NewNote{Text: text, Color: "yellow", X: 0.5, Y: 0.25}))
	require.Equal(t, http.StatusCreated, response.Code, response.Body)
	return response.Header().Get("Location")
}

// detail returns what a problem says.
func detail(t *testing.T, response *http.Response) string {
	t.Helper()
	require.Equal(t, "application/problem+json", response.Header.Get("Content-Type"))
	var problem motia.Problem
	require.NoError(t, json.NewDecoder(response.Body).Decode(&problem))
	require.Equal(t, response.StatusCode, problem.Status)
	return problem.Detail
}

func TestANoteIsAddedChangedAndDeleted(t *testing.T) {
	app := startApp(t)
	path := addTo(t, app, "main", "Ann", "Buy milk")
	id := strings.TrimPrefix(path, "/boards/main/notes/")

	response := app.Do(motiatest.Request("PATCH", path+"?name=Bo", `{"text": "Buy oat milk", "color": "green"}`))
	require.Equal(t, http.StatusOK, response.Code)
	motiatest.Equal(t, `{"id": "`+id+`", "data": {"text": "Buy oat milk", "color": "green", "x": 0.5, "y": 0.25, "by": "Ann", "version": 2}}`, response.Body)
	response = app.Do(motiatest.Request("PATCH", path+"?name=Bo", `{"x": 1, "y": 0}`))
	motiatest.Equal(t, `{"id": "`+id+`", "data": {"text": "Buy oat milk", "color": "green", "x": 1, "y": 0, "by": "Ann", "version": 3}}`, response.Body)

	for range 2 { // an already deleted note is fine
		response = app.Do(motiatest.Request("DELETE", path+"?name=Ann", nil))
		require.Equal(t, http.StatusNoContent, response.Code)
	}
	var changes []motia.StreamEventType
	for _, event := range motiatest.StreamEvents(t, app, Board) {
		require.Equal(t, id, event.ItemID)
		changes = append(changes, event.Event.Type)
	}
	require.Equal(t, []motia.StreamEventType{motia.EventCreate, motia.EventUpdate, motia.EventUpdate, motia.EventDelete}, changes)
}

func TestANoteThatIsGoneCannotBeChanged(t *testing.T) {
	app := startApp(t)
	path := addTo(t, app, "main", "Ann", "Buy milk")
	app.Do(motiatest.Request("DELETE", path+"?name=Ann", nil))
	response := app.Do(motiatest.Request("PATCH", path+"?name=Bo", `{"text": "Buy oat milk"}`))
	require.Equal(t, http.StatusNotFound, response.Code)
	require.Equal(t, "somebody has deleted this note", detail(t, response.Result()))
	notes, err := Board.List(app.Context(t.Context()), "main")
	require.NoError(t, err)
	require.Empty(t, notes, "the late change does not bring it back")
}

func TestTypingIsToldAndNotStored(t *testing.T) {
	app := startApp(t)
	path := addTo(t, app, "main", "Ann", "")
	response := app.Do(motiatest.Request("POST", path+"/typing?name=Bo", nil))
	require.Equal(t, http.StatusNoContent, response.Code)
	events := motiatest.StreamEvents(t, app, Board)
	require.Len(t, events, 2)
	require.Equal(t, motia.EventSent, events[1].Event.Type)
	require.Equal(t, "typing", events[1].Event.Name)
	motiatest.Equal(t, `{"name": "Bo"}`, string(events[1].Event.Payload))
}

func TestWhatIsWrongWithARequestIsSaid(t *testing.T) {
	app := startApp(t)
	note := addTo(t, app, "main", "Ann", "Buy milk")
	const notes = "/boards/main/notes"
	for _, test := range []struct {
		method, target, body string
		status               int
		detail               string
	}{
		{"POST", notes + "?name=Ann", `{"color": "brown", "x": -1, "y": 1.5}`, 400, "invalid payload: color must be one of yellow, pink, blue, green, violet; " +
			"x must be at least 0; y must be at most 1"},
		{"POST", notes + "?name=Ann", `{"color": "pink", "text": "` + strings.Repeat("ü", 281) + `"}`, 400, "invalid payload: text must have at most 280 characters"},
		{"PATCH", note + "?name=Ann", `{"text": "` + strings.Repeat("ü", 281) + `"}`, 400, "invalid payload: text must have at most 280 characters"},
		{"PATCH", note + "?name=Ann", `{"color": "", "x": 2}`, 400, "invalid payload: color must be one of yellow, pink, blue, green, violet; x must be at most 1"},
		{"PATCH", note + "?name=Ann", `{"text": 7}`, 400, "wrong type: text must be a string, not a number"},
		{"POST", notes, `{"color": "pink"}`, 401, "say who you are: the name is empty"},
		{"DELETE", note + "?name=%20", ``, 401, "say who you are: the name is empty"},
		{"POST", note + "/typing?name=" + strings.Repeat("A", 25), ``, 401, "the name is longer than 24 characters"},
		{"POST", note + "/typing?name=A%00B", ``, 401, "the name has characters that cannot be shown"},
		{"POST", note + "/typing?name=A%FFB", ``, 401, "the name has characters that cannot be shown"},
		{"POST", "/boards/NO!/notes?name=Ann", `{"color": "pink"}`, 404, "a board's name has 1 to 40 small letters, digits and hyphens"},
	} {
		t.Run(test.method+" "+test.target, func(t *testing.T) {
			response := app.Do(motiatest.Request(test.method, test.target, test.body))
			require.Equal(t, test.status, response.Code, response.Body)
			require.Equal(t, test.detail, detail(t, response.Result()))
		})
	}
	require.Len(t, motiatest.StreamEvents(t, app, Board), 1, "nothing has happened")
}

func TestThePageIsServedWithAllItsFiles(t *testing.T) {
	app := startApp(t)
	for target, contentType := range map[string]string{
		"/":               "text/html; charset=utf-8",
		"/page/board.css": "text/css; charset=utf-8",
		"/page/board.js":  "text/javascript; charset=utf-8",
		"/page/note.js":   "text/javascript; charset=utf-8",
		"/page/people.js": "text/javascript; charset=utf-8",
		"/page/api.js":    "text/javascript; charset=utf-8",
		"/page/icon.svg":  "image/svg+xml",
	} {
		response := app.Do(motiatest.Request("GET", target, nil))
		require.Equal(t, http.StatusOK, response.Code, target)
		require.Equal(t, contentType, response.Header().Get("Content-Type"), target)
		require.Equal(t, "default-src 'self'", response.Header().Get("Content-Security-Policy"))
	}
	for _, target := range []string{"/page/none.js", "/page/..%2fboard.go", "/page/", "/board.go"} {
		require.Equal(t, http.StatusNotFound, app.Do(motiatest.Request("GET", target, nil)).Code, target)
	}
}
