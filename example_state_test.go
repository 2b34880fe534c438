package motia_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/motia-go/motia"
)

// A handler uses untyped state by scope and key.
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

// An update applies all of its operations or none, as one change.
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

// Modify reads a value, changes it and writes it. It starts over if another write comes in between.
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

// This write succeeds only if the value still has the revision that was read.
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

// A lock is a value that is created with IfRevision(0) and deleted with the revision that it got. So a holder that is
// slower than the TTL does not release the lock of the next holder.
func ExampleScope_Delete() {
	app := motia.New(&motia.Options{Logger: quiet})
	ctx := app.Context(context.Background())
	const Locks motia.Scope[string] = "locks"
	acquire := func(holder string, ttl time.Duration) (revision uint64, err error) {
		change, err := Locks.Set(ctx, "report", holder, motia.IfRevision(0), motia.TTL(ttl))
		return change.Revision, err
	}
	release := func(revision uint64) error {
		_, _, err := Locks.Delete(ctx, "report", motia.IfRevision(revision))
		return err
	}

	ada, err := acquire("Ada", time.Millisecond)
	fmt.Println("Ada has it:", err)
	bob, err := acquire("Bob", time.Hour)
	for errors.Is(err, motia.ErrConflict) { // until Ada's lock expires
		bob, err = acquire("Bob", time.Hour)
	}
	fmt.Println("Bob has it:", err)

	fmt.Println("Ada is late:", release(ada))
	holder, _, _ := Locks.Get(ctx, "report")
	fmt.Println("it still belongs to", holder)
	fmt.Println("Bob is done:", release(bob))
	// Output:
	// Ada has it: <nil>
	// Bob has it: <nil>
	// Ada is late: motia: delete state "locks" key "report": revision conflict
	// it still belongs to Bob
	// Bob is done: <nil>
}

// All iterates over the values in the order of their keys.
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

// A list can be read in pages, here of the keys with a prefix. One extra value says where the next page begins.
func ExampleAtMost() {
	app := motia.New(&motia.Options{Logger: quiet})
	ctx := app.Context(context.Background())
	for _, id := range []string{"eu/1", "eu/2", "eu/3", "eu/4", "us/1"} {
		_, _ = Orders.Set(ctx, id, Order{ID: id})
	}

	const size = 3
	page := func(from string) (ids []string, next string, err error) {
		for item, err := range Orders.All(ctx, motia.KeyPrefix("eu/"), motia.FromKey(from), motia.AtMost(size+1)) {
			if err != nil {
				return nil, "", err
			}
			if len(ids) == size {
				return ids, item.Key, nil
			}
			ids = append(ids, item.Key)
		}
		return ids, "", nil
	}
	first, next, err := page("")
	fmt.Println(first, next, err)
	second, next, err := page(next)
	fmt.Println(second, next == "", err)
	// Output:
	// [eu/1 eu/2 eu/3] eu/4 <nil>
	// [eu/4] true <nil>
}

// With gives untyped calls a context with a deadline.
func ExampleStateManager_With() {
	app := motia.New(&motia.Options{Logger: quiet})
	ctx := app.Context(context.Background())
	state := mustState(ctx)

	late, cancel := context.WithDeadline(ctx, time.Now())
	defer cancel()
	_, err := state.With(late).Get("orders", "o-1", new(Order))
	fmt.Println(err)
	_, err = state.Get("orders", "o-1", new(Order))
	fmt.Println(err)
	// Output:
	// motia: get state "orders" key "o-1": context deadline exceeded
	// <nil>
}

// Operations have a JSON form, so that clients can send them, together with the revision that they have seen.
func ExampleUpdateOps() {
	app := motia.New(&motia.Options{Logger: quiet})
	ctx := app.Context(context.Background())
	placed, _ := Orders.Set(ctx, "o-1", Order{ID: "o-1", Total: 30})

	var request struct {
		Ops      motia.UpdateOps
		Revision uint64
	}
	err := json.Unmarshal(fmt.Appendf(nil, `{
		"ops": [{"type":"increment","path":"total","by":2},{"type":"remove","path":"paid"}],
		"revision": %d
	}`, placed.Revision), &request)
	fmt.Println(err)
	change, err := Orders.Update(ctx, "o-1", request.Ops, motia.IfRevision(request.Revision))
	order, _ := change.New.Value()
	fmt.Println(order.Total, err)
	_, err = Orders.Update(ctx, "o-1", request.Ops, motia.IfRevision(request.Revision))
	fmt.Println(err)
	// Output:
	// <nil>
	// 32 <nil>
	// motia: update state "orders" key "o-1": revision conflict
}

// A state trigger gets every change, with the values before and after.
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
