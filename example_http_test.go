package motia_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/motia-go/motia"
)

// Path parameters, query, headers and the decoded body are in the request.
func ExampleHTTPStep() {
	app := motia.New(&motia.Options{Logger: quiet})
	defer run(app, motia.HTTPStep(motia.StepConfig{
		Name:     "get-order",
		Triggers: []motia.Trigger{motia.HTTP("GET", "/customers/:customer/orders/{id}")},
	}, func(in *motia.HTTPInput[motia.None], ctx *motia.Ctx[motia.None]) (motia.Response, error) {
		return motia.Response{Body: map[string]any{
			"customer": in.Request.PathParams["customer"],
			"id":       in.Request.PathParams["id"],
			"fields":   in.Request.QueryParams["field"],
		}}, nil
	}))()

	request(app, "GET", "/customers/J%C3%BCrgen/orders/a%2Fb?field=id&field=total", "")
	// Output: 200 {"customer":"Jürgen","fields":["id","total"],"id":"a/b"}
}

// Bodies are validated before the handler runs, and the problem names each invalid field.
func ExampleProblem() {
	app := motia.New(&motia.Options{Logger: quiet})
	defer run(app, motia.HTTPStep(motia.StepConfig{
		Name:     "place-order",
		Triggers: []motia.Trigger{motia.HTTP("POST", "/orders")},
	}, func(*motia.HTTPInput[Order], *motia.Ctx[Order]) (motia.Response, error) {
		return motia.Response{}, nil
	}))()

	answer := httptest.NewRecorder()
	app.ServeHTTP(answer, httptest.NewRequest("POST", "/orders", strings.NewReader(`{"total":-1}`)))
	var problem motia.Problem
	if err := json.Unmarshal(answer.Body.Bytes(), &problem); err != nil {
		fmt.Println(err)
	}
	fmt.Println(problem.Status, problem.Title)
	for _, e := range problem.Errors {
		fmt.Println(e.Field, e.Message)
	}
	// Output:
	// 400 Bad Request
	// id is required
	// total must be greater than 0
}

// The client gets the text of an error with a status. The text of any other error is only logged.
func ExampleHTTPError() {
	app := motia.New(&motia.Options{Logger: quiet})
	defer run(app, motia.HTTPStep(motia.StepConfig{
		Name:     "get-order",
		Triggers: []motia.Trigger{motia.HTTP("GET", "/orders/:id")},
	}, func(in *motia.HTTPInput[motia.None], ctx *motia.Ctx[motia.None]) (motia.Response, error) {
		order, found, err := Orders.Get(ctx, in.Request.PathParams["id"])
		if err == nil && !found {
			err = motia.HTTPError(http.StatusNotFound, errors.New("no such order"))
		}
		return motia.Response{Body: order}, err
	}))()

	answer := httptest.NewRecorder()
	app.ServeHTTP(answer, httptest.NewRequest("GET", "/orders/o-9", nil))
	var problem motia.Problem
	if err := json.Unmarshal(answer.Body.Bytes(), &problem); err != nil {
		fmt.Println(err)
	}
	fmt.Println(problem.Status, problem.Detail)
	// Output: 404 no such order
}

// A step can write its response piece by piece.
func ExampleResponseStream_Send() {
	app := motia.New(&motia.Options{Logger: quiet})
	defer run(app, motia.HTTPStep(motia.StepConfig{
		Name:     "progress",
		Triggers: []motia.Trigger{motia.HTTP("GET", "/progress")},
	}, func(in *motia.HTTPInput[motia.None], ctx *motia.Ctx[motia.None]) (motia.Response, error) {
		for percent := 50; percent <= 100; percent += 50 {
			event := motia.ServerSentEvent{Event: "progress", Data: map[string]int{"percent": percent}}
			if err := in.Response.Send(event); err != nil {
				return motia.Response{}, err
			}
		}
		return motia.Response{}, nil
	}))()

	answer := httptest.NewRecorder()
	app.ServeHTTP(answer, httptest.NewRequest("GET", "/progress", nil))
	fmt.Println(answer.Header().Get("Content-Type"))
	fmt.Print(answer.Body)
	// Output:
	// text/event-stream
	// event: progress
	// data: {"percent":50}
	//
	// event: progress
	// data: {"percent":100}
}

// Standard middleware wraps one trigger; Options.Middleware wraps them all.
func ExampleUse() {
	needsKey := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Api-Key") == "" {
				http.Error(w, "an API key is needed", http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
	app := motia.New(&motia.Options{Logger: quiet})
	defer run(app, motia.HTTPStep(motia.StepConfig{
		Name:     "secret",
		Triggers: []motia.Trigger{motia.HTTP("GET", "/secret", motia.Use(needsKey))},
	}, func(*motia.HTTPInput[motia.None], *motia.Ctx[motia.None]) (motia.Response, error) {
		return motia.Response{Body: "the answer"}, nil
	}))()

	request(app, "GET", "/secret", "")
	// Output: 401 an API key is needed
}

// A condition gets the decoded and validated input.
func ExampleWhen() {
	large := motia.When(func(in motia.Input[Order]) bool {
		request, ok := in.(*motia.HTTPInput[Order])
		return ok && request.Request.Body.Total >= 100
	})
	app := motia.New(&motia.Options{Logger: quiet})
	defer run(app, motia.HTTPStep(motia.StepConfig{
		Name:     "large-order",
		Triggers: []motia.Trigger{motia.HTTP("POST", "/large-orders", large)},
	}, func(*motia.HTTPInput[Order], *motia.Ctx[Order]) (motia.Response, error) {
		return motia.Response{}, nil
	}))()

	for _, body := range []string{`{"id":"o-1","total":30}`, `{"id":"o-2","total":300}`} {
		answer := httptest.NewRecorder()
		app.ServeHTTP(answer, httptest.NewRequest("POST", "/large-orders", strings.NewReader(body)))
		fmt.Println(answer.Code)
	}
	// Output:
	// 422
	// 204
}
