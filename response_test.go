package motia_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

func TestResponsesGoOutByTheTypeOfTheirBody(t *testing.T) {
	const text, binary, asJSON = "text/plain; charset=utf-8", "application/octet-stream", "application/json"
	var nilPointer *httpSmall
	for _, test := range []struct {
		name        string
		response    motia.Response
		status      int
		contentType string
		body        string
	}{
		{"zero", motia.Response{}, 204, "", ""},
		{"status only", motia.Response{Status: 202}, 202, "", ""},
		{"struct", motia.Response{Body: httpSmall{"a", 1}}, 200, asJSON, `{"id":"a","total":1}` + "\n"},
		{"map", motia.Response{Status: 201, Body: map[string]any{"n": uint64(1<<64 - 1)}}, 201, asJSON, `{"n":18446744073709551615}` + "\n"},
		{"number", motia.Response{Body: 7}, 200, asJSON, "7\n"},
		{"nil pointer", motia.Response{Body: nilPointer}, 200, asJSON, "null\n"},
		{"raw JSON", motia.Response{Body: json.RawMessage(`{"a": 1}`)}, 200, asJSON, `{"a":1}` + "\n"},
		{"string is not quoted", motia.Response{Body: `say "hi"`}, 200, text, `say "hi"`},
		{"empty string", motia.Response{Body: ""}, 200, text, ""},
		{"bytes", motia.Response{Body: []byte("\x00\xff")}, 200, binary, "\x00\xff"},
		{"reader", motia.Response{Body: strings.NewReader("abc")}, 200, binary, "abc"},
		{"own content type", motia.Response{Headers: http.Header{"Content-Type": {"text/html"}}, Body: "<p>"}, 200, "text/html", "<p>"},
		{"own content type, not canonical", motia.Response{Headers: http.Header{"content-type": {"image/png"}}, Body: []byte("x")}, 200, "image/png", "x"},
		{"204 with a body", motia.Response{Status: 204, Body: "abc"}, 204, "", ""},
		{"204 with JSON", motia.Response{Status: 204, Body: 7}, 204, "", ""},
		{"304 with a reader", motia.Response{Status: 304, Body: strings.NewReader("abc")}, 304, "", ""},
		{"unusual status", motia.Response{Status: 299, Body: "x"}, 299, text, "x"},
		{"error status without an error", motia.Response{Status: 404, Body: map[string]int{"a": 1}}, 404, asJSON, `{"a":1}` + "\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			app, log := testkit.NewApp(t, nil, httpAnswer(test.response, nil))
			server := httptest.NewServer(app) // it minds the rules of HTTP, a recorder does not
			defer server.Close()
			resp, err := http.Get(server.URL + "/x")
			require.NoError(t, err)
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.Equal(t, test.status, resp.StatusCode)
			require.Equal(t, test.contentType, resp.Header.Get("Content-Type"))
			require.LessOrEqual(t, len(resp.Header["Content-Type"]), 1)
			require.Equal(t, test.body, string(body))
			require.Empty(t, log.String())
		})
	}
}

func TestHeadersKeepAllTheirValues(t *testing.T) {
	shared := http.Header{"Set-Cookie": {"a=1", "b=2"}, "x-lower": {"1"}, "Content-Type": {"text/csv"}, "Content-Length": {"3"}, "X-Trace-Id": {"mine"}, "Vary": {"Accept"}}
	set := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.Header().Set("Vary", "Origin")
			next.ServeHTTP(w, r)
		})
	}
	app, _ := testkit.NewApp(t, &motia.Options{Middleware: []func(http.Handler) http.Handler{set}}, httpAnswer(motia.Response{Headers: shared, Body: "abc"}, nil))
	for _, method := range []string{"GET", "GET", "HEAD"} { // again, to see that the shared map does not grow
		h := do(t, app, method, "/x", "").Header()
		require.Equal(t, []string{"a=1", "b=2"}, h["Set-Cookie"])
		require.Equal(t, []string{"1"}, h["X-Lower"])
		require.Equal(t, []string{"text/csv"}, h["Content-Type"], "there can be only one")
		require.Equal(t, []string{"3"}, h["Content-Length"])
		require.Equal(t, []string{"mine"}, h["X-Trace-Id"])
		require.Equal(t, []string{"Origin", "Accept"}, h["Vary"], "added to that of middleware")
	}
	require.Equal(t, []string{"Accept"}, shared["Vary"])
}

func TestHeadTellsTheLengthWithoutTheBody(t *testing.T) {
	for body, want := range map[any]string{"abc": "3", httpSmall{"a", 1}: "21"} {
		app, _ := testkit.NewApp(t, nil, httpAnswer(motia.Response{Body: body}, nil))
		rec := do(t, app, "HEAD", "/x", "")
		require.Equal(t, 200, rec.Code)
		require.Equal(t, want, rec.Header().Get("Content-Length"))
		require.Empty(t, rec.Body.String())
	}
}

func TestAStatusThatCannotBeSentAnswers500(t *testing.T) {
	for _, status := range []int{-1, 1, 99, 100, 103, 199, 1000} {
		body := &httpBody{Reader: strings.NewReader("abc")}
		app, log := testkit.NewApp(t, nil, httpAnswer(motia.Response{Status: status, Headers: http.Header{"X-Of-Step": {"1"}}, Body: body}, nil))
		rec := do(t, app, "GET", "/x", "")
		require.Equal(t, 500, rec.Code)
		problem(t, rec)
		require.Empty(t, rec.Header().Get("X-Of-Step"))
		require.Contains(t, log.Records(t, "step failed")[0]["error"], "out of range")
		require.EqualValues(t, 1, body.closed.Load())
	}
}

func TestABodyThatDoesNotEncodeAnswers500(t *testing.T) {
	for name, body := range map[string]any{"channel": make(chan int), "function": func() {}, "inside": map[string]any{"a": []any{func() {}}}, "raw": json.RawMessage("{")} {
		t.Run(name, func(t *testing.T) {
			app, log := testkit.NewApp(t, nil, httpAnswer(motia.Response{Headers: http.Header{"Content-Length": {"9"}}, Body: body}, nil))
			rec := do(t, app, "GET", "/x", "")
			require.Equal(t, 500, rec.Code)
			require.Empty(t, problem(t, rec).Detail)
			require.Empty(t, rec.Header().Get("Content-Length"))
			require.Contains(t, log.Records(t, "step failed")[0]["error"], "response body: json")
		})
	}
}

// httpBody is a reader that counts how often it was closed.
type httpBody struct {
	io.Reader
	closed atomic.Int32
}

func (b *httpBody) Close() error {
	b.closed.Add(1)
	return nil
}

func TestReadersAreClosedWhateverHappens(t *testing.T) {
	for _, test := range []struct {
		name, method string
		response     motia.Response
		err          error
	}{
		{"sent", "GET", motia.Response{}, nil},
		{"HEAD", "HEAD", motia.Response{}, nil},
		{"no content", "GET", motia.Response{Status: 204}, nil},
		{"beside an error", "GET", motia.Response{}, errors.New("x")},
		{"beside a client's error", "GET", motia.Response{}, motia.HTTPError(404, nil)},
	} {
		t.Run(test.name, func(t *testing.T) {
			body := &httpBody{Reader: strings.NewReader("abc")}
			test.response.Body = body
			app, _ := testkit.NewApp(t, nil, httpAnswer(test.response, test.err))
			do(t, app, test.method, "/x", "")
			require.EqualValues(t, 1, body.closed.Load())
		})
	}
}

func TestAnErrorBesideAValueWins(t *testing.T) {
	app, _ := testkit.NewApp(t, nil, httpAnswer(motia.Response{Status: 201, Headers: http.Header{"X-Of-Step": {"1"}}, Body: "value"}, motia.HTTPError(409, errors.New("conflict"))))
	rec := do(t, app, "GET", "/x", "")
	require.Equal(t, 409, rec.Code)
	require.Equal(t, "conflict", problem(t, rec).Detail)
	require.NotContains(t, rec.Body.String(), "value")
	require.Empty(t, rec.Header().Get("X-Of-Step"))
}

type httpPanickingReader struct{}

func (httpPanickingReader) Read([]byte) (int, error) { panic("disk on fire") }

func TestAReaderThatFailsCutsTheConnectionAndIsLogged(t *testing.T) {
	for name, test := range map[string]struct {
		end  io.Reader
		want string
	}{
		"error": {httpBrokenReader{errors.New("disk on fire")}, "response body: disk on fire"},
		"panic": {httpPanickingReader{}, "panic: disk on fire"},
	} {
		t.Run(name, func(t *testing.T) {
			body := &httpBody{Reader: io.MultiReader(strings.NewReader(strings.Repeat("x", 1<<20)), test.end)}
			app, log := testkit.NewApp(t, nil, httpAnswer(motia.Response{Body: body}, nil))
			server := httptest.NewServer(app)
			resp, err := http.Get(server.URL + "/x")
			require.NoError(t, err)
			got, err := io.ReadAll(resp.Body)
			require.ErrorIs(t, err, io.ErrUnexpectedEOF, "the client must notice")
			require.NoError(t, resp.Body.Close())
			require.NotContains(t, string(got), "problem")
			server.Close() // waits for the handler
			require.EqualValues(t, 1, body.closed.Load())
			require.Equal(t, test.want, log.Records(t, "step failed")[0]["error"])
		})
	}
}

func TestAResponseOfAQueueTriggerIsClosedAndIgnored(t *testing.T) {
	body := &httpBody{Reader: strings.NewReader("abc")}
	ran := make(chan struct{})
	app, _ := testkit.NewApp(t, nil, motia.NewStep(motia.StepConfig{Name: "both", Triggers: []motia.Trigger{motia.Queue("t")}},
		func(motia.Input[motia.None], *motia.FlowContext[motia.None, motia.None]) (motia.Response, error) {
			defer close(ran)
			return motia.Response{Body: body}, nil
		}))
	stop := testkit.Start(t, app)
	require.NoError(t, motia.Topic[int]("t").Enqueue(app.Context(t.Context()), 1))
	<-ran
	require.NoError(t, stop())
	require.EqualValues(t, 1, body.closed.Load())
}
