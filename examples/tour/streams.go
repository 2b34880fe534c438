package main

import (
	"context"
	"time"

	"github.com/motia-go/motia"
)

// Streams.
var updateDocument = motia.HTTPStep(motia.StepConfig{
	Name:     "update-document",
	Triggers: []motia.Trigger{motia.HTTP("PUT", "/documents/:id")},
}, func(input *motia.HTTPInput[Document], ctx *motia.Ctx[Document]) (motia.Response, error) {
	id, updates := input.Request.PathParams["id"], input.Request.Body
	documents := ctx.Streams.Get("documents")
	_, err := documents.Update("workspace-1", id,
		motia.Set("content", updates.Content),
		motia.Set("updatedAt", time.Now().UnixMilli()))
	if err != nil {
		return motia.Response{}, err
	}
	doc, _, err := Documents.Get(ctx, "workspace-1", id)
	return motia.Response{Body: doc}, err
})

// A stream trigger: fires for changes of items and for events that are sent.
var documentChanged = motia.StreamStep(motia.StepConfig{
	Name:     "document-changed",
	Triggers: []motia.Trigger{Documents.Trigger(motia.InGroup("workspace-1"))},
}, func(input *motia.StreamInput[Document], ctx *motia.Ctx[Document]) error {
	ctx.Logger.Info("document", "id", input.ItemID, "event", input.Event.Type, "content", ctx.GetData().Content, "sent", input.Event.Name)
	return nil
})

func showStreams(t *transcript) {
	t.section("Streams")
	ctx := t.host()
	subscription, err := Documents.Subscribe(ctx, "workspace-1")
	if err != nil {
		t.check(err)
		return
	}
	defer subscription.Close()
	next := func() {
		waiting, done := context.WithTimeout(ctx, patience)
		defer done()
		event, err := subscription.Next(waiting)
		t.check(err)
		t.printf("  subscriber: %s %s %q %s%s, %d items", event.Event.Type, event.ItemID, event.Event.Data.Content,
			event.Event.Name, string(event.Event.Payload), len(event.Event.Items))
	}
	t.printf("# a subscriber begins with a snapshot")
	next()
	t.request("PUT", "/documents/readme", `{"content":"first draft"}`, 3)
	next()
	t.request("PUT", "/documents/readme", `{"content":"second draft"}`, 3)
	next()

	t.printf("# from outside of a step: an event that is not stored, lists, delete")
	ctx = t.host()
	t.check(Documents.Send(ctx, "workspace-1", "readme", "typing", map[string]string{"user": "ada"}))
	next()
	t.logs(2)
	groups, err := Documents.Groups(ctx)
	t.check(err)
	documents, err := Documents.List(ctx, "workspace-1")
	t.check(err)
	t.printf("  groups %q, %d document", groups, len(documents))
	_, _, err = Documents.Delete(ctx, "workspace-1", "readme")
	t.check(err)
	next()
	t.logs(2)
	inv, _ := motia.FromContext(ctx)
	_, err = inv.Streams.Get("no-such-stream").List("workspace-1")
	t.printf("  %v", err)
}
