package motia_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

type mergeJob struct {
	TotalSteps     int            `json:"totalSteps"`
	CompletedSteps int            `json:"completedSteps"`
	Results        map[string]int `json:"results"`
}

type mergePart struct {
	Job  string `json:"job"`
	Part int    `json:"part"`
}

const (
	mergeJobs  motia.Scope[mergeJob]  = "jobs"
	mergeParts motia.Topic[mergePart] = "parts"
)

// The recipe of Motia's documentation: parallel steps merge their results into one state value, and a state trigger fires
// once, when the last one is there.
func TestParallelStepsMergeTheirResultsAndTheTriggerFiresExactlyOnce(t *testing.T) {
	for how, backend := range updateBackends {
		t.Run(how, func(t *testing.T) {
			for round := range 50 {
				synctest.Test(t, func(t *testing.T) { mergeRun(t, &motia.Options{Backend: backend()}, 2+round%9) })
			}
		})
	}
}

func mergeRun(t *testing.T, opts *motia.Options, parts int) {
	var mu sync.Mutex
	var finished []mergeJob
	steps := []motia.Step{motia.StateStep(motia.StepConfig{
		Name: "finish",
		Triggers: []motia.Trigger{mergeJobs.Trigger(motia.When(func(in motia.Input[mergeJob]) bool {
			change := in.(*motia.StateInput[mergeJob])
			return change.New != nil && change.New.CompletedSteps == change.New.TotalSteps
		}))},
	}, func(in *motia.StateInput[mergeJob], _ *motia.FlowContext[motia.None, mergeJob]) error {
		mu.Lock()
		defer mu.Unlock()
		finished = append(finished, *in.New)
		return nil
	})}
	for part := range parts {
		failures := 0
		steps = append(steps, motia.QueueStep(motia.StepConfig{
			Name: fmt.Sprint("part-", part),
			Triggers: []motia.Trigger{mergeParts.Trigger(motia.When(func(in motia.Input[mergePart]) bool {
				return in.(*motia.QueueInput[mergePart]).Data.Part == part
			}))},
		}, func(p mergePart, ctx *motia.FlowContext[motia.None, mergePart]) error {
			if failures++; part%4 == 3 && failures == 1 {
				return fmt.Errorf("part %d needs a retry", part)
			}
			_, err := mergeJobs.Update(ctx, p.Job,
				motia.Merge("results", map[string]int{fmt.Sprint("part-", part): part * part}),
				motia.Increment("completedSteps", 1))
			return err
		}))
	}
	app, _ := testkit.NewApp(t, opts, steps...)
	testkit.Start(t, app)
	ctx := app.Context(t.Context())
	_, err := mergeJobs.Set(ctx, "j-1", mergeJob{TotalSteps: parts, Results: map[string]int{}})
	require.NoError(t, err)
	for part := range parts {
		require.NoError(t, mergeParts.Enqueue(ctx, mergePart{"j-1", part}))
	}
	time.Sleep(time.Minute)
	synctest.Wait()

	want := mergeJob{TotalSteps: parts, CompletedSteps: parts, Results: map[string]int{}}
	for part := range parts {
		want.Results[fmt.Sprint("part-", part)] = part * part
	}
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, []mergeJob{want}, finished, "exactly once, with all results")
	stored, _, err := mergeJobs.Get(context.WithoutCancel(ctx), "j-1")
	require.NoError(t, err)
	require.Equal(t, want, stored)
	count, err := app.DeadLetters().Count(ctx, motia.DeadLetterQuery{})
	require.NoError(t, err)
	require.Zero(t, count)
}
