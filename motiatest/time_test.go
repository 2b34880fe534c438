package motiatest_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/motiatest"
)

// Everything that takes time, in virtual time.

func TestRetriesPassInVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := motiatest.Run(t, nil, failing(3, motia.QueueConfig{Backoff: func(n int) time.Duration { return time.Duration(n) * time.Hour }}))
		start := time.Now()
		motiatest.Enqueue(app, OrderCreated, tea)
		app.Idle()
		require.Equal(t, 6*time.Hour, time.Since(start))
		var outcomes []motiatest.Outcome
		for _, e := range app.Events().Step("charge").Kind(motiatest.KindEnd) {
			outcomes = append(outcomes, e.Outcome)
		}
		require.Equal(t, []motiatest.Outcome{"retried", "retried", "retried", "done"}, outcomes)
	})
}

func TestExhaustedRetriesLeaveADeadLetterAndAnIdleApp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := motiatest.Run(t, nil, failing(100, motia.QueueConfig{MaxAttempts: 3}))
		motiatest.Enqueue(app, OrderCreated, tea)
		app.Idle()
		n, err := app.DeadLetters().Count(t.Context(), motia.DeadLetterQuery{})
		require.NoError(t, err)
		require.Equal(t, 1, n)
		ends := app.Events().Kind(motiatest.KindEnd)
		require.Equal(t, motiatest.OutcomeDeadLettered, ends[len(ends)-1].Outcome)
		require.Equal(t, 3, ends[len(ends)-1].Attempt)
	})
}

func TestDelaysPassInVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := motiatest.Run(t, nil, failing(0, motia.QueueConfig{}))
		start := time.Now()
		motiatest.Enqueue(app, OrderCreated, tea, motia.After(72*time.Hour+time.Millisecond))
		app.Idle()
		require.Equal(t, 72*time.Hour+time.Millisecond, time.Since(start), "not a moment longer")
		require.Equal(t, 72*time.Hour+time.Millisecond, motiatest.Enqueued(t, app, OrderCreated)[0].Delay)
		require.Len(t, app.Events().Step("charge").Kind(motiatest.KindEnd), 1)
	})
}

func TestVisibilityTimeoutsPassInVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := motia.QueueStep(motia.StepConfig{
			Name:     "slow",
			Triggers: []motia.Trigger{OrderCreated.Trigger(motia.QueueConfig{VisibilityTimeout: time.Hour, MaxAttempts: 2})},
		}, func(_ Order, ctx *motia.FlowContext[motia.None, Order]) error {
			<-ctx.Done()
			return nil // too late to count
		})
		app := motiatest.Run(t, nil, slow)
		start := time.Now()
		motiatest.Enqueue(app, OrderCreated, tea)
		app.Idle()
		require.GreaterOrEqual(t, time.Since(start), 2*time.Hour)
		require.Less(t, time.Since(start), 2*time.Hour+time.Minute)
		ends := app.Events().Kind(motiatest.KindEnd)
		require.Len(t, ends, 2)
		require.Equal(t, motiatest.OutcomeRetried, ends[0].Outcome)
		require.Equal(t, motiatest.OutcomeDeadLettered, ends[1].Outcome)
		require.Equal(t, "visibility timeout expired", ends[1].Err)
	})
}

func TestSchedulesOverDaysPassInVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		report := motia.CronStep(motia.StepConfig{
			Name:     "report",
			Triggers: []motia.Trigger{motia.Cron("0 2 * * *", motia.InZone("Europe/Berlin"))},
		}, func(*motia.FlowContext[motia.None, motia.None]) error { return nil })
		app := motiatest.Run(t, nil, report)
		runs := func() motiatest.Events { return app.Events().Step("report").Kind(motiatest.KindEnd) }
		app.Idle()
		require.Empty(t, runs(), "a schedule alone does not keep an app from being idle")
		time.Sleep(7 * 24 * time.Hour)
		app.Idle()
		require.Len(t, runs(), 7)
		require.Equal(t, "02:00:00", runs()[6].Time.In(mustZone(t, "Europe/Berlin")).Format(time.TimeOnly))

		app.Tick("0 2 * * *")
		app.Idle()
		require.Len(t, runs(), 8)
	})
}

func TestATickIsLeftOutWhileThePreviousRunHasNotFinished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := motia.CronStep(motia.StepConfig{Name: "slow", Triggers: []motia.Trigger{motia.Cron("@daily")}},
			func(ctx *motia.FlowContext[motia.None, motia.None]) error {
				time.Sleep(time.Minute)
				return nil
			})
		app := motiatest.Run(t, nil, slow)
		app.Tick("@daily")
		app.Tick("@daily")
		app.Idle()
		require.Len(t, app.Events().Kind(motiatest.KindStart), 1)
	})
}

func mustZone(t *testing.T, name string) *time.Location {
	zone, err := time.LoadLocation(name)
	require.NoError(t, err)
	return zone
}

func TestTimesToLivePassInVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := motiatest.Run(t, nil)
		motiatest.SetState(app, Orders, "o-1", tea, motia.TTL(48*time.Hour))
		app.Idle()
		_, found, err := Orders.Get(app.Context(t.Context()), "o-1")
		require.NoError(t, err)
		require.True(t, found, "Idle does not wait for the end of values")
		time.Sleep(48 * time.Hour)
		_, found, err = Orders.Get(app.Context(t.Context()), "o-1")
		require.NoError(t, err)
		require.False(t, found)
	})
}

func TestAShutdownPassesInVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var causes []error
		stubborn := motia.QueueStep(motia.StepConfig{
			Name:     "stubborn",
			Triggers: []motia.Trigger{OrderCreated.Trigger()},
		}, func(_ Order, ctx *motia.FlowContext[motia.None, Order]) error {
			<-ctx.Done()
			causes = append(causes, context.Cause(ctx))
			return ctx.Err()
		})
		app := motiatest.Run(t, &motia.Options{ShutdownTimeout: 5 * time.Minute}, stubborn)
		motiatest.Enqueue(app, OrderCreated, tea)
		synctest.Wait()
		start := time.Now()
		var late *motia.ShutdownError
		require.ErrorAs(t, app.Stop(), &late)
		require.Equal(t, []string{"stubborn"}, late.Running)
		require.Equal(t, 5*time.Minute, time.Since(start))
		require.True(t, errors.Is(causes[0], motia.ErrShutdown) || errors.Is(causes[0], context.Canceled), causes)
		ends := app.Events().Kind(motiatest.KindEnd)
		require.Equal(t, motiatest.OutcomeReleased, ends[len(ends)-1].Outcome)
	})
}

func TestRedrivenDeadLettersAreWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		down.Store(true)
		charge := motia.QueueStep(motia.StepConfig{
			Name:     "charge",
			Triggers: []motia.Trigger{OrderCreated.Trigger(motia.QueueConfig{MaxAttempts: 1})},
		}, func(Order, *motia.FlowContext[motia.None, Order]) error {
			if down.Load() {
				return errors.New("down")
			}
			return nil
		})
		app := motiatest.Run(t, nil, charge)
		motiatest.Enqueue(app, OrderCreated, tea)
		app.Idle()
		down.Store(false)
		n, err := app.DeadLetters().RedriveAll(t.Context(), motia.DeadLetterQuery{})
		require.NoError(t, err)
		require.Equal(t, 1, n)
		app.Idle()
		ends := app.Events().Kind(motiatest.KindEnd)
		require.Len(t, ends, 2)
		require.Equal(t, motiatest.OutcomeDone, ends[1].Outcome)
	})
}
