package motia_test

import (
	"encoding/json"
	"net/http"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

func TestASpecSaysWhatTheTriggerSays(t *testing.T) {
	always := motia.When(func(motia.Input[httpSmall]) bool { return true })
	small := reflect.TypeFor[httpSmall]()
	empty, x, y := "", "x", "y"
	retry := motia.QueueConfig{Type: motia.QueueFIFO, MaxAttempts: 2, VisibilityTimeout: time.Minute, Delay: time.Second, Concurrency: 3, MaxPending: 4}
	use := motia.Use(func(next http.Handler) http.Handler { return next })
	for text, test := range map[string]struct {
		trigger motia.Trigger
		want    motia.TriggerSpec
	}{
		`{"type":""}`: {motia.Trigger{}, motia.TriggerSpec{}},
		`{"type":"http","name":"new","method":"post","path":"/orders/:id","conditions":2}`: {
			motia.HTTP("post", "/orders/:id", use, always, always, motia.Named("new")),
			motia.TriggerSpec{Type: motia.TriggerHTTP, Name: "new", Method: "post", Path: "/orders/:id", Conditions: 2}},
		`{"type":"queue","topic":"t"}`: {motia.Queue("t"), motia.TriggerSpec{Type: motia.TriggerQueue, Topic: "t"}},
		`{"type":"queue","name":"n","topic":"reg-topic","queue":{"type":"fifo","maxAttempts":2,"visibilityTimeout":60000000000,"delay":1000000000,"concurrency":3,"maxPending":4},"conditions":1}`: {
			regTopic.Trigger(always, retry, motia.Named("n")),
			motia.TriggerSpec{Type: motia.TriggerQueue, Name: "n", Topic: "reg-topic", Queue: retry, Conditions: 1, Payload: small}},
		`{"type":"cron","expression":"@daily","overlap":"skip"}`: {
			motia.Cron("@daily"), motia.TriggerSpec{Type: motia.TriggerCron, Expression: "@daily", Overlap: motia.OverlapSkip}},
		`{"type":"cron","expression":"@daily","zone":"Europe/Berlin","overlap":"queue","queue":{"maxAttempts":9}}`: {
			motia.Cron("@daily", motia.InZone("Europe/Berlin"), motia.OverlapQueue, motia.QueueConfig{MaxAttempts: 9}),
			motia.TriggerSpec{Type: motia.TriggerCron, Expression: "@daily", Zone: "Europe/Berlin", Overlap: motia.OverlapQueue, Queue: motia.QueueConfig{MaxAttempts: 9}}},
		`{"type":"state"}`: {motia.State(), motia.TriggerSpec{Type: motia.TriggerState}},
		`{"type":"state","scope":"","key":"x"}`: {
			motia.State(motia.InScope(""), motia.ForKey("x")), motia.TriggerSpec{Type: motia.TriggerState, Scope: &empty, Key: &x}},
		`{"type":"stream","stream":"s","group":"x","item":"y"}`: {
			motia.Stream("s", motia.InGroup("x"), motia.ForItem("y")), motia.TriggerSpec{Type: motia.TriggerStream, Stream: "s", Group: &x, Item: &y}},
		`{"type":"stream","stream":"reg-stream"}`: {
			regStream.Trigger(), motia.TriggerSpec{Type: motia.TriggerStream, Stream: "reg-stream", Payload: small}},
	} {
		require.Equal(t, test.want, test.trigger.Spec())
		require.Equal(t, text, marshal(t, test.trigger.Spec()))
	}
}

func marshal(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return string(text)
}

// A policy with a function in it cannot be encoded as it is.
func TestASpecWithABackoffEncodes(t *testing.T) {
	spec := motia.Queue("t", motia.QueueConfig{Delay: 1, Backoff: motia.ExponentialBackoff(1, 2)}).Spec()
	require.NotNil(t, spec.Queue.Backoff)
	require.Equal(t, `{"type":"queue","topic":"t","queue":{"delay":1}}`, marshal(t, spec))
}

func TestStepsCanBeReadWithoutAnApp(t *testing.T) {
	config := motia.StepConfig{
		Name: "s", Description: "does it",
		Triggers: []motia.Trigger{motia.HTTP("GET", "/x"), regTopic.Trigger()},
		Enqueues: []string{"a"}, VirtualEnqueues: []string{"b"}, VirtualSubscribes: []string{"c"}, Flows: []string{"d"},
	}
	handler := func(motia.Input[httpSmall], *motia.Ctx[httpSmall]) (motia.Response, error) {
		return motia.Response{}, nil
	}
	step := motia.NewStep(config, handler)
	require.Equal(t, config, step.Config())
	require.Equal(t, reflect.TypeFor[httpSmall](), step.InputType())
	require.Equal(t, reflect.TypeFor[any](), regStep[any]("s").InputType())
	require.Nil(t, regStep[motia.None]("s").InputType())
	require.Nil(t, motia.Step{}.InputType())
	require.Zero(t, motia.Step{}.Config())
}

func TestStepsAreSortedByNameAndOnlyThoseThatAreRegistered(t *testing.T) {
	app, _ := testkit.NewApp(t, nil)
	require.Empty(t, app.Steps())
	require.NoError(t, app.Register(regStep[int]("c", motia.Queue("t")), regStep[int]("a", motia.Queue("t"))))
	require.Error(t, app.Register(regStep[int]("0", motia.Queue("t")), regStep[int]("1", motia.Queue(""))))
	require.NoError(t, app.Register(regStep[int]("b", motia.Queue("t"))))
	var names []string
	for _, step := range app.Steps() {
		names = append(names, step.Config().Name)
	}
	require.Equal(t, []string{"a", "b", "c"}, names)
}

func TestWhatIsReadFromAnAppIsACopy(t *testing.T) {
	config := motia.StepConfig{
		Name: "s", Triggers: []motia.Trigger{motia.HTTP("GET", "/x"), motia.State(motia.InScope("a"), motia.ForKey("b")), regStream.Trigger(motia.InGroup("c"), motia.ForItem("d"))},
		Enqueues: []string{"t"}, VirtualEnqueues: []string{"u"}, VirtualSubscribes: []string{"v"}, Flows: []string{"w"},
	}
	step := motia.NewStep(config, func(motia.Input[any], *motia.Ctx[any]) (motia.Response, error) { return motia.Response{}, nil })
	app, _ := testkit.NewApp(t, &motia.Options{Streams: []motia.StreamConfig{{Name: string(regStream)}}}, step)
	describe := func() []string {
		steps := app.Steps()
		all := []string{marshal(t, steps[0].Config())}
		for _, trigger := range steps[0].Config().Triggers {
			all = append(all, marshal(t, trigger.Spec()))
		}
		return all
	}
	before := describe()

	steps := app.Steps()
	read := steps[0].Config()
	for i := range read.Triggers {
		spec := read.Triggers[i].Spec()
		for _, filter := range []*string{spec.Scope, spec.Key, spec.Group, spec.Item} {
			if filter != nil {
				*filter = "changed"
			}
		}
		read.Triggers[i] = motia.Queue("changed")
	}
	for _, names := range [][]string{read.Enqueues, read.VirtualEnqueues, read.VirtualSubscribes, read.Flows} {
		names[0] = "changed"
	}
	steps[0] = motia.Step{}

	require.Equal(t, before, describe())
	require.Equal(t, 204, do(t, app, "GET", "/x", "").Code)
	notes, err := app.Validate()
	require.EqualError(t, err, `motia: step "s" enqueues to topic "t", which no step consumes; if another program does, add it to VirtualEnqueues`)
	require.Equal(t, []string{`no step enqueues to topic "v" of step "s"`}, notes)
}

func TestATriggerDescribesItself(t *testing.T) {
	for want, trigger := range map[string]motia.Trigger{
		"the zero Trigger":      {},
		`http GET /x named "n"`: motia.HTTP("GET", "/x", motia.Named("n")),
		`queue "t"`:             motia.Queue("t"),
		`cron "@daily"`:         motia.Cron("@daily", motia.InZone("UTC")),
		"state":                 motia.State(),
		`state "a"`:             motia.State(motia.InScope("a")),
		`state key ""`:          motia.State(motia.ForKey("")),
		`state "a" key "\""`:    motia.State(motia.InScope("a"), motia.ForKey(`"`)),
		`stream "s"`:            motia.Stream("s"),
		`stream "s" item "i"`:   motia.Stream("s", motia.ForItem("i")),
		`stream "s" group "g" item "i" named "n"`: motia.Stream("s", motia.InGroup("g"), motia.ForItem("i"), motia.Named("n")),
	} {
		require.Equal(t, want, trigger.String())
	}
}
