package motia_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

func TestTwinsAreRefusedUnlessTheyHaveNames(t *testing.T) {
	always := motia.When(func(motia.Input[httpSmall]) bool { return true })
	named := motia.Named("a")
	twin := func(second string) string {
		return fmt.Sprintf(`motia: step "s": trigger 1 (%s): has the same queue as trigger 0; tell them apart with Named`, second)
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
		"one name for two topics":  {[]motia.Trigger{motia.Queue("t", named), motia.Queue("u", named)}, `motia: step "s": trigger 1 (queue "u" named "a"): name is that of trigger 0 (queue "t" named "a") of step "s" already`},
		"one name for two routes":  {[]motia.Trigger{motia.HTTP("GET", "/x", named), motia.HTTP("GET", "/y", named)}, `motia: step "s": trigger 1 (http GET /y named "a"): name is that of trigger 0 (http GET /x named "a") of step "s" already`},
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
	taken := `motia: step "second": trigger 0 (queue "u" named "a"): name is that of trigger 1 (queue "t" named "a") of step "first" already`
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
