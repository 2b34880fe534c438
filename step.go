package motia

import (
	"fmt"
	"reflect"
)

// StepConfig declares a step. It is copied by the constructors.
type StepConfig struct {
	// Name is unique within an App. It is a part of what identifies the queues of those triggers that have no name of their
	// own, see [Trigger]: under another name of the step they start with empty queues, and messages that wait in the old
	// ones stay there.
	Name string
	// Description is for people and tools; the library does not read it.
	Description string
	// Triggers say when the step runs; at least one.
	Triggers []Trigger
	// Enqueues are the topics that the handler may enqueue to, see [Topics].
	Enqueues []string
	// VirtualEnqueues and VirtualSubscribes are topics that are drawn in the flow graph and judged by [App.Validate],
	// nothing more: what the step sends and receives by other means.
	VirtualEnqueues   []string
	VirtualSubscribes []string
	// Flows are the names of the flows that the step belongs to, for tools that draw the graph, see [App.Steps]; the
	// library does not read them.
	Flows []string
}

// Step is a unit of work: a [StepConfig] and a handler, ready for [App.Register]. It is a value; make one with
// [NewStep] or with [HTTPStep], [QueueStep], [CronStep], [StateStep] and [StreamStep]. The zero Step is refused by
// Register.
type Step struct {
	config   StepConfig
	kind     TriggerType  // of the single-kind constructors; empty for NewStep
	input    reflect.Type // TInput
	compile  func(app *App, t *Trigger) (newCall func() call, err error)
	mistakes []error
}

// Config returns what the step was made from. It is a copy: changes to it do not change the step.
func (s Step) Config() StepConfig { return s.config.clone() }

// InputType returns the type of the payload, the TInput of the constructor. It is nil for [None] and for the zero Step.
func (s Step) InputType() reflect.Type {
	if s.input == noneType {
		return nil
	}
	return s.input
}

// NewStep makes a step for any mix of triggers.
//
// TEnqueue is the type of what the handler sends by [FlowContext.Enqueue], or [None]; with typed topics it is None, see
// [Ctx]. TInput is the type of the payload, the same for all triggers; it is decoded from JSON and validated by its `validate` tags (see
// go-playground/validator) before the handler runs. With None as TInput, payloads are not decoded.
//
// An error from the handler means a failed attempt; a value beside it is ignored.
func NewStep[TEnqueue, TInput any](config StepConfig, handler func(input Input[TInput], ctx *FlowContext[TEnqueue, TInput]) (Response, error)) Step {
	return newStep(config, "", handler, handler == nil)
}

// HTTPStep is [NewStep] for HTTP triggers only.
func HTTPStep[TEnqueue, TInput any](config StepConfig, handler func(input *HTTPInput[TInput], ctx *FlowContext[TEnqueue, TInput]) (Response, error)) Step {
	return newStep(config, TriggerHTTP, func(input Input[TInput], ctx *FlowContext[TEnqueue, TInput]) (Response, error) {
		return handler(input.(*HTTPInput[TInput]), ctx)
	}, handler == nil)
}

// QueueStep is [NewStep] for queue triggers only. [FlowContext.Input] has the message's ID, group and time.
func QueueStep[TEnqueue, TInput any](config StepConfig, handler func(data TInput, ctx *FlowContext[TEnqueue, TInput]) error) Step {
	return newStep(config, TriggerQueue, func(input Input[TInput], ctx *FlowContext[TEnqueue, TInput]) (Response, error) {
		return Response{}, handler(input.(*QueueInput[TInput]).Data, ctx)
	}, handler == nil)
}

// CronStep is [NewStep] for cron triggers only. [FlowContext.Input] has the time of the tick.
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
