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
	"github.com/motia-go/motia/internal/testkit"
)

func TestFault10AConditionGetsTheInputOfTheHandlerAndOnlyTrueLetsItPass(t *testing.T) {
	var asked, handled faultInput
	app, _ := testkit.NewApp(t, nil, motia.NewStep(motia.StepConfig{Name: "post", Triggers: []motia.Trigger{
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
		var seen testkit.List[string]
		backend := motia.InMemory(nil)
		opts := &motia.Options{Backend: backend, Streams: []motia.StreamConfig{{Name: "notes"}}}
		steps := func() []motia.Step {
			handle := func(text string, attempt int) error {
				seen.Add(fmt.Sprint(text, " #", attempt))
				if attempt == 1 {
					return errors.New("again")
				}
				return nil
			}
			return []motia.Step{
				stateStep("state", func(in *stateInput, ctx *stateFlow) error { return handle(stateText(in), ctx.Trigger.Attempt) }, motia.State()),
				motia.StreamStep(motia.StepConfig{Name: "stream", Triggers: []motia.Trigger{testkit.Notes.Trigger()}},
					func(in *noteInput, ctx *noteFlow) error { return handle(testkit.NoteText(*in), ctx.Trigger.Attempt) }),
			}
		}
		one, _ := testkit.NewApp(t, opts, steps()...)
		two, _ := testkit.NewApp(t, opts, steps()...)
		testkit.Start(t, one)
		testkit.Start(t, two)
		synctest.Wait()
		for n := range 2 {
			_, err := stateOf(t, one).Set("s", "k", n)
			require.NoError(t, err)
		}
		_, err := stateOf(t, two).Delete("s", "missing")
		require.NoError(t, err)
		time.Sleep(time.Minute)
		testkit.SetNote(t, two, "g", "i", 1)
		time.Sleep(time.Minute)
		require.Equal(t, []string{
			"created s/k ->0 #1", "created s/k ->0 #2", "updated s/k 0>1 #1", "updated s/k 0>1 #2", "g/i create 1 #1", "g/i create 1 #2",
		}, seen.All())
	})
}

// The authentication of connections belongs to the server for them; this is the part that is in the process.
func TestFault12ASlowSubscriberBlocksNobodyIsToldAndGroupsDoNotLeak(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := testkit.NotesApp(t)
		slow, fast := testkit.SubscribeNotes(t, app, "g", motia.Buffer(1)), testkit.SubscribeNotes(t, app, "g")
		item, other := testkit.SubscribeNotes(t, app, "g", motia.ForItem("i")), testkit.SubscribeNotes(t, app, "h")
		for n := range 3 {
			testkit.SetNote(t, app, "g", "i", n)
		}
		for _, want := range []string{"g/ sync", "g/i create 0", "g/i update 1", "g/i update 2"} {
			require.Equal(t, want, testkit.NoteText(testkit.NextNote(t, fast)), "every event once")
		}
		for _, want := range []string{"g/i sync", "g/i create 0", "g/i update 1", "g/i update 2"} {
			require.Equal(t, want, testkit.NoteText(testkit.NextNote(t, item)), "every event once")
		}
		require.Equal(t, "g/ sync", testkit.NoteText(testkit.NextNote(t, slow)))
		require.Equal(t, "g/ resync i=2", testkit.NoteText(testkit.NextNote(t, slow)))
		require.Equal(t, "h/ sync", testkit.NoteText(testkit.NextNote(t, other)))
		for _, sub := range []*motia.Subscription[testkit.Note]{slow, fast, item, other} {
			testkit.NoNote(t, sub)
		}
	})
}

func TestFault13AnUpdateThatDoesNotFitIsAnErrorAndChangesNothing(t *testing.T) {
	app, _ := testkit.NewApp(t, nil)
	for _, op := range []motia.UpdateOp{
		motia.Increment("s", 1), motia.Append("s", 1), motia.Merge("s", map[string]int{"a": 1}), motia.Merge("", []int{1}), motia.Set("s.x", 1),
	} {
		_, err := updateText(t, stateOf(t, app), `{"s":"text"}`, op)
		require.ErrorAs(t, err, new(*motia.UpdateError))
	}
}

func TestFault14CronTakesFiveFieldsZonesAndSundayAsZeroAndFiresOnceForAllReplicas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // begins on Saturday, January 1st, 2000
		var seen testkit.List[string]
		step := func(expression string) motia.Step {
			return motia.CronStep(motia.StepConfig{Name: "tick", Triggers: []motia.Trigger{motia.Cron(expression, motia.InZone("Europe/Berlin"))}},
				func(ctx *motia.FlowContext[motia.None, motia.None]) error {
					seen.Add(time.Now().UTC().Format("Mon 15:04"))
					return nil
				})
		}
		opts := &motia.Options{Backend: motia.InMemory(nil)}
		for range 2 {
			app, _ := testkit.NewApp(t, opts, step("30 9 * * 0"))
			testkit.Start(t, app)
		}
		time.Sleep(7 * 24 * time.Hour)
		require.Equal(t, []string{"Sun 08:30"}, seen.All())
		var bad *motia.StepError
		require.ErrorAs(t, motia.New(nil).Register(step("61 * * * *")), &bad)
	})
}

func TestFault15MatchWithoutAHandlerSaysWhatFiredAndWhatThereIs(t *testing.T) {
	var got error
	app, _ := testkit.NewApp(t, nil, motia.NewStep(motia.StepConfig{Name: "match", Triggers: []motia.Trigger{motia.HTTP("GET", "/")}},
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
		app, _ := testkit.NewApp(t, nil, faultQueueStep("consume", func(faultOrder, *faultFlow) error {
			if healed {
				return nil
			}
			return motia.Permanent(errors.New("no"))
		}, motia.QueueConfig{Concurrency: 1}))
		testkit.Start(t, app)
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
