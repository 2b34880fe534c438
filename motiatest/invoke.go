package motiatest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"time"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/jsontext"
	"github.com/motia-go/motia/internal/trace"
	"github.com/motia-go/motia/internal/wire"
)

// Result is the result of [Invoke].
type Result struct {
	// HTTP is the response to an HTTP input, nil for others.
	HTTP *httptest.ResponseRecorder
	// Called says whether the handler ran. Validation or conditions may have refused the input.
	Called bool
	// Outcome is what happens to the message or request.
	Outcome Outcome
	// Err is what the handler returned, after middleware; a panic is a *[motia.PanicError]. If the handler was not
	// called it says why, except for HTTP, where the response says why.
	Err error

	events Events
}

// Events returns the events of the step.
func (r *Result) Events() Events { return r.events }

// Invoke runs a step once for the input, as the app would: the input is encoded, decoded and validated, conditions
// and middleware apply, panics are errors. A failure is not retried; Outcome says what would happen to the message,
// depending on Attempt and the trigger's QueueConfig.
//
// If t is an *[App], the step sees the state and streams of that app, has its options, and enqueues to its steps.
// Otherwise the step is alone. The step need not be registered with the app. If it has no trigger for the input, the
// test ends.
func Invoke[T any](t TB, step motia.Step, input motia.Input[T]) *Result {
	t.Helper()
	host := hostOf(t)
	if host == nil {
		return new(Result)
	}
	f, err := encodeInput(input)
	if err != nil {
		t.Fatalf("motiatest: the input cannot be encoded: %v", err)
		return new(Result)
	}
	options := host.options
	c := newCapture(options.Backend)
	options.Backend = c.backend
	app := motia.New(&options)
	if err := app.Register(step); err != nil {
		t.Fatalf("motiatest: the step is not valid:\n%v", err)
		return new(Result)
	}
	complete(c.subscriptions, app.Steps())
	if f.request != nil {
		return host.serve(app, f.request)
	}
	result, err := host.deliver(app, c, f)
	if err != nil {
		t.Fatalf("motiatest: %v", err)
		return new(Result)
	}
	return result
}

// fired is an encoded input: a request, or a message on one of the topics.
type fired struct {
	request *http.Request
	topics  []string // a topic that ends in a colon is a prefix
	message driver.Delivery
}

// anySchedule is the prefix of the topics of all schedules.
var anySchedule = wire.CronTopic("")

func encodeInput[T any](input motia.Input[T]) (*fired, error) {
	f := new(fired)
	d := &f.message
	d.Attempt, d.Sequence, d.Enqueued = 1, 1, time.Now()
	d.Header.TraceParent = trace.NewTraceParent()
	d.Lease = endless{}
	var payload any
	var err error
	switch in := input.(type) {
	case *motia.HTTPInput[T]:
		var body any
		if r := in.Request.HTTP; r.ContentLength != 0 { // Body may have been changed since
			body = in.Request.Body
		}
		f.request = Request(in.Request.Method, in.Request.HTTP.URL.RequestURI(), body)
		f.request.Header = in.Request.Headers.Clone()
		return f, nil
	case *motia.QueueInput[T]:
		f.topics = []string{wire.QueueTopic(in.Topic)}
		d.ID, d.Group, d.Attempt = in.MessageID, in.MessageGroupID, max(in.Attempt, 1)
		if !in.EnqueuedAt.IsZero() {
			d.Enqueued = in.EnqueuedAt
		}
		payload = in.Data
	case *motia.CronInput[T]:
		f.topics = []string{anySchedule}
		payload = in.ScheduledAt
	case *motia.StateInput[T]:
		f.topics = []string{wire.StateTopicOfAll, wire.StateTopic(in.Scope)}
		change := wire.StateChange{Type: string(in.Type), Scope: in.Scope, Key: in.Key}
		if in.Old != nil {
			change.Old, err = jsontext.Marshal(in.Old)
		}
		if in.New != nil && err == nil {
			change.New, err = jsontext.Marshal(in.New)
		}
		if err != nil {
			return nil, err
		}
		d.Data, err = change.Encode()
		return f, err
	case *motia.StreamInput[T]:
		f.topics = []string{wire.StreamTopic(in.Stream)}
		e := wire.StreamEvent{Type: string(in.Event.Type), Stream: in.Stream, Group: in.GroupID, Item: in.ItemID, Time: in.Timestamp,
			Name: in.Event.Name, Payload: in.Event.Payload}
		if in.Event.Type != motia.EventSent {
			if e.Data, err = jsontext.Marshal(in.Event.Data); err != nil {
				return nil, err
			}
		}
		d.Data, err = e.Encode()
		return f, err
	default:
		return nil, fmt.Errorf("there is no input")
	}
	d.Data, err = jsontext.Marshal(payload)
	return f, err
}

// endless is a lease that does not end.
type endless struct{}

func (endless) Extend(context.Context, time.Duration) error { return nil }

// serve runs a step for a request.
func (a *App) serve(app *motia.App, request *http.Request) *Result {
	result := new(Result)
	s := &span{capture: func(err error) { result.Err = err }}
	through := &App{TB: a.TB, App: app}
	result.HTTP = through.Do(request.WithContext(withSpan(request.Context(), s)))
	a.conclude(result, s)
	return result
}

// deliver runs a step for a message.
func (a *App) deliver(app *motia.App, c *capture, f *fired) (*Result, error) {
	wanted := c.boundTo(f.topics)
	if len(wanted) == 0 {
		return nil, fmt.Errorf("the step has no trigger for the input (%s); it has: %s", strings.Join(f.topics, ", "), c.triggers())
	}
	ctx, stop := context.WithCancel(a.ctx)
	ended := make(chan error, 1)
	go func() { ended <- app.Run(ctx) }()
	defer func() {
		stop()
		<-ended
	}()
	var result *Result
	for _, sub := range wanted { // the first of several triggers for the input that accepts it
		select {
		case <-c.consumed[sub.id]:
		case err := <-ended:
			ended <- err
			return nil, fmt.Errorf("the step did not start: %w", err)
		}
		result = new(Result)
		s := &span{subscription: sub, delivery: delivery{sub.id, f.message.Sequence}, capture: func(err error) { result.Err = err }}
		handler := c.handler(sub.id)
		d := f.message
		a.rec.run(handler.ctx, s, &d, handler.handle)
		a.conclude(result, s)
		if result.Called {
			break
		}
	}
	return result, nil
}

// conclude fills a result from the recorded events.
func (a *App) conclude(result *Result, s *span) {
	result.events = a.rec.all(s)
	result.Called = a.rec.wasCalled(s)
	for _, end := range result.events.Kind(KindEnd) {
		result.Outcome = end.Outcome
		if result.Err == nil && end.Err != "" {
			result.Err = errors.New(end.Err)
		}
	}
}

// triggers lists the step's triggers.
func (c *capture) triggers() string {
	var names []string
	for _, sub := range c.subscriptions {
		names = append(names, sub.trigger)
	}
	return cmp.Or(strings.Join(names, ", "), "http only")
}

// boundTo returns the subscriptions to any of the topics, in the order of the triggers.
func (c *capture) boundTo(topics []string) []*subscription {
	var found []*subscription
	for _, sub := range c.subscriptions {
		if slices.ContainsFunc(sub.topics, func(bound string) bool {
			return slices.ContainsFunc(topics, func(topic string) bool {
				return bound == topic || topic == anySchedule && strings.HasPrefix(bound, topic)
			})
		}) {
			found = append(found, sub)
		}
	}
	return found
}
