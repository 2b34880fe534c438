package main

import (
	"context"
	"fmt"
	"log"

	"github.com/motia-go/motia"
)

type Progress struct {
	Done    int             `json:"done"`
	Results map[string]bool `json:"results"`
}

const (
	Jobs motia.Scope[Progress]      = "jobs"
	Live motia.StreamName[Progress] = "live"
)

// finish runs when all three parts of a job are done, whichever came last: state triggers see every change, in order.
var finish = motia.StateStep(motia.StepConfig{
	Name: "finish",
	Triggers: []motia.Trigger{Jobs.Trigger(motia.When(func(in motia.Input[Progress]) bool {
		change, ok := in.(*motia.StateInput[Progress])
		return ok && change.New != nil && change.New.Done == 3
	}))},
}, func(in *motia.StateInput[Progress], ctx *motia.Ctx[Progress]) error {
	_, err := Live.Set(ctx, "jobs", in.Key, *in.New)
	return err
})

func main() {
	app := motia.New(&motia.Options{Streams: []motia.StreamConfig{{Name: "live"}}})
	if err := app.Register(finish); err != nil {
		log.Fatal(err)
	}
	running, stop := context.WithCancel(context.Background())
	defer stop()
	go app.Run(running)

	ctx := app.Context(running) // for code outside of steps
	events, err := Live.Subscribe(ctx, "jobs")
	if err != nil {
		log.Fatal(err)
	}
	for part := range 3 {
		_, err := Jobs.Update(ctx, "job-1",
			motia.Set(fmt.Sprintf("results.part-%d", part), true),
			motia.Increment("done", 1))
		if err != nil {
			log.Fatal(err)
		}
	}
	for event, err := range events.Events(ctx) { // first the snapshot, then every change
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(event.Event.Type, event.ItemID, event.Event.Data)
		if event.Event.Type == motia.EventCreate {
			return
		}
	}
}
