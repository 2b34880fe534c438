package motia_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/testkit"
)

// queueStep is a step on one topic that takes any payload, its options after the handler.
func queueStep[T any](name, topic string, handler func(ctx *motia.FlowContext[motia.None, T], data T) error, opts ...motia.TriggerOption) motia.Step {
	return motia.QueueStep(motia.StepConfig{Name: name, Triggers: []motia.Trigger{motia.Queue(topic, opts...)}},
		func(data T, ctx *motia.FlowContext[motia.None, T]) error { return handler(ctx, data) })
}

// queueSend enqueues one message from host code.
func queueSend(t testing.TB, app *motia.App, topic string, data any, opts ...motia.EnqueueOption) {
	t.Helper()
	require.NoError(t, motia.Topic[any](topic).Enqueue(app.Context(t.Context()), data, opts...))
}

// queueSharedBackend is a backend that outlives the apps that use it.
func queueSharedBackend() *driver.Backend {
	b := motia.InMemory(nil)
	b.Close = nil
	return b
}

type queueCtx = motia.FlowContext[motia.None, string]

func TestEverySubscribedStepGetsEveryMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got testkit.List[string]
		record := func(step string) func(*queueCtx, string) error {
			return func(_ *queueCtx, data string) error {
				got.Add(step + data)
				return nil
			}
		}
		app, _ := testkit.NewApp(t, nil, queueStep("one", "t", record("one")), queueStep("two", "t", record("two")), queueStep("other", "u", record("other")),
			motia.QueueStep(motia.StepConfig{Name: "twice", Triggers: []motia.Trigger{motia.Queue("t"), motia.Queue("t", motia.When(func(motia.Input[string]) bool { return true }), motia.Named("again")), motia.Queue("u")}},
				func(data string, ctx *queueCtx) error {
					return record(fmt.Sprint("twice", ctx.Trigger.Index))(ctx, data)
				}))
		queueSend(t, app, "t", "A") // also before Run
		testkit.Start(t, app)
		queueSend(t, app, "t", "B")
		synctest.Wait()
		require.ElementsMatch(t, []string{"oneA", "oneB", "twoA", "twoB", "twice0A", "twice0B", "twice1A", "twice1B"}, got.All())
	})
}

func TestAppsThatShareABackendShareTheMessagesOfAStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend := queueSharedBackend()
		var got, where testkit.List[string]
		var apps []*motia.App
		for i := range 2 {
			app, _ := testkit.NewApp(t, &motia.Options{Backend: backend}, queueStep("s", "t", func(_ *queueCtx, data string) error {
				got.Add(data)
				where.Add(fmt.Sprint(i))
				time.Sleep(time.Second)
				return nil
			}, motia.QueueConfig{Concurrency: 1}))
			apps = append(apps, app)
			testkit.Start(t, app)
		}
		want := []string{"0", "1", "2", "3"}
		for i, data := range want {
			queueSend(t, apps[i%2], "t", data)
		}
		time.Sleep(time.Minute)
		require.ElementsMatch(t, want, got.All())
		require.ElementsMatch(t, []string{"0", "0", "1", "1"}, where.All())
	})
}

func TestMessagesOfAGroupRunOneAtATimeAndInOrderWhileGroupsRunSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const groups, messages = 5, 20
		got := make([]testkit.List[string], groups)
		running := make([]atomic.Int32, groups)
		app, _ := testkit.NewApp(t, nil, queueStep("s", "t", func(_ *motia.FlowContext[motia.None, [2]int], data [2]int) error {
			group := data[0]
			if running[group].Add(1) > 1 {
				got[group].Add("two at once")
			}
			time.Sleep(time.Second)
			got[group].Add(fmt.Sprint(data[1]))
			running[group].Add(-1)
			return nil
		}))
		testkit.Start(t, app)
		began := time.Now()
		var want []string
		for i := range messages {
			for group := range groups {
				queueSend(t, app, "t", [2]int{group, i}, motia.InGroup(fmt.Sprint(group)))
			}
			want = append(want, fmt.Sprint(i))
		}
		time.Sleep(messages * time.Second)
		synctest.Wait()
		require.Equal(t, messages*time.Second, time.Since(began), "as long as one group alone takes")
		for group := range groups {
			require.Equal(t, want, got[group].All())
		}
	})
}

func TestFIFOOrdersMessagesWithoutAGroup(t *testing.T) {
	for _, c := range []struct {
		kind motia.QueueType
		took time.Duration
	}{{motia.QueueFIFO, 5 * time.Second}, {motia.QueueStandard, time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			var got testkit.List[string]
			app, _ := testkit.NewApp(t, nil, queueStep("s", "t", func(_ *queueCtx, data string) error {
				time.Sleep(time.Second)
				got.Add(data)
				return nil
			}, motia.QueueConfig{Type: c.kind}))
			testkit.Start(t, app)
			want := []string{"0", "1", "2", "3", "4"}
			for _, data := range want {
				queueSend(t, app, "t", data)
			}
			time.Sleep(c.took)
			synctest.Wait()
			if c.kind == motia.QueueFIFO {
				require.Equal(t, want, got.All())
			} else {
				require.ElementsMatch(t, want, got.All(), "side by side")
			}
		})
	}
}

func TestConcurrencyBoundsTheHandlersOfATrigger(t *testing.T) {
	for _, c := range []struct {
		name         string
		app, trigger motia.QueueConfig
		want         int32
	}{
		{"default", motia.QueueConfig{}, motia.QueueConfig{}, 10},
		{"of the app", motia.QueueConfig{Concurrency: 4}, motia.QueueConfig{}, 4},
		{"of the trigger", motia.QueueConfig{Concurrency: 4}, motia.QueueConfig{Concurrency: 2}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var running, most, done atomic.Int32
				app, _ := testkit.NewApp(t, &motia.Options{Queue: c.app}, queueStep("s", "t", func(*queueCtx, string) error {
					if n := running.Add(1); n > most.Load() {
						most.Store(n)
					}
					time.Sleep(time.Second)
					running.Add(-1)
					done.Add(1)
					return nil
				}, c.trigger))
				testkit.Start(t, app)
				for range 40 {
					queueSend(t, app, "t", "")
				}
				time.Sleep(time.Minute)
				require.Equal(t, c.want, most.Load())
				require.Equal(t, int32(40), done.Load())
			})
		})
	}
}

func TestADelayHoldsMessagesBack(t *testing.T) {
	for _, c := range []struct {
		name                  string
		app, trigger, message time.Duration
		want                  time.Duration
	}{
		{"none", 0, 0, 0, 0},
		{"of the message", 0, 0, time.Hour, time.Hour},
		{"of the trigger", 0, time.Minute, 0, time.Minute},
		{"of the app", time.Second, 0, 0, time.Second},
		{"of the trigger before that of the app", time.Hour, time.Minute, 0, time.Minute},
		{"the longer one", 0, time.Minute, time.Second, time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var took atomic.Int64
				took.Store(-1)
				began := time.Now()
				app, _ := testkit.NewApp(t, &motia.Options{Queue: motia.QueueConfig{Delay: c.app}}, queueStep("s", "t", func(*queueCtx, string) error {
					took.Store(int64(time.Since(began)))
					return nil
				}, motia.QueueConfig{Delay: c.trigger}))
				testkit.Start(t, app)
				queueSend(t, app, "t", "", motia.After(c.message))
				time.Sleep(2 * time.Hour)
				require.Equal(t, c.want, time.Duration(took.Load()))
			})
		})
	}
}

func TestABoundedQueueRefusesWhatItHasNoRoomFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		app, _ := testkit.NewApp(t, nil, queueStep("s", "t", func(*queueCtx, string) error {
			<-release
			return nil
		}, motia.QueueConfig{MaxPending: 3, Concurrency: 1}))
		testkit.Start(t, app)
		ctx := app.Context(t.Context())
		queueSend(t, app, "t", "runs")
		queueSend(t, app, "t", "waits")
		queueSend(t, app, "t", "is delayed", motia.After(time.Second))
		synctest.Wait()
		err := motia.Topic[string]("t").Enqueue(ctx, "too many")
		require.ErrorIs(t, err, motia.ErrQueueFull)
		require.ErrorContains(t, err, `motia: enqueue "t": `)
		close(release)
		time.Sleep(time.Minute)
		for range 3 {
			queueSend(t, app, "t", "there is room again")
		}
	})
}

func TestAFalseConditionIsDoneWithTheMessageForThatStepOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got testkit.List[string]
		record := func(step string) func(*queueCtx, string) error {
			return func(_ *queueCtx, data string) error {
				got.Add(step + data)
				return nil
			}
		}
		is := func(want string) motia.TriggerOption {
			return motia.When(func(in motia.Input[string]) bool { return in.(*motia.QueueInput[string]).Data == want })
		}
		app, log := testkit.NewApp(t, nil,
			queueStep("picky", "t", record("picky"), is("yes")),
			queueStep("never", "t", record("never"), is("yes"), is("no")),
			queueStep("all", "t", record("all")))
		testkit.Start(t, app)
		queueSend(t, app, "t", "yes", motia.InGroup("g"))
		queueSend(t, app, "t", "no", motia.InGroup("g"))
		queueSend(t, app, "t", "yes", motia.InGroup("g"))
		time.Sleep(time.Hour)
		require.ElementsMatch(t, []string{"pickyyes", "pickyyes", "allyes", "allno", "allyes"}, got.All())
		n, err := app.DeadLetters().Count(t.Context(), motia.DeadLetterQuery{})
		require.NoError(t, err)
		require.Zero(t, n)
		require.NotContains(t, log.String(), "step failed")
	})
}

func TestAConditionThatPanicsIsAFailedAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		var attempts testkit.List[string]
		app, log := testkit.NewApp(t, nil, queueStep("s", "t", func(ctx *queueCtx, _ string) error {
			attempts.Add(fmt.Sprint(ctx.Trigger.Attempt))
			return nil
		}, motia.When(func(motia.Input[string]) bool {
			if calls.Add(1) == 1 {
				panic(errors.New("bad condition"))
			}
			return true
		})))
		testkit.Start(t, app)
		queueSend(t, app, "t", "")
		time.Sleep(time.Minute)
		require.Equal(t, []string{"2"}, attempts.All())
		records := log.Records(t, "step failed, will be retried")
		require.Len(t, records, 1)
		require.Equal(t, "panic: bad condition", records[0]["error"])
		require.Contains(t, records[0]["stack"], "TestAConditionThatPanicsIsAFailedAttempt")
	})
}
