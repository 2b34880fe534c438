package motia

import (
	"fmt"
	"reflect"
)

// StepConfig declares a step. The constructors copy it.
type StepConfig struct {
	// Name must be unique within an App. It is part of the identity of the queues of triggers without a name, see
	// [Trigger]: if the step is renamed, they get new queues, and waiting messages stay in the old ones.
	Name string
	// Description is for people and tools. The library ignores it.
	Description string
	// Triggers say when the step runs. At least one is required.
	Triggers []Trigger
	// Enqueues are the topics that the handler may enqueue to, see [Topics].
	Enqueues []string
	// VirtualEnqueues and VirtualSubscribes are topics that the step sends and receives by other means. They only count
	// for [App.Validate] and for tools that draw the flow graph.
	VirtualEnqueues   []string
	VirtualSubscribes []string
	// Flows are the names of the flows that the step belongs to, for tools, see [App.Steps]. The library ignores them.
	Flows []string
}

// Step is a [StepConfig] and a handler, ready for [App.Register]. Make one with [NewStep], [HTTPStep], [QueueStep],
// [CronStep], [StateStep] or [StreamStep]. Register refuses the zero Step.
type Step struct {
	config   StepConfig
	kind     TriggerType  // of the single-kind constructors; empty for NewStep
	input    reflect.Type // TInput
	compile  func(app *App, t *Trigger) (newCall func() call, err error)
	mistakes []error
}

// Config returns a copy of the config that the step was made from.
func (s Step) Config() StepConfig { return s.config.clone() }

// InputType returns the type of the payload, the TInput of the constructor. It is nil for [None] and the zero Step.
func (s Step) InputType() reflect.Type {
	if s.input == noneType {
		return nil
	}
	return s.input
}

// NewStep makes a step for any mix of triggers.
//
// TEnqueue is the type of the data that the handler sends with [FlowContext.Enqueue]. It is [None] if the handler
// uses typed topics or does not enqueue, see [Ctx]. TInput is the type of the payload, the same for all triggers.
// Payloads are decoded from JSON and validated, see [Options.Validator], before the handler runs; if TInput is None,
// they are not decoded.
//
// If the handler returns an error, the attempt has failed and the response is ignored.
func NewStep[TEnqueue, TInput any](config StepConfig, handler func(input Input[TInput], ctx *FlowContext[TEnqueue, TInput]) (Response, error)) Step {
	return newStep(config, "", handler, handler == nil)
}

// HTTPStep is [NewStep] for HTTP triggers only.
func HTTPStep[TEnqueue, TInput any](config StepConfig, handler func(input *HTTPInput[TInput], ctx *FlowContext[TEnqueue, TInput]) (Response, error)) Step {
	return newStep(config, TriggerHTTP, func(input Input[TInput], ctx *FlowContext[TEnqueue, TInput]) (Response, error) {
		return handler(input.(*HTTPInput[TInput]), ctx)
	}, handler == nil)
}

// QueueStep is [NewStep] for queue triggers only. [FlowContext.Input] returns the message with ID, group and time.
func QueueStep[TEnqueue, TInput any](config StepConfig, handler func(data TInput, ctx *FlowContext[TEnqueue, TInput]) error) Step {
	return newStep(config, TriggerQueue, func(input Input[TInput], ctx *FlowContext[TEnqueue, TInput]) (Response, error) {
		return Response{}, handler(input.(*QueueInput[TInput]).Data, ctx)
	}, handler == nil)
}

// CronStep is [NewStep] for cron triggers only. [FlowContext.Input] returns the tick with its time.
func CronStep[TEnqueue any](config StepConfig, handler func(ctx *FlowContext[TEnqueue, None]) error) Step {
	return newStep(config, TriggerCron, func(_ Input[None], ctx *FlowContext[TEnqueue, None]) (Response, error) {
		return Response{}, handler(ctx)
	}, handler == nil)
}

// StateStep is [NewStep] for state triggers only.
func StateStep[TEnqueue, TInput any](config StepConfig, handler func(input *StateInput[TInput], ctx *FlowContext[TEnqueue, TInput]) error) Step {
	return newStep(config, TriggerState, func(input Input[TInput], ctx *FlowContext[TEnqueue, TInput]) (Response, error) {
		return Response{}, handler(input.(*StateInput[TInput]), ctx)
	}, handler == nil)
}

// StreamStep is [NewStep] for stream triggers only.
func StreamStep[TEnqueue, TInput any](config StepConfig, handler func(input *StreamInput[TInput], ctx *FlowContext[TEnqueue, TInput]) error) Step {
	return newStep(config, TriggerStream, func(input Input[TInput], ctx *FlowContext[TEnqueue, TInput]) (Response, error) {
		return Response{}, handler(input.(*StreamInput[TInput]), ctx)
	}, handler == nil)
}

func newStep[E, T any](config StepConfig, kind TriggerType, handler handlerFunc[E, T], missing bool) Step {
	step := Step{config: config.clone(), kind: kind, input: reflect.TypeFor[T]()}
	if missing {
		step.mistakes = append(step.mistakes, fmt.Errorf("handler is nil"))
	}
	step.compile = func(app *App, t *Trigger) (func() call, error) {
		return compile(app, t, handler)
	}
	return step
}
