package motia_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
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
		{
			name:  "topics that nobody consumes",
			steps: []motia.Step{graphStep("a", nil, topics{"x", "out"}), graphConfig(motia.StepConfig{Name: "b", VirtualSubscribes: topics{"x"}})},
			errors: []string{
				`motia: step "a" enqueues to topic "out", which no step consumes; if another program does, add it to VirtualEnqueues`,
				`motia: step "a" enqueues to topic "x", which no step consumes; if another program does, add it to VirtualEnqueues`,
			},
		},
		{name: "a virtual enqueue", steps: []motia.Step{graphConfig(motia.StepConfig{Name: "a", Enqueues: topics{"x"}, VirtualEnqueues: topics{"x", "drawn"}})}},
		{
			name:  "topics that nobody enqueues to",
			steps: []motia.Step{graphStep("b", topics{"y", "x"}, nil), graphConfig(motia.StepConfig{Name: "c", VirtualSubscribes: topics{"z"}})},
			notes: []string{`no step enqueues to topic "x" of step "b"`, `no step enqueues to topic "y" of step "b"`, `no step enqueues to topic "z" of step "c"`},
		},
		{
			name:  "loops",
			steps: []motia.Step{graphStep("a", topics{"x"}, topics{"x"}), graphStep("b", topics{"y"}, topics{"z"}), graphStep("c", topics{"z"}, topics{"y"})},
			notes: []string{`loop without an exit: "a" enqueues to itself`, `loop without an exit: "b", "c" enqueue to each other`},
		},
		{name: "a loop with a condition", steps: []motia.Step{graphStep("a", topics{"x"}, topics{"y"}, sometimes), graphStep("b", topics{"y"}, topics{"x"})}},
		{
			name: "a condition on a trigger of another kind is no exit",
			steps: []motia.Step{graphConfig(motia.StepConfig{
				Name: "a", Triggers: []motia.Trigger{motia.Queue("x"), motia.HTTP("GET", "/a", sometimes)}, Enqueues: topics{"x"},
			})},
			notes: []string{`loop without an exit: "a" enqueues to itself`},
		},
		{
			name:  "everything",
			steps: []motia.Step{graphStep("a", topics{"in", "x"}, topics{"x"}), graphStep("b", nil, topics{"lost"})},
			notes: []string{`no step enqueues to topic "in" of step "a"`, `loop without an exit: "a" enqueues to itself`},
			errors: []string{
				`motia: step "b" enqueues to topic "lost", which no step consumes; if another program does, add it to VirtualEnqueues`,
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app, log := testkit.NewApp(t, nil, test.steps...)
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

				stop := testkit.Start(t, app)
				synctest.Wait()
				for _, said := range append(notes, errs...) { // Run says it again
					records := log.Records(t, "flow graph: "+strings.TrimPrefix(said, "motia: "))
					require.Len(t, records, 1)
					require.Equal(t, "WARN", records[0]["level"])
				}
				require.NoError(t, stop())
			})
		})
	}
}

func TestUnconsumedTopicsAreNamed(t *testing.T) {
	app, _ := testkit.NewApp(t, nil, graphStep("a", nil, []string{"x"}))
	_, err := app.Validate()
	var unconsumed *motia.UnconsumedTopicError
	require.ErrorAs(t, err, &unconsumed)
	require.Equal(t, motia.UnconsumedTopicError{Step: "a", Topic: "x"}, *unconsumed)
}

func TestTheFlowGraphIsLoggedUnderOneHeading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, log := testkit.NewApp(t, nil, graphStep("a", nil, []string{"x"}))
		require.NoError(t, testkit.Start(t, app)())
		require.NotContains(t, log.String(), "flow graph: motia: ")
		require.Contains(t, log.String(), "flow graph: step ")
	})
}
