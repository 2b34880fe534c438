package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/motia-go/motia"
)

// summarise logs the state of the business, on the schedule of the -summary flag.
func (s *service) summarise() motia.Step {
	return motia.CronStep(motia.StepConfig{
		Name:     "summarise",
		Triggers: []motia.Trigger{motia.Cron(s.summary)},
	}, func(ctx *motia.Ctx[motia.None]) error {
		orders, completed := 0, 0
		revenue := make(map[string]int64)
		for order, err := range Orders.All(ctx) {
			if err != nil {
				return err
			}
			orders++
			if order.Value.Status == Completed {
				completed++
				revenue[order.Value.Currency] += order.Value.Total
			}
		}
		dead, err := s.app.DeadLetters().Count(ctx, motia.DeadLetterQuery{})
		if err != nil {
			return err
		}
		ctx.Logger.Info("summary", "orders", orders, "completed", completed, "dead_letters", dead, "revenue", money(revenue))
		return nil
	})
}

// money formats amounts by currency, as in "1250 EUR, 300 USD".
func money(amounts map[string]int64) string {
	var list []string
	for _, currency := range slices.Sorted(maps.Keys(amounts)) {
		list = append(list, fmt.Sprintf("%d %s", amounts[currency], currency))
	}
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}
