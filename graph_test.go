package motia_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
)

// graphStep consumes and enqueues topics.
func graphStep(name string, consumes, enqueues []string, opts ...motia.TriggerOption) motia.Step {
	config := motia.StepConfig{Name: name, Enqueues: enqueues}
	for _, topic := range consumes {
		config.Triggers = append(config.Triggers, motia.Queue(topic, opts...))
	}
	return graphConfig(config)
}

func graphConfig(config motia.StepConfig) motia.Step {
	if len(config.Triggers) == 0 {
		config.Triggers = []motia.Trigger{motia.HTTP("GET", "/"+config.Name)}
	}
	return motia.NewStep(config, func(motia.Input[int], *motia.FlowContext[any, int]) (motia.Response, error) {
		return motia.Response{}, nil
	})
}

func TestValidateJudgesTheGraph(t *testing.T) {
	sometimes := motia.When(func(motia.Input[int]) bool { return false })
	type topics = []string
	for _, test := range []struct {
		name   string
		steps  []motia.Step
		notes  []string
		errors []string
	}{
		{name: "nothing"},
		{name: "a chain", steps: []motia.Step{graphStep("a", nil, topics{"x"}), graphStep("b", topics{"x"}, topics{"y"}), graphStep("c", topics{"y"}, nil)}},
		{
			name:  "topics that nobody consumes",
			steps: []motia.Step{graphStep("b", nil, topics{"z", "y", "y"}), graphStep("a", nil, topics{"z"})},
			errors: []string{
				`motia: step "a" enqueues to topic "z", which no step consumes; if others do, declare it in VirtualEnqueues`,
				`motia: step "b" enqueues to topic "y", which no step consumes; if others do, declare it in VirtualEnqueues`,
				`motia: step "b" enqueues to topic "z", which no step consumes; if others do, declare it in VirtualEnqueues`,
			},
		},
		{name: "virtual enqueue", steps: []motia.Step{graphConfig(motia.StepConfig{Name: "a", Enqueues: topics{"x"}, VirtualEnqueues: topics{"x", "drawn"}})}},
		{
			name:   "a virtual enqueue of another step is none of this one",
			steps:  []motia.Step{graphStep("a", nil, topics{"x"}), graphConfig(motia.StepConfig{Name: "b", VirtualEnqueues: topics{"x"}})},
			errors: []string{`motia: step "a" enqueues to topic "x", which no step consumes; if others do, declare it in VirtualEnqueues`},
		},
		{
			name:   "a virtual subscriber consumes nothing",
			steps:  []motia.Step{graphStep("a", nil, topics{"x"}), graphConfig(motia.StepConfig{Name: "b", VirtualSubscribes: topics{"x"}})},
			errors: []string{`motia: step "a" enqueues to topic "x", which no step consumes; if others do, declare it in VirtualEnqueues`},
		},
		{
			name:  "topics that nobody enqueues",
			steps: []motia.Step{graphStep("b", topics{"y", "x"}, nil), graphConfig(motia.StepConfig{Name: "c", VirtualSubscribes: topics{"z"}})},
			notes: []string{`topic "x" of step "b" is enqueued by no step`, `topic "y" of step "b" is enqueued by no step`, `topic "z" of step "c" is enqueued by no step`},
		},
		{name: "fed by virtual enqueues", steps: []motia.Step{graphStep("b", topics{"x"}, nil), graphConfig(motia.StepConfig{Name: "c", VirtualEnqueues: topics{"x"}})}},
		{
			name:  "a step that feeds itself",
			steps: []motia.Step{graphStep("a", topics{"x"}, topics{"x"})},
			notes: []string{`loop without an exit: "a" enqueues to itself`},
		},
		{
			name:  "a loop",
			steps: []motia.Step{graphStep("c", topics{"z"}, topics{"x"}), graphStep("b", topics{"y"}, topics{"z"}), graphStep("a", topics{"x"}, topics{"y"}), graphStep("entry", nil, topics{"x"})},
			notes: []string{`loop without an exit: "a", "b", "c" enqueue to each other`},
		},
		{
			name:  "two loops",
			steps: []motia.Step{graphStep("a", topics{"x"}, topics{"x"}), graphStep("b", topics{"y"}, topics{"z"}), graphStep("c", topics{"z"}, topics{"y"})},
			notes: []string{`loop without an exit: "a" enqueues to itself`, `loop without an exit: "b", "c" enqueue to each other`},
		},
		{name: "a loop with a way out", steps: []motia.Step{graphStep("a", topics{"x"}, topics{"y"}), graphStep("b", topics{"y"}, topics{"x", "done"}), graphStep("end", topics{"done"}, nil)}},
		{name: "a loop with a condition", steps: []motia.Step{graphStep("a", topics{"x"}, topics{"y"}, sometimes), graphStep("b", topics{"y"}, topics{"x"})}},
		{
			name: "a condition elsewhere is no exit",
			steps: []motia.Step{graphConfig(motia.StepConfig{
				Name: "a", Triggers: []motia.Trigger{motia.Queue("x"), motia.HTTP("GET", "/a", sometimes)}, Enqueues: topics{"x"},
			})},
			notes: []string{`loop without an exit: "a" enqueues to itself`},
		},
		{
			name:  "a loop that also sends out of the app",
			steps: []motia.Step{graphConfig(motia.StepConfig{Name: "a", Triggers: []motia.Trigger{motia.Queue("x")}, Enqueues: topics{"x", "out"}, VirtualEnqueues: topics{"out"}})},
		},
		{
			name: "a loop that is only drawn",
			steps: []motia.Step{
				graphConfig(motia.StepConfig{Name: "a", VirtualSubscribes: topics{"x"}, VirtualEnqueues: topics{"x"}}),
			},
		},
		{
			name:  "everything",
			steps: []motia.Step{graphStep("a", topics{"in", "x"}, topics{"x"}), graphStep("b", nil, topics{"lost"})},
			notes: []string{`topic "in" of step "a" is enqueued by no step`, `loop without an exit: "a" enqueues to itself`},
			errors: []string{
				`motia: step "b" enqueues to topic "lost", which no step consumes; if others do, declare it in VirtualEnqueues`,
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app, log := newApp(t, nil, test.steps...)
				notes, err := app.Validate()
				require.Equal(t, test.notes, notes)
				var errs []string
				if err != nil {
					require.ErrorAs(t, err, new(*motia.UnconsumedTopicError))
					for _, e := range regMistakes(t, err) {
						errs = append(errs, e.Error())
					}
				}
				require.Equal(t, test.errors, errs)

				stop := start(t, app)
				synctest.Wait()
				for _, said := range append(notes, errs...) { // Run says it again
					records := log.records(t, "flow graph: "+strings.TrimPrefix(said, "motia: "))
					require.Len(t, records, 1)
					require.Equal(t, "WARN", records[0]["level"])
				}
				require.NoError(t, stop())
			})
		})
	}
}

func TestUnconsumedTopicsAreNamed(t *testing.T) {
	app, _ := newApp(t, nil, graphStep("a", nil, []string{"x"}))
	_, err := app.Validate()
	var unconsumed *motia.UnconsumedTopicError
	require.ErrorAs(t, err, &unconsumed)
	require.Equal(t, motia.UnconsumedTopicError{Step: "a", Topic: "x"}, *unconsumed)
}
