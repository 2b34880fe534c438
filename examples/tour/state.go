package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/motia-go/motia"
)

// State, untyped: read, change, write.
var trackVisits = motia.HTTPStep(motia.StepConfig{
	Name:     "track-visits",
	Triggers: []motia.Trigger{motia.HTTP("GET", "/page/:pageId")},
}, func(input *motia.HTTPInput[motia.None], ctx *motia.Ctx[motia.None]) (motia.Response, error) {
	pageID := input.Request.PathParams["pageId"]
	var current Visit
	if _, err := ctx.State.Get("page-visits", pageID, &current); err != nil {
		return motia.Response{}, err
	}
	count := current.Count + 1
	if _, err := ctx.State.Set("page-visits", pageID, Visit{Count: count, LastVisit: time.Now().UnixMilli()}); err != nil {
		return motia.Response{}, err
	}
	return motia.Response{Body: map[string]any{"pageId": pageID, "visits": count}}, nil
})

// State, typed and atomic: the same without the race.
var countVisits = motia.HTTPStep(motia.StepConfig{
	Name:     "count-visits",
	Triggers: []motia.Trigger{motia.HTTP("GET", "/count/{pageId}")},
}, func(input *motia.HTTPInput[motia.None], ctx *motia.Ctx[motia.None]) (motia.Response, error) {
	change, err := Visits.Update(ctx, input.Request.PathParams["pageId"],
		motia.Increment("count", 1),
		motia.Set("lastVisit", time.Now().UnixMilli()),
		motia.Delete("legacy"))
	if err != nil {
		return motia.Response{}, err
	}
	return motia.Response{Body: change.New}, nil
})

// The other operations on state.
var useState = motia.HTTPStep(motia.StepConfig{
	Name:     "use-state",
	Triggers: []motia.Trigger{motia.HTTP("POST", "/state")},
}, func(_ *motia.HTTPInput[motia.None], ctx *motia.Ctx[motia.None]) (motia.Response, error) {
	var out strings.Builder
	show := func(what string, result any, err error) {
		text, _ := json.Marshal(result) // of plain data
		if err != nil {
			text = []byte("error: " + err.Error())
		}
		_, _ = fmt.Fprintf(&out, "\n%-8s %s", what, text) // to memory
	}

	// untyped, by scope and key
	var anything any
	found, err := ctx.State.Get("cart", "ada", &anything)
	show("get", found, err)
	change, err := ctx.State.Set("cart", "ada", map[string]any{"items": []string{"tea"}, "total": 450, "note": "gift"})
	show("set", change, err)

	// six operations, applied together or not at all
	change, err = ctx.State.Update("cart", "ada",
		motia.Append("items", "pot"),
		motia.Increment("total", 1900),
		motia.Decrement("stock.tea", 1), // missing parts are created
		motia.Merge("stock", map[string]int{"pot": 7}),
		motia.Set("items.0", "green tea"),
		motia.Delete("note"))
	show("update", change.New, err)
	_, err = ctx.State.Update("cart", "ada", motia.Increment("total", 1), motia.Increment("items", 1))
	show("misfit", nil, err)
	values, err := ctx.State.List("cart")
	show("list", values, err)
	scopes, err := ctx.State.Scopes()
	show("scopes", scopes, err)
	old, err := ctx.State.Delete("cart", "ada")
	show("delete", old, err)

	// typed
	const Stock motia.Scope[int] = "stock"
	for _, sku := range []string{"tea", "pot"} {
		if _, err := Stock.Set(ctx, sku, 10, motia.TTL(time.Hour)); err != nil {
			return motia.Response{}, err
		}
	}
	_, revision, err := Stock.Load(ctx, "tea")
	show("load", revision > 0, err)
	changed, err := Stock.Modify(ctx, "tea", func(pieces int) (int, error) { return pieces / 2, nil })
	show("modify", changed.New, err)
	_, err = Stock.Set(ctx, "tea", 9, motia.IfRevision(revision)) // somebody has changed it since
	show("set if", nil, err)
	for item, err := range Stock.All(ctx) {
		show("all", fmt.Sprint(item.Key, "=", item.Value), err)
	}
	err = Stock.Clear(ctx)
	left, _ := Stock.List(ctx)
	show("clear", len(left), err)
	return motia.Response{Body: out.String()}, nil
})

// A state trigger: fires on the change that makes a page popular, with the value before and after it.
var popularPage = motia.StateStep(motia.StepConfig{
	Name: "popular-page",
	Triggers: []motia.Trigger{Visits.Trigger(motia.When(func(input motia.Input[Visit]) bool {
		change, ok := input.(*motia.StateInput[Visit])
		return ok && change.Old != nil && change.New != nil && change.Old.Count < 3 && change.New.Count >= 3
	}))},
}, func(change *motia.StateInput[Visit], ctx *motia.Ctx[Visit]) error {
	ctx.Logger.Info("page is popular", "change", change.Type, "page", change.Key, "before", change.Old.Count, "now", ctx.GetData().Count)
	return nil
})

func showState(t *transcript) {
	t.section("State")
	t.request("GET", "/page/home", "", 1)
	t.request("GET", "/page/home", "", 1)
	t.printf("# the third visit fires the state trigger")
	t.request("GET", "/count/home", "", 3)
	t.request("POST", "/state", "", 1)
}
