package motia_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/testkit"
)

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
		"method of the star": {[]motia.Trigger{motia.HTTP("*", "/x")}, `name one method; "*" is none`},
		"any method":         {[]motia.Trigger{motia.HTTP("any", "/x")}, `name one method; "ANY" is none`},
		"all methods":        {[]motia.Trigger{motia.HTTP("ALL", "/x")}, `name one method; "ALL" is none`},
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

func TestTheFlowGraphIsLoggedUnderOneHeading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, log := testkit.NewApp(t, nil, graphStep("a", nil, []string{"x"}))
		require.NoError(t, testkit.Start(t, app)())
		require.NotContains(t, log.String(), "flow graph: motia: ")
		require.Contains(t, log.String(), "flow graph: step ")
	})
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
