package motiatest_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/motiatest"
)

func TestAWholeFlowRunsOutsideOfABubble(t *testing.T) {
	app := motiatest.Run(t, withLive(), createOrder, sendReceipt, mail, publishStatus)
	response := app.Do(motiatest.Request("POST", "/orders", tea))
	require.Equal(t, http.StatusCreated, response.Code)
	motiatest.Equal(t, tea, response.Body)
	app.Idle()
	require.Equal(t, []motia.Message[Email]{{Topic: "send-email", Data: Email{"eve@example.com", "Receipt"}}}, motiatest.Enqueued(t, app, SendEmail))
	require.Equal(t, []motia.StreamInput[Status]{
		{Stream: "live", GroupID: "all", ItemID: "o-1", Event: motia.StreamEvent[Status]{Type: motia.EventCreate, Data: Status{"confirmed"}}},
		{Stream: "live", GroupID: "all", ItemID: "o-1", Event: motia.StreamEvent[Status]{Type: motia.EventSent, Name: "ping", Payload: []byte(`"confirmed"`)}},
	}, motiatest.StreamEvents(t, app, Live))
	traces := make(map[string]bool)
	for _, e := range app.Events() {
		if e.Step != "" {
			traces[e.TraceID] = true
		}
	}
	require.Len(t, traces, 1, "one request, one trace")
}

func TestAnAppMadeElsewhereIsRecorded(t *testing.T) {
	app := motiatest.RunApp(t, func(opts *motia.Options) (*motia.App, error) {
		opts.Streams = append(opts.Streams, motia.StreamConfig{Name: string(Live)})
		app := motia.New(opts)
		return app, app.Register(createOrder, publishStatus)
	})
	motiatest.SetState(app, Statuses, "o-1", Status{"paid"})
	app.Idle()
	require.Len(t, motiatest.StreamEvents(t, app, Live), 2)
}

func TestDeletionsAndUpdatesAreRecorded(t *testing.T) {
	app := motiatest.Run(t, withLive())
	ctx := app.Context(t.Context())
	_, err := Statuses.Update(ctx, "o-1", motia.Set("status", "new"))
	require.NoError(t, err)
	_, err = Statuses.Set(ctx, "o-1", Status{"new"}) // changes nothing
	require.NoError(t, err)
	_, err = Statuses.Set(ctx, "o-1", Status{"never"}, motia.IfRevision(0)) // fails
	require.ErrorIs(t, err, motia.ErrConflict)
	_, _, err = Statuses.Delete(ctx, "o-1")
	require.NoError(t, err)
	require.Equal(t, []motia.StateInput[Status]{
		{Type: motia.ChangeCreated, Scope: "statuses", Key: "o-1", New: &Status{"new"}},
		{Type: motia.ChangeDeleted, Scope: "statuses", Key: "o-1", Old: &Status{"new"}},
	}, motiatest.StateChanges(t, app, Statuses))

	_, err = Live.Set(ctx, "all", "o-1", Status{"seen"})
	require.NoError(t, err)
	_, _, err = Live.Delete(ctx, "all", "o-1")
	require.NoError(t, err)
	events := motiatest.StreamEvents(t, app, Live)
	require.Equal(t, motia.EventDelete, events[1].Event.Type)
	require.Equal(t, Status{"seen"}, events[1].Event.Data)
}

func TestAMessageThatWasRefusedDidNotHappen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := motia.QueueStep(motia.StepConfig{Name: "full", Triggers: []motia.Trigger{OrderCreated.Trigger(motia.QueueConfig{MaxPending: 1, Delay: 1})}},
			func(Order, *motia.FlowContext[motia.None, Order]) error { return nil })
		app := motiatest.Run(t, nil, full)
		motiatest.Enqueue(app, OrderCreated, tea)
		require.ErrorIs(t, OrderCreated.Enqueue(app.Context(t.Context()), tea), motia.ErrQueueFull)
		require.Len(t, motiatest.Enqueued(t, app, OrderCreated), 1)
	})
}

func TestAResponseThatStreamsForEverDoesNotKeepAnAppFromBeingIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		follow := motia.HTTPStep(motia.StepConfig{Name: "follow", Triggers: []motia.Trigger{motia.HTTP("GET", "/follow")}},
			func(in *motia.HTTPInput[motia.None], ctx *motia.FlowContext[motia.None, motia.None]) (motia.Response, error) {
				err := in.Response.Send(motia.ServerSentEvent{Data: "first"})
				<-ctx.Done()
				return motia.Response{}, err
			})
		app := motiatest.Run(t, nil, follow)
		request := motiatest.Request("GET", "/follow", nil)
		ended := make(chan *http.Request)
		go func() {
			app.Do(request.WithContext(app.Context(t.Context())))
			close(ended)
		}()
		app.Idle()
		starts := app.Events().Kind(motiatest.KindStart)
		require.Equal(t, "follow", starts[0].Step)
		require.Empty(t, app.Events().Kind(motiatest.KindEnd))
		go func() { _ = app.Stop() }()
		<-ended
	})
}

func TestAResponseThatIsCutIsSeenAsSuch(t *testing.T) {
	app := motiatest.Run(t, nil, motia.HTTPStep(motia.StepConfig{Name: "cut", Triggers: []motia.Trigger{motia.HTTP("GET", "/cut")}},
		func(in *motia.HTTPInput[motia.None], _ *motia.FlowContext[motia.None, motia.None]) (motia.Response, error) {
			_, err := in.Response.Write([]byte("part"))
			_ = err
			return motia.Response{}, http.ErrBodyNotAllowed
		}))
	require.Equal(t, "part", app.Do(motiatest.Request("GET", "/cut", nil)).Body.String())
	require.Contains(t, app.Events().String(), `← 200, then the connection was cut "part"`)
}

func TestTheLoggerOfTheTestGetsTheLogAsWell(t *testing.T) {
	var text bytes.Buffer
	app := motiatest.Run(t, &motia.Options{Logger: slog.New(slog.NewTextHandler(&text, nil))})
	ctx, _ := motiatest.NewContext[Email](app, motiatest.Queue(OrderCreated, tea))
	ctx.Logger.WithGroup("mail").With("n", 1).Info("sent", "to", "eve")
	ctx.Logger.Debug("too much")
	require.NoError(t, app.Stop())
	require.Contains(t, text.String(), "msg=sent")
	require.NotContains(t, text.String(), "too much")
	var lines []string
	for line := range strings.Lines(app.Events().String()) {
		lines = append(lines, strings.TrimSpace(line))
	}
	require.Contains(t, lines, `log INFO sent {"mail":{"n":1,"to":"eve"}}`)
	require.Contains(t, lines, `log DEBUG too much`)
}

func TestAPartOfWhatHappenedIsATreeOfItsOwn(t *testing.T) {
	app := motiatest.Run(t, nil, createOrder)
	app.Do(motiatest.Request("POST", "/orders", tea))
	require.Equal(t, `enqueue order-created, group "eve@example.com" {"id":"o-1","email":"eve@example.com","total":450}`+"\n",
		app.Events().Kind(motiatest.KindEnqueue).String())
}
