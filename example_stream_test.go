package motia_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/motia-go/motia"
)

// A subscriber gets a snapshot, and then every event.
func ExampleStreamName_Subscribe() {
	app := motia.New(&motia.Options{Logger: quiet, Streams: []motia.StreamConfig{{Name: "live-orders"}}})
	ctx := app.Context(context.Background())
	_, _ = LiveOrders.Set(ctx, "customer-7", "o-1", Order{ID: "o-1", Total: 10})

	orders, err := LiveOrders.Subscribe(ctx, "customer-7")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer orders.Close()
	show := func() {
		event, err := orders.Next(ctx)
		if err != nil {
			fmt.Println(err)
			return
		}
		switch event.Event.Type {
		case motia.EventSync:
			fmt.Println("sync:", len(event.Event.Items), "item")
		case motia.EventSent:
			fmt.Println(event.Event.Name, string(event.Event.Payload))
		default:
			fmt.Println(event.Event.Type, event.ItemID, event.Event.Data.Paid)
		}
	}
	show()
	_, _ = LiveOrders.Update(ctx, "customer-7", "o-1", motia.Set("paid", true))
	show()
	_ = LiveOrders.Send(ctx, "customer-7", "", "typing", map[string]string{"who": "Ada"})
	show()
	_, _, _ = LiveOrders.Delete(ctx, "customer-7", "o-1")
	show()
	// Output:
	// sync: 1 item
	// update o-1 true
	// typing {"who":"Ada"}
	// delete o-1 true
}

// An item that does not decode is an error, and the subscription goes on.
func ExampleItemError() {
	app := motia.New(&motia.Options{Logger: quiet, Streams: []motia.StreamConfig{{Name: "live-orders"}}})
	ctx := app.Context(context.Background())
	orders, err := LiveOrders.Subscribe(ctx, "customer-7")
	if err != nil {
		fmt.Println(err)
		return
	}
	inv, _ := motia.FromContext(ctx)
	_, _ = inv.Streams.Get("live-orders").Set("customer-7", "o-1", "a text")
	_, _ = LiveOrders.Set(ctx, "customer-7", "o-2", Order{ID: "o-2", Total: 10})

	for {
		event, err := orders.Next(ctx)
		var bad *motia.ItemError
		switch {
		case errors.As(err, &bad):
			fmt.Println("skipped:", bad.ItemID)
			continue
		case err != nil:
			fmt.Println(err)
			return
		}
		fmt.Printf("%s %q\n", event.Event.Type, event.ItemID)
		if event.ItemID == "o-2" {
			orders.Close()
		}
	}
	// Output:
	// sync ""
	// skipped: o-1
	// create "o-2"
	// motia: subscription is closed
}

// Stream items are read and written like state values.
func ExampleStreamName_All() {
	app := motia.New(&motia.Options{Logger: quiet, Streams: []motia.StreamConfig{{Name: "live-orders"}}})
	ctx := app.Context(context.Background())
	placed, _ := LiveOrders.Set(ctx, "customer-7", "o-1", Order{ID: "o-1", Total: 10})
	_, _ = LiveOrders.Modify(ctx, "customer-7", "o-2", func(o Order) (Order, error) {
		o.ID, o.Total = "o-2", o.Total+20
		return o, nil
	})
	_, _ = LiveOrders.Update(ctx, "customer-7", "o-1", motia.Set("paid", true))
	_, _, err := LiveOrders.Delete(ctx, "customer-7", "o-1", motia.IfRevision(placed.Revision)) // it was paid meanwhile
	fmt.Println(err)

	for item, err := range LiveOrders.All(ctx, "customer-7", motia.KeyPrefix("o-"), motia.AtMost(100)) {
		fmt.Println(item.Key, item.Value.Total, item.Value.Paid, err)
	}
	// Output:
	// motia: delete item "o-1" of stream "live-orders", group "customer-7": revision conflict
	// o-1 10 true <nil>
	// o-2 20 false <nil>
}

// A stream trigger fires for the events of a stream.
func ExampleStreamStep() {
	seen := make(chan string)
	app := motia.New(&motia.Options{Logger: quiet, Streams: []motia.StreamConfig{{Name: "live-orders"}}})
	defer run(app, motia.StreamStep(motia.StepConfig{
		Name:     "audit",
		Triggers: []motia.Trigger{LiveOrders.Trigger(motia.InGroup("customer-7"))},
	}, func(in *motia.StreamInput[Order], ctx *motia.Ctx[Order]) error {
		seen <- fmt.Sprint(in.Event.Type, " ", in.GroupID, " ", in.ItemID)
		return nil
	}))()

	ctx := app.Context(context.Background())
	_, _ = LiveOrders.Set(ctx, "customer-8", "o-1", Order{ID: "o-1", Total: 10}) // another group
	_, _ = LiveOrders.Set(ctx, "customer-7", "o-2", Order{ID: "o-2", Total: 10})
	fmt.Println(<-seen)
	// Output: create customer-7 o-2
}
