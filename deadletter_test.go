package motia_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

// deadFail is a step on the topic t whose messages die at once while broken is true.
func deadFail(name string, broken *bool, got *testkit.List[string], opts ...motia.TriggerOption) motia.Step {
	opts = append(opts, motia.QueueConfig{MaxAttempts: 1})
	return queueStep(name, "t", func(ctx *queueCtx, data string) error {
		got.Add(fmt.Sprint(name, data, ctx.Trigger.Attempt))
		if *broken {
			return errBoom
		}
		return nil
	}, opts...)
}

// deadIDs lists the dead letters page by page and checks that Count agrees.
func deadIDs(t *testing.T, app *motia.App, step string, page int) (ids []string) {
	t.Helper()
	query := motia.DeadLetterQuery{Step: step, Limit: page}
	for {
		letters, err := app.DeadLetters().List(t.Context(), query)
		require.NoError(t, err)
		require.LessOrEqual(t, len(letters), page)
		if len(letters) == 0 {
			break
		}
		for _, letter := range letters {
			ids = append(ids, letter.ID)
		}
		query.After = ids[len(ids)-1]
	}
	n, err := app.DeadLetters().Count(t.Context(), motia.DeadLetterQuery{Step: step})
	require.NoError(t, err)
	require.Equal(t, n, len(ids))
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(ids))), n, "ids are unique")
	return ids
}

func TestADeadLetterKeepsEverythingAboutTheMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var traces testkit.List[string]
		app, _ := testkit.NewApp(t, nil, queueStep("s/1", "t#", func(ctx *queueCtx, _ string) error {
			traces.Add(ctx.TraceID)
			time.Sleep(time.Second)
			return fmt.Errorf("attempt %d: %w", ctx.Trigger.Attempt, errBoom)
		}, motia.QueueConfig{MaxAttempts: 2, Backoff: func(int) time.Duration { return time.Minute }}))
		began := time.Now()
		require.NoError(t, enqueueFrom(t, app, []string{"t#"}, func(ctx *motia.FlowContext[any, motia.None]) error {
			traces.Add(ctx.TraceID)
			return ctx.Enqueue(motia.Message[any]{Topic: "t#", Data: "payload", MessageGroupID: "g", ID: "m"})
		}))
		testkit.Start(t, app)
		time.Sleep(time.Hour)
		letters, err := app.DeadLetters().List(t.Context(), motia.DeadLetterQuery{})
		require.NoError(t, err)
		require.Len(t, letters, 1)
		letter := letters[0]
		require.Equal(t, "s/1", letter.Step)
		require.Equal(t, motia.TriggerQueue, letter.Trigger)
		require.Equal(t, "t#", letter.Topic)
		require.Equal(t, "m", letter.MessageID)
		require.Equal(t, "g", letter.MessageGroupID)
		require.Equal(t, `"payload"`, string(letter.Payload))
		require.Equal(t, []string{letter.TraceID, letter.TraceID, letter.TraceID}, traces.All())
		require.Contains(t, letter.Header.TraceParent, letter.TraceID)
		require.Equal(t, "sender", letter.Header.Step)
		require.Equal(t, time.Duration(0), letter.EnqueuedAt.Sub(began))
		require.Equal(t, 62*time.Second, letter.DiedAt.Sub(began))
		require.Len(t, letter.Attempts, 2)
		for i, attempt := range letter.Attempts {
			require.Equal(t, fmt.Sprintf("attempt %d: boom", i+1), attempt.Error)
			require.Equal(t, time.Duration(i)*61*time.Second, attempt.StartedAt.Sub(began))
			require.Equal(t, time.Second, attempt.EndedAt.Sub(attempt.StartedAt))
		}
		require.NoError(t, app.DeadLetters().Redrive(t.Context(), letter.ID), "names with slashes and hashes do not confuse ids")
	})
}

func TestDeadLettersAreListedInPagesOverAllSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := true
		var got testkit.List[string]
		app, _ := testkit.NewApp(t, nil, deadFail("c", &broken, &got), deadFail("a", &broken, &got), deadFail("b", &broken, &got))
		testkit.Start(t, app)
		require.Empty(t, deadIDs(t, app, "", 10))
		const messages = 150 // more than the default page
		for i := range messages {
			queueSend(t, app, "t", fmt.Sprint(i))
			synctest.Wait()
		}
		all := deadIDs(t, app, "", 7)
		require.Len(t, all, 3*messages)
		require.Equal(t, all, deadIDs(t, app, "", 1000), "the pages do not matter")
		require.Equal(t, all[messages:2*messages], deadIDs(t, app, "b", 7), "ordered by step")
		require.Empty(t, deadIDs(t, app, "unknown", 7))
		page, err := app.DeadLetters().List(t.Context(), motia.DeadLetterQuery{})
		require.NoError(t, err)
		require.Len(t, page, 100, "the default")
		for i, letter := range page {
			require.Equal(t, fmt.Sprintf("%q", fmt.Sprint(i)), string(letter.Payload), "oldest first")
		}

		require.NoError(t, app.DeadLetters().Discard(t.Context(), all[6]))
		page, err = app.DeadLetters().List(t.Context(), motia.DeadLetterQuery{After: all[6], Limit: 1})
		require.NoError(t, err)
		require.Equal(t, all[7], page[0].ID, "a page may begin after one that is gone")
		_, err = app.DeadLetters().List(t.Context(), motia.DeadLetterQuery{After: "nonsense"})
		require.ErrorIs(t, err, motia.ErrDeadLetterNotFound)
	})
}

func TestRedriveGivesOneSomeOrAllBackAndKeepsTheirHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := true
		var got testkit.List[string]
		app, _ := testkit.NewApp(t, nil, deadFail("a", &broken, &got), deadFail("b", &broken, &got))
		testkit.Start(t, app)
		send := func(n int) {
			for i := range n {
				queueSend(t, app, "t", fmt.Sprint(i))
				synctest.Wait()
			}
		}
		send(4)
		ids := deadIDs(t, app, "a", 3)

		require.NoError(t, app.DeadLetters().Redrive(t.Context(), ids[2])) // dies again, with a longer history
		synctest.Wait()
		letters, err := app.DeadLetters().List(t.Context(), motia.DeadLetterQuery{Step: "a"})
		require.NoError(t, err)
		require.Len(t, letters, 4)
		require.Len(t, letters[3].Attempts, 2)
		require.Equal(t, `"2"`, string(letters[3].Payload))
		require.NotContains(t, deadIDs(t, app, "", 3), ids[2], "it is another dead letter now")

		broken = false
		got.Take()
		require.NoError(t, app.DeadLetters().Redrive(t.Context(), ids[1], ids[0]))
		synctest.Wait()
		require.ElementsMatch(t, []string{"a01", "a11"}, got.All(), "attempts restart at 1")
		require.Len(t, deadIDs(t, app, "a", 3), 2)
		require.Len(t, deadIDs(t, app, "b", 3), 4)

		n, err := app.DeadLetters().RedriveAll(t.Context(), motia.DeadLetterQuery{Step: "a"})
		require.NoError(t, err)
		require.Equal(t, 2, n)
		synctest.Wait()
		require.Empty(t, deadIDs(t, app, "a", 3))
		broken = true
		n, err = app.DeadLetters().RedriveAll(t.Context(), motia.DeadLetterQuery{Limit: 1}) // ignored
		require.NoError(t, err)
		require.Equal(t, 4, n, "those that die again meanwhile are not met twice")
		synctest.Wait()
		require.Len(t, deadIDs(t, app, "b", 3), 4)

		ids = deadIDs(t, app, "b", 3)
		require.NoError(t, app.DeadLetters().Discard(t.Context(), ids[0], ids[3]))
		require.Equal(t, ids[1:3], deadIDs(t, app, "b", 3))
		n, err = app.DeadLetters().DiscardAll(t.Context(), motia.DeadLetterQuery{})
		require.NoError(t, err)
		require.Equal(t, 2, n)
		require.Empty(t, deadIDs(t, app, "", 3))
	})
}

func TestUnknownDeadLettersAreReportedAndTheOthersMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := true
		var got testkit.List[string]
		app, _ := testkit.NewApp(t, nil, deadFail("a", &broken, &got))
		testkit.Start(t, app)
		queueSend(t, app, "t", "x")
		synctest.Wait()
		id := deadIDs(t, app, "", 1)[0]
		dead := app.DeadLetters()
		for _, unknown := range []string{"", "nonsense", ":", id + "0", "other:" + id, "a/queue/t:", "a/queue/t:-1", "a/queue/t:99999999999999999999", "😀:\x00"} {
			require.ErrorIs(t, dead.Redrive(t.Context(), unknown), motia.ErrDeadLetterNotFound, unknown)
			require.ErrorIs(t, dead.Discard(t.Context(), unknown), motia.ErrDeadLetterNotFound, unknown)
		}
		require.Equal(t, []string{id}, deadIDs(t, app, "", 1))
		require.NoError(t, dead.Redrive(t.Context()))

		err := dead.Redrive(t.Context(), "nonsense", id, id)
		require.EqualError(t, err, "motia: dead letter not found: 1 of 2 ids")
		synctest.Wait()
		require.Equal(t, []string{"ax1", "ax1"}, got.All())
		ids := deadIDs(t, app, "", 1)
		require.NoError(t, dead.Discard(t.Context(), ids[0], ids[0]), "naming it twice is no mistake")
		require.ErrorIs(t, dead.Discard(t.Context(), ids[0]), motia.ErrDeadLetterNotFound)
	})
}

func TestARedrivenMessageKeepsTheOrderOfItsGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := true
		var got testkit.List[string]
		app, _ := testkit.NewApp(t, nil, deadFail("a", &broken, &got))
		testkit.Start(t, app)
		for i := range 3 {
			queueSend(t, app, "t", fmt.Sprint(i), motia.InGroup("g"))
		}
		synctest.Wait()
		broken = false
		got.Take()
		n, err := app.DeadLetters().RedriveAll(t.Context(), motia.DeadLetterQuery{})
		require.NoError(t, err)
		require.Equal(t, 3, n)
		synctest.Wait()
		require.Equal(t, []string{"a01", "a11", "a21"}, got.All())
	})
}
