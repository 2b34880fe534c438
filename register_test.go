package motia_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/testkit"
)

type regBadTag struct {
	A string `json:"a" validate:"nonsense"`
}

const (
	regTopic  motia.Topic[httpSmall]      = "reg-topic"
	regScope  motia.Scope[httpSmall]      = "reg-scope"
	regStream motia.StreamName[httpSmall] = "reg-stream"
)

// regStep is a step of any kinds of triggers that does nothing.
func regStep[T any](name string, triggers ...motia.Trigger) motia.Step {
	return motia.NewStep(motia.StepConfig{Name: name, Triggers: triggers},
		func(motia.Input[T], *motia.FlowContext[motia.None, T]) (motia.Response, error) {
			return motia.Response{}, nil
		})
}

// regMistakes returns the mistakes that Register has joined.
func regMistakes(t *testing.T, err error) []error {
	t.Helper()
	require.Error(t, err)
	joined, ok := err.(interface{ Unwrap() []error })
	require.True(t, ok, "%T", err)
	return joined.Unwrap()
}

func TestEveryMistakeIsReportedWithItsStepAndTrigger(t *testing.T) {
	ok := motia.HTTP("GET", "/ok")
	accept := func(motia.Input[httpSmall]) bool { return true }
	var nilCondition func(motia.Input[httpSmall]) bool
	for name, test := range map[string]struct {
		step    motia.Step
		trigger string // "0" stands for the index and description of the first
		want    string
	}{
		"no name":                   {regStep[httpSmall]("", ok), "", "argument 0 has no name"},
		"no trigger":                {regStep[httpSmall]("s"), "", "has no trigger"},
		"nil topic":                 {motia.HTTPStep(motia.StepConfig{Name: "s", Triggers: []motia.Trigger{ok}, Enqueues: motia.Topics(regTopic, nil)}, func(*motia.HTTPInput[int], *motia.Ctx[int]) (motia.Response, error) { return motia.Response{}, nil }), "", "declares an empty topic"},
		"zero step":                 {motia.Step{}, "", "argument 0 is the zero Step; make steps with NewStep"},
		"zero trigger":              {regStep[httpSmall]("s", motia.Trigger{}), "0 (the zero Trigger)", "make triggers with HTTP, Queue, Cron, State or Stream"},
		"nil handler":               {motia.NewStep[motia.None, httpSmall](motia.StepConfig{Name: "s", Triggers: []motia.Trigger{ok}}, nil), "", "handler is nil"},
		"nil HTTP handler":          {motia.HTTPStep[motia.None, httpSmall](motia.StepConfig{Name: "s", Triggers: []motia.Trigger{ok}}, nil), "", "handler is nil"},
		"nil queue handler":         {motia.QueueStep[motia.None, httpSmall](motia.StepConfig{Name: "s", Triggers: []motia.Trigger{regTopic.Trigger()}}, nil), "", "handler is nil"},
		"nil cron handler":          {motia.CronStep[motia.None](motia.StepConfig{Name: "s", Triggers: []motia.Trigger{motia.Cron("@daily")}}, nil), "", "handler is nil"},
		"nil state handler":         {motia.StateStep[motia.None, httpSmall](motia.StepConfig{Name: "s", Triggers: []motia.Trigger{motia.State()}}, nil), "", "handler is nil"},
		"nil stream handler":        {motia.StreamStep[motia.None, httpSmall](motia.StepConfig{Name: "s", Triggers: []motia.Trigger{regStream.Trigger()}}, nil), "", "handler is nil"},
		"empty declared topic":      {motia.QueueStep(motia.StepConfig{Name: "s", Triggers: []motia.Trigger{regTopic.Trigger()}, Enqueues: []string{""}}, func(httpSmall, *motia.FlowContext[any, httpSmall]) error { return nil }), "", "declares an empty topic"},
		"route without a slash":     {regStep[httpSmall]("s", motia.HTTP("GET", "orders")), "0 (http GET orders)", `path "orders" does not begin with a slash`},
		"no method":                 {regStep[httpSmall]("s", motia.HTTP("", "/x")), "0 (http  /x)", "method is empty"},
		"no method at all":          {regStep[httpSmall]("s", motia.HTTP("GE T", "/x")), "0 (http GE T /x)", `method "GE T" is not an HTTP method`},
		"no path":                   {regStep[httpSmall]("s", motia.HTTP("GET", "")), "0 (http GET )", "path is empty"},
		"parameter twice":           {regStep[httpSmall]("s", motia.HTTP("GET", "/:a/:a")), "0 (http GET /:a/:a)", `two parameters named "a"`},
		"wildcard in the middle":    {regStep[httpSmall]("s", motia.HTTP("GET", "/*/x")), "0 (http GET /*/x)", "must be last"},
		"bad cron":                  {regStep[httpSmall]("s", motia.Cron("61 * * * *")), `0 (cron "61 * * * *")`, "61 is above the maximum of 59"},
		"cron that never comes":     {regStep[httpSmall]("s", motia.Cron("0 0 30 2 *")), `0 (cron "0 0 30 2 *")`, "never runs: day 30 does not exist in month 2"},
		"unknown zone":              {regStep[httpSmall]("s", motia.Cron("@daily", motia.InZone("Mars/Olympus"))), `0 (cron "@daily")`, `unknown time zone "Mars/Olympus"`},
		"unknown zone within":       {regStep[httpSmall]("s", motia.Cron("CRON_TZ=Mars/Olympus 0 0 * * *")), `0 (cron "CRON_TZ=Mars/Olympus 0 0 * * *")`, "Mars/Olympus"},
		"local zone":                {regStep[httpSmall]("s", motia.Cron("@daily", motia.InZone("Local"))), `0 (cron "@daily")`, `unknown time zone "Local": it differs from machine to machine; name the zone that is meant`},
		"local zone within":         {regStep[httpSmall]("s", motia.Cron("TZ=Local @daily")), `0 (cron "TZ=Local @daily")`, `unknown time zone "Local": it differs from machine to machine; name the zone that is meant`},
		"zone and zone within":      {regStep[httpSmall]("s", motia.Cron("CRON_TZ=UTC @daily", motia.InZone("UTC"))), `0 (cron "CRON_TZ=UTC @daily")`, "time zone is given twice: in the expression and with InZone"},
		"empty zone":                {regStep[httpSmall]("s", motia.Cron("@daily", motia.InZone(""))), `0 (cron "@daily")`, "time zone is empty"},
		"unknown overlap":           {regStep[httpSmall]("s", motia.Cron("@daily", motia.Overlap("often"))), `0 (cron "@daily")`, `unknown overlap policy "often"`},
		"no topic":                  {regStep[httpSmall]("s", motia.Queue("")), `0 (queue "")`, "topic is empty"},
		"undeclared stream":         {regStep[httpSmall]("s", motia.Stream("nowhere")), `0 (stream "nowhere")`, `stream "nowhere" is not declared; declared: "reg-stream"`},
		"topic of another type":     {regStep[int]("s", regTopic.Trigger()), `0 (queue "reg-topic")`, "payload is motia_test.httpSmall, but the step's input is int"},
		"scope of another type":     {regStep[int]("s", regScope.Trigger()), `0 (state "reg-scope")`, "payload is motia_test.httpSmall, but the step's input is int"},
		"stream of another type":    {regStep[int]("s", regStream.Trigger()), `0 (stream "reg-stream")`, "payload is motia_test.httpSmall, but the step's input is int"},
		"negative attempts":         {regStep[httpSmall]("s", motia.Queue("t", motia.QueueConfig{MaxAttempts: -1})), `0 (queue "t")`, "QueueConfig.MaxAttempts is negative: -1"},
		"negative visibility":       {regStep[httpSmall]("s", motia.Queue("t", motia.QueueConfig{VisibilityTimeout: -1})), `0 (queue "t")`, "QueueConfig.VisibilityTimeout is negative: -1"},
		"negative delay":            {regStep[httpSmall]("s", motia.Queue("t", motia.QueueConfig{Delay: -time.Second})), `0 (queue "t")`, "QueueConfig.Delay is negative"},
		"negative concurrency":      {regStep[httpSmall]("s", motia.Queue("t", motia.QueueConfig{Concurrency: -1})), `0 (queue "t")`, "QueueConfig.Concurrency is negative: -1"},
		"negative bound":            {regStep[httpSmall]("s", motia.Queue("t", motia.QueueConfig{MaxPending: -1})), `0 (queue "t")`, "QueueConfig.MaxPending is negative: -1"},
		"unknown queue type":        {regStep[httpSmall]("s", motia.Queue("t", motia.QueueConfig{Type: "lifo"})), `0 (queue "t")`, `unknown queue type "lifo"`},
		"condition of another type": {regStep[int]("s", motia.Queue("t", motia.When(accept))), `0 (queue "t")`, "condition takes Input[motia_test.httpSmall], but the step's input is int"},
		"nil condition":             {regStep[httpSmall]("s", motia.Queue("t", motia.When(nilCondition))), `0 (queue "t")`, "condition is nil"},
		"nil middleware":            {regStep[httpSmall]("s", motia.HTTP("GET", "/x", motia.Use(nil...), motia.Use(nil, nil))), "0 (http GET /x)", "middleware is nil"},
		"bad validate tag":          {regStep[regBadTag]("s", ok), "0 (http GET /ok)", `field regBadTag.A: bad rule "nonsense" in validate tag`},
		"queue config on HTTP":      {regStep[httpSmall]("s", motia.HTTP("GET", "/x", motia.QueueConfig{Delay: 1})), "0 (http GET /x)", "QueueConfig is not an option of http triggers"},
		"bound on cron":             {regStep[httpSmall]("s", motia.Cron("@daily", motia.QueueConfig{MaxPending: 1})), `0 (cron "@daily")`, "MaxPending is for queue triggers"},
		"middleware on a queue":     {regStep[httpSmall]("s", motia.Queue("t", motia.Use())), `0 (queue "t")`, "Use is an option of http triggers"},
		"zone on a queue":           {regStep[httpSmall]("s", motia.Queue("t", motia.InZone("UTC"))), `0 (queue "t")`, "InZone is an option of cron triggers"},
		"overlap on state":          {regStep[httpSmall]("s", motia.State(motia.OverlapSkip)), "0 (state)", "Overlap is an option of cron triggers"},
		"scope on a stream":         {regStep[httpSmall]("s", regStream.Trigger(motia.InScope("x"))), `0 (stream "reg-stream")`, "InScope is an option of state triggers"},
		"key on a queue":            {regStep[httpSmall]("s", motia.Queue("t", motia.ForKey("x"))), `0 (queue "t")`, "ForKey is an option of state triggers"},
		"item on state":             {regStep[httpSmall]("s", motia.State(motia.ForItem("x"))), "0 (state)", "ForItem is an option of stream triggers"},
		"group on a queue":          {regStep[httpSmall]("s", motia.Queue("t", motia.InGroup("x"))), `0 (queue "t")`, "InGroup is an option of stream triggers"},
		"queue trigger on HTTPStep": {motia.HTTPStep(motia.StepConfig{Name: "s", Triggers: []motia.Trigger{motia.Queue("t")}}, func(*motia.HTTPInput[int], *motia.FlowContext[any, int]) (motia.Response, error) {
			return motia.Response{}, nil
		}), `0 (queue "t")`, "the step takes http triggers only; use NewStep for several kinds"},
		"HTTP trigger on QueueStep":   {motia.QueueStep(motia.StepConfig{Name: "s", Triggers: []motia.Trigger{ok}}, func(int, *motia.FlowContext[any, int]) error { return nil }), "0 (http GET /ok)", "the step takes queue triggers only"},
		"state trigger on CronStep":   {motia.CronStep(motia.StepConfig{Name: "s", Triggers: []motia.Trigger{motia.State()}}, func(*motia.FlowContext[any, motia.None]) error { return nil }), "0 (state)", "the step takes cron triggers only"},
		"cron trigger on StateStep":   {motia.StateStep(motia.StepConfig{Name: "s", Triggers: []motia.Trigger{motia.Cron("@daily")}}, func(*motia.StateInput[int], *motia.FlowContext[any, int]) error { return nil }), `0 (cron "@daily")`, "the step takes state triggers only"},
		"state trigger on StreamStep": {motia.StreamStep(motia.StepConfig{Name: "s", Triggers: []motia.Trigger{motia.State()}}, func(*motia.StreamInput[int], *motia.FlowContext[any, int]) error { return nil }), "0 (state)", "the step takes stream triggers only"},
	} {
		t.Run(name, func(t *testing.T) {
			app, _ := testkit.NewApp(t, &motia.Options{Streams: []motia.StreamConfig{{Name: string(regStream)}}})
			err := app.Register(test.step)
			mistakes := regMistakes(t, err)
			var mistake *motia.StepError
			require.ErrorAs(t, mistakes[0], &mistake)
			require.ErrorContains(t, mistake.Err, test.want)
			require.Equal(t, test.trigger, mistake.Trigger)
			require.True(t, strings.HasPrefix(err.Error(), `motia: step "`+mistake.Step+`": `), err.Error())
			if name != "nil middleware" { // there are two of them
				require.Len(t, mistakes, 1)
			}
		})
	}
}

func TestNamesAreUnique(t *testing.T) {
	app, _ := testkit.NewApp(t, nil, regStep[int]("a", motia.Queue("t")))
	err := app.Register(regStep[int]("a", motia.Queue("t")), regStep[int]("b", motia.Queue("t")), regStep[int]("b", motia.Queue("t")))
	require.Equal(t, "motia: step \"a\": name is taken by another step\nmotia: step \"b\": name is taken by another step", err.Error())
}

func TestRoutesThatConflictNameTheOtherStep(t *testing.T) {
	app, _ := testkit.NewApp(t, nil, regStep[int]("first", motia.HTTP("POST", "/orders/:id"), motia.HTTP("GET", "/:a/x")))
	for _, test := range []struct{ method, path, want string }{
		{"POST", "/orders/:id", `route is already used by http POST /orders/:id of step "first"`},
		{"post", "/orders/{other}", `route is already used by http POST /orders/:id of step "first"`},
		{"GET", "/x/:b", `route conflicts with http GET /:a/x of step "first": neither is more specific`},
	} {
		err := app.Register(regStep[int]("second", motia.HTTP(test.method, test.path)))
		require.ErrorContains(t, err, test.want)
		require.ErrorContains(t, err, `motia: step "second": trigger 0 (http `+test.method+" "+test.path+"): ")
	}
	err := app.Register(regStep[int]("third", motia.HTTP("PUT", "/a"), motia.HTTP("PUT", "/a")))
	require.ErrorContains(t, err, `trigger 1 (http PUT /a): route is already used by http PUT /a of step "third"`)
	require.NoError(t, app.Register(regStep[int]("fine", motia.HTTP("GET", "/orders/:id/y"), motia.HTTP("POST", "/orders/new"), motia.HTTP("HEAD", "/:a/x"))))
}

func TestEverythingWrongAtOnceIsReportedAtOnceAndNothingIsRegistered(t *testing.T) {
	app := motia.New(&motia.Options{Queue: motia.QueueConfig{Concurrency: -1}})
	bad := []motia.Step{
		regStep[httpSmall]("good", motia.HTTP("GET", "/good"), motia.Queue("good-topic")),
		regStep[int]("good", motia.HTTP("GET", "bad"), motia.Cron("bad"), regTopic.Trigger(motia.QueueConfig{Delay: -1, Concurrency: -1}), motia.Stream("bad")),
		regStep[regBadTag]("", motia.Trigger{}, motia.HTTP("GET", "/good")),
		{},
	}
	mistakes := regMistakes(t, app.Register(bad...))
	var texts []string
	for _, m := range mistakes {
		texts = append(texts, m.Error())
	}
	require.Len(t, mistakes, 13, strings.Join(texts, "\n"))
	require.Equal(t, "motia: Options.Queue: QueueConfig.Concurrency is negative: -1", texts[0])
	for _, m := range mistakes[1:] {
		require.ErrorAs(t, m, new(*motia.StepError))
	}
	require.ErrorAs(t, errors.Join(mistakes...), new(*motia.UndeclaredStreamError))
	require.Equal(t, 404, do(t, app, "GET", "/good", "").Code)

	app, _ = testkit.NewApp(t, nil)
	require.Error(t, app.Register(bad...))
	require.Equal(t, 404, do(t, app, "GET", "/good", "").Code)
	notes, err := app.Validate()
	require.NoError(t, err)
	require.Empty(t, notes)
	require.NoError(t, app.Register(bad[0]), "names and routes of refused steps are free")
	require.Equal(t, 204, do(t, app, "GET", "/good", "").Code)
	require.NoError(t, app.Register(regStep[int]("more", motia.HTTP("GET", "/more"))), "registering adds")
	require.Equal(t, 204, do(t, app, "GET", "/good", "").Code)
	require.Equal(t, 204, do(t, app, "GET", "/more", "").Code)
}

func TestMistakesInOptionsAreReportedByRegister(t *testing.T) {
	app := motia.New(&motia.Options{
		Streams:         []motia.StreamConfig{{}, {Name: "a"}, {Name: "a"}, {Name: "\xff"}},
		Queue:           motia.QueueConfig{MaxAttempts: -1},
		Middleware:      []func(http.Handler) http.Handler{nil},
		StepMiddleware:  []motia.StepMiddleware{nil},
		MaxBodySize:     -1,
		MaxValueSize:    -1,
		ShutdownTimeout: -1,
		Backend:         &driver.Backend{},
	})
	err := app.Register()
	require.Len(t, regMistakes(t, err), 10, err)
	for _, want := range []string{
		"Options.Streams[0] has no name", `Options.Streams[2]: stream "a" is declared twice`, "Options.Streams[3]: name", "Options.Queue: QueueConfig.MaxAttempts is negative",
		"Options.Middleware[0] is nil", "Options.StepMiddleware[0] is nil", "Options.MaxBodySize is negative", "Options.MaxValueSize is negative",
		"Options.ShutdownTimeout is negative", "Options.Backend must have Queue, KV and Bus",
	} {
		require.ErrorContains(t, err, "motia: "+want)
	}
	require.ErrorContains(t, app.Register(regStep[int]("s", motia.HTTP("GET", "/x"))), "Options.Backend must have")
}

func TestStepsAreValues(t *testing.T) {
	triggers := []motia.Trigger{motia.HTTP("GET", "/x")}
	enqueues := []string{"a"}
	step := motia.HTTPStep(motia.StepConfig{Name: "s", Triggers: triggers, Enqueues: enqueues},
		func(_ *motia.HTTPInput[motia.None], ctx *motia.FlowContext[any, motia.None]) (motia.Response, error) {
			return motia.Response{}, ctx.Enqueue(motia.Message[any]{Topic: "a"})
		})
	triggers[0], enqueues[0] = motia.HTTP("GET", "/y"), "b"
	for range 2 { // the same step in two apps
		app, _ := testkit.NewApp(t, nil, step)
		require.Equal(t, 204, do(t, app, "GET", "/x", "").Code)
		require.Equal(t, 404, do(t, app, "GET", "/y", "").Code)
	}
}

func TestInputsThatTakeAnythingTakeTypedNames(t *testing.T) {
	testkit.NewApp(t, nil, regStep[any]("any", regTopic.Trigger()), regStep[driver.Header]("own", motia.Queue("t")), regStep[motia.None]("none", regTopic.Trigger()))
}

func TestRegisteringWhileRunningOrAfterwardsIsRefused(t *testing.T) {
	app, _ := testkit.NewApp(t, nil, httpAnswer(motia.Response{}, nil))
	stop := testkit.Start(t, app)
	require.Eventually(t, func() bool { return errors.Is(app.Register(), motia.ErrRunning) }, 5*time.Second, time.Millisecond)
	require.ErrorContains(t, app.Register(httpEcho("GET", "/y")), "register steps before Run")
	require.NoError(t, stop())
	require.ErrorIs(t, app.Register(httpEcho("GET", "/y")), motia.ErrShutdown)
}

func TestTheSliceOfStepsIsTheCallersAgainAfterRegister(t *testing.T) {
	app, _ := testkit.NewApp(t, nil)
	steps := []motia.Step{httpEcho("GET", "/a"), httpEcho("GET", "/b")}
	require.NoError(t, app.Register(steps...))
	clear(steps)
	require.Equal(t, 200, do(t, app, "GET", "/a", "").Code)
	require.ErrorContains(t, app.Register(httpEcho("GET", "/b")), "name is taken by another step")
}

func TestMiddlewareMayUseTheAppWhileItIsBuilt(t *testing.T) {
	app, _ := testkit.NewApp(t, nil)
	done := make(chan error)
	go func() {
		done <- app.Register(regStep[int]("s", motia.HTTP("GET", "/x", motia.Use(func(next http.Handler) http.Handler {
			_, _ = app.Validate()
			return next
		}))))
	}()
	select {
	case err := <-done:
		require.NoError(t, err)
	case <-time.After(10 * time.Second):
		t.Fatal("Register hangs")
	}
}

func TestMiddlewareThatReturnsNoHandlerIsAMistake(t *testing.T) {
	for name, build := range map[string]httpMiddleware{
		"nil":       func(http.Handler) http.Handler { return nil },
		"typed nil": func(http.Handler) http.Handler { return http.HandlerFunc(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			pass := func(next http.Handler) http.Handler { return next }
			app, _ := testkit.NewApp(t, nil)
			err := app.Register(regStep[int]("s", motia.HTTP("GET", "/x", motia.Use(pass, build))))
			require.EqualError(t, err, `motia: step "s": trigger 0 (http GET /x): middleware 1 returned a nil handler`)
			require.ErrorAs(t, err, new(*motia.StepError))
			require.Equal(t, 404, do(t, app, "GET", "/x", "").Code)
			require.NoError(t, app.Register(regStep[int]("s", motia.HTTP("GET", "/x"))))
			require.Equal(t, 204, do(t, app, "GET", "/x", "").Code)

			app = motia.New(&motia.Options{Middleware: []httpMiddleware{build}})
			require.EqualError(t, app.Register(), "motia: Options.Middleware: middleware 0 returned a nil handler")
			require.Equal(t, 404, do(t, app, "GET", "/x", "").Code)
		})
	}
}

func TestTriggersThatSayTheSameTwiceAreMistakes(t *testing.T) {
	always := motia.When(func(motia.Input[httpSmall]) bool { return true })
	for name, test := range map[string]struct {
		triggers []motia.Trigger
		want     string // none: it is fine
	}{
		"queue":              {[]motia.Trigger{motia.HTTP("GET", "/x"), motia.Queue("t"), motia.Queue("t")}, `trigger 2 (queue "t"): has the same queue as trigger 1`},
		"cron":               {[]motia.Trigger{motia.Cron("@daily"), motia.Cron("@daily")}, "has the same queue as trigger 0"},
		"state":              {[]motia.Trigger{motia.State(), motia.State()}, "has the same queue as trigger 0"},
		"typed scope":        {[]motia.Trigger{regScope.Trigger(), motia.State(motia.InScope(string(regScope)))}, "has the same queue as trigger 0"},
		"stream":             {[]motia.Trigger{regStream.Trigger(), regStream.Trigger()}, "has the same queue as trigger 0"},
		"other zone":         {[]motia.Trigger{motia.Cron("@daily"), motia.Cron("@daily", motia.InZone("Europe/Berlin"))}, ""},
		"other topic":        {[]motia.Trigger{motia.Queue("t"), motia.Queue("u")}, ""},
		"condition":          {[]motia.Trigger{motia.Queue("t", always), motia.Queue("t")}, "has the same queue as trigger 0"},
		"other condition":    {[]motia.Trigger{motia.Queue("t", always), motia.Queue("t", always)}, "has the same queue as trigger 0"},
		"routes":             {[]motia.Trigger{motia.HTTP("GET", "/x"), motia.HTTP("GET", "/y")}, ""},
		"scope twice":        {[]motia.Trigger{motia.State(motia.InScope("a"), motia.InScope("b"))}, "scope is given twice"},
		"scope of its own":   {[]motia.Trigger{regScope.Trigger(motia.InScope("b"))}, "scope is given twice"},
		"key twice":          {[]motia.Trigger{motia.State(motia.ForKey("a"), motia.ForKey("b"))}, "key is given twice"},
		"group twice":        {[]motia.Trigger{regStream.Trigger(motia.InGroup("a"), motia.InGroup("b"))}, "group is given twice"},
		"item twice":         {[]motia.Trigger{regStream.Trigger(motia.ForItem("a"), motia.ForItem("b"))}, "item is given twice"},
		"zone twice":         {[]motia.Trigger{motia.Cron("@daily", motia.InZone("UTC"), motia.InZone("Europe/Berlin"))}, "time zone is given twice"},
		"everything once":    {[]motia.Trigger{regScope.Trigger(motia.ForKey("a")), regStream.Trigger(motia.InGroup("a"), motia.ForItem("b"))}, ""},
		"method of the star": {[]motia.Trigger{motia.HTTP("*", "/x")}, `"*" is not a method`},
		"any method":         {[]motia.Trigger{motia.HTTP("any", "/x")}, `"ANY" is not a method`},
		"all methods":        {[]motia.Trigger{motia.HTTP("ALL", "/x")}, `"ALL" is not a method`},
	} {
		t.Run(name, func(t *testing.T) {
			app, _ := testkit.NewApp(t, &motia.Options{Streams: []motia.StreamConfig{{Name: string(regStream)}}})
			err := app.Register(regStep[httpSmall]("s", test.triggers...))
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			require.Len(t, regMistakes(t, err), 1)
			require.ErrorContains(t, err, test.want)
		})
	}
}

// fullDisk is a queue that takes no more subscriptions once it is full.
type fullDisk struct {
	driver.Queue
	full atomic.Bool
}

func (q *fullDisk) Bind(ctx context.Context, topic, subscription string, config driver.SubscriptionConfig) error {
	if q.full.Load() {
		return errors.New("disk is full")
	}
	return q.Queue.Bind(ctx, topic, subscription, config)
}

func TestARegistrationThatFailsTakesNothingAndFreesNothing(t *testing.T) {
	backend := motia.InMemory(nil)
	queue := &fullDisk{Queue: backend.Queue}
	backend.Queue = queue
	step := func(name string) motia.Step {
		return regStep[int](name, motia.HTTP("GET", "/"+name), motia.Queue("t", motia.Named(name)))
	}
	app, _ := testkit.NewApp(t, &motia.Options{Backend: backend}, step("first"))
	require.ErrorContains(t, app.Register(step("second"), step("first")), "name is taken by another step")
	queue.full.Store(true)
	require.EqualError(t, app.Register(step("second")), `motia: step "second": trigger 1 (queue "t" named "second"): bind: disk is full`)
	queue.full.Store(false)
	require.Equal(t, 404, do(t, app, "GET", "/second", "").Code)
	require.Len(t, app.Steps(), 1)

	require.Len(t, regMistakes(t, app.Register(step("first"))), 3, "its name, its route and that of its trigger are taken")
	require.NoError(t, app.Register(step("second")))
	require.Len(t, regMistakes(t, app.Register(step("first"), step("second"))), 6)
	require.Equal(t, 204, do(t, app, "GET", "/first", "").Code)
	require.Equal(t, 204, do(t, app, "GET", "/second", "").Code)
}

func TestRequestsAreServedWhileStepsAreRegistered(t *testing.T) {
	app, _ := testkit.NewApp(t, nil, regStep[int]("s", motia.HTTP("GET", "/0")))
	var work sync.WaitGroup
	for i := range 20 {
		work.Go(func() {
			assert.NoError(t, app.Register(regStep[int](fmt.Sprint("s", i), motia.HTTP("GET", fmt.Sprint("/more/", i)))))
			assert.Equal(t, 204, do(t, app, "GET", fmt.Sprint("/more/", i), "").Code)
		})
		work.Go(func() { assert.Equal(t, 204, do(t, app, "GET", "/0", "").Code) })
	}
	work.Wait()
	require.Len(t, app.Steps(), 21)
}
