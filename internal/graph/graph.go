// Package graph finds what looks wrong in the flow of messages between steps, judging by their declarations.
package graph

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Step is what a step declares.
type Step struct {
	Name     string // unique
	Enqueues []string
	Queues   []Queue // the queues that it consumes
	// VirtualEnqueues and VirtualSubscribes are topics that only appear in drawings. A topic in both Enqueues and
	// VirtualEnqueues has consumers outside of the graph as well.
	VirtualEnqueues, VirtualSubscribes []string
}

// Queue is a trigger for the messages of a topic.
type Queue struct {
	Topic       string
	Conditional bool // it may refuse messages
}

// Findings are what [Check] has found.
type Findings struct {
	// Unconsumed are the topics that a step enqueues to and no step consumes, sorted by step and topic.
	Unconsumed []Topic
	// Unfed are the topics that a step consumes and no step enqueues to, sorted by topic. Each topic is listed once,
	// with the first of its steps.
	Unfed []Topic
	// Loops are the sets of steps that messages can enter but not leave, each sorted, and sorted by their first step.
	Loops [][]string
}

// Notes describes the findings that need not be mistakes: the unfed topics and the loops.
func (f Findings) Notes() []string {
	var notes []string
	for _, t := range f.Unfed {
		notes = append(notes, fmt.Sprintf("no step enqueues to topic %q of step %q", t.Topic, t.Step))
	}
	for _, steps := range f.Loops {
		verb := "enqueue to each other"
		if len(steps) == 1 {
			verb = "enqueues to itself"
		}
		names := make([]string, len(steps))
		for i, name := range steps {
			names[i] = strconv.Quote(name)
		}
		notes = append(notes, fmt.Sprintf("loop without an exit: %s %s", strings.Join(names, ", "), verb))
	}
	return notes
}

// Topic is a topic of a step.
type Topic struct{ Step, Topic string }

// Check examines the steps. It sorts the slice by name.
func Check(steps []Step) Findings {
	slices.SortFunc(steps, func(a, b Step) int { return strings.Compare(a.Name, b.Name) })
	g := newGraph(steps)
	return Findings{Unconsumed: g.unconsumed(), Unfed: g.unfed(), Loops: g.closedLoops()}
}

type graph struct {
	steps     []Step // sorted by name
	consumers map[string][]*Step
	drawn     map[string][]*Step // steps that consume only virtually
	producers map[string][]*Step // including steps that enqueue only virtually
}

func newGraph(steps []Step) *graph {
	g := &graph{steps: steps, consumers: make(map[string][]*Step), drawn: make(map[string][]*Step), producers: make(map[string][]*Step)}
	for i := range steps {
		s := &steps[i]
		for _, q := range s.Queues {
			g.consumers[q.Topic] = append(g.consumers[q.Topic], s)
		}
		for _, topic := range s.VirtualSubscribes {
			g.drawn[topic] = append(g.drawn[topic], s)
		}
		for _, topic := range slices.Concat(s.Enqueues, s.VirtualEnqueues) {
			g.producers[topic] = append(g.producers[topic], s)
		}
	}
	return g
}

func (g *graph) unconsumed() (found []Topic) {
	for _, s := range g.steps {
		for _, topic := range slices.Compact(slices.Sorted(slices.Values(s.Enqueues))) {
			if len(g.consumers[topic]) == 0 && !slices.Contains(s.VirtualEnqueues, topic) {
				found = append(found, Topic{s.Name, topic})
			}
		}
	}
	return found
}

func (g *graph) unfed() (found []Topic) {
	consumers := maps.Clone(g.drawn)
	maps.Copy(consumers, g.consumers)
	for _, topic := range slices.Sorted(maps.Keys(consumers)) {
		if len(g.producers[topic]) == 0 {
			found = append(found, Topic{consumers[topic][0].Name, topic})
		}
	}
	return found
}

// closedLoops finds the sets of steps that reach each other and nothing else: a message that enters can only go
// round. An exit is a topic that leads to a step outside of the set or out of the graph, or a condition on a queue
// that the set enqueues to.
func (g *graph) closedLoops() (loops [][]string) {
	noted := make(map[*Step]bool)
	for i := range g.steps {
		s := &g.steps[i]
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
				names = append(names, other.Name)
			}
			slices.Sort(names)
			loops = append(loops, names)
		}
	}
	return loops
}

// reachable returns the steps that a message from s can lead to.
func (g *graph) reachable(s *Step) map[*Step]bool {
	seen := make(map[*Step]bool)
	todo := []*Step{s}
	for len(todo) > 0 {
		next := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, topic := range next.Enqueues {
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

// hasExit reports whether a message from s can leave a loop: out of the graph, or because a queue has a condition.
func (g *graph) hasExit(s *Step) bool {
	for _, topic := range s.Enqueues {
		if slices.Contains(s.VirtualEnqueues, topic) {
			return true
		}
		for _, consumer := range g.consumers[topic] {
			if slices.Contains(consumer.Queues, Queue{topic, true}) {
				return true
			}
		}
	}
	return false
}
