package main

import (
	"strings"

	"github.com/motia-go/motia"
)

// showMistakes registers a step that is wrong in every way. All mistakes are reported at once, and nothing is
// registered.
func showMistakes(t *transcript) {
	wrong := motia.QueueStep(motia.StepConfig{
		Name: "wrong",
		Triggers: []motia.Trigger{
			motia.HTTP("POST", "no-slash"),
			SendEmail.Trigger(motia.QueueConfig{MaxAttempts: -5}),
			motia.Cron("61 * * * *"),
			motia.Stream("no-such-stream"),
		},
	}, func(order Order, ctx *motia.Ctx[Order]) error { return nil })
	err := t.app.Register(wrong)
	t.printf("Register(wrong):\n  %s", strings.ReplaceAll(err.Error(), "\n", "\n  "))
}

// showGraph checks the flow of messages between the steps.
func showGraph(t *transcript) {
	notes, err := t.app.Validate()
	t.printf("Validate(): error %v, notes:\n  %s", err, strings.Join(notes, "\n  "))
}
