package motia_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

// Each test of this file is named for what we do where Motia's own runtime is at fault. What a fault is about has tests in
// depth beside it.

type faultOrder struct {
	ID  string `json:"id" validate:"required"`
	Qty int    `json:"qty" validate:"min=1"`
}

type (
	faultFlow  = motia.FlowContext[motia.None, faultOrder]
	faultInput = motia.Input[faultOrder]
)

const faultOrders motia.Topic[faultOrder] = "orders"

// faultQueueStep consumes the orders.
func faultQueueStep(name string, f func(faultOrder, *faultFlow) error, opts ...motia.TriggerOption) motia.Step {
	return motia.QueueStep(motia.StepConfig{Name: name, Triggers: []motia.Trigger{faultOrders.Trigger(opts...)}}, f)
}

// faultEnqueue enqueues an order from host code.
func faultEnqueue(t *testing.T, app *motia.App, id string, opts ...motia.EnqueueOption) {
	t.Helper()
	require.NoError(t, faultOrders.Enqueue(app.Context(t.Context()), faultOrder{id, 1}, opts...))
}

func TestTriggerInfoSaysPathMethodTopicAndExpression(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen testkit.List[string]
		app, _ := testkit.NewApp(t, nil, motia.NewStep(motia.StepConfig{Name: "all", Triggers: []motia.Trigger{
			motia.HTTP("POST", "/orders/:id"), motia.Queue("orders"), motia.Cron("@hourly"),
		}}, func(_ motia.Input[any], ctx *motia.FlowContext[motia.None, any]) (motia.Response, error) {
			i := ctx.Trigger
			seen.Add(fmt.Sprint(i.Type, i.Index, i.Method, i.Path, i.Topic, i.Expression))
			return motia.Response{}, nil
		}))
		testkit.Start(t, app)
		do(t, app, "POST", "/orders/1", `{}`)
		faultEnqueue(t, app, "a")
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Equal(t, []string{"http0POST/orders/:id", "queue1orders", "cron2@hourly"}, trimSpaces(seen.All()))
	})
}

func TestAllMessagesOfAGroupArriveInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen testkit.List[string]
		app, _ := testkit.NewApp(t, nil, faultQueueStep("consume", func(o faultOrder, _ *faultFlow) error {
			time.Sleep(time.Second)
			seen.Add(o.ID)
			return nil
		}))
		testkit.Start(t, app)
		for _, id := range []string{"1", "2", "3"} {
			faultEnqueue(t, app, id, motia.InGroup("g"))
		}
		time.Sleep(time.Minute)
		require.Equal(t, []string{"1", "2", "3"}, seen.All())
	})
}

func TestTwoStepsOnATopicBothGetEveryMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var one, two testkit.List[string]
		count := func(e *testkit.List[string]) func(faultOrder, *faultFlow) error {
			return func(o faultOrder, _ *faultFlow) error { e.Add(o.ID); return nil }
		}
		app, _ := testkit.NewApp(t, nil, faultQueueStep("one", count(&one)), faultQueueStep("two", count(&two)))
		testkit.Start(t, app)
		for _, id := range []string{"1", "2", "3", "4"} {
			faultEnqueue(t, app, id)
		}
		synctest.Wait()
		require.ElementsMatch(t, []string{"1", "2", "3", "4"}, one.All())
		require.ElementsMatch(t, []string{"1", "2", "3", "4"}, two.All())
	})
}

func TestAMessageInFlightIsGivenBackAndEnqueueNeverFailsSilently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend := motia.InMemory(nil)
		closeBackend := backend.Close
		backend.Close = nil // as if it were a server: it outlives the first app
		var seen testkit.List[string]
		opts := &motia.Options{Backend: backend, ShutdownTimeout: time.Second}
		stuck, _ := testkit.NewApp(t, opts, faultQueueStep("consume", func(_ faultOrder, ctx *faultFlow) error {
			<-ctx.Done()
			return ctx.Err()
		}))
		stop := testkit.Start(t, stuck)
		faultEnqueue(t, stuck, "a")
		synctest.Wait()
		var late *motia.ShutdownError
		require.ErrorAs(t, stop(), &late)

		backend.Close = closeBackend
		undeclared := make(chan error, 1)
		app, _ := testkit.NewApp(t, opts, faultQueueStep("consume", func(o faultOrder, ctx *faultFlow) error {
			seen.Add(fmt.Sprint(o.ID, ctx.Trigger.Attempt))
			undeclared <- motia.Topic[int]("other").Enqueue(ctx, 1)
			return nil
		}))
		testkit.Start(t, app)
		synctest.Wait()
		require.Equal(t, []string{"a1"}, seen.All(), "the attempt that was cut off does not count")
		require.ErrorAs(t, <-undeclared, new(*motia.UndeclaredTopicError))
	})
}

func TestHTTPAnswersAreWhatTheHandlerSaid(t *testing.T) {
	app, _ := testkit.NewApp(t, nil,
		motia.HTTPStep(motia.StepConfig{Name: "text", Triggers: []motia.Trigger{motia.HTTP("GET", "/text/:name")}},
			func(in *motia.HTTPInput[motia.None], _ *motia.FlowContext[motia.None, motia.None]) (motia.Response, error) {
				body := in.Request.PathParams["name"] + strings.Join(in.Request.QueryParams["q"], "+")
				return motia.Response{Headers: http.Header{"X-Own": {"yes"}}, Body: body}, nil
			}),
		motia.HTTPStep(motia.StepConfig{Name: "nothing", Triggers: []motia.Trigger{motia.HTTP("POST", "/nothing")}},
			func(*motia.HTTPInput[faultOrder], *faultFlow) (motia.Response, error) { return motia.Response{}, nil }),
		motia.HTTPStep(motia.StepConfig{Name: "fails", Triggers: []motia.Trigger{motia.HTTP("GET", "/fails")}},
			func(*motia.HTTPInput[faultOrder], *faultFlow) (motia.Response, error) {
				return motia.Response{}, errors.New("the secret")
			}))
	text := do(t, app, "GET", "/text/a%2Fb%20c?q=1&q=2", "")
	require.Equal(t, "a/b c1+2", text.Body.String(), "not quoted, decoded, with all values")
	require.Equal(t, "yes", text.Header().Get("X-Own"))
	require.Equal(t, http.StatusNoContent, do(t, app, "POST", "/nothing", `{"id":"a","qty":1}`).Code)
	require.Equal(t, http.StatusBadRequest, problem(t, do(t, app, "POST", "/nothing", `{"id":`)).Status, "malformed JSON is not null")
	failed := do(t, app, "GET", "/fails", "")
	require.Equal(t, http.StatusInternalServerError, failed.Code)
	require.NotContains(t, failed.Body.String(), "secret")
}

func TestInvalidPayloadsNeverReachAHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, _ := testkit.NewApp(t, nil, motia.NewStep(motia.StepConfig{Name: "all", Triggers: []motia.Trigger{motia.HTTP("POST", "/"), motia.Queue("orders")}},
			func(faultInput, *faultFlow) (motia.Response, error) {
				t.Error("called")
				return motia.Response{}, nil
			}))
		testkit.Start(t, app)
		require.Len(t, problem(t, do(t, app, "POST", "/", `{"qty":0}`)).Errors, 2)
		require.NoError(t, motia.Topic[string]("orders").Enqueue(app.Context(t.Context()), "no order"))
		synctest.Wait()
		require.Len(t, stateOnlyDeadLetter(t, app).Attempts, 1)
	})
}

func TestAnUpdateThatDoesNotFitIsAnErrorAndChangesNothing(t *testing.T) {
	app, _ := testkit.NewApp(t, nil)
	for _, op := range []motia.UpdateOp{
		motia.Increment("s", 1), motia.Append("s", 1), motia.Merge("s", map[string]int{"a": 1}), motia.Merge("", []int{1}), motia.Set("s.x", 1),
	} {
		_, err := updateText(t, stateOf(t, app), `{"s":"text"}`, op)
		require.ErrorAs(t, err, new(*motia.UpdateError))
	}
}

func TestCronTakesFiveFieldsZonesAndSundayAsZeroAndFiresOnceForAllReplicas(t *testing.T) {
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

func TestMatchWithoutAHandlerSaysWhatFiredAndWhatThereIs(t *testing.T) {
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

func TestTheDeadLetterCountIsThatOfTheListAndRedriveSaysHowMany(t *testing.T) {
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

func trimSpaces(list []string) []string {
	for i := range list {
		list[i] = strings.ReplaceAll(list[i], " ", "")
	}
	return list
}
