package motia_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/motiatest"
)

func TestATickThatTheBackendDoesNotTakeIsOfferedAgainAndFiresOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ticks []time.Time
		daily := motia.CronStep(motia.StepConfig{Name: "daily", Triggers: []motia.Trigger{motia.Cron("@daily")}},
			func(ctx *motia.FlowContext[motia.None, motia.None]) error {
				ticks = append(ticks, time.Now().Truncate(time.Hour)) // within the minute
				return nil
			})
		app, log := newApp(t, &motia.Options{Backend: motiatest.Chaos(t, 1, &motiatest.Faults{FailedWrites: 0.5})}, daily)
		stop := start(t, app)
		time.Sleep(100*24*time.Hour + time.Hour)
		require.NoError(t, stop())
		require.Len(t, ticks, 100)
		for i, at := range ticks {
			require.Equal(t, time.Date(2000, 1, 2+i, 0, 0, 0, 0, time.UTC), at.UTC())
		}
		require.Empty(t, log.records(t, "tick is lost"))
	})
}

// refusingQueue takes no messages.
type refusingQueue struct{ driver.Queue }

func (refusingQueue) Publish(context.Context, ...driver.Message) error {
	return errors.New("store is down")
}

func TestATickIsLostWhenTheNextOneIsDueAndTheLogSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend := motia.InMemory(nil)
		backend.Queue = refusingQueue{backend.Queue}
		step := func(name, schedule string) motia.Step {
			return motia.CronStep(motia.StepConfig{Name: name, Triggers: []motia.Trigger{motia.Cron(schedule)}},
				func(*motia.FlowContext[motia.None, motia.None]) error { return nil })
		}
		app, log := newApp(t, &motia.Options{Backend: backend}, step("often", "@every 5s"), step("seldom", "@every 10m"))
		stop := start(t, app)
		time.Sleep(10*time.Minute + 31*time.Second)
		lost := map[any]int{}
		for _, record := range log.records(t, "tick is lost") {
			require.Equal(t, "store is down", record["error"])
			lost[record["step"]]++
		}
		require.Equal(t, map[any]int{"often": 125}, lost, "the last two are still offered")
		time.Sleep(31 * time.Second)
		require.Len(t, log.records(t, "tick is lost"), 125+6+1)
		require.NoError(t, stop())
	})
}
