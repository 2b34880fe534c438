package motia_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/testkit"
)

// release is one version of a program: a step that says in seen which of its triggers has got what.
type release struct {
	step     string
	triggers []motia.Trigger
	hold     string // the name of the trigger whose messages wait until the shutdown gives them back
	fail     error  // what the handler returns
	seen     testkit.List[string]
}

type releaseCtx = motia.FlowContext[motia.None, any]

// on returns an app with the step on the backend.
func (r *release) on(t *testing.T, backend *driver.Backend) *motia.App {
	t.Helper()
	app, _ := testkit.NewApp(t, &motia.Options{
		Backend:         backend,
		Streams:         []motia.StreamConfig{{Name: "board"}, {Name: "other"}},
		ShutdownTimeout: time.Second,
	}, motia.NewStep(motia.StepConfig{Name: r.step, Triggers: r.triggers}, func(in motia.Input[any], ctx *releaseCtx) (motia.Response, error) {
		if r.hold != "" && ctx.Trigger.Name == r.hold {
			<-ctx.Done()
			return motia.Response{}, ctx.Err()
		}
		got := ctx.GetData()
		if tick, ok := ctx.Is.Cron(in); ok {
			got = tick.ScheduledAt.Format("15:04 MST")
		}
		r.seen.Add(fmt.Sprintf("%s: %v", ctx.Trigger.Name, got))
		return motia.Response{}, r.fail
	}))
	return app
}

func over(limit float64) motia.TriggerOption {
	return motia.When(func(in motia.Input[any]) bool { return in.(*motia.QueueInput[any]).Data.(float64) > limit })
}

// In each case the first version has finished what it got by one trigger and not what it got by its twin, when a version
// takes over that has renamed the step, swapped the triggers and changed what they say.
func TestANamedTriggerKeepsItsMessagesAcrossVersions(t *testing.T) {
	for name, test := range map[string]struct {
		before, after []motia.Trigger
		fire          func(ctx context.Context)
		done, waiting string // of the two triggers
	}{
		"queue": {
			before: []motia.Trigger{motia.Queue("paid", motia.Named("all")), motia.Queue("paid", over(100), motia.Named("large"))},
			after:  []motia.Trigger{motia.Queue("paid", over(50), motia.Named("large"), motia.QueueConfig{Concurrency: 1}), motia.Queue("paid", over(1000), motia.Named("all"))},
			fire:   func(ctx context.Context) { _ = motia.Topic[int]("paid").Enqueue(ctx, 200) },
			done:   "all: 200", waiting: "large: 200",
		},
		"cron": {
			before: []motia.Trigger{motia.Cron("0 1 * * *", motia.Named("all")), motia.Cron("0 1 * * *", motia.Named("large"))},
			after:  []motia.Trigger{motia.Cron("0 9 * * *", motia.InZone("Asia/Tokyo"), motia.OverlapQueue, motia.Named("large")), motia.Cron("0 1 * * *", motia.Named("all"))},
			fire:   func(context.Context) { time.Sleep(61 * time.Minute) },
			done:   "all: 01:00 UTC", waiting: "large: 10:00 JST",
		},
		"state": {
			before: []motia.Trigger{motia.State(motia.InScope("stock"), motia.Named("all")), motia.State(motia.InScope("stock"), motia.ForKey("apple"), motia.Named("large"))},
			after:  []motia.Trigger{motia.State(motia.InScope("stock"), motia.Named("large")), motia.State(motia.InScope("stock"), motia.Named("all"))},
			fire:   func(ctx context.Context) { _, _ = motia.Scope[int]("stock").Set(ctx, "apple", 7) },
			done:   "all: 7", waiting: "large: 7",
		},
		"stream": {
			before: []motia.Trigger{motia.Stream("board", motia.Named("all")), motia.Stream("board", motia.ForItem("1"), motia.Named("large"))},
			after:  []motia.Trigger{motia.Stream("board", motia.InGroup("g"), motia.Named("large")), motia.Stream("board", motia.Named("all"))},
			fire:   func(ctx context.Context) { _, _ = motia.StreamName[string]("board").Set(ctx, "g", "1", "card") },
			done:   "all: card", waiting: "large: card",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				backend := queueSharedBackend()
				old := &release{step: "before", triggers: test.before, hold: "large"}
				app := old.on(t, backend)
				stop := testkit.Start(t, app)
				test.fire(app.Context(t.Context()))
				synctest.Wait()
				require.ErrorAs(t, stop(), new(*motia.ShutdownError))
				require.Equal(t, []string{test.done}, old.seen.All())

				renamed := &release{step: "after", triggers: test.after}
				testkit.Start(t, renamed.on(t, backend))
				synctest.Wait()
				require.Equal(t, []string{test.waiting}, renamed.seen.All())
			})
		})
	}
}

// The first version registers and accepts messages, and does not come to run.
func TestAConditionMayComeAndGoWithoutALossToTheQueue(t *testing.T) {
	for name, option := range map[string]motia.TriggerOption{"without a name": nil, "with a name": motia.Named("large")} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				backend := queueSharedBackend()
				versions := []*release{
					{step: "s", triggers: []motia.Trigger{motia.Queue("paid", over(100), option)}},
					{step: "s", triggers: []motia.Trigger{motia.Queue("refunded"), motia.Queue("paid", option)}},
					{step: "s", triggers: []motia.Trigger{motia.Queue("paid", option, over(250)), motia.Queue("refunded")}},
				}
				for i, version := range versions {
					app := version.on(t, backend)
					require.NoError(t, motia.Topic[int]("paid").Enqueue(app.Context(t.Context()), 100*(i+1)))
				}
				last := versions[2]
				testkit.Start(t, last.on(t, backend))
				synctest.Wait()
				require.Len(t, last.seen.All(), 1)
				require.Contains(t, last.seen.All()[0], ": 300")
			})
		})
	}
}

func TestTheMessagesOfAnotherTopicScopeOrStreamAreNotThoseOfTheName(t *testing.T) {
	for name, test := range map[string]struct {
		before motia.Trigger
		after  []motia.Trigger
		want   []string
	}{
		"queue":                 {motia.Queue("old", motia.Named("a")), []motia.Trigger{motia.Queue("new", motia.Named("a"))}, []string{"a: 2"}},
		"state":                 {motia.State(motia.InScope("old"), motia.Named("a")), []motia.Trigger{motia.State(motia.InScope("new"), motia.Named("a"))}, []string{"a: 2"}},
		"state, from any scope": {motia.State(motia.Named("a")), []motia.Trigger{motia.State(motia.InScope("new"), motia.Named("a"))}, []string{"a: 2"}},
		"state, to any scope":   {motia.State(motia.InScope("old"), motia.Named("a")), []motia.Trigger{motia.State(motia.Named("a"))}, []string{"a: 1", "a: 2"}},
		"stream": {motia.Stream("other", motia.Named("a")), []motia.Trigger{motia.Stream("board", motia.Named("a")), motia.Stream("other", motia.Named("b"))},
			[]string{"a: 2", "b: 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				backend := queueSharedBackend()
				old := &release{step: "s", triggers: []motia.Trigger{test.before}}
				old.on(t, backend)
				version := &release{step: "s", triggers: test.after}
				app := version.on(t, backend)
				ctx := app.Context(t.Context())
				for i, topic := range []motia.Topic[int]{"old", "new"} {
					require.NoError(t, topic.Enqueue(ctx, i+1))
				}
				for i, scope := range []motia.Scope[int]{"old", "new"} {
					_, err := scope.Set(ctx, "key", i+1)
					require.NoError(t, err)
				}
				for i, stream := range []motia.StreamName[int]{"other", "board"} {
					_, err := stream.Set(ctx, "g", "1", i+1)
					require.NoError(t, err)
				}
				testkit.Start(t, app)
				synctest.Wait()
				require.ElementsMatch(t, test.want, version.seen.All(), "each once")
			})
		})
	}
}

func TestDeadLettersOfANamedTriggerFollowItToTheRenamedStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend := queueSharedBackend()
		old := &release{step: "before", triggers: []motia.Trigger{motia.Queue("paid", motia.Named("large"))}, fail: motia.Permanent(context.Canceled)}
		app := old.on(t, backend)
		require.NoError(t, motia.Topic[int]("paid").Enqueue(app.Context(t.Context()), 200))
		stop := testkit.Start(t, app)
		synctest.Wait()
		require.NoError(t, stop())

		renamed := &release{step: "after", triggers: []motia.Trigger{motia.State(), motia.Queue("paid", over(1), motia.Named("large"))}}
		app = renamed.on(t, backend)
		letters, err := app.DeadLetters().List(t.Context(), motia.DeadLetterQuery{Step: "after"})
		require.NoError(t, err)
		require.Len(t, letters, 1)
		require.Equal(t, "after", letters[0].Step)
		require.NoError(t, app.DeadLetters().Redrive(t.Context(), letters[0].ID))
		testkit.Start(t, app)
		synctest.Wait()
		require.Equal(t, []string{"large: 200"}, renamed.seen.All())
	})
}
