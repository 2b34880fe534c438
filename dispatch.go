package motia

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/jsontext"
	"github.com/motia-go/motia/internal/payload"
	"github.com/motia-go/motia/internal/wire"
)

// call is one invocation without type parameters. The rest of the package runs handlers only through it. An
// implementation holds everything that an invocation needs in one allocation.
type call interface {
	invocation() *Invocation

	// One of these decodes and validates the payload and makes it the input.
	setHTTP(w http.ResponseWriter, r *http.Request, params map[string]string, body []byte, hasBody bool) (*ResponseStream, error)
	setQueue(d *driver.Delivery, topic string) error
	setCron(scheduled time.Time)
	setState(change *wire.StateChange) error
	setStream(event *wire.StreamEvent) error

	// accepts runs the conditions of the trigger.
	accepts() bool
	// handle runs the handler within ctx.
	handle(ctx context.Context) (Response, error)
}

type handlerFunc[E, T any] func(Input[T], *FlowContext[E, T]) (Response, error)

// plan is what all calls of one trigger share.
type plan[E, T any] struct {
	handler    handlerFunc[E, T]
	conditions []func(Input[T]) bool
	codec      *payload.Codec[T] // nil for None
}

// compile makes the typed part of a trigger and checks its types.
func compile[E, T any](app *App, t *Trigger, handler handlerFunc[E, T]) (func() call, error) {
	p := &plan[E, T]{handler: handler}
	input := reflect.TypeFor[T]()
	var mistakes []error
	for _, c := range t.conditions {
		accepts, ok := c.accepts.(func(Input[T]) bool)
		if !ok {
			mistakes = append(mistakes, fmt.Errorf("condition takes Input[%s], but the step's input is %s", jsontext.TypeName(c.input), jsontext.TypeName(input)))
			continue
		}
		p.conditions = append(p.conditions, accepts)
	}
	if input != noneType {
		var err error
		if p.codec, err = payload.For[T](app.validator); err != nil {
			mistakes = append(mistakes, err)
		}
		if t.payload != nil && t.payload != input && !carries(input, t.payload) {
			mistakes = append(mistakes, fmt.Errorf("payload is %s, but the step's input is %s", jsontext.TypeName(t.payload), jsontext.TypeName(input)))
		}
	}
	return func() call { return &typedCall[E, T]{plan: p} }, errors.Join(mistakes...)
}

var noneType = reflect.TypeFor[None]()

// carries reports whether a step with this input type can take any payload of the other type.
func carries(input, payload reflect.Type) bool {
	if input.Kind() == reflect.Interface {
		return input.NumMethod() == 0
	}
	return input == reflect.TypeFor[json.RawMessage]()
}

type typedCall[E, T any] struct {
	Invocation
	plan  *plan[E, T]
	input Input[T]
	flow  FlowContext[E, T]
}

func (c *typedCall[E, T]) invocation() *Invocation { return &c.Invocation }

func (c *typedCall[E, T]) setInput(in Input[T]) {
	c.input = in
	c.Invocation.Input = in
}

func (c *typedCall[E, T]) decode(data []byte, dest *T) error {
	if c.plan.codec == nil {
		return nil
	}
	return c.plan.codec.DecodeInto(data, dest)
}

// decodePast decodes a value that was replaced or deleted. It is not validated, since older rules may have applied
// when it was written. If it does not decode, dest keeps the zero value: the change must reach its trigger anyway.
func (c *typedCall[E, T]) decodePast(data []byte, dest *T) {
	if c.plan.codec == nil {
		return
	}
	if err := payload.Load(data, dest); err != nil {
		c.Logger.DebugContext(c.Invocation.ctx, "old value does not decode as the step's input, the zero value is used", "error", err)
	}
}

func (c *typedCall[E, T]) setHTTP(w http.ResponseWriter, r *http.Request, params map[string]string, body []byte, hasBody bool) (*ResponseStream, error) {
	in := &struct {
		HTTPInput[T]
		stream ResponseStream
	}{stream: ResponseStream{w: w, request: r}}
	in.Response = &in.stream
	in.Request = Request[T]{Method: r.Method, Path: r.URL.Path, PathParams: params, Headers: r.Header, HTTP: r}
	c.setInput(&in.HTTPInput)
	if r.URL.RawQuery != "" {
		query, err := parseQuery(r.URL.RawQuery)
		if err != nil {
			return in.Response, err
		}
		in.Request.QueryParams = query
	}
	if !hasBody {
		return in.Response, nil
	}
	return in.Response, c.decode(body, &in.Request.Body)
}

func parseQuery(raw string) (url.Values, error) {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return nil, HTTPError(http.StatusBadRequest, fmt.Errorf("query: %w", err))
	}
	return query, nil
}

func (c *typedCall[E, T]) setQueue(d *driver.Delivery, topic string) error {
	in := &QueueInput[T]{
		Topic:          topic,
		MessageID:      d.ID,
		MessageGroupID: d.Group,
		EnqueuedAt:     d.Enqueued,
		Attempt:        d.Attempt,
	}
	if in.MessageID == "" {
		var id [48]byte
		text := strconv.AppendUint(id[:0], d.Sequence, 10)
		in.MessageID = string(strconv.AppendInt(append(text, '-'), d.Enqueued.UnixNano(), 36))
	}
	c.setInput(in)
	return c.decode(d.Data, &in.Data)
}

func (c *typedCall[E, T]) setCron(scheduled time.Time) {
	c.setInput(&CronInput[T]{ScheduledAt: scheduled})
}

func (c *typedCall[E, T]) setState(change *wire.StateChange) error {
	in := &StateInput[T]{Type: ChangeType(change.Type), Scope: change.Scope, Key: change.Key}
	c.setInput(in)
	if change.Old != nil {
		in.Old = new(T)
		c.decodePast(change.Old, in.Old)
	}
	if change.New != nil {
		in.New = new(T)
		return c.decode(change.New, in.New)
	}
	return nil
}

func (c *typedCall[E, T]) setStream(event *wire.StreamEvent) error {
	in := &StreamInput[T]{
		Stream:    event.Stream,
		GroupID:   event.Group,
		ItemID:    event.Item,
		Timestamp: event.Time,
		Event:     StreamEvent[T]{Type: StreamEventType(event.Type), Name: event.Name, Payload: event.Payload},
	}
	c.setInput(in)
	switch {
	case event.Data == nil:
		return nil
	case event.Type == wire.StreamDelete:
		c.decodePast(event.Data, &in.Event.Data)
		return nil
	}
	return c.decode(event.Data, &in.Event.Data)
}

func (c *typedCall[E, T]) accepts() bool {
	for _, accepts := range c.plan.conditions {
		if !accepts(c.input) {
			return false
		}
	}
	return true
}

func (c *typedCall[E, T]) handle(ctx context.Context) (Response, error) {
	c.ctx = ctx
	c.flow = FlowContext[E, T]{
		Context: ctx,
		TraceID: c.TraceID,
		State:   c.State,
		Streams: c.Streams,
		Logger:  c.Logger,
		Trigger: c.Trigger,
		inv:     &c.Invocation,
		input:   c.input,
	}
	return c.plan.handler(c.input, &c.flow)
}
