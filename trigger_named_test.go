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

func TestTwinsAreRefusedUnlessTheyHaveNames(t *testing.T) {
	always := motia.When(func(motia.Input[httpSmall]) bool { return true })
	named := motia.Named("a")
	twin := func(second string) string {
		return fmt.Sprintf(`motia: step "s": trigger 1 (%s): has the same queue as trigger 0; give them names with Named`, second)
	}
	for name, test := range map[string]struct {
		triggers []motia.Trigger
		want     string // none: it is fine
	}{
		"queue":                    {[]motia.Trigger{motia.Queue("t"), motia.Queue("t")}, twin(`queue "t"`)},
		"queue, one condition":     {[]motia.Trigger{motia.Queue("t", always), motia.Queue("t")}, twin(`queue "t"`)},
		"queue, two conditions":    {[]motia.Trigger{motia.Queue("t", always), motia.Queue("t", always)}, twin(`queue "t"`)},
		"queue, policy":            {[]motia.Trigger{motia.Queue("t"), motia.Queue("t", motia.QueueConfig{Concurrency: 1})}, twin(`queue "t"`)},
		"queue, typed topic":       {[]motia.Trigger{regTopic.Trigger(), motia.Queue(string(regTopic))}, twin(`queue "reg-topic"`)},
		"cron":                     {[]motia.Trigger{motia.Cron("@daily", always), motia.Cron("@daily")}, twin(`cron "@daily"`)},
		"cron, overlap":            {[]motia.Trigger{motia.Cron("@daily"), motia.Cron("@daily", motia.OverlapAllow)}, twin(`cron "@daily"`)},
		"cron, zone":               {[]motia.Trigger{motia.Cron("@daily"), motia.Cron("@daily", motia.InZone("Asia/Tokyo"))}, ""},
		"state":                    {[]motia.Trigger{motia.State(always), motia.State(always)}, twin("state")},
		"state, scope":             {[]motia.Trigger{motia.State(motia.InScope("x")), motia.State(motia.InScope("x"), always)}, twin(`state "x"`)},
		"state, any scope":         {[]motia.Trigger{motia.State(motia.InScope("x")), motia.State()}, ""},
		"state, scope of a star":   {[]motia.Trigger{motia.State(motia.InScope("*")), motia.State()}, ""},
		"state, key":               {[]motia.Trigger{motia.State(motia.ForKey("x")), motia.State(motia.ForKey("y")), motia.State(motia.ForKey(""))}, ""},
		"stream":                   {[]motia.Trigger{regStream.Trigger(), regStream.Trigger(always)}, twin(`stream "reg-stream"`)},
		"stream, item":             {[]motia.Trigger{regStream.Trigger(motia.ForItem("x")), regStream.Trigger(motia.ForItem("x"), always)}, twin(`stream "reg-stream" item "x"`)},
		"stream, group or item":    {[]motia.Trigger{regStream.Trigger(motia.ForItem("x")), regStream.Trigger(motia.InGroup("x"))}, ""},
		"queue, one name":          {[]motia.Trigger{motia.Queue("t", always), motia.Queue("t", named)}, ""},
		"cron, names":              {[]motia.Trigger{motia.Cron("@daily", named), motia.Cron("@daily", motia.Named("b"))}, ""},
		"state, names":             {[]motia.Trigger{motia.State(named), motia.State(motia.Named("b"))}, ""},
		"stream, names":            {[]motia.Trigger{regStream.Trigger(named), regStream.Trigger(motia.Named("b"))}, ""},
		"one name for all kinds":   {[]motia.Trigger{motia.HTTP("GET", "/x", named), motia.Queue("t", named), motia.Cron("@daily", named), motia.State(named), regStream.Trigger(named)}, ""},
		"one name for two topics":  {[]motia.Trigger{motia.Queue("t", named), motia.Queue("u", named)}, `motia: step "s": trigger 1 (queue "u" named "a"): name is already used by trigger 0 (queue "t" named "a") of step "s"`},
		"one name for two routes":  {[]motia.Trigger{motia.HTTP("GET", "/x", named), motia.HTTP("GET", "/y", named)}, `motia: step "s": trigger 1 (http GET /y named "a"): name is already used by trigger 0 (http GET /x named "a") of step "s"`},
		"no name":                  {[]motia.Trigger{motia.Queue("t", motia.Named(""))}, `motia: step "s": trigger 0 (queue "t"): name is empty`},
		"two names":                {[]motia.Trigger{motia.Queue("t", named, motia.Named("b"))}, `motia: step "s": trigger 0 (queue "t" named "b"): name is given twice`},
		"names that need escaping": {[]motia.Trigger{motia.Queue("t", motia.Named("a/t")), motia.Queue("t", motia.Named("a")), motia.Queue("t/t", motia.Named("ä"))}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			app, _ := testkit.NewApp(t, &motia.Options{Streams: []motia.StreamConfig{{Name: string(regStream)}}})
			err := app.Register(regStep[httpSmall]("s", test.triggers...))
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, test.want)
		})
	}
}

func TestANameIsUniqueInTheAppAndFreeAgainWhenItsStepIsRefused(t *testing.T) {
	app, _ := testkit.NewApp(t, nil, regStep[int]("first", motia.Cron("@daily"), motia.Queue("t", motia.Named("a"))))
	taken := `motia: step "second": trigger 0 (queue "u" named "a"): name is already used by trigger 1 (queue "t" named "a") of step "first"`
	require.EqualError(t, app.Register(regStep[int]("second", motia.Queue("u", motia.Named("a")))), taken)
	require.Error(t, app.Register(regStep[int]("second", motia.Queue("u", motia.Named("b"))), regStep[int]("first")))
	require.NoError(t, app.Register(regStep[int]("second", motia.Queue("u", motia.Named("b")))))
}

// A step without names that reads as a named trigger does must not get its messages.
func TestANamedTriggerNeverSharesTheQueueOfOneWithout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := new(testkit.List[string])
		step := func(name string, triggers ...motia.Trigger) motia.Step {
			return motia.QueueStep(motia.StepConfig{Name: name, Triggers: triggers}, func(data string, _ *motia.FlowContext[motia.None, string]) error {
				seen.Add(name + " " + data)
				return nil
			})
		}
		app, _ := testkit.NewApp(t, nil,
			step("named", motia.Queue("t", motia.Named("queue")), motia.Queue("t", motia.Named("named/queue"))),
			step("@queue", motia.Queue("t")), step("@queue/queue", motia.Queue("t")), step("queue", motia.Queue("queue"), motia.Queue("t")))
		require.NoError(t, motia.Topic[string]("t").Enqueue(app.Context(t.Context()), "hello"))
		testkit.Start(t, app)
		synctest.Wait()
		require.ElementsMatch(t, []string{"named hello", "named hello", "@queue hello", "@queue/queue hello", "queue hello"}, seen.All())
	})
}

func TestTheNameIsInTheTriggerInfo(t *testing.T) {
	for _, name := range []string{"", "lookup"} {
		var trigger motia.Trigger
		if name == "" {
			trigger = motia.HTTP("GET", "/x")
		} else {
			trigger = motia.HTTP("GET", "/x", motia.Named(name))
		}
		app, _ := testkit.NewApp(t, nil, motia.HTTPStep(motia.StepConfig{Name: "s", Triggers: []motia.Trigger{trigger}},
			func(_ *motia.HTTPInput[motia.None], ctx *motia.FlowContext[motia.None, motia.None]) (motia.Response, error) {
				return motia.Response{Body: ctx.Trigger.Name}, nil
			}))
		require.Equal(t, name, do(t, app, "GET", "/x", "").Body.String())
	}
}

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
