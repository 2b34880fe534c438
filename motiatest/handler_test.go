package motiatest_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/motiatest"
)

func TestAPlainHandlerFunctionCanBeCalled(t *testing.T) {
	ctx, app := motiatest.NewContext[Email](t, motiatest.Queue(OrderCreated, tea))
	require.NoError(t, handleReceipt(tea, ctx))

	require.Equal(t, []motia.Message[Email]{{Topic: "send-email", Data: Email{"eve@example.com", "Receipt"}}}, motiatest.Enqueued(t, app, SendEmail))
	require.Equal(t, []motia.StateInput[Status]{{Type: motia.ChangeCreated, Scope: "statuses", Key: "o-1", New: &Status{"confirmed"}}},
		motiatest.StateChanges(t, app, Statuses))
	logs := app.Events().Kind(motiatest.KindLog)
	require.Equal(t, "sending receipt", logs[len(logs)-1].Message)
	require.JSONEq(t, `{"to":"eve@example.com"}`, string(logs[len(logs)-1].Data))
}

func TestTheContextOfAPlainHandlerKnowsItsInput(t *testing.T) {
	old, updated := Status{"draft"}, Status{"paid"}
	at := time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)
	request := motiatest.HTTP("PUT", "/orders/o-1?dry=1&dry=2", Status{"new"})
	message := motiatest.Queue(motia.Topic[Status]("statuses"), Status{"queued"})
	message.Attempt = 3
	for _, c := range []struct {
		input   motia.Input[Status]
		data    Status
		trigger motia.TriggerInfo
	}{
		{request, Status{"new"}, motia.TriggerInfo{Type: motia.TriggerHTTP, Method: "PUT", Path: "/orders/o-1", Attempt: 1}},
		{message, Status{"queued"}, motia.TriggerInfo{Type: motia.TriggerQueue, Topic: "statuses", Attempt: 3}},
		{motiatest.Cron[Status](at), Status{}, motia.TriggerInfo{Type: motia.TriggerCron, Attempt: 1}},
		{motiatest.State(Statuses, "o-1", &old, &updated), Status{"paid"},
			motia.TriggerInfo{Type: motia.TriggerState, Scope: "statuses", Key: "o-1", Attempt: 1}},
		{motiatest.Stream(Live, "all", "o-1", motia.EventUpdate, updated), Status{"paid"},
			motia.TriggerInfo{Type: motia.TriggerStream, Stream: "live", Attempt: 1}},
	} {
		ctx, _ := motiatest.NewContext[motia.None](t, c.input)
		require.Equal(t, c.data, ctx.GetData())
		require.Equal(t, c.trigger, ctx.Trigger)
		require.Len(t, ctx.TraceID, 32)
		require.NoError(t, ctx.Err())
		kind, err := motia.Match(ctx, motia.MatchHandlersOf[Status, motia.TriggerType]{
			HTTP:   func(*motia.HTTPInput[Status]) (motia.TriggerType, error) { return motia.TriggerHTTP, nil },
			Queue:  func(Status) (motia.TriggerType, error) { return motia.TriggerQueue, nil },
			Cron:   func() (motia.TriggerType, error) { return motia.TriggerCron, nil },
			State:  func(*motia.StateInput[Status]) (motia.TriggerType, error) { return motia.TriggerState, nil },
			Stream: func(*motia.StreamInput[Status]) (motia.TriggerType, error) { return motia.TriggerStream, nil },
		})
		require.NoError(t, err)
		require.Equal(t, c.trigger.Type, kind)
		extended := ctx.ExtendVisibility(time.Minute)
		if c.trigger.Type == motia.TriggerHTTP {
			require.ErrorIs(t, extended, motia.ErrNoLease)
		} else {
			require.NoError(t, extended)
		}
	}
	require.Equal(t, []string{"1", "2"}, request.Request.QueryParams["dry"])
	require.NoError(t, request.Response.Send(motia.ServerSentEvent{Data: "x"}), "there is a response to write to")
}

func TestAStateInputKnowsWhatKindOfChangeItIs(t *testing.T) {
	one := Status{"one"}
	require.Equal(t, motia.ChangeCreated, motiatest.State(Statuses, "k", nil, &one).Type)
	require.Equal(t, motia.ChangeUpdated, motiatest.State(Statuses, "k", &one, &one).Type)
	require.Equal(t, motia.ChangeDeleted, motiatest.State(Statuses, "k", &one, nil).Type)
}

func TestAHandlerCanBeCalledInAnAppWithStateAndStreams(t *testing.T) {
	app := motiatest.Run(t, withLive())
	motiatest.SetState(app, Orders, "o-1", tea)
	in := motiatest.HTTP("POST", "/orders", tea)
	ctx, same := motiatest.NewContext[motia.None](app, in)
	require.Same(t, app, same)
	_, err := handleCreate(in, ctx)
	require.ErrorIs(t, err, motia.ErrConflict)
	_, err = Live.Set(ctx, "all", "o-1", Status{"seen"})
	require.NoError(t, err)
	require.Len(t, motiatest.StreamEvents(t, app, Live), 1)
}

func TestInvokeGoesThroughValidation(t *testing.T) {
	result := motiatest.Invoke(t, createOrder, motiatest.HTTP("POST", "/orders", Order{ID: "o-1", Email: "eve"}))
	require.False(t, result.Called)
	require.Equal(t, motiatest.OutcomeFailed, result.Outcome)
	require.Equal(t, http.StatusBadRequest, result.HTTP.Code)
	require.Contains(t, result.HTTP.Body.String(), `{"field":"email","rule":"email","message":"must be an email address"}`)

	result = motiatest.Invoke(t, sendReceipt, motiatest.Queue(OrderCreated, Order{ID: "o-1"}))
	require.False(t, result.Called)
	require.Equal(t, motiatest.OutcomeDeadLettered, result.Outcome)
	require.ErrorContains(t, result.Err, "email is required")
}

func TestInvokeReturnsTheResponseAndTheEffects(t *testing.T) {
	result := motiatest.Invoke(t, createOrder, motiatest.HTTP("POST", "/orders", tea))
	require.True(t, result.Called)
	require.NoError(t, result.Err)
	require.Equal(t, motiatest.OutcomeDone, result.Outcome)
	require.Equal(t, http.StatusCreated, result.HTTP.Code)
	motiatest.Equal(t, tea, result.HTTP.Body)
	require.Equal(t, []motia.Message[Order]{{Topic: "order-created", Data: tea, MessageGroupID: "eve@example.com"}},
		motiatest.Enqueued(t, result, OrderCreated))
}

func TestInvokeRunsEveryKindOfTrigger(t *testing.T) {
	var ran []motia.Input[Status]
	app := motiatest.Run(t, withLive())
	step := motia.NewStep(motia.StepConfig{Name: "all", Triggers: []motia.Trigger{
		motia.HTTP("PUT", "/statuses/:id"),
		motia.Queue("motia:statuses"),
		motia.Cron("@daily"),
		motia.State(motia.InScope("others")),
		motia.State(motia.ForKey("o-1")),
		motia.Stream("live"),
	}}, func(in motia.Input[Status], ctx *motia.FlowContext[motia.None, Status]) (motia.Response, error) {
		ran = append(ran, in)
		return motia.Response{}, nil
	})
	at := time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)
	one, two := Status{"one"}, Status{"two"}
	message := motiatest.Queue(motia.Topic[Status]("motia:statuses"), one)
	message.MessageGroupID, message.MessageID, message.Attempt = "eve", "m-1", 2
	sent := motiatest.Stream(Live, "all", "", motia.EventSent, Status{})
	sent.Event.Name, sent.Event.Payload = "ping", []byte(`1`)
	inputs := []motia.Input[Status]{message, motiatest.Cron[Status](at), motiatest.State(Statuses, "o-1", &one, &two), sent,
		motiatest.Stream(Live, "all", "o-1", motia.EventUpdate, one),
		motiatest.State(motia.Scope[Status]("\xff"), "o-1", nil, &two), // names need not be UTF-8
		motiatest.Stream(Live, "\xff", "\xfe", motia.EventCreate, one)}
	for _, input := range inputs {
		result := motiatest.Invoke(app, step, input)
		require.True(t, result.Called, "%T", input)
		require.Equal(t, motiatest.OutcomeDone, result.Outcome)
		require.NoError(t, result.Err)
		require.Nil(t, result.HTTP)
	}
	message.EnqueuedAt = message.EnqueuedAt.Round(0)
	ran[0].(*motia.QueueInput[Status]).EnqueuedAt = ran[0].(*motia.QueueInput[Status]).EnqueuedAt.Round(0)
	for i, in := range inputs {
		motiatest.Equal(t, in, ran[i])
	}

	require.Equal(t, http.StatusNoContent, motiatest.Invoke(app, step, motiatest.HTTP("PUT", "/statuses/o%201", one)).HTTP.Code)
	require.Equal(t, "o 1", ran[len(ran)-1].(*motia.HTTPInput[Status]).Request.PathParams["id"])
	app.Idle()
}

func TestInvokeSkipsWhatTheConditionTurnsAway(t *testing.T) {
	draft := Status{"draft"}
	result := motiatest.Invoke(t, publishStatus, motiatest.State(Statuses, "o-1", nil, &draft))
	require.False(t, result.Called)
	require.Equal(t, motiatest.OutcomeSkipped, result.Outcome)
	require.NoError(t, result.Err)
}

func TestInvokeTellsWhatBecomesOfAFailure(t *testing.T) {
	errDown := errors.New("down")
	for _, c := range []struct {
		name    string
		fail    func() error
		attempt int
		want    motiatest.Outcome
	}{
		{"first attempt", func() error { return errDown }, 1, motiatest.OutcomeRetried},
		{"last attempt", func() error { return errDown }, 3, motiatest.OutcomeDeadLettered},
		{"permanent", func() error { return motia.Permanent(errDown) }, 1, motiatest.OutcomeDeadLettered},
		{"chosen delay", func() error { return motia.RetryAfter(time.Hour, errDown) }, 1, motiatest.OutcomeRetried},
		{"panic", func() error { panic(errDown) }, 1, motiatest.OutcomeRetried},
	} {
		t.Run(c.name, func(t *testing.T) {
			step := motia.QueueStep(motia.StepConfig{
				Name:     "fails",
				Triggers: []motia.Trigger{OrderCreated.Trigger(motia.QueueConfig{MaxAttempts: 3})},
			}, func(Order, *motia.FlowContext[motia.None, Order]) error { return c.fail() })
			in := motiatest.Queue(OrderCreated, tea)
			in.Attempt = c.attempt
			result := motiatest.Invoke(t, step, in)
			require.True(t, result.Called)
			require.Equal(t, c.want, result.Outcome)
			require.ErrorIs(t, result.Err, errDown)
		})
	}
}

func TestInvokeRunsTheMiddleware(t *testing.T) {
	var saw []string
	app := motiatest.Run(t, &motia.Options{
		StepMiddleware: []motia.StepMiddleware{func(ctx context.Context, inv *motia.Invocation, next motia.StepFunc) (motia.Response, error) {
			saw = append(saw, inv.Step)
			return next(ctx)
		}},
		Middleware: []func(http.Handler) http.Handler{func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				saw = append(saw, r.Method)
				next.ServeHTTP(w, r)
			})
		}},
	})
	require.Equal(t, 201, motiatest.Invoke(app, createOrder, motiatest.HTTP("POST", "/orders", tea)).HTTP.Code)
	require.Equal(t, []string{"POST", "create-order"}, saw)
}

func TestWhatAnInvokedStepEnqueuesGoesToTheStepsOfItsApp(t *testing.T) {
	app := motiatest.Run(t, withLive(), sendReceipt, mail, publishStatus)
	result := motiatest.Invoke(app, createOrder, motiatest.HTTP("POST", "/orders", tea))
	require.Len(t, motiatest.Enqueued(t, result, OrderCreated), 1)
	app.Idle()
	require.Empty(t, motiatest.Enqueued(t, result, SendEmail), "another step did that")
	require.Len(t, motiatest.Enqueued(t, app, SendEmail), 1)
	require.Len(t, motiatest.StreamEvents(t, app, Live), 2)
}
