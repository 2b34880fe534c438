package motia_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

	"github.com/motia-go/motia"
)

// Order and the names below are shared by all examples.
type Order struct {
	ID    string `json:"id" validate:"required"`
	Total int    `json:"total" validate:"gt=0"`
	Paid  bool   `json:"paid"`
}

const (
	OrderPlaced motia.Topic[Order]      = "order-placed"
	OrderPaid   motia.Topic[Order]      = "order-paid"
	Orders      motia.Scope[Order]      = "orders"
	LiveOrders  motia.StreamName[Order] = "live-orders"
)

// quiet keeps logs out of the examples.
var quiet = slog.New(slog.DiscardHandler)

// run registers the steps, runs the app and returns a function that ends it.
func run(app *motia.App, steps ...motia.Step) (stop func()) {
	if err := app.Register(steps...); err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := app.Run(ctx); err != nil {
			log.Fatal(err)
		}
	})
	return func() {
		cancel()
		running.Wait()
	}
}

// request sends a request to the app and prints the answer.
func request(app http.Handler, method, path, body string) {
	answer := httptest.NewRecorder()
	app.ServeHTTP(answer, httptest.NewRequest(method, path, strings.NewReader(body)))
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(strings.TrimSpace(fmt.Sprint(answer.Code, " ", string(text))))
}

// requestProblem sends a request to the app and prints the status and what is wrong with the fields of the body.
func requestProblem(app http.Handler, method, path, body string) {
	answer := httptest.NewRecorder()
	app.ServeHTTP(answer, httptest.NewRequest(method, path, strings.NewReader(body)))
	var problem motia.Problem
	if answer.Body.Len() > 0 {
		if err := json.Unmarshal(answer.Body.Bytes(), &problem); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(answer.Code)
	for _, e := range problem.Errors {
		fmt.Println(e.Field, e.Message)
	}
}

// A service with one HTTP step and one queue step.
func Example() {
	place := motia.HTTPStep(motia.StepConfig{
		Name:     "place-order",
		Triggers: []motia.Trigger{motia.HTTP("POST", "/orders")},
		Enqueues: motia.Topics(OrderPlaced),
	}, func(in *motia.HTTPInput[Order], ctx *motia.Ctx[Order]) (motia.Response, error) {
		order := in.Request.Body
		return motia.Response{Status: http.StatusCreated, Body: order}, OrderPlaced.Enqueue(ctx, order)
	})

	handled := make(chan string)
	pay := motia.QueueStep(motia.StepConfig{
		Name:     "pay-order",
		Triggers: []motia.Trigger{OrderPlaced.Trigger()},
	}, func(order Order, ctx *motia.Ctx[Order]) error {
		handled <- fmt.Sprintf("paying %d for %s", order.Total, order.ID)
		return nil
	})

	app := motia.New(&motia.Options{Logger: quiet})
	defer run(app, place, pay)()

	request(app, "POST", "/orders", `{"id":"o-1","total":30}`)
	fmt.Println(<-handled)
	// Output:
	// 201 {"id":"o-1","total":30,"paid":false}
	// paying 30 for o-1
}
