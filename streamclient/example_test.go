package streamclient_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/streamclient"
)

type Message struct {
	Text string `json:"text"`
}

const Chat motia.StreamName[Message] = "chat"

// Another program follows a stream as if it were in the app's own process.
func ExampleSubscribe() {
	app, server := exampleServer()
	defer server.Close()
	there := app.Context(context.Background())
	_, _ = Chat.Set(there, "room-1", "m-1", Message{"hello"})

	client := streamclient.New(server.URL+"/streams", &streamclient.Options{Token: "secret"})
	ctx := context.Background()
	messages, err := streamclient.Subscribe(ctx, client, Chat, "room-1")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer messages.Close()
	for event, err := range messages.Events(ctx) {
		if err != nil {
			fmt.Println(err)
			return
		}
		switch event.Event.Type {
		case motia.EventSync, motia.EventResync: // the whole state, which replaces the previous one
			fmt.Println(event.Event.Type, event.Event.Items)
			_, _ = Chat.Set(there, "room-1", "m-2", Message{"how are you?"})
		case motia.EventSent:
			fmt.Println(event.Event.Name, string(event.Event.Payload))
			return
		default:
			fmt.Println(event.Event.Type, event.ItemID, event.Event.Data.Text)
			_ = Chat.Send(there, "room-1", "", "typing", map[string]string{"who": "Ada"})
		}
	}
	// Output:
	// sync [{m-1 {hello}}]
	// create m-2 how are you?
	// typing {"who":"Ada"}
}

// The error says why a server refuses a subscription.
func ExampleError() {
	_, server := exampleServer()
	defer server.Close()
	client := streamclient.New(server.URL+"/streams", &streamclient.Options{Token: "guessed"})
	_, err := streamclient.Subscribe(context.Background(), client, Chat, "room-1")
	var refused *streamclient.Error
	if errors.As(err, &refused) {
		fmt.Println(refused.Status, refused.Problem.Detail)
	}
	fmt.Println(err)
	// Output:
	// 401 authentication failed
	// streamclient: subscribe to stream "chat": server answers 401 Unauthorized: authentication failed
}

func exampleServer() (*motia.App, *httptest.Server) {
	app := motia.New(&motia.Options{
		Logger:  slog.New(slog.DiscardHandler),
		Streams: []motia.StreamConfig{{Name: "chat"}},
		StreamServer: motia.StreamServerOptions{Auth: func(_ context.Context, r *http.Request) (any, error) {
			if motia.StreamToken(r) != "secret" {
				return nil, errors.New("token is not valid")
			}
			return "ada", nil
		}},
	})
	return app, httptest.NewServer(http.StripPrefix("/streams", app.StreamHandler()))
}
