package main

import (
	"errors"

	"github.com/motia-go/motia"
)

// Pattern matching over three triggers.
var syncUser = motia.NewStep(motia.StepConfig{
	Name: "sync-user",
	Triggers: []motia.Trigger{
		motia.HTTP("POST", "/users/:id/sync"),
		motia.Queue("user-sync"),
		motia.Cron("0 2 * * *"), // daily at 2 AM
	},
}, func(input motia.Input[UserSync], ctx *motia.Ctx[UserSync]) (motia.Response, error) {
	return ctx.Match(motia.MatchHandlers[UserSync]{
		HTTP: func(req *motia.HTTPInput[UserSync]) (motia.Response, error) {
			id := req.Request.PathParams["id"]
			return motia.Response{Status: 200, Body: map[string]string{"synced": id}}, sync(id)
		},
		Queue: func(data UserSync) error { return sync(data.UserID) },
		Cron:  func() error { return sync("*") },
		Default: func(motia.Input[UserSync]) (motia.Response, error) {
			ctx.Logger.Warn("unhandled trigger type")
			return motia.Response{}, nil
		},
	})
})

func sync(string) error { return nil }

// Without a handler for the trigger that fired, and without Default, Match returns an error.
var lonelyStep = motia.NewStep(motia.StepConfig{
	Name:     "lonely-step",
	Triggers: []motia.Trigger{motia.HTTP("POST", "/lonely"), motia.Queue("user-sync")},
}, func(input motia.Input[UserSync], ctx *motia.Ctx[UserSync]) (motia.Response, error) {
	// for handlers that return values of another type
	text, err := motia.Match(ctx, motia.MatchHandlersOf[UserSync, string]{
		Queue: func(data UserSync) (string, error) { return "user " + data.UserID, nil },
	})
	if none, ok := errors.AsType[*motia.NoHandlerError](err); ok {
		return motia.Response{Body: none.Error()}, nil
	}
	ctx.Logger.Info("matched", "result", text)
	return motia.Response{}, err
})

func showMatch(t *transcript) {
	t.section("Match")
	t.request("POST", "/users/7/sync", `{"userId":"7"}`, 1)
	t.request("POST", "/lonely", `{"userId":"7"}`, 2)
	t.printf("# one message, two steps on its topic: each gets it")
	t.check(motia.Topic[UserSync]("user-sync").Enqueue(t.host(), UserSync{UserID: "7"}))
	t.logs(3)
}
