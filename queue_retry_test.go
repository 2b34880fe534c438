package motia_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

// retryTimes runs a handler that always fails for a day and returns the time from each attempt to the next, and the
// dead letters.
func retryTimes(t *testing.T, defaults, trigger motia.QueueConfig, fail func(attempt int) error) (pauses []time.Duration, letters []motia.DeadLetter) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var last time.Time
		app, _ := testkit.NewApp(t, &motia.Options{Queue: defaults}, queueStep("s", "t", func(ctx *queueCtx, _ string) error {
			if !last.IsZero() {
				pauses = append(pauses, time.Since(last))
			}
			last = time.Now()
			return fail(ctx.Trigger.Attempt)
		}, trigger))
		testkit.Start(t, app)
		queueSend(t, app, "t", "")
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		var err error
		letters, err = app.DeadLetters().List(t.Context(), motia.DeadLetterQuery{})
		require.NoError(t, err)
	})
	return pauses, letters
}

var errBoom = errors.New("boom")

func alwaysBoom(int) error { return errBoom }

func TestAFailedMessageIsRetriedThreeTimesWithExponentialBackoff(t *testing.T) {
	pauses, letters := retryTimes(t, motia.QueueConfig{}, motia.QueueConfig{}, alwaysBoom)
	require.Len(t, pauses, 3)
	for i, pause := range pauses {
		want := time.Second << i
		require.LessOrEqual(t, pause, want)
		require.GreaterOrEqual(t, pause, want*8/10)
	}
	require.Len(t, letters, 1)
	require.Len(t, letters[0].Attempts, 4)
}

func TestBackoffIsCappedAndJittered(t *testing.T) {
	pauses, _ := retryTimes(t, motia.QueueConfig{}, motia.QueueConfig{MaxAttempts: 31}, alwaysBoom)
	require.Len(t, pauses, 30)
	different := make(map[time.Duration]bool)
	for _, pause := range pauses[9:] { // 2^9 s is over 5 minutes
		require.LessOrEqual(t, pause, 5*time.Minute)
		require.GreaterOrEqual(t, pause, 4*time.Minute)
		different[pause] = true
	}
	require.Greater(t, len(different), 15)
}

func TestTheTriggersPolicyComesBeforeTheAppsAndThatBeforeTheDefault(t *testing.T) {
	second := func(int) time.Duration { return time.Second }
	minute := func(attempt int) time.Duration { return time.Duration(attempt) * time.Minute }
	for _, c := range []struct {
		name         string
		app, trigger motia.QueueConfig
		want         []time.Duration
	}{
		{"retries of the app", motia.QueueConfig{MaxAttempts: 2, Backoff: second}, motia.QueueConfig{}, []time.Duration{time.Second}},
		{"retries of the trigger", motia.QueueConfig{MaxAttempts: 2, Backoff: second}, motia.QueueConfig{MaxAttempts: 3}, []time.Duration{time.Second, time.Second}},
		{"backoff of the trigger", motia.QueueConfig{MaxAttempts: 3, Backoff: second}, motia.QueueConfig{Backoff: minute}, []time.Duration{time.Minute, 2 * time.Minute}},
		{"no retries by the app", motia.QueueConfig{MaxAttempts: 1}, motia.QueueConfig{}, nil},
		{"no retries by the trigger", motia.QueueConfig{MaxAttempts: 6}, motia.QueueConfig{MaxAttempts: 1}, nil},
		{"backoff below zero", motia.QueueConfig{}, motia.QueueConfig{Backoff: func(int) time.Duration { return -time.Hour }}, []time.Duration{0, 0, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			pauses, letters := retryTimes(t, c.app, c.trigger, alwaysBoom)
			require.Equal(t, c.want, pauses)
			require.Len(t, letters, 1)
		})
	}
}

func TestThePolicyOfATriggerIsItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen testkit.List[string]
		began := time.Now()
		app, _ := testkit.NewApp(t, nil, queueStep("s", "t", func(ctx *queueCtx, _ string) error {
			deadline, _ := ctx.Deadline()
			seen.Add(fmt.Sprint(time.Since(began), " for ", time.Until(deadline)))
			return errBoom
		}, motia.QueueConfig{
			MaxAttempts: 3, Delay: time.Minute, VisibilityTimeout: time.Hour,
			Backoff: func(attempt int) time.Duration { return time.Duration(attempt) * 10 * time.Second },
		}))
		testkit.Start(t, app)
		queueSend(t, app, "t", "a")
		time.Sleep(time.Hour)
		require.Equal(t, []string{"1m0s for 1h0m0s", "1m10s for 1h0m0s", "1m30s for 1h0m0s"}, seen.All())
	})
}

func TestABackoffThatPanicsFallsBackToTheDefault(t *testing.T) {
	pauses, letters := retryTimes(t, motia.QueueConfig{}, motia.QueueConfig{MaxAttempts: 2, Backoff: func(int) time.Duration { panic("no idea") }}, alwaysBoom)
	require.Len(t, pauses, 1)
	require.LessOrEqual(t, pauses[0], time.Second)
	require.GreaterOrEqual(t, pauses[0], 800*time.Millisecond)
	require.Len(t, letters, 1)
}

func TestAPermanentErrorIsDeadLetteredAtOnceAndKeepsItsChain(t *testing.T) {
	wrapped := fmt.Errorf("charge: %w", motia.Permanent(&fs.PathError{Op: "open", Path: "card", Err: fs.ErrNotExist}))
	require.ErrorIs(t, wrapped, fs.ErrNotExist)
	var path *fs.PathError
	require.ErrorAs(t, wrapped, &path)
	require.NoError(t, motia.Permanent(nil))
	pauses, letters := retryTimes(t, motia.QueueConfig{}, motia.QueueConfig{}, func(int) error { return wrapped })
	require.Empty(t, pauses)
	require.Len(t, letters, 1)
	require.Equal(t, "charge: open card: file does not exist", letters[0].Attempts[0].Error)
}

func TestRetryAfterChoosesTheDelayCountsAndKeepsItsChain(t *testing.T) {
	wrapped := func(attempt int) error {
		return fmt.Errorf("rate limit: %w", motia.RetryAfter(time.Duration(attempt)*time.Hour, errBoom))
	}
	require.ErrorIs(t, wrapped(1), errBoom)
	require.NoError(t, motia.RetryAfter(time.Hour, nil))
	pauses, letters := retryTimes(t, motia.QueueConfig{}, motia.QueueConfig{Backoff: func(int) time.Duration { return time.Second }}, wrapped)
	require.Equal(t, []time.Duration{time.Hour, 2 * time.Hour, 3 * time.Hour}, pauses)
	require.Len(t, letters[0].Attempts, 4)
	pauses, _ = retryTimes(t, motia.QueueConfig{}, motia.QueueConfig{}, func(int) error { return motia.RetryAfter(-time.Hour, errBoom) })
	require.Equal(t, []time.Duration{0, 0, 0}, pauses)
	pauses, _ = retryTimes(t, motia.QueueConfig{}, motia.QueueConfig{}, func(int) error { return motia.Permanent(motia.RetryAfter(time.Hour, errBoom)) })
	require.Empty(t, pauses, "permanent is permanent")
}

func TestMiddlewareCanTellHowAStepFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen testkit.List[string]
		watch := func(ctx context.Context, _ *motia.Invocation, next motia.StepFunc) (motia.Response, error) {
			response, err := next(ctx)
			var permanent *motia.PermanentError
			var after *motia.RetryAfterError
			switch {
			case errors.As(err, &permanent):
				seen.Add(fmt.Sprint("permanent: ", permanent.Err))
			case errors.As(err, &after):
				seen.Add(fmt.Sprint("after ", after.Delay, ": ", after.Err))
			}
			return response, err
		}
		app, _ := testkit.NewApp(t, &motia.Options{StepMiddleware: []motia.StepMiddleware{watch}}, queueStep("s", "t", func(ctx *queueCtx, _ string) error {
			switch ctx.Trigger.Attempt {
			case 1:
				return fmt.Errorf("rate limit: %w", motia.RetryAfter(time.Minute, errBoom))
			case 2:
				return &motia.RetryAfterError{Delay: -time.Hour} // made by hand
			}
			return fmt.Errorf("charge: %w", motia.Permanent(errBoom))
		}))
		testkit.Start(t, app)
		queueSend(t, app, "t", "")
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, []string{"after 1m0s: boom", "after -1h0m0s: <nil>", "permanent: boom"}, seen.All())
		letters, err := app.DeadLetters().List(t.Context(), motia.DeadLetterQuery{})
		require.NoError(t, err)
		require.Len(t, letters, 1)
		var texts []string
		for _, attempt := range letters[0].Attempts {
			texts = append(texts, attempt.Error)
		}
		require.Equal(t, []string{"rate limit: boom", "retry after -1h0m0s", "charge: boom"}, texts)
	})
	require.EqualError(t, new(motia.PermanentError), "permanent failure")
}

func TestAFailingMessageHoldsBackOnlyItsGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got testkit.List[string]
		app, _ := testkit.NewApp(t, nil, queueStep("s", "t", func(ctx *queueCtx, data string) error {
			got.Add(fmt.Sprint(data, ctx.Trigger.Attempt))
			if data == "bad" {
				return errBoom
			}
			return nil
		}))
		testkit.Start(t, app)
		queueSend(t, app, "t", "bad", motia.InGroup("g"))
		queueSend(t, app, "t", "next", motia.InGroup("g"))
		queueSend(t, app, "t", "last", motia.InGroup("g"))
		queueSend(t, app, "t", "other", motia.InGroup("h"))
		queueSend(t, app, "t", "alone")
		synctest.Wait()
		require.ElementsMatch(t, []string{"bad1", "other1", "alone1"}, got.All())
		time.Sleep(time.Minute) // the retries are used up
		require.Equal(t, []string{"bad2", "bad3", "bad4", "next1", "last1"}, got.All()[3:])
	})
}

func TestAPanicIsAFailedAttemptWithItsStackInTheLog(t *testing.T) {
	for name, panics := range map[string]struct {
		f    func()
		text string
	}{
		"value":           {func() { panic("oh no") }, "panic: oh no"},
		"error":           {func() { panic(errBoom) }, "panic: boom"},
		"nil":             {func() { panic(nil) }, "panic called with nil argument"},
		"nil dereference": {func() { var p *struct{ n int }; p.n++ }, "panic: runtime error: invalid memory address or nil pointer dereference"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var attempts testkit.List[int]
				app, log := testkit.NewApp(t, nil, queueStep("s", "t", func(ctx *queueCtx, _ string) error {
					if attempts.Add(ctx.Trigger.Attempt) == 1 {
						panics.f()
					}
					return nil
				}))
				testkit.Start(t, app)
				queueSend(t, app, "t", "")
				time.Sleep(time.Minute)
				require.Equal(t, []int{1, 2}, attempts.All())
				records := log.Records(t, "step failed, will be retried")
				require.Len(t, records, 1)
				require.Contains(t, records[0]["error"], panics.text)
				require.Contains(t, records[0]["stack"], "retry_test.go")
			})
		})
	}
}

func TestAPanicWithAnErrorKeepsItsChain(t *testing.T) {
	pauses, letters := retryTimes(t, motia.QueueConfig{}, motia.QueueConfig{}, func(int) error { panic(motia.Permanent(errBoom)) })
	require.Empty(t, pauses)
	require.Equal(t, "panic: boom", letters[0].Attempts[0].Error)
}

func TestAHandlerThatEndsItsGoroutineIsAFailedAttempt(t *testing.T) {
	pauses, letters := retryTimes(t, motia.QueueConfig{}, motia.QueueConfig{MaxAttempts: 2}, func(int) error {
		runtime.Goexit()
		return nil
	})
	require.Len(t, pauses, 1)
	require.Len(t, letters, 1)
}

// brokenError is an error whose text cannot be told.
type brokenError struct{ text string }

func (e *brokenError) Error() string { return e.text } // panics on nil

func TestAnErrorWhoseTextPanicsIsAFailedAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, _ := testkit.NewApp(t, nil, queueStep("s", "t", func(*queueCtx, string) error {
			var none *brokenError
			return none
		}, motia.QueueConfig{MaxAttempts: 1}))
		testkit.Start(t, app)
		queueSend(t, app, "t", "x")
		synctest.Wait()
		letters, err := app.DeadLetters().List(t.Context(), motia.DeadLetterQuery{})
		require.NoError(t, err)
		require.Len(t, letters, 1)
		require.Contains(t, letters[0].Attempts[0].Error, "nil pointer")
	})
}
