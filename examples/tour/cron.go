package main

import (
	"context"

	"github.com/motia-go/motia"
)

// showCron runs a separate app until its schedule has ticked.
func showCron(t *transcript) {
	t.section("Cron")
	ticked := make(chan struct{}, 1)
	everySecond := motia.NewStep(motia.StepConfig{
		Name:     "every-second",
		Triggers: []motia.Trigger{motia.HTTP("POST", "/now"), motia.Cron("@every 1s")},
	}, func(input motia.Input[UserSync], ctx *motia.Ctx[UserSync]) (motia.Response, error) {
		return ctx.Match(motia.MatchHandlers[UserSync]{
			Cron: func() error {
				tick, ok := ctx.Is.Cron(input)
				t.printf("  %s %q fired by the clock: %v, data %+v", ctx.Trigger.Type, ctx.Trigger.Expression, ok && !tick.ScheduledAt.IsZero(), ctx.GetData())
				ticked <- struct{}{}
				return nil
			},
		})
	})
	app := motia.New(&motia.Options{Logger: t.logger()})
	t.check(app.Register(everySecond))
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() {
		<-ticked
		stop()
	}()
	t.printf("Run returned %v", app.Run(ctx))
	t.logs(2)
}
