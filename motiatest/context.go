package motiatest

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/jsontext"
)

// NewContext returns the context for a handler, and the app in which it works, where its effects can be examined. If
// t is an *[App], that is the app; otherwise a new one without steps. TInput is inferred from the input:
//
//	ctx, app := motiatest.NewContext[motia.None](t, motiatest.Queue(OrderCreated, order))
//
// TEnqueue is the one of the handler's context, or [motia.None] for a handler that takes a *[motia.Ctx].
//
// The handler is called as a plain function. So there is no validation, it may enqueue to any topic, and there is no
// visibility timeout. [Invoke] has all of that.
func NewContext[TEnqueue, TInput any](t TB, input motia.Input[TInput]) (*motia.FlowContext[TEnqueue, TInput], *App) {
	t.Helper()
	app := hostOf(t)
	if app == nil {
		return nil, nil
	}
	if in, ok := input.(*motia.HTTPInput[TInput]); ok && in.Response == nil {
		in.Response = motia.NewResponseStream(httptest.NewRecorder(), in.Request.HTTP)
	}
	what, payload := describe(input)
	s := &span{called: true, answered: true} // nothing waits for its end
	app.rec.begin(s, Event{Kind: KindStart, Trigger: what, Data: payload, Attempt: 1})
	ctx := motia.NewFlowContext[TEnqueue](withSpan(app.ctx, s), app.App, input)
	ctx.Logger = slog.New(spanLogger{ctx.Logger.Handler(), s})
	return ctx, app
}

// hostOf returns t if it is an app, or a new app; nil after a failure.
func hostOf(t TB) *App {
	t.Helper()
	if app, ok := t.(*App); ok {
		return app
	}
	return Run(t, nil)
}

// describe returns a description of an input, like that of a trigger, and its data.
func describe[T any](input motia.Input[T]) (string, json.RawMessage) {
	payload := func(v any) json.RawMessage {
		text, err := jsontext.Marshal(v)
		if err != nil {
			text, _ = jsontext.Marshal(err.Error())
		}
		return text
	}
	switch in := input.(type) {
	case *motia.HTTPInput[T]:
		text := "http " + in.Request.Method + " " + in.Request.HTTP.URL.RequestURI()
		if in.Request.HTTP.ContentLength == 0 {
			return text, nil
		}
		return text, payload(in.Request.Body)
	case *motia.QueueInput[T]:
		return fmt.Sprintf("queue %q", in.Topic), payload(in.Data)
	case *motia.CronInput[T]:
		return "cron", payload(in.ScheduledAt)
	case *motia.StateInput[T]:
		return fmt.Sprintf("state %q %q %s", in.Scope, in.Key, in.Type), payload(in.New)
	case *motia.StreamInput[T]:
		return fmt.Sprintf("stream %q %q %q %s", in.Stream, in.GroupID, in.ItemID, in.Event.Type), payload(in.Event.Data)
	}
	return "no input", nil
}
