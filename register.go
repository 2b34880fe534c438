package motia

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/graph"
	"github.com/motia-go/motia/internal/route"
	"github.com/motia-go/motia/internal/schedule"
	"github.com/motia-go/motia/internal/wire"
)

// registerTimeout limits the work of the backend during Register: binding subscriptions takes milliseconds.
const registerTimeout = 30 * time.Second

// Register adds steps to the app. If there are mistakes in them, it registers none and returns all mistakes joined,
// each as a *[StepError]. After Register has returned, messages are kept for the steps, even before Run is called.
//
// It returns [ErrRunning] while the app runs, and [ErrShutdown] after Run has ended.
func (a *App) Register(steps ...Step) error {
	steps = slices.Clone(steps) // the app keeps pointers into it
	r := &registration{app: a, unwrapped: make(map[*binding]error)}
	candidates := r.prepare(steps) // without the lock: middleware may use the app
	a.mu.Lock()
	defer a.mu.Unlock()
	switch a.state {
	case appRunning:
		return fmt.Errorf("%w: register steps before Run", ErrRunning)
	case appShutDown:
		return ErrShutdown
	}
	r.mistakes = slices.Clone(a.optionMistakes)
	r.taken, a.taken = a.taken, nil // a failed registration must not leave anything in it
	if r.taken == nil {
		r.taken = takenBy(a.steps, a.bindings)
	}
	for i := range steps {
		r.add(&steps[i], i, candidates[i])
	}
	if len(r.mistakes) > 0 {
		return errors.Join(r.mistakes...)
	}
	ctx, cancel := context.WithTimeout(context.Background(), registerTimeout)
	defer cancel()
	if err := r.bind(ctx); err != nil {
		return err
	}
	for i := range steps {
		a.steps = append(a.steps, &steps[i])
	}
	a.bindings = append(a.bindings, r.bindings...)
	a.taken = r.taken
	a.routes.Store(nil)
	return nil
}

// routeTable returns the table of the registered routes. The first request after a registration makes it, so that an
// app that registers its steps one by one makes it once.
func (a *App) routeTable() *route.Table {
	if table := a.routes.Load(); table != nil {
		return table
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if table := a.routes.Load(); table != nil {
		return table
	}
	var entries []route.Entry
	for _, b := range a.bindings {
		if b.trigger.kind == TriggerHTTP {
			entries = append(entries, route.Entry{Route: b.route, Handler: b.handler})
		}
	}
	table := route.NewTable(entries, unmatched)
	a.routes.Store(table)
	return table
}

// Steps returns copies of the registered steps, sorted by name. Tools can read them with [Step.Config],
// [Step.InputType] and [Trigger.Spec].
func (a *App) Steps() []Step {
	a.mu.Lock()
	defer a.mu.Unlock()
	steps := make([]Step, len(a.steps))
	for i, s := range a.steps {
		steps[i] = *s
	}
	slices.SortFunc(steps, func(s, other Step) int { return strings.Compare(s.config.Name, other.config.Name) })
	return steps
}

// registration collects steps and the mistakes in them.
type registration struct {
	app       *App
	taken     *taken
	bindings  []*binding         // the new ones
	unwrapped map[*binding]error // the errors of their middleware
	mistakes  []error
}

// taken is what only one step or trigger of an app may have.
type taken struct {
	steps  map[string]bool // by name
	named  map[triggerName]*binding
	routes route.Set
}

// triggerName is unique within an app.
type triggerName struct {
	kind TriggerType
	name string
}

func takenBy(steps []*Step, bindings []*binding) *taken {
	t := &taken{steps: make(map[string]bool), named: make(map[triggerName]*binding)}
	for _, s := range steps {
		t.steps[s.config.Name] = true
	}
	for _, b := range bindings {
		if b.route.Pattern != "" {
			t.routes.Add(b.route.Pattern)
		}
		if b.trigger.name != "" {
			t.named[triggerName{b.trigger.kind, b.trigger.name}] = b
		}
	}
	return t
}

// prepare makes the bindings of each step, within their middleware.
func (r *registration) prepare(steps []Step) [][]*binding {
	prepared := make([][]*binding, len(steps))
	for i := range steps {
		step := &steps[i]
		for j := range step.config.Triggers {
			t := &step.config.Triggers[j]
			b := &binding{app: r.app, step: step, trigger: t}
			b.info = TriggerInfo{Type: t.kind, Index: j, Name: t.name, Method: t.method, Path: t.path, Topic: t.topic, Expression: t.expression, Stream: t.stream, Attempt: 1}
			if t.kind == TriggerHTTP {
				b.handler, r.unwrapped[b] = wrapHTTP(t.middleware, b)
			}
			prepared[i] = append(prepared[i], b)
		}
	}
	return prepared
}

func (r *registration) mistake(step *Step, err error) {
	r.mistakes = append(r.mistakes, &StepError{Step: step.config.Name, Err: err})
}

func (b *binding) mistake(err error) error {
	trigger := fmt.Sprintf("%d (%v)", b.info.Index, b.trigger)
	return &StepError{Step: b.step.config.Name, Trigger: trigger, Err: err}
}

func (r *registration) add(step *Step, position int, bindings []*binding) {
	name := step.config.Name
	switch {
	case step.compile == nil:
		r.mistake(step, fmt.Errorf("argument %d is the zero Step; make steps with NewStep", position))
		return
	case name == "":
		r.mistake(step, fmt.Errorf("argument %d has no name", position))
	case r.taken.steps[name]:
		r.mistake(step, errors.New("name is taken by another step"))
	}
	r.taken.steps[name] = true
	for _, err := range step.mistakes {
		r.mistake(step, err)
	}
	if len(step.config.Triggers) == 0 {
		r.mistake(step, errors.New("has no trigger"))
	}
	for _, topics := range [][]string{step.config.Enqueues, step.config.VirtualEnqueues, step.config.VirtualSubscribes} {
		if slices.Contains(topics, "") {
			r.mistake(step, errors.New("declares an empty topic"))
		}
	}
	same := make(map[string]*binding) // of this step, by subscription
	for _, b := range bindings {
		for _, err := range r.check(b) {
			r.mistakes = append(r.mistakes, b.mistake(err))
		}
		if err := r.identify(b, same); err != nil {
			r.mistakes = append(r.mistakes, b.mistake(err))
		}
		r.bindings = append(r.bindings, b)
	}
}

// check completes the binding and returns what is wrong with its trigger.
func (r *registration) check(b *binding) []error {
	t := b.trigger
	if t.kind == "" {
		return []error{errors.New("make triggers with HTTP, Queue, Cron, State or Stream")}
	}
	mistakes := slices.Clone(t.mistakes)
	add := func(err error) {
		if err != nil {
			mistakes = append(mistakes, err)
		}
	}
	if b.step.kind != "" && b.step.kind != t.kind {
		add(fmt.Errorf("the step takes %s triggers only; use NewStep for several kinds", b.step.kind))
	}
	newCall, err := b.step.compile(r.app, t)
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		mistakes = append(mistakes, joined.Unwrap()...)
	}
	b.newCall = newCall
	b.hasPayload = b.step.input != noneType
	b.queue = t.resolve(r.app.queueDefaults)

	switch t.kind {
	case TriggerHTTP:
		add(r.unwrapped[b])
		add(r.checkRoute(b))
	case TriggerQueue:
		if t.topic == "" {
			add(errors.New("topic is empty"))
		}
		b.topics = []string{wire.QueueTopic(t.topic)}
	case TriggerCron:
		add(r.checkSchedule(b))
	case TriggerState:
		b.topics = []string{wire.StateTopicOfAll}
		if t.scope != nil {
			b.topics[0] = wire.StateTopic(*t.scope)
		}
		b.bucket = wire.StateBucket
	case TriggerStream:
		if _, ok := r.app.streams[t.stream]; !ok {
			add(r.app.undeclaredStream(t.stream))
		}
		b.topics = []string{wire.StreamTopic(t.stream)}
		b.bucket = wire.StreamBucket(t.stream)
	}
	if _, ok := r.app.backend.KV.(driver.ChangeLog); !ok && b.bucket != "" {
		add(fmt.Errorf("the backend keeps no change log, which %s triggers need", t.kind))
	}
	return mistakes
}

func (r *registration) checkRoute(b *binding) error {
	parsed, err := route.Parse(b.trigger.method, b.trigger.path)
	if err != nil {
		return err
	}
	b.route = parsed
	if r.taken.routes.Add(parsed.Pattern) {
		return nil
	}
	for _, other := range slices.Concat(r.app.bindings, r.bindings) {
		switch {
		case other.route.Pattern == "":
		case other.route.Pattern == parsed.Pattern:
			return fmt.Errorf("route is already used by %v of step %q", other.trigger, other.step.config.Name)
		case route.Conflict(parsed.Pattern, other.route.Pattern):
			return fmt.Errorf("route conflicts with %v of step %q: neither is more specific", other.trigger, other.step.config.Name)
		}
	}
	return errors.New("route conflicts with another")
}

func (r *registration) checkSchedule(b *binding) error {
	zone := r.app.location
	if b.trigger.zone != "" {
		if schedule.NamesZone(b.trigger.expression) {
			return errors.New("time zone is given twice: in the expression and with InZone")
		}
		loaded, err := schedule.LoadZone(b.trigger.zone)
		if err != nil {
			return err
		}
		zone = loaded
	}
	parsed, err := schedule.Parse(b.trigger.expression, zone)
	if err != nil {
		return err
	}
	b.schedule = parsed
	return nil
}

// bind makes the backend keep messages and changes for the bindings.
func (r *registration) bind(ctx context.Context) error {
	tracked := maps.Clone(*r.app.tracked.Load())
	for _, b := range r.bindings {
		for _, topic := range b.topics {
			if err := r.app.backend.Queue.Bind(ctx, topic, b.subscription, b.queue.subscription()); err != nil {
				return b.mistake(fmt.Errorf("bind: %w", err))
			}
		}
		if b.bucket != "" {
			if err := r.app.backend.KV.(driver.ChangeLog).Track(ctx, b.bucket); err != nil {
				return b.mistake(fmt.Errorf("track changes: %w", err))
			}
			tracked[b.bucket] = true
		}
	}
	r.app.tracked.Store(&tracked)
	return nil
}

// identify gives the binding the id of its subscription. It returns an error if the trigger's name is taken, or if an
// earlier trigger of the step has the same id; same has those triggers by id.
func (r *registration) identify(b *binding, same map[string]*binding) error {
	t := b.trigger
	if t.name != "" {
		name := triggerName{t.kind, t.name}
		if other := r.taken.named[name]; other != nil {
			return fmt.Errorf("name is already used by trigger %d (%v) of step %q", other.info.Index, other.trigger, other.step.config.Name)
		}
		r.taken.named[name] = b
	}
	if t.kind == "" || t.kind == TriggerHTTP {
		return nil
	}
	b.subscription = t.subscription(b.step.config.Name).ID()
	if t.kind == TriggerCron {
		b.topics = []string{wire.CronTopic(b.subscription)}
	}
	if twin := same[b.subscription]; twin != nil {
		return fmt.Errorf("has the same queue as trigger %d; give them names with Named", twin.info.Index)
	}
	same[b.subscription] = b
	return nil
}

// subscription returns what identifies the trigger's queue, see [Trigger] and [Named].
func (t *Trigger) subscription(step string) *wire.Subscription {
	return &wire.Subscription{
		Step: step, Kind: string(t.kind), Name: t.name,
		Topic:      t.topic,
		Expression: t.expression, Zone: t.zone,
		Scope: t.scope, Key: t.key,
		Stream: t.stream, Group: t.group, Item: t.item,
	}
}

// clone returns a copy, which later changes by the caller do not affect.
func (c StepConfig) clone() StepConfig {
	c.Triggers = slices.Clone(c.Triggers)
	c.Enqueues = slices.Clone(c.Enqueues)
	c.VirtualEnqueues = slices.Clone(c.VirtualEnqueues)
	c.VirtualSubscribes = slices.Clone(c.VirtualSubscribes)
	c.Flows = slices.Clone(c.Flows)
	return c
}

// Validate checks the flow of messages between all registered steps. The error joins an *[UnconsumedTopicError] for
// every topic in the Enqueues of a step that no registered step consumes, unless it is in the step's VirtualEnqueues.
// The notes may be mistakes: topics that a step consumes but no step enqueues to (host code may), and loops of steps
// that messages never leave, judging by declarations and conditions. Both are sorted. Run logs both as warnings.
func (a *App) Validate() (notes []string, err error) {
	found := graph.Check(a.graphSteps())
	var mistakes []error
	for _, t := range found.Unconsumed {
		mistakes = append(mistakes, &UnconsumedTopicError{Step: t.Step, Topic: t.Topic})
	}
	return found.Notes(), errors.Join(mistakes...)
}

func (a *App) graphSteps() []graph.Step {
	a.mu.Lock()
	defer a.mu.Unlock()
	steps := make([]graph.Step, len(a.steps))
	for i, s := range a.steps {
		c := &s.config
		steps[i] = graph.Step{Name: c.Name, Enqueues: c.Enqueues, VirtualEnqueues: c.VirtualEnqueues, VirtualSubscribes: c.VirtualSubscribes}
		for _, t := range c.Triggers {
			if t.kind == TriggerQueue {
				steps[i].Queues = append(steps[i].Queues, graph.Queue{Topic: t.topic, Conditional: len(t.conditions) > 0})
			}
		}
	}
	return steps
}
