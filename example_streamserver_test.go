package motia_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/motia-go/motia"
)

// Browsers follow a stream with the official Motia client or with EventSource. Auth and OnJoin decide who may see
// what, before a client sees anything.
func ExampleApp_StreamHandler() {
	app := motia.New(&motia.Options{
		Logger: quiet,
		StreamServer: motia.StreamServerOptions{
			Auth: func(ctx context.Context, r *http.Request) (any, error) {
				customers := map[string]string{"secret-7": "customer-7"}
				customer, ok := customers[motia.StreamToken(r)]
				if !ok {
					return nil, errors.New("token is not valid")
				}
				return customer, nil
			},
		},
		Streams: []motia.StreamConfig{{
			Name: "live-orders",
			OnJoin: func(ctx context.Context, join motia.StreamJoin) error {
				if join.GroupID != join.Principal {
					return errors.New("not the customer's own orders")
				}
				return nil
			},
		}},
	})
	ctx := app.Context(context.Background())
	_, _ = LiveOrders.Set(ctx, "customer-7", "o-1", Order{ID: "o-1", Total: 10})

	server := httptest.NewServer(http.StripPrefix("/streams", app.StreamHandler())) // or app.ListenAndServe
	defer server.Close()
	get := func(path string) *http.Response {
		response, err := http.Get(server.URL + path)
		if err != nil {
			panic(err)
		}
		return response
	}
	fmt.Println(get("/streams/live-orders/customer-7").Status)
	fmt.Println(get("/streams/live-orders/customer-8?authToken=secret-7").Status)
	response := get("/streams/live-orders/customer-7?authToken=secret-7")
	defer response.Body.Close()
	fmt.Println(response.Status)
	lines := bufio.NewScanner(response.Body)
	event := func() {
		for lines.Scan() && lines.Text() != "" {
			if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				fmt.Println(name)
			}
		}
	}
	event() // how long to wait before reconnecting
	event()
	_, _ = LiveOrders.Update(ctx, "customer-7", "o-1", motia.Set("paid", true))
	event()
	// Output:
	// 401 Unauthorized
	// 403 Forbidden
	// 200 OK
	// sync
	// update
}
