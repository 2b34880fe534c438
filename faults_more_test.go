package motia_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
)

func TestFault10AConditionGetsTheInputOfTheHandlerAndOnlyTrueLetsItPass(t *testing.T) {
	var asked, handled faultInput
	app, _ := newApp(t, nil, motia.NewStep(motia.StepConfig{Name: "post", Triggers: []motia.Trigger{
		motia.HTTP("POST", "/", motia.When(func(in faultInput) bool {
			asked = in
			return in.(*motia.HTTPInput[faultOrder]).Request.Body.Qty > 1
		})),
		motia.HTTP("POST", "/panic", motia.When(func(faultInput) bool { panic("no answer") })),
	}}, func(in faultInput, _ *faultFlow) (motia.Response, error) {
		handled = in
		return motia.Response{}, nil
	}))
	require.Equal(t, http.StatusUnprocessableEntity, do(t, app, "POST", "/", `{"id":"a","qty":1}`).Code)
	require.Equal(t, http.StatusInternalServerError, do(t, app, "POST", "/panic", `{"id":"a","qty":9}`).Code)
	require.Nil(t, handled)
	require.Equal(t, http.StatusNoContent, do(t, app, "POST", "/", `{"id":"a","qty":2}`).Code)
	require.NotNil(t, handled)
	require.Same(t, asked, handled)
}

func TestFault11StateAndStreamTriggersAreRetriedInOrderAndOnceForAllReplicas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen events
		backend := motia.InMemory(nil)
		opts := &motia.Options{Backend: backend, Streams: []motia.StreamConfig{{Name: "notes"}}}
		steps := func() []motia.Step {
			handle := func(text string, attempt int) error {
				seen.add(fmt.Sprint(text, " #", attempt))
				if attempt == 1 {
					return errors.New("again")
				}
				return nil
			}
			return []motia.Step{
				stateStep("state", func(in *stateInput, ctx *stateFlow) error { return handle(stateText(in), ctx.Trigger.Attempt) }, motia.State()),
				motia.StreamStep(motia.StepConfig{Name: "stream", Triggers: []motia.Trigger{noteStream.Trigger()}},
					func(in *noteItemInput, ctx *noteItemFlow) error { return handle(noteText(*in), ctx.Trigger.Attempt) }),
			}
		}
		one, _ := newApp(t, opts, steps()...)
		two, _ := newApp(t, opts, steps()...)
		start(t, one)
		start(t, two)
		synctest.Wait()
		for n := range 2 {
			_, err := stateOf(t, one).Set("s", "k", n)
			require.NoError(t, err)
		}
		_, err := stateOf(t, two).Delete("s", "missing")
		require.NoError(t, err)
		time.Sleep(time.Minute)
		noteSet(t, two, "g", "i", 1)
		time.Sleep(time.Minute)
		require.Equal(t, []string{
			"created s/k ->0 #1", "created s/k ->0 #2", "updated s/k 0>1 #1", "updated s/k 0>1 #2", "g/i create 1 #1", "g/i create 1 #2",
		}, seen.all())
	})
}

// The authentication of connections belongs to the server for them; this is the part that is in the process.
func TestFault12ASlowSubscriberBlocksNobodyIsToldAndGroupsDoNotLeak(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := streamNotesApp(t)
		slow, fast := noteSubscribe(t, app, "g", motia.Buffer(1)), noteSubscribe(t, app, "g")
		item, other := noteSubscribe(t, app, "g", motia.ForItem("i")), noteSubscribe(t, app, "h")
		for n := range 3 {
			noteSet(t, app, "g", "i", n)
		}
		for _, want := range []string{"g/ sync", "g/i create 0", "g/i update 1", "g/i update 2"} {
			require.Equal(t, want, noteText(noteNext(t, fast)), "every event once")
		}
		for _, want := range []string{"g/i sync", "g/i create 0", "g/i update 1", "g/i update 2"} {
			require.Equal(t, want, noteText(noteNext(t, item)), "every event once")
		}
		require.Equal(t, "g/ sync", noteText(noteNext(t, slow)))
		require.Equal(t, "g/ resync i=2", noteText(noteNext(t, slow)))
		require.Equal(t, "h/ sync", noteText(noteNext(t, other)))
		for _, sub := range []*motia.Subscription[noteItem]{slow, fast, item, other} {
			noteQuiet(t, sub)
		}
	})
}

func TestFault13AnUpdateThatDoesNotFitIsAnErrorAndChangesNothing(t *testing.T) {
	app, _ := newApp(t, nil)
	for _, op := range []motia.UpdateOp{
		motia.Increment("s", 1), motia.Append("s", 1), motia.Merge("s", map[string]int{"a": 1}), motia.Merge("", []int{1}), motia.Set("s.x", 1),
	} {
		_, err := updateText(t, stateOf(t, app), `{"s":"text"}`, op)
		require.ErrorAs(t, err, new(*motia.UpdateError))
	}
}

func TestFault14CronTakesFiveFieldsZonesAndSundayAsZeroAndFiresOnceForAllReplicas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // begins on Saturday, January 1st, 2000
		var seen events
		step := func(expression string) motia.Step {
			return motia.CronStep(motia.StepConfig{Name: "tick", Triggers: []motia.Trigger{motia.Cron(expression, motia.InZone("Europe/Berlin"))}},
				func(ctx *motia.FlowContext[motia.None, motia.None]) error {
					seen.add(time.Now().UTC().Format("Mon 15:04"))
					return nil
				})
		}
		opts := &motia.Options{Backend: motia.InMemory(nil)}
		for range 2 {
			app, _ := newApp(t, opts, step("30 9 * * 0"))
			start(t, app)
		}
		time.Sleep(7 * 24 * time.Hour)
		require.Equal(t, []string{"Sun 08:30"}, seen.all())
		var bad *motia.StepError
		require.ErrorAs(t, motia.New(nil).Register(step("61 * * * *")), &bad)
	})
}

func TestFault15MatchWithoutAHandlerSaysWhatFiredAndWhatThereIs(t *testing.T) {
	var got error
	app, _ := newApp(t, nil, motia.NewStep(motia.StepConfig{Name: "match", Triggers: []motia.Trigger{motia.HTTP("GET", "/")}},
		func(_ faultInput, ctx *faultFlow) (motia.Response, error) {
			var response motia.Response
			response, got = ctx.Match(motia.MatchHandlers[faultOrder]{Cron: func() error { return nil }, Queue: func(faultOrder) error { return nil }})
			return response, got
		}))
	do(t, app, "GET", "/", "")
	var none *motia.NoHandlerError
	require.ErrorAs(t, got, &none)
	require.Equal(t, motia.NoHandlerError{Trigger: motia.TriggerHTTP, Available: []string{"queue", "cron"}}, *none)
}

func TestFault16TheDeadLetterCountIsThatOfTheListAndRedriveSaysHowMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		healed := false
		app, _ := newApp(t, nil, faultQueueStep("consume", func(faultOrder, *faultFlow) error {
			if healed {
				return nil
			}
			return motia.Permanent(errors.New("no"))
		}, motia.QueueConfig{Concurrency: 1}))
		start(t, app)
		for n := range 5 {
			faultEnqueue(t, app, fmt.Sprint(n))
		}
		synctest.Wait()
		check := func(want int) {
			t.Helper()
			letters, err := app.DeadLetters().List(t.Context(), motia.DeadLetterQuery{})
			require.NoError(t, err)
			count, err := app.DeadLetters().Count(t.Context(), motia.DeadLetterQuery{})
			require.NoError(t, err)
			require.Equal(t, []int{want, want}, []int{len(letters), count})
		}
		check(5)
		healed = true
		redriven, err := app.DeadLetters().RedriveAll(t.Context(), motia.DeadLetterQuery{})
		require.NoError(t, err)
		require.Equal(t, 5, redriven)
		synctest.Wait()
		check(0)
	})
}
