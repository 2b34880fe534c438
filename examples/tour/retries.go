package main

import (
	"context"
	"errors"
	"time"

	"github.com/motia-go/motia"
)

// Parcels are delivered to addresses of several kinds.
const Parcels motia.Topic[string] = "parcels"

// Retries: a failed message is retried, and kept as a dead letter when all retries have failed.
var deliver = motia.QueueStep(motia.StepConfig{
	Name: "deliver",
	Triggers: []motia.Trigger{Parcels.Trigger(motia.QueueConfig{
		MaxAttempts: 3,
		Backoff:     motia.ExponentialBackoff(50*time.Millisecond, time.Second),
	})},
}, func(address string, ctx *motia.Ctx[string]) error {
	switch {
	case address == "nowhere":
		return motia.Permanent(errors.New("no such address"))
	case address == "ask again" && ctx.Trigger.Attempt == 1:
		return motia.RetryAfter(10*time.Millisecond, errors.New("not at home"))
	}
	return nil
})

func showRetries(t *transcript) {
	t.section("Retries and dead letters")
	t.check(Parcels.Enqueue(t.host(), "ask again"))
	t.logs(3)
	t.check(Parcels.Enqueue(t.host(), "nowhere"))
	t.logs(2)

	letters := t.app.DeadLetters()
	ctx := context.Background()
	t.awaitDeadLetter(ctx)
	list, err := letters.List(ctx, motia.DeadLetterQuery{Step: "deliver"})
	t.check(err)
	for _, letter := range list {
		t.printf("  dead letter of %s: %s, %d attempt: %s", letter.Step, letter.Payload, len(letter.Attempts), letter.Attempts[0].Error)
	}
	t.printf("# redriven, it fails again")
	redriven, err := letters.RedriveAll(ctx, motia.DeadLetterQuery{})
	t.check(err)
	t.printf("  %d redriven", redriven)
	t.logs(2)
	t.awaitDeadLetter(ctx)
	discarded, err := letters.DiscardAll(ctx, motia.DeadLetterQuery{})
	t.check(err)
	t.printf("  %d discarded", discarded)
}

// awaitDeadLetter waits until there is a dead letter, which is stored only after the handler has returned.
func (t *transcript) awaitDeadLetter(ctx context.Context) {
	for range 1000 {
		if count, err := t.app.DeadLetters().Count(ctx, motia.DeadLetterQuery{}); err != nil || count == 1 {
			t.check(err)
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.check(errors.New("no dead letter"))
}
