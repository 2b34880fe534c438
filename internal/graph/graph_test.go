package graph_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia/internal/graph"
)

// step consumes and enqueues topics.
func step(name string, consumes, enqueues []string) graph.Step {
	s := graph.Step{Name: name, Enqueues: enqueues}
	for _, topic := range consumes {
		s.Queues = append(s.Queues, graph.Queue{Topic: topic})
	}
	return s
}

func TestWhatIsWrongWithAGraphIsFound(t *testing.T) {
	type topics = []string
	for _, test := range []struct {
		name  string
		steps []graph.Step
		want  graph.Findings
	}{
		{name: "nothing"},
		{name: "a chain", steps: []graph.Step{step("a", nil, topics{"x"}), step("b", topics{"x"}, topics{"y"}), step("c", topics{"y"}, nil)}},
		{
			name:  "topics that nobody consumes",
			steps: []graph.Step{step("b", nil, topics{"z", "y", "y"}), step("a", nil, topics{"z"})},
			want:  graph.Findings{Unconsumed: []graph.Topic{{"a", "z"}, {"b", "y"}, {"b", "z"}}},
		},
		{name: "a virtual enqueue", steps: []graph.Step{{Name: "a", Enqueues: topics{"x"}, VirtualEnqueues: topics{"x", "drawn"}}}},
		{
			name:  "a virtual enqueue of another step does not count",
			steps: []graph.Step{step("a", nil, topics{"x"}), {Name: "b", VirtualEnqueues: topics{"x"}}},
			want:  graph.Findings{Unconsumed: []graph.Topic{{"a", "x"}}},
		},
		{
			name:  "a virtual subscriber consumes nothing",
			steps: []graph.Step{step("a", nil, topics{"x"}), {Name: "b", VirtualSubscribes: topics{"x"}}},
			want:  graph.Findings{Unconsumed: []graph.Topic{{"a", "x"}}},
		},
		{
			name:  "topics that nobody enqueues to",
			steps: []graph.Step{step("b", topics{"y", "x"}, nil), {Name: "c", VirtualSubscribes: topics{"z"}}},
			want:  graph.Findings{Unfed: []graph.Topic{{"b", "x"}, {"b", "y"}, {"c", "z"}}},
		},
		{
			name:  "a topic that nobody enqueues to is named once, with a step that consumes it",
			steps: []graph.Step{{Name: "a", VirtualSubscribes: topics{"x"}}, step("c", topics{"x"}, nil), step("b", topics{"x"}, nil)},
			want:  graph.Findings{Unfed: []graph.Topic{{"b", "x"}}},
		},
		{name: "fed by virtual enqueues", steps: []graph.Step{step("b", topics{"x"}, nil), {Name: "c", VirtualEnqueues: topics{"x"}}}},
		{
			name:  "a step that feeds itself",
			steps: []graph.Step{step("a", topics{"x"}, topics{"x"})},
			want:  graph.Findings{Loops: [][]string{{"a"}}},
		},
		{
			name:  "a loop",
			steps: []graph.Step{step("c", topics{"z"}, topics{"x"}), step("b", topics{"y"}, topics{"z"}), step("a", topics{"x"}, topics{"y"}), step("entry", nil, topics{"x"})},
			want:  graph.Findings{Loops: [][]string{{"a", "b", "c"}}},
		},
		{
			name:  "two loops",
			steps: []graph.Step{step("a", topics{"x"}, topics{"x"}), step("b", topics{"y"}, topics{"z"}), step("c", topics{"z"}, topics{"y"})},
			want:  graph.Findings{Loops: [][]string{{"a"}, {"b", "c"}}},
		},
		{name: "a loop with a way out", steps: []graph.Step{step("a", topics{"x"}, topics{"y"}), step("b", topics{"y"}, topics{"x", "done"}), step("end", topics{"done"}, nil)}},
		{
			name:  "a loop that leads into another",
			steps: []graph.Step{step("a", topics{"x"}, topics{"x", "y"}), step("b", topics{"y"}, topics{"y"})},
			want:  graph.Findings{Loops: [][]string{{"b"}}},
		},
		{name: "a loop with a condition", steps: []graph.Step{{Name: "a", Queues: []graph.Queue{{"x", true}}, Enqueues: topics{"y"}}, step("b", topics{"y"}, topics{"x"})}},
		{
			name:  "a condition on another queue is no exit",
			steps: []graph.Step{{Name: "a", Queues: []graph.Queue{{"x", false}, {"y", true}}, Enqueues: topics{"x"}}, step("b", nil, topics{"y"})},
			want:  graph.Findings{Loops: [][]string{{"a"}}},
		},
		{
			name:  "a loop that also sends out of the graph",
			steps: []graph.Step{{Name: "a", Queues: []graph.Queue{{"x", false}}, Enqueues: topics{"x", "out"}, VirtualEnqueues: topics{"out"}}},
		},
		{name: "a loop that is only drawn", steps: []graph.Step{{Name: "a", VirtualSubscribes: topics{"x"}, VirtualEnqueues: topics{"x"}}}},
		{
			name:  "everything",
			steps: []graph.Step{step("a", topics{"in", "x"}, topics{"x"}), step("b", nil, topics{"lost"})},
			want:  graph.Findings{Unconsumed: []graph.Topic{{"b", "lost"}}, Unfed: []graph.Topic{{"a", "in"}}, Loops: [][]string{{"a"}}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.want, graph.Check(slices.Clone(test.steps)))
			slices.Reverse(test.steps)
			require.Equal(t, test.want, graph.Check(test.steps), "the order of the steps makes no difference")
		})
	}
}
