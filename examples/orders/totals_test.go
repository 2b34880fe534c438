package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
)

// Many orders of a few customers, half of all charges declined, dead letters redriven until there are none.
func TestEveryPaidOrderIsCompletedExactlyOnceAndTheTotalsAddUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var completions sync.Map // order id: times
		witness := motia.StateStep(motia.StepConfig{
			Name:     "witness",
			Triggers: []motia.Trigger{Orders.Trigger()},
		}, func(input *motia.StateInput[Order], ctx *motia.Ctx[Order]) error {
			if input.Old != nil && input.Old.Status == Pending && input.New.Status == Completed {
				times, _ := completions.LoadOrStore(input.Key, 0)
				completions.Store(input.Key, times.(int)+1) // changes of one key are handled one after the other
			}
			return nil
		})
		s := openShop(t, []string{"-fail-rate", "0.5", "-seed", "7"}, witness)

		const count = 200
		random := rand.New(rand.NewPCG(1, 2))
		orders := make(map[string]NewOrder)
		ordered := make(map[string]int) // pieces by SKU
		var revenue int64
		var placing sync.WaitGroup
		for i := range count {
			order := orderOf(fmt.Sprintf("order-%03d", i), fmt.Sprintf("customer-%d", random.IntN(9)))
			order.Items[0].Qty, order.Items[1].SKU = 1+random.IntN(5), fmt.Sprintf("pot-%d", random.IntN(3))
			orders[order.ID] = order
			revenue += order.total()
			for _, item := range order.Items {
				ordered[item.SKU] += item.Qty
			}
			placing.Go(func() { s.place(order) })
		}
		placing.Wait()
		settle()

		rounds := 0
		for ; len(s.deadLetters()) > 0; rounds++ {
			res, text := s.request("POST", "/dead-letters/redrive", "")
			require.Equal(t, http.StatusOK, res.StatusCode, text)
			settle()
		}
		require.Positive(t, rounds, "there were dead letters")

		terminal := terminal{failRate: 0.5, seed: 7}
		for id, order := range orders {
			got := s.order(id)
			require.Equal(t, Completed, got.Status)
			require.Equal(t, parts, got.CompletedSteps)
			require.Equal(t, &Charge{Amount: order.total(), Currency: "EUR"}, got.Results.Charge)
			require.Equal(t, &Reservation{Pieces: order.pieces()}, got.Results.Reservation)
			require.Equal(t, terminal.chargesUntilPaid(id), got.ChargeAttempts)
			times, _ := completions.Load(id)
			require.Equal(t, 1, times, id)
		}

		mails := make(map[string]int)
		for _, record := range shopLog.records(t, "email sent") {
			mails[fmt.Sprint(record["template"], " ", record["order"])]++
		}
		require.Len(t, mails, 2*count)
		for mail, times := range mails {
			require.Equal(t, 1, times, mail)
		}

		reserved := make(map[string]int)
		for sku := range ordered {
			stock, found, err := Stock.Get(s.app.Context(t.Context()), sku)
			require.NoError(t, err)
			require.True(t, found)
			for _, pieces := range stock {
				reserved[sku] += pieces
			}
		}
		require.Equal(t, ordered, reserved)

		summaries := shopLog.records(t, "summary")
		last := summaries[len(summaries)-1]
		text, err := json.Marshal([]any{last["orders"], last["completed"], last["dead_letters"], last["revenue"]})
		require.NoError(t, err)
		require.JSONEq(t, fmt.Sprintf(`[%d,%d,0,"%d EUR"]`, count, count, revenue), string(text))
		require.NoError(t, s.stop())
	})
}
