package motia_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

type httpOrder struct {
	ID    string     `json:"id" validate:"required"`
	Email string     `json:"email" validate:"required,email"`
	Items []httpItem `json:"items" validate:"min=1,dive"`
}

type httpItem struct {
	SKU string `json:"sku" validate:"required"`
	Qty int    `json:"qty" validate:"gt=0"`
}

const httpGoodOrder = `{"id":"a","email":"a@example.com","items":[{"sku":"s","qty":1}]}`

// httpOrders is an app with POST /orders, and the orders that reached the handler.
func httpOrders(t testing.TB, opts *motia.Options) (*motia.App, *[]httpOrder) {
	var got []httpOrder
	app, _ := testkit.NewApp(t, opts, httpStep("POST", "/orders", func(in *motia.HTTPInput[httpOrder], ctx *motia.FlowContext[any, httpOrder]) (motia.Response, error) {
		got = append(got, in.Request.Body)
		return motia.Response{Status: 201}, nil
	}))
	return app, &got
}

func TestAValidBodyReachesTheHandlerDecoded(t *testing.T) {
	app, got := httpOrders(t, nil)
	require.Equal(t, 201, do(t, app, "POST", "/orders", httpGoodOrder).Code)
	require.Equal(t, []httpOrder{{"a", "a@example.com", []httpItem{{"s", 1}}}}, *got)
}

func TestFailedValidationNamesAllFieldsByTheirJSONPaths(t *testing.T) {
	app, got := httpOrders(t, nil)
	rec := do(t, app, "POST", "/orders", `{"email":"nobody","items":[{"sku":"s","qty":0},{"qty":2}]}`)
	require.Equal(t, 400, rec.Code)
	p := problem(t, rec)
	require.Equal(t, "about:blank", p.Type)
	require.Equal(t, "Bad Request", p.Title)
	require.Equal(t, []motia.FieldError{
		{Field: "id", Rule: "required", Message: "is required"},
		{Field: "email", Rule: "email", Message: "must be an email address"},
		{Field: "items[0].qty", Rule: "gt", Message: "must be greater than 0"},
		{Field: "items[1].sku", Rule: "required", Message: "is required"},
	}, p.Errors)
	require.Empty(t, *got)
}

func TestUnsupportedMediaTypesAnswer415(t *testing.T) {
	app, _ := httpOrders(t, nil)
	for contentType, want := range map[string]int{
		"":                                       201,
		"application/json":                       201,
		"Application/JSON; charset=utf-8":        201,
		"application/vnd.shop.order+json":        201,
		"application/json; charset=ascii":        201,
		"text/plain":                             415,
		"text/json":                              415,
		"image/x+json":                           415,
		"application/x-www-form-urlencoded":      415,
		"multipart/form-data; boundary=x":        415,
		"application/jsonp":                      415,
		"application/json, text/plain":           415,
		"application/json; charset":              415,
		"application":                            415,
		"\xff\xfe":                               415,
		";":                                      415,
		"application/json; a=1; a=2":             415,
		strings.Repeat("application/json;", 999): 415,
	} {
		rec := do(t, app, "POST", "/orders", httpGoodOrder, "Content-Type", contentType)
		require.Equal(t, want, rec.Code, contentType)
		if want == 415 {
			require.Equal(t, "Unsupported Media Type", problem(t, rec).Title)
		}
	}
	rec := do(t, app, "POST", "/orders", httpGoodOrder, "Content-Type", "application/json", "Content-Type", "text/plain")
	require.Equal(t, 415, rec.Code)
	require.Equal(t, "more than one content type", problem(t, rec).Detail)
}

func TestABodyMayBeExactlyAsLargeAsTheLimit(t *testing.T) {
	sized := func(size int) string {
		return httpGoodOrder + strings.Repeat(" ", size-len(httpGoodOrder))
	}
	for _, limit := range []int64{0, 100, 5000} {
		app, _ := httpOrders(t, &motia.Options{MaxBodySize: limit})
		if limit == 0 {
			limit = 1 << 20
		}
		server := httptest.NewServer(app)
		defer server.Close()
		for size, want := range map[int]int{int(limit) - 1: 201, int(limit): 201, int(limit) + 1: 413, 3 * int(limit): 413} {
			rec := do(t, app, "POST", "/orders", sized(size))
			require.Equal(t, want, rec.Code, "%d of %d", size, limit)
			if want == 413 {
				require.Equal(t, fmt.Sprintf("body is larger than %d bytes", limit), problem(t, rec).Detail)
			}
			// Without a length the client sends chunks.
			r, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+"/orders", io.MultiReader(strings.NewReader(sized(size))))
			require.NoError(t, err)
			resp, err := http.DefaultClient.Do(r)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, want, resp.StatusCode, "%d of %d in chunks", size, limit)
		}
	}
}

func TestALowerLimitOfMiddlewareAnswers413(t *testing.T) {
	limit := func(next http.Handler) http.Handler { return http.MaxBytesHandler(next, 10) }
	app, _ := httpOrders(t, &motia.Options{Middleware: []func(http.Handler) http.Handler{limit}})
	rec := do(t, app, "POST", "/orders", httpGoodOrder)
	require.Equal(t, 413, rec.Code)
	require.Equal(t, "body is larger than 10 bytes", problem(t, rec).Detail)
}

type httpBrokenReader struct{ err error }

func (r httpBrokenReader) Read([]byte) (int, error) { return 0, r.err }

func TestABodyThatBreaksOffAnswers400(t *testing.T) {
	app, got := httpOrders(t, nil)
	rec := httptest.NewRecorder()
	app.ServeHTTP(rec, httptest.NewRequest("POST", "/orders", io.MultiReader(strings.NewReader(httpGoodOrder), httpBrokenReader{io.ErrUnexpectedEOF})))
	require.Equal(t, 400, rec.Code)
	require.Equal(t, "body could not be read", problem(t, rec).Detail)
	require.Empty(t, *got)
}

func TestAFalseConditionAnswers422(t *testing.T) {
	called := false
	app, _ := testkit.NewApp(t, nil, httpStep("POST", "/x", func(*motia.HTTPInput[httpSmall], *motia.FlowContext[any, httpSmall]) (motia.Response, error) {
		called = true
		return motia.Response{}, nil
	}, motia.When(func(in motia.Input[httpSmall]) bool { return in.(*motia.HTTPInput[httpSmall]).Request.Body.Total > 10 })))
	rec := do(t, app, "POST", "/x", `{"id":"a","total":10}`)
	require.Equal(t, 422, rec.Code)
	require.Equal(t, "the request does not meet the step's condition", problem(t, rec).Detail)
	require.False(t, called)
	require.Equal(t, 204, do(t, app, "POST", "/x", `{"id":"a","total":11}`).Code)
	require.True(t, called)
	require.Equal(t, 400, do(t, app, "POST", "/x", `{"id":"a","total":0}`).Code, "validation comes first")
}

func TestAConditionGetsTheInputOfTheHandler(t *testing.T) {
	var asked, handled motia.Input[httpSmall]
	app, _ := testkit.NewApp(t, nil, httpStep("POST", "/x", func(in *motia.HTTPInput[httpSmall], _ *motia.FlowContext[any, httpSmall]) (motia.Response, error) {
		handled = in
		return motia.Response{}, nil
	}, motia.When(func(in motia.Input[httpSmall]) bool {
		asked = in
		return true
	})))
	require.Equal(t, 204, do(t, app, "POST", "/x", `{"id":"a","total":1}`).Code)
	require.NotNil(t, handled)
	require.Same(t, asked, handled)
}

func TestErrorsOfHandlersDecideTheStatus(t *testing.T) {
	for _, test := range []struct {
		name   string
		err    error
		status int
		detail string
		logged bool
	}{
		{"plain", errors.New("secret"), 500, "", true},
		{"not found", motia.HTTPError(404, errors.New("no such order")), 404, "no such order", false},
		{"without text", motia.HTTPError(403, nil), 403, "", false},
		{"wrapped", fmt.Errorf("secret: %w", motia.HTTPError(409, errors.New("sold"))), 409, "sold", false},
		{"status of its own", motia.HTTPError(499, errors.New("x")), 499, "x", false},
		{"server error that may be seen", motia.HTTPError(502, errors.New("bank is closed")), 502, "bank is closed", true},
		{"no error status", motia.HTTPError(200, errors.New("secret")), 500, "", true},
		{"no status", motia.HTTPError(0, errors.New("secret")), 500, "", true},
		{"redirect", motia.HTTPError(302, errors.New("secret")), 500, "", true},
		{"beyond", motia.HTTPError(1000, errors.New("secret")), 500, "", true},
		{"permanent", motia.Permanent(errors.New("secret")), 500, "", true},
		{"queue full", fmt.Errorf("enqueue: %w", motia.ErrQueueFull), 503, "queue is full", true},
		{"canceled", context.Canceled, 500, "", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			app, log := testkit.NewApp(t, nil, httpAnswer(motia.Response{Body: "ignored"}, test.err))
			rec := do(t, app, "GET", "/x", "")
			require.Equal(t, test.status, rec.Code)
			p := problem(t, rec)
			require.Equal(t, test.detail, p.Detail)
			require.NotContains(t, rec.Body.String(), "secret")
			require.Equal(t, test.status == 503, rec.Header().Get("Retry-After") == "1")
			records := log.Records(t, "step failed")
			if !test.logged {
				require.Empty(t, records)
				return
			}
			require.Len(t, records, 1)
			require.Equal(t, "ERROR", records[0]["level"])
			require.Equal(t, test.err.Error(), records[0]["error"])
			require.Equal(t, "GET /x", records[0]["step"])
			require.Equal(t, p.TraceID, records[0]["trace_id"])
		})
	}
}

func TestAFullQueueAnswers503(t *testing.T) {
	app, _ := testkit.NewApp(t, nil,
		httpStep("GET", "/x", func(_ *motia.HTTPInput[motia.None], ctx *motia.FlowContext[any, motia.None]) (motia.Response, error) {
			return motia.Response{}, ctx.Enqueue(motia.Message[any]{Topic: "declared", Data: 1})
		}),
		motia.QueueStep(motia.StepConfig{Name: "q", Triggers: []motia.Trigger{motia.Queue("declared", motia.QueueConfig{MaxPending: 1})}},
			func(int, *motia.FlowContext[motia.None, int]) error { return nil }))
	require.Equal(t, 204, do(t, app, "GET", "/x", "").Code) // not running: the message waits
	rec := do(t, app, "GET", "/x", "")
	require.Equal(t, 503, rec.Code)
	require.Equal(t, "1", rec.Header().Get("Retry-After"))
	require.Equal(t, "queue is full", problem(t, rec).Detail)
}

func TestPanicsAnswer500AndAreLoggedWithTheirStack(t *testing.T) {
	fail := func(*motia.HTTPInput[httpPanicky], *motia.FlowContext[any, httpPanicky]) (motia.Response, error) {
		panic("secret")
	}
	fine := func(*motia.HTTPInput[httpPanicky], *motia.FlowContext[any, httpPanicky]) (motia.Response, error) {
		return motia.Response{}, nil
	}
	for name, test := range map[string]struct {
		step motia.Step
		body string
	}{
		"handler":   {httpStep("POST", "/x", fail), `{}`},
		"condition": {httpStep("POST", "/x", fine, motia.When(func(motia.Input[httpPanicky]) bool { panic("secret") })), `{}`},
		"decoding":  {httpStep("POST", "/x", fine), `{"a":1}`},
		"encoding": {httpStep("POST", "/x", func(*motia.HTTPInput[httpPanicky], *motia.FlowContext[any, httpPanicky]) (motia.Response, error) {
			return motia.Response{Body: httpPanicky{}}, nil
		}), `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			app, log := testkit.NewApp(t, nil, test.step)
			rec := do(t, app, "POST", "/x", test.body)
			require.Equal(t, 500, rec.Code, rec.Body)
			require.NotContains(t, rec.Body.String(), "secret")
			records := log.Records(t, "step failed")
			require.Len(t, records, 1)
			require.Equal(t, "panic: secret", records[0]["error"])
			require.Contains(t, records[0]["stack"], "http_status_test.go")
			require.Equal(t, problem(t, rec).TraceID, records[0]["trace_id"])
		})
	}
}

// httpPanicky panics when it is decoded from, or encoded to, anything but {}.
type httpPanicky struct{}

func (*httpPanicky) UnmarshalJSON(data []byte) error {
	if !bytes.Equal(data, []byte(`{}`)) {
		panic("secret")
	}
	return nil
}

func (httpPanicky) MarshalJSON() ([]byte, error) { panic("secret") }

func TestErrAbortHandlerCutsTheConnection(t *testing.T) {
	for name, step := range map[string]motia.Step{
		"panic": httpStep("GET", "/x", func(*motia.HTTPInput[motia.None], *motia.FlowContext[any, motia.None]) (motia.Response, error) {
			panic(http.ErrAbortHandler)
		}),
		"error": httpAnswer(motia.Response{}, fmt.Errorf("upstream: %w", http.ErrAbortHandler)),
	} {
		t.Run(name, func(t *testing.T) {
			app, log := testkit.NewApp(t, nil, step)
			server := httptest.NewServer(app)
			defer server.Close()
			_, err := http.Get(server.URL + "/x")
			require.ErrorIs(t, err, io.EOF)
			require.Empty(t, log.Records(t, "step failed"), "it asks for silence")
		})
	}
}

type httpSmall struct {
	ID    string `json:"id" validate:"required"`
	Total int    `json:"total" validate:"gt=0"`
}
