package motia

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// UnconsumedTopicError says that a step enqueues to a topic that no step consumes: its messages would go nowhere.
type UnconsumedTopicError struct {
	Step  string
	Topic string
}

func (e *UnconsumedTopicError) Error() string {
	return fmt.Sprintf("motia: step %q enqueues to topic %q, which no step consumes; if others do, declare it in VirtualEnqueues", e.Step, e.Topic)
}

// Validate judges the graph of all registered steps. The error joins an *[UnconsumedTopicError] for every topic in
// the Enqueues of a step that no registered step consumes, unless it is in the step's VirtualEnqueues. The notes are
// observations that need not be mistakes: topics that are consumed but enqueued by no step (host code may do so), and
// loops of steps that messages cannot leave, as far as declarations and conditions say. Both are sorted. Run logs
// them as warnings.
func (a *App) Validate() (notes []string, err error) {
	a.mu.Lock()
	steps := slices.Clone(a.steps)
	a.mu.Unlock()
	g := newGraph(steps)
	return append(g.unfedTopics(), g.closedLoops()...), errors.Join(g.unconsumedTopics()...)
}

// validationNotes is everything Validate has to say, as text.
func (a *App) validationNotes() []string {
	notes, err := a.Validate()
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			notes = append(notes, e.Error())
		}
	}
	return notes
}

// graph is the flow of messages between steps.
type graph struct {
	steps     []*Step // sorted by name
	consumers map[string][]*Step
	drawn     map[string][]*Step // that only say they consume, see StepConfig.VirtualSubscribes
	producers map[string][]*Step // also those that only say so
}

func newGraph(steps []*Step) *graph {
	slices.SortFunc(steps, func(a, b *Step) int { return strings.Compare(a.config.Name, b.config.Name) })
	g := &graph{steps: steps, consumers: make(map[string][]*Step), drawn: make(map[string][]*Step), producers: make(map[string][]*Step)}
	for _, s := range steps {
		for i := range s.config.Triggers {
			if t := &s.config.Triggers[i]; t.kind == TriggerQueue {
				g.consumers[t.topic] = append(g.consumers[t.topic], s)
			}
		}
		for _, topic := range s.config.VirtualSubscribes {
			g.drawn[topic] = append(g.drawn[topic], s)
		}
		for _, topic := range slices.Concat(s.config.Enqueues, s.config.VirtualEnqueues) {
			g.producers[topic] = append(g.producers[topic], s)
		}
	}
	return g
}

func (g *graph) unconsumedTopics() []error {
	var mistakes []error
	for _, s := range g.steps {
		for _, topic := range sortedSet(s.config.Enqueues) {
			if len(g.consumers[topic]) == 0 && !slices.Contains(s.config.VirtualEnqueues, topic) {
				mistakes = append(mistakes, &UnconsumedTopicError{Step: s.config.Name, Topic: topic})
			}
		}
	}
	return mistakes
}

func (g *graph) unfedTopics() []string {
	var notes []string
	consumers := maps.Clone(g.drawn)
	maps.Copy(consumers, g.consumers)
	for _, topic := range slices.Sorted(maps.Keys(consumers)) {
		if len(g.producers[topic]) == 0 {
			notes = append(notes, fmt.Sprintf("topic %q of step %q is enqueued by no step", topic, consumers[topic][0].config.Name))
		}
	}
	return notes
}

// closedLoops finds the sets of steps that reach each other and nothing else: a message that gets in can only go
// round. An exit is a topic that leads to a step outside, or out of the app, or a condition on a trigger that the
// loop enqueues to.
func (g *graph) closedLoops() []string {
	var notes []string
	noted := make(map[*Step]bool)
	for _, s := range g.steps {
		loop := g.reachable(s)
		if noted[s] || !loop[s] {
			continue
		}
		closed := true
		for other := range loop {
			back := g.reachable(other)[s]
			closed = closed && back && !g.hasExit(other)
			noted[other] = noted[other] || back
		}
		if closed {
			var names []string
			for other := range loop {
				names = append(names, other.config.Name)
			}
			slices.Sort(names)
			verb := "enqueue to each other"
			if len(names) == 1 {
				verb = "enqueues to itself"
			}
			notes = append(notes, fmt.Sprintf("loop without an exit: %s %s", quoteAll(names), verb))
		}
	}
	return notes
}

// reachable returns the steps that a message from s can lead to.
func (g *graph) reachable(s *Step) map[*Step]bool {
	seen := make(map[*Step]bool)
	todo := []*Step{s}
	for len(todo) > 0 {
		next := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, topic := range next.config.Enqueues {
			for _, consumer := range g.consumers[topic] {
				if !seen[consumer] {
					seen[consumer] = true
					todo = append(todo, consumer)
				}
			}
		}
	}
	return seen
}

// hasExit reports whether a message can leave a loop behind s: out of the app, or because a trigger has a condition.
func (g *graph) hasExit(s *Step) bool {
	for _, topic := range s.config.Enqueues {
		if slices.Contains(s.config.VirtualEnqueues, topic) {
			return true // others consume it as well
		}
		for _, consumer := range g.consumers[topic] {
			for i := range consumer.config.Triggers {
				t := &consumer.config.Triggers[i]
				if t.kind == TriggerQueue && t.topic == topic && len(t.conditions) > 0 {
					return true
				}
			}
		}
	}
	return false
}

func sortedSet(topics []string) []string { return slices.Compact(slices.Sorted(slices.Values(topics))) }
