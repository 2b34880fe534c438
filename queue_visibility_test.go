package motia_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

func TestTheDeadlineOfTheContextIsTheVisibilityTimeout(t *testing.T) {
	for _, c := range []struct{ app, trigger, want time.Duration }{
		{0, 0, 15 * time.Minute},
		{time.Minute, 0, time.Minute},
		{time.Minute, time.Hour, time.Hour},
	} {
		synctest.Test(t, func(t *testing.T) {
			var left time.Duration
			app, _ := testkit.NewApp(t, &motia.Options{Queue: motia.QueueConfig{VisibilityTimeout: c.app}}, queueStep("s", "t", func(ctx *queueCtx, _ string) error {
				deadline, ok := ctx.Deadline()
				require.True(t, ok)
				left = time.Until(deadline)
				return nil
			}, motia.QueueConfig{VisibilityTimeout: c.trigger}))
			testkit.Start(t, app)
			queueSend(t, app, "t", "")
			synctest.Wait()
			require.Equal(t, c.want, left)
		})
	}
}

func TestAfterTheVisibilityTimeoutTheContextEndsAndTheMessageComesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got testkit.List[string]
		began := time.Now()
		app, _ := testkit.NewApp(t, nil, queueStep("s", "t", func(ctx *queueCtx, data string) error {
			got.Add(fmt.Sprint(data, ctx.Trigger.Attempt))
			if ctx.Trigger.Attempt > 1 || data == "next" {
				return nil
			}
			<-ctx.Done()
			require.ErrorIs(t, ctx.Err(), context.DeadlineExceeded)
			require.Equal(t, time.Minute, time.Since(began))
			require.ErrorIs(t, ctx.ExtendVisibility(time.Hour), motia.ErrLeaseLost)
			return nil // too late to count
		}, motia.QueueConfig{VisibilityTimeout: time.Minute, Concurrency: 1}))
		testkit.Start(t, app)
		queueSend(t, app, "t", "slow", motia.InGroup("g"))
		queueSend(t, app, "t", "next", motia.InGroup("g"))
		time.Sleep(time.Hour)
		require.Equal(t, []string{"slow1", "slow2", "next1"}, got.All())
	})
}

func TestAHandlerThatNeverReturnsDoesNotBlockItsQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got testkit.List[string]
		never := make(chan struct{})
		app, _ := testkit.NewApp(t, nil, queueStep("s", "t", func(ctx *queueCtx, data string) error {
			got.Add(data)
			if data == "stuck" {
				<-never
			}
			return nil
		}, motia.QueueConfig{VisibilityTimeout: time.Minute, Concurrency: 1, MaxAttempts: 2}))
		testkit.Start(t, app)
		queueSend(t, app, "t", "stuck")
		queueSend(t, app, "t", "after")
		time.Sleep(time.Hour)
		require.Equal(t, []string{"stuck", "after", "stuck"}, got.All())
		letters, err := app.DeadLetters().List(t.Context(), motia.DeadLetterQuery{})
		require.NoError(t, err)
		require.Len(t, letters, 1)
		require.Equal(t, "visibility timeout of 1m0s expired", letters[0].Attempts[1].Error)
		require.Equal(t, time.Minute, letters[0].Attempts[0].EndedAt.Sub(letters[0].Attempts[0].StartedAt))
		close(never)
		synctest.Wait()
		n, err := app.DeadLetters().Count(t.Context(), motia.DeadLetterQuery{})
		require.NoError(t, err)
		require.Equal(t, 1, n, "the late results change nothing")
	})
}

func TestExtendVisibilityMovesTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var attempts testkit.List[string]
		app, _ := testkit.NewApp(t, nil, queueStep("s", "t", func(ctx *queueCtx, _ string) error {
			attempts.Add(fmt.Sprint(ctx.Trigger.Attempt))
			for range 10 { // a heartbeat
				time.Sleep(50 * time.Second)
				require.NoError(t, ctx.Err())
				require.NoError(t, ctx.ExtendVisibility(time.Minute))
				deadline, _ := ctx.Deadline()
				require.Equal(t, time.Minute, time.Until(deadline))
			}
			require.NoError(t, ctx.ExtendVisibility(time.Second)) // may be shortened as well
			<-ctx.Done()
			return ctx.Err()
		}, motia.QueueConfig{VisibilityTimeout: time.Minute, MaxAttempts: 1}))
		testkit.Start(t, app)
		queueSend(t, app, "t", "")
		time.Sleep(501 * time.Second)
		synctest.Wait()
		require.Equal(t, []string{"1"}, attempts.All())
		letters, err := app.DeadLetters().List(t.Context(), motia.DeadLetterQuery{})
		require.NoError(t, err)
		require.Len(t, letters, 1)
	})
}

func TestThereIsNothingToExtendForARequest(t *testing.T) {
	app, _ := testkit.NewApp(t, nil, motia.HTTPStep(
		motia.StepConfig{Name: "s", Triggers: []motia.Trigger{motia.HTTP("GET", "/")}},
		func(_ *motia.HTTPInput[motia.None], ctx *motia.FlowContext[motia.None, motia.None]) (motia.Response, error) {
			require.ErrorIs(t, ctx.ExtendVisibility(time.Hour), motia.ErrNoLease)
			return motia.Response{}, nil
		}))
	require.Equal(t, 204, do(t, app, "GET", "/", "").Code)
}

func TestAVisibilityTimeoutIsLoggedWithItsAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, log := testkit.NewApp(t, nil, queueStep("slow", "t", func(*queueCtx, string) error {
			time.Sleep(90 * time.Second) // does not heed its context
			return nil
		}, motia.QueueConfig{MaxAttempts: 2, VisibilityTimeout: time.Minute}))
		testkit.Start(t, app)
		queueSend(t, app, "t", "x")
		time.Sleep(time.Hour)
		retried := log.Records(t, "step failed, will be retried")
		require.Len(t, retried, 1)
		require.Equal(t, "slow", retried[0]["step"])
		require.EqualValues(t, 1, retried[0]["attempt"])
		require.Equal(t, "visibility timeout expired", retried[0]["error"])
		dead := log.Records(t, "step failed, no attempts are left: message is dead-lettered")
		require.Len(t, dead, 1)
		require.EqualValues(t, 2, dead[0]["attempt"])
		require.Len(t, log.Records(t, "handler returned after its visibility timeout expired: its result is ignored"), 2)
	})
}
