package motia

// Guards narrow an [Input]. They are the field Is of a [FlowContext]:
//
//	if req, ok := ctx.Is.HTTP(input); ok { ... }
//
// The zero value is ready to use. A type switch on the input does the same.
type Guards[T any] struct{}

// HTTP returns the request if an HTTP trigger fired.
func (Guards[T]) HTTP(in Input[T]) (*HTTPInput[T], bool) { v, ok := in.(*HTTPInput[T]); return v, ok }

// Queue returns the message if a queue trigger fired.
func (Guards[T]) Queue(in Input[T]) (*QueueInput[T], bool) {
	v, ok := in.(*QueueInput[T])
	return v, ok
}

// Cron returns the tick if a cron trigger fired.
func (Guards[T]) Cron(in Input[T]) (*CronInput[T], bool) { v, ok := in.(*CronInput[T]); return v, ok }

// State returns the change if a state trigger fired.
func (Guards[T]) State(in Input[T]) (*StateInput[T], bool) {
	v, ok := in.(*StateInput[T])
	return v, ok
}

// Stream returns the event if a stream trigger fired.
func (Guards[T]) Stream(in Input[T]) (*StreamInput[T], bool) {
	v, ok := in.(*StreamInput[T])
	return v, ok
}

// MatchHandlers are the handlers for [FlowContext.Match], one for each kind of trigger. They may be nil.
type MatchHandlers[T any] struct {
	HTTP    func(*HTTPInput[T]) (Response, error)
	Queue   func(T) error
	Cron    func() error
	State   func(*StateInput[T]) error
	Stream  func(*StreamInput[T]) error
	Default func(Input[T]) (Response, error)
}

// Match calls the handler for the trigger that fired, or else Default. If both are nil, it logs a warning and returns
// *[NoHandlerError].
func (c *FlowContext[E, T]) Match(h MatchHandlers[T]) (Response, error) {
	return Match(c, MatchHandlersOf[T, Response]{
		HTTP:    h.HTTP,
		Queue:   withoutResult(h.Queue),
		Cron:    withoutResult0(h.Cron),
		State:   withoutResult(h.State),
		Stream:  withoutResult(h.Stream),
		Default: h.Default,
	})
}

// MatchHandlersOf are the handlers for [Match]: [MatchHandlers] that return a result of type R.
type MatchHandlersOf[T, R any] struct {
	HTTP    func(*HTTPInput[T]) (R, error)
	Queue   func(T) (R, error)
	Cron    func() (R, error)
	State   func(*StateInput[T]) (R, error)
	Stream  func(*StreamInput[T]) (R, error)
	Default func(Input[T]) (R, error)
}

// Match is [FlowContext.Match] for handlers that return a result of type R.
func Match[R, E, T any](ctx *FlowContext[E, T], h MatchHandlersOf[T, R]) (R, error) {
	switch in := ctx.input.(type) {
	case *HTTPInput[T]:
		if h.HTTP != nil {
			return h.HTTP(in)
		}
	case *QueueInput[T]:
		if h.Queue != nil {
			return h.Queue(in.Data)
		}
	case *CronInput[T]:
		if h.Cron != nil {
			return h.Cron()
		}
	case *StateInput[T]:
		if h.State != nil {
			return h.State(in)
		}
	case *StreamInput[T]:
		if h.Stream != nil {
			return h.Stream(in)
		}
	}
	if h.Default != nil {
		return h.Default(ctx.input)
	}
	err := &NoHandlerError{Trigger: ctx.Trigger.Type, Available: h.available()}
	if ctx.Logger != nil {
		ctx.Logger.WarnContext(ctx, "no handler matched", "trigger_type", string(err.Trigger), "available", err.Available)
	}
	var zero R
	return zero, err
}

func (h MatchHandlersOf[T, R]) available() []string {
	var names []string
	for _, handler := range []struct {
		kind TriggerType
		set  bool
	}{
		{TriggerHTTP, h.HTTP != nil},
		{TriggerQueue, h.Queue != nil},
		{TriggerCron, h.Cron != nil},
		{TriggerState, h.State != nil},
		{TriggerStream, h.Stream != nil},
	} {
		if handler.set {
			names = append(names, string(handler.kind))
		}
	}
	return names
}

func withoutResult[A any](f func(A) error) func(A) (Response, error) {
	if f == nil {
		return nil
	}
	return func(a A) (Response, error) { return Response{}, f(a) }
}

func withoutResult0(f func() error) func() (Response, error) {
	if f == nil {
		return nil
	}
	return func() (Response, error) { return Response{}, f() }
}
