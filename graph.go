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

// Validate judges the graph of all registered steps. The error joins an *[UnconsumedTopicError] for every topic in the
// Enqueues of a step that no registered step consumes, unless it is in the step's VirtualEnqueues. The notes are
// observations that need not be mistakes: topics that are consumed but enqueued by no step (host code may do so), and loops of steps
// that messages cannot leave. Both are sorted. Run logs them as warnings.
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
	producers map[string][]*Step
}

func newGraph(steps []*Step) *graph {
	slices.SortFunc(steps, func(a, b *Step) int { return strings.Compare(a.config.Name, b.config.Name) })
	g := &graph{steps: steps, consumers: make(map[string][]*Step), producers: make(map[string][]*Step)}
	for _, s := range steps {
		for _, topic := range s.consumed() {
			g.consumers[topic] = append(g.consumers[topic], s)
		}
		for _, topic := range slices.Concat(s.config.Enqueues, s.config.VirtualEnqueues) {
			g.producers[topic] = append(g.producers[topic], s)
		}
	}
	return g
}

// consumed returns the topics of the step's queue triggers and its virtual ones.
func (s *Step) consumed() []string {
	topics := slices.Clone(s.config.VirtualSubscribes)
	for _, t := range s.config.Triggers {
		if t.kind == TriggerQueue {
			topics = append(topics, t.topic)
		}
	}
	return topics
}

func (g *graph) unconsumedTopics() []error {
	var mistakes []error
	for _, s := range g.steps {
		for _, topic := range slices.Sorted(slices.Values(s.config.Enqueues)) {
			if len(g.consumers[topic]) == 0 && !slices.Contains(s.config.VirtualEnqueues, topic) {
				mistakes = append(mistakes, &UnconsumedTopicError{Step: s.config.Name, Topic: topic})
			}
		}
	}
	return mistakes
}

func (g *graph) unfedTopics() []string {
	var notes []string
	for _, topic := range slices.Sorted(maps.Keys(g.consumers)) {
		if len(g.producers[topic]) == 0 {
			notes = append(notes, fmt.Sprintf("topic %q of step %q is enqueued by no step", topic, g.consumers[topic][0].config.Name))
		}
	}
	return notes
}

// closedLoops finds the sets of steps that reach each other and nothing else: a message that gets in can only go round. A condition on a
// trigger within the loop counts as an exit.
func (g *graph) closedLoops() []string {
	var notes []string
	reach := make(map[*Step]map[*Step]bool, len(g.steps))
	for _, s := range g.steps {
		reach[s] = g.reachable(s)
	}
	noted := make(map[*Step]bool)
	for _, s := range g.steps {
		if noted[s] || !reach[s][s] {
			continue
		}
		loop := []string{s.config.Name}
		closed := !s.hasCondition()
		for other := range reach[s] {
			if !reach[other][s] {
				closed = false // an exit
			} else if noted[other] = true; other != s {
				loop = append(loop, other.config.Name)
				closed = closed && !other.hasCondition()
			}
		}
		if closed {
			slices.Sort(loop)
			notes = append(notes, fmt.Sprintf("steps %s enqueue to each other without an exit", quoteAll(loop)))
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

func (s *Step) hasCondition() bool {
	return slices.ContainsFunc(s.config.Triggers, func(t Trigger) bool { return len(t.conditions) > 0 })
}
