package motia_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/motia-go/motia"
)

// State from a handler, untyped: by scope and key.
func ExampleStateManager() {
	app := motia.New(&motia.Options{Logger: quiet})
	defer run(app, motia.HTTPStep(motia.StepConfig{
		Name:     "visit",
		Triggers: []motia.Trigger{motia.HTTP("GET", "/pages/:page")},
	}, func(in *motia.HTTPInput[motia.None], ctx *motia.Ctx[motia.None]) (motia.Response, error) {
		change, err := ctx.State.Update("visits", in.Request.PathParams["page"], motia.Increment("count", 1))
		return motia.Response{Body: change.New}, err
	}))()

	request(app, "GET", "/pages/home", "")
	request(app, "GET", "/pages/home", "")
	// Output:
	// 200 {"count":1}
	// 200 {"count":2}
}

// The operations of an update apply all or none, as one change.
func ExampleScope_Update() {
	app := motia.New(&motia.Options{Logger: quiet})
	ctx := app.Context(context.Background())

	_, err := Orders.Update(ctx, "o-1",
		motia.Set("id", "o-1"),
		motia.Increment("total", 30),
		motia.Append("log", "placed", "paid"),
		motia.Merge("customer", map[string]any{"name": "Ada"}))
	fmt.Println(err)

	change, err := Orders.Update(ctx, "o-1", motia.Set("paid", true), motia.Increment("customer.name", 1))
	var misfit *motia.UpdateError
	fmt.Println(errors.As(err, &misfit), misfit.Index, misfit.Reason)
	fmt.Println(change.New.Exists())

	var all map[string]any
	_, err = mustState(ctx).Get("orders", "o-1", &all)
	fmt.Println(all, err)
	// Output:
	// <nil>
	// true 1 the target is a string, not a number
	// false
	// map[customer:map[name:Ada] id:o-1 log:[placed paid] total:30] <nil>
}

// mustState is the untyped state of the invocation that ctx belongs to.
func mustState(ctx context.Context) motia.StateManager {
	invocation, _ := motia.FromContext(ctx)
	return invocation.State
}

// Modify reads, changes and writes, and starts over when somebody else has written in between.
func ExampleScope_Modify() {
	app := motia.New(&motia.Options{Logger: quiet})
	ctx := app.Context(context.Background())

	change, err := Orders.Modify(ctx, "o-1", func(o Order) (Order, error) {
		o.ID, o.Total = "o-1", o.Total+30
		return o, nil
	})
	order, _ := change.New.Value()
	fmt.Println(order.Total, change.Old.Exists(), err)
	// Output: 30 false <nil>
}

// A write that is conditional on the revision that was read.
func ExampleIfRevision() {
	app := motia.New(&motia.Options{Logger: quiet})
	ctx := app.Context(context.Background())

	order, revision, _ := Orders.Load(ctx, "o-1") // a missing value has revision 0
	order.Total = 30
	_, err := Orders.Set(ctx, "o-1", order, motia.IfRevision(revision))
	fmt.Println(err)
	_, err = Orders.Set(ctx, "o-1", order, motia.IfRevision(revision))
	fmt.Println(errors.Is(err, motia.ErrConflict))
	// Output:
	// <nil>
	// true
}

// Values in the order of their keys.
func ExampleScope_All() {
	app := motia.New(&motia.Options{Logger: quiet})
	ctx := app.Context(context.Background())
	for i, id := range []string{"b", "a", "c"} {
		if _, err := Orders.Set(ctx, id, Order{ID: id, Total: i}); err != nil {
			fmt.Println(err)
		}
	}
	for item, err := range Orders.All(ctx) {
		fmt.Println(item.Key, item.Value.Total, err)
	}
	// Output:
	// a 1 <nil>
	// b 0 <nil>
	// c 2 <nil>
}

// Operations have a JSON form, so that clients can send them.
func ExampleUpdateOp() {
	var ops []motia.UpdateOp
	err := json.Unmarshal([]byte(`[{"type":"increment","path":"total","by":2},{"type":"remove","path":"paid"}]`), &ops)
	fmt.Println(err)

	app := motia.New(&motia.Options{Logger: quiet})
	ctx := app.Context(context.Background())
	change, err := Orders.Update(ctx, "o-1", ops...)
	order, _ := change.New.Value()
	fmt.Println(order.Total, err)
	// Output:
	// <nil>
	// 2 <nil>
}

// A state trigger sees every change, with the values before and after.
func ExampleStateStep() {
	seen := make(chan string)
	app := motia.New(&motia.Options{Logger: quiet})
	defer run(app, motia.StateStep(motia.StepConfig{
		Name:     "watch-orders",
		Triggers: []motia.Trigger{Orders.Trigger()},
	}, func(in *motia.StateInput[Order], ctx *motia.Ctx[Order]) error {
		switch in.Type {
		case motia.ChangeCreated:
			seen <- fmt.Sprint(in.Type, " ", in.Key, " ", in.New.Total)
		case motia.ChangeUpdated:
			seen <- fmt.Sprint(in.Type, " ", in.Key, " ", in.Old.Total, " -> ", in.New.Total)
		case motia.ChangeDeleted:
			seen <- fmt.Sprint(in.Type, " ", in.Key)
		}
		return nil
	}))()

	ctx := app.Context(context.Background())
	_, _ = Orders.Set(ctx, "o-1", Order{ID: "o-1", Total: 10})
	_, _ = Orders.Update(ctx, "o-1", motia.Increment("total", 5))
	_, _, _ = Orders.Delete(ctx, "o-1")
	fmt.Println(<-seen)
	fmt.Println(<-seen)
	fmt.Println(<-seen)
	// Output:
	// created o-1 10
	// updated o-1 10 -> 15
	// deleted o-1
}
