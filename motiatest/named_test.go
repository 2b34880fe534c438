package motiatest_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/motiatest"
)

// namedStep has a named trigger of each kind that goes through a queue. ran gets the names of those that fire.
func namedStep(ran *[]string) motia.Step {
	small := motia.When(func(in motia.Input[Order]) bool {
		q, ok := in.(*motia.QueueInput[Order])
		return ok && q.Data.Total < 100
	})
	return motia.NewStep(motia.StepConfig{Name: "follow", Triggers: []motia.Trigger{
		OrderCreated.Trigger(motia.Named("small"), small),
		OrderCreated.Trigger(motia.Named("every")),
		motia.Cron("0 2 * * *", motia.InZone("Europe/Berlin"), motia.Named("nightly")),
		Orders.Trigger(motia.ForKey("o-1"), motia.Named("stored")),
	}}, func(in motia.Input[Order], ctx *motia.Ctx[Order]) (motia.Response, error) {
		*ran = append(*ran, ctx.Trigger.Name)
		return motia.Response{}, nil
	})
}

func TestTheStepsOfNamedTriggersAreKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ran []string
		app := motiatest.Run(t, nil, namedStep(&ran))
		motiatest.Enqueue(app, OrderCreated, tea)
		app.Idle()
		app.Tick("0 2 * * *")
		app.Idle()
		motiatest.SetState(app, Orders, "o-1", tea)
		app.Idle()
		require.Equal(t, []string{"every", "nightly", "stored"}, ran)
		var fired []string
		for _, e := range app.Events().Step("follow").Kind(motiatest.KindStart) {
			fired = append(fired, e.Trigger)
		}
		require.ElementsMatch(t, []string{`queue "order-created" named "small"`, `queue "order-created" named "every"`,
			`cron "0 2 * * *" named "nightly"`, `state "orders" key "o-1" named "stored"`}, fired)
	})
}

func TestInvokeFindsTheNamedTriggerThatTakesTheInput(t *testing.T) {
	var ran []string
	cheap := tea
	cheap.Total = 1
	step := namedStep(&ran)
	for _, input := range []motia.Input[Order]{motiatest.Queue(OrderCreated, tea), motiatest.Queue(OrderCreated, cheap)} {
		result := motiatest.Invoke(t, step, input)
		require.True(t, result.Called)
		require.Equal(t, "follow", result.Events().Kind(motiatest.KindStart)[0].Step)
	}
	require.Equal(t, []string{"every", "small"}, ran)
}
