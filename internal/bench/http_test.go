package bench_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-playground/validator/v10"
	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
)

// BenchmarkHTTP routes a request, decodes and validates its body, and responds with JSON.
func BenchmarkHTTP(b *testing.B) {
	floor, motia := httpWork(b, "/orders", "/orders")
	compare(b, floor, motia)
}

// BenchmarkHTTPPathParameter does the same on a route with a parameter.
func BenchmarkHTTPPathParameter(b *testing.B) {
	floor, motia := httpWork(b, "/shops/{shop}/orders", "/shops/42/orders")
	compare(b, floor, motia)
}

func TestAnHTTPRequestAllocatesAtMostSixTimesMoreThanByHand(t *testing.T) {
	floor, motia := httpWork(t, "/orders", "/orders")
	requireExtraAllocs(t, 6, floor, motia)
}

type Receipt struct {
	ID    string `json:"id"`
	Total int    `json:"total"`
	Items int    `json:"items"`
}

// httpWork returns the work of requests to a handler by hand and to an app.
func httpWork(tb testing.TB, route, path string) (floor, app work) {
	validate, shared := benchValidator()
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+route, func(w http.ResponseWriter, r *http.Request) {
		var order Order
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&order); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if err := validate.Struct(&order); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		if err := json.NewEncoder(w).Encode(Receipt{order.ID, order.Total, len(order.Items)}); err != nil {
			tb.Error(err)
		}
	})
	step := motia.HTTPStep(motia.StepConfig{
		Name:     "create-order",
		Triggers: []motia.Trigger{motia.HTTP("POST", route)},
	}, func(in *motia.HTTPInput[Order], _ *motia.FlowContext[motia.None, Order]) (motia.Response, error) {
		order := &in.Request.Body
		return motia.Response{Status: http.StatusCreated, Body: Receipt{order.ID, order.Total, len(order.Items)}}, nil
	})
	served, _ := newApp(tb, &motia.Options{Validator: shared}, step)
	return httpRequests(tb, mux, path), httpRequests(tb, served, path)
}

// httpRequests sends the order again and again, with one request and one response writer, so that only the
// handler's work counts.
func httpRequests(tb testing.TB, handler http.Handler, path string) work {
	body := strings.NewReader("")
	r := httptest.NewRequest(http.MethodPost, path, nil)
	r.Header.Set("Content-Type", "application/json")
	r.Body = io.NopCloser(body)
	w := &httpDiscard{header: make(http.Header)}
	send := func() {
		body.Reset(orderText)
		w.reset()
		handler.ServeHTTP(w, r)
	}
	send()
	require.Equal(tb, http.StatusCreated, w.status)
	require.JSONEq(tb, `{"id":"8f14e45f-ceea-467f-9c3d-6a1b2c3d4e5f","total":9084,"items":3}`, w.body.String())
	return func(n int) {
		for range n {
			send()
		}
	}
}

// httpDiscard is a response writer that is reused.
type httpDiscard struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *httpDiscard) reset() {
	clear(w.header)
	w.status = 0
	w.body.Reset()
}

func (w *httpDiscard) Header() http.Header         { return w.header }
func (w *httpDiscard) WriteHeader(status int)      { w.status = status }
func (w *httpDiscard) Write(p []byte) (int, error) { return w.body.Write(p) }

// benchValidator returns a validator for the floor, and the same one as a validator of an app.
func benchValidator() (validate *validator.Validate, shared motia.Validator) {
	shared = motia.NewValidator(func(own *validator.Validate) error {
		validate = own
		return nil
	})
	return validate, shared
}
