package motia_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/testkit"
)

func TestChangesOfAKeyReachATriggerInTheirOrder(t *testing.T) {
	const keys, writers, writes = 5, 4, 50
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		last := make(map[string]string) // key to the value it has after the changes seen
		inFlight := make(map[string]int)
		count, failures := 0, 0
		watch := stateStep("watch", func(in *stateInput, _ *stateFlow) error {
			mu.Lock()
			inFlight[in.Key]++
			if inFlight[in.Key] > 1 {
				t.Errorf("two changes of key %s at once", in.Key)
			}
			mu.Unlock()
			time.Sleep(time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			inFlight[in.Key]--
			if failures++; failures%7 == 0 {
				return errors.New("again")
			}
			old, current := "", ""
			if in.Old != nil {
				old = string(*in.Old)
			}
			if in.New != nil {
				current = string(*in.New)
			}
			if last[in.Key] != old {
				t.Errorf("key %s: change from %q after one to %q", in.Key, old, last[in.Key])
			}
			last[in.Key] = current
			count++
			return nil
		}, motia.State(motia.QueueConfig{MaxAttempts: 51, Concurrency: 16}))
		app, _ := testkit.NewApp(t, nil, watch)
		testkit.Start(t, app)
		var group sync.WaitGroup
		for w := range writers {
			group.Go(func() {
				state := stateOf(t, app)
				for i := range writes {
					key := fmt.Sprint(i % keys)
					_, err := state.Set("s", key, fmt.Sprint(w, "-", i))
					if i%10 == 9 {
						_, err = state.Delete("s", key)
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		require.GreaterOrEqual(t, count, writers*writes)
		for i := range keys {
			var want stateAny
			_, err := stateOf(t, app).Get("s", fmt.Sprint(i), &want)
			require.NoError(t, err)
			require.Equal(t, string(want), last[fmt.Sprint(i)])
		}
	})
}

func TestAFailingStateTriggerIsRetriedThenDeadLetteredAndHoldsBackOnlyItsKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen testkit.List[string]
		watch := stateStep("watch", func(in *stateInput, ctx *stateFlow) error {
			seen.Add(fmt.Sprintf("%s %s #%d", in.Key, *in.New, ctx.Trigger.Attempt))
			if in.Key == "bad" && string(*in.New) == "1" {
				return errors.New("no good")
			}
			return nil
		}, motia.State(motia.QueueConfig{MaxAttempts: 3}))
		app, _ := testkit.NewApp(t, nil, watch)
		testkit.Start(t, app)
		state := stateOf(t, app)
		for _, key := range []string{"bad", "good"} {
			for n := range 2 {
				_, err := state.Set("s", key, n+1)
				require.NoError(t, err)
			}
		}
		synctest.Wait()
		require.ElementsMatch(t, []string{"bad 1 #1", "good 1 #1", "good 2 #1"}, seen.All())
		time.Sleep(time.Minute)
		require.Equal(t, []string{"bad 1 #2", "bad 1 #3", "bad 2 #1"}, seen.All()[3:])
		letter := stateOnlyDeadLetter(t, app)
		require.Equal(t, "watch", letter.Step)
		require.Equal(t, motia.TriggerState, letter.Trigger)
		require.JSONEq(t, `{"type":"created","scope":"s","key":"bad","new":1}`, string(letter.Payload))
		require.Len(t, letter.Attempts, 3)
		require.Contains(t, letter.Attempts[2].Error, "no good")
	})
}

func TestStateAndStreamTriggersAreRetriedInOrderAndOnceForAllReplicas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen testkit.List[string]
		opts := &motia.Options{Backend: motia.InMemory(nil), Streams: []motia.StreamConfig{{Name: "notes"}}}
		steps := func() []motia.Step {
			handle := func(text string, attempt int) error {
				seen.Add(fmt.Sprint(text, " #", attempt))
				if attempt == 1 {
					return errBoom
				}
				return nil
			}
			return []motia.Step{
				stateStep("state", func(in *stateInput, ctx *stateFlow) error { return handle(stateText(in), ctx.Trigger.Attempt) }, motia.State()),
				motia.StreamStep(motia.StepConfig{Name: "stream", Triggers: []motia.Trigger{testkit.Notes.Trigger()}},
					func(in *noteInput, ctx *noteFlow) error { return handle(testkit.NoteText(*in), ctx.Trigger.Attempt) }),
			}
		}
		one, _ := testkit.NewApp(t, opts, steps()...)
		two, _ := testkit.NewApp(t, opts, steps()...)
		testkit.Start(t, one)
		testkit.Start(t, two)
		synctest.Wait()
		for n := range 2 {
			_, err := stateOf(t, one).Set("s", "k", n)
			require.NoError(t, err)
		}
		_, err := stateOf(t, two).Delete("s", "missing")
		require.NoError(t, err)
		time.Sleep(time.Minute)
		testkit.SetNote(t, two, "g", "i", 1)
		time.Sleep(time.Minute)
		require.Equal(t, []string{
			"created s/k ->0 #1", "created s/k ->0 #2", "updated s/k 0>1 #1", "updated s/k 0>1 #2", "g/i create 1 #1", "g/i create 1 #2",
		}, seen.All())
	})
}

func stateOnlyDeadLetter(t *testing.T, app *motia.App) motia.DeadLetter {
	t.Helper()
	letters, err := app.DeadLetters().List(t.Context(), motia.DeadLetterQuery{})
	require.NoError(t, err)
	require.Len(t, letters, 1)
	return letters[0]
}

func TestANewValueThatIsInvalidIsDeadLetteredWithoutTheHandler(t *testing.T) {
	type order struct {
		Qty int `json:"qty" validate:"min=1"`
	}
	for name, value := range map[string]any{"does not validate": order{}, "does not decode": "text"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var seen testkit.List[string]
				step := motia.StateStep(motia.StepConfig{Name: "watch", Triggers: []motia.Trigger{motia.State()}},
					func(in *motia.StateInput[order], _ *motia.FlowContext[motia.None, order]) error {
						seen.Add(fmt.Sprint(in.Type, in.Old, in.New))
						return nil
					})
				app, _ := testkit.NewApp(t, nil, step)
				testkit.Start(t, app)
				_, err := stateOf(t, app).Set("s", "k", value)
				require.NoError(t, err)
				synctest.Wait()
				require.Empty(t, seen.All())
				letter := stateOnlyDeadLetter(t, app)
				require.Len(t, letter.Attempts, 1)
				if name == "does not validate" {
					require.Contains(t, letter.Attempts[0].Error, "qty")
					_, err = stateOf(t, app).Set("s", "k", order{Qty: 2})
					require.NoError(t, err)
					synctest.Wait()
					require.Equal(t, []string{"updated&{0} &{2}"}, seen.All(), "the old value need not be valid")
				}
			})
		})
	}
}

func TestAChainOfMoreThanAHundredTriggersIsALoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		app, _ := testkit.NewApp(t, nil, stateStep("loop", func(in *stateInput, ctx *stateFlow) error {
			runs++
			_, err := ctx.State.Update(in.Scope, in.Key, motia.Increment("", 1)) // writes its own key
			return err
		}, motia.State()))
		testkit.Start(t, app)
		_, err := stateOf(t, app).Set("s", "k", 0)
		require.NoError(t, err)
		synctest.Wait()
		require.Equal(t, 100, runs)
		letter := stateOnlyDeadLetter(t, app)
		require.Contains(t, letter.Attempts[0].Error, motia.ErrTriggerLoop.Error())
		require.Len(t, letter.Attempts, 1, "it is not retried")
		var n int
		_, err = stateOf(t, app).Get("s", "k", &n)
		require.NoError(t, err)
		require.Equal(t, 100, n)

		_, err = stateOf(t, app).Set("s", "other", 0) // the count is that of the chain
		require.NoError(t, err)
		synctest.Wait()
		require.Equal(t, 200, runs)
	})
}

func TestAChainThroughQueuesAndStateKeepsItsTraceAndItsHops(t *testing.T) {
	type word string
	const words motia.Topic[word] = "words"
	synctest.Test(t, func(t *testing.T) {
		var traces testkit.List[string]
		write := motia.QueueStep(motia.StepConfig{Name: "write", Triggers: []motia.Trigger{words.Trigger()}},
			func(w word, ctx *motia.FlowContext[motia.None, word]) error {
				traces.Add(ctx.TraceID)
				_, err := ctx.State.Update("words", "w", motia.Append("", w))
				return err
			})
		read := motia.StateStep(motia.StepConfig{Name: "read", Triggers: []motia.Trigger{motia.State()}, Enqueues: motia.Topics(words)},
			func(in *motia.StateInput[[]word], ctx *motia.FlowContext[word, []word]) error {
				traces.Add(ctx.TraceID)
				return words.Enqueue(ctx, "more")
			})
		app, _ := testkit.NewApp(t, nil, write, read)
		testkit.Start(t, app)
		ctx := app.Context(t.Context())
		inv, _ := motia.FromContext(ctx)
		require.NoError(t, words.Enqueue(ctx, "first"))
		synctest.Wait()
		all := traces.All()
		require.Len(t, all, 201, "101 writes and 100 triggers")
		require.Equal(t, []string{inv.TraceID}, slices.Compact(all))
		require.Equal(t, "read", stateOnlyDeadLetter(t, app).Step)
		require.Equal(t, inv.TraceID, stateOnlyDeadLetter(t, app).TraceID)
	})
}

func TestChangesBeforeRunAreDeliveredOnceItRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen testkit.List[string]
		app, _ := testkit.NewApp(t, nil, stateRecord("watch", &seen, motia.State()))
		state := stateOf(t, app)
		_, err := state.Set("s", "k", 1)
		require.NoError(t, err)
		_, err = state.Delete("s", "k")
		require.NoError(t, err)
		time.Sleep(time.Hour)
		require.Empty(t, seen.All())
		testkit.Start(t, app)
		synctest.Wait()
		require.Equal(t, []string{"created s/k ->1", "deleted s/k 1>-"}, seen.All())
	})
}

// stateFailingQueue refuses to publish as long as it is told to.
type stateFailingQueue struct {
	driver.Queue
	driver.DeadLetters
	refuse func(driver.Message) bool
	failed atomic.Int64
}

func (q *stateFailingQueue) Publish(ctx context.Context, messages ...driver.Message) error {
	if slices.ContainsFunc(messages, q.refuse) {
		q.failed.Add(1)
		return driver.ErrFull
	}
	return q.Queue.Publish(ctx, messages...)
}

func TestAQueueThatFailsForAWhileLosesNoChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		backend := motia.InMemory(nil)
		queue := &stateFailingQueue{Queue: backend.Queue, DeadLetters: backend.Queue.(driver.DeadLetters)}
		queue.refuse = func(m driver.Message) bool { return down.Load() && !strings.Contains(m.Group, "fine") }
		backend.Queue = queue
		var seen testkit.List[string]
		app, log := testkit.NewApp(t, &motia.Options{Backend: backend}, stateRecord("watch", &seen, motia.State(motia.QueueConfig{Concurrency: 1})))
		testkit.Start(t, app)
		state := stateOf(t, app)
		set := func(key string, n int) {
			_, err := state.Set("s", key, n)
			require.NoError(t, err, "the write does not depend on the queue")
		}
		down.Store(true)
		set("k", 1)
		set("k", 2)
		set("fine", 1)
		time.Sleep(10 * time.Second)
		require.Equal(t, []string{"created s/fine ->1"}, seen.All(), "other keys go on")
		require.Greater(t, queue.failed.Load(), int64(5), "it is tried again")
		require.NotEmpty(t, log.Records(t, "change could not be enqueued for its triggers, will be retried"))
		down.Store(false)
		set("k", 3)
		time.Sleep(10 * time.Second)
		require.Equal(t, []string{"created s/k ->1", "updated s/k 1>2", "updated s/k 2>3"}, seen.All()[1:])
	})
}

func TestAChangeThatIsHandedOverTwiceFiresOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var failed atomic.Bool
		backend := motia.InMemory(nil)
		backend.Queue = &stateForgetfulQueue{Queue: backend.Queue, failed: &failed}
		var seen testkit.List[string]
		app, _ := testkit.NewApp(t, &motia.Options{Backend: backend},
			stateRecord("all", &seen, motia.State()), stateRecord("scoped", &seen, motia.State(motia.InScope("s"))))
		testkit.Start(t, app)
		_, err := stateOf(t, app).Set("s", "k", 1)
		require.NoError(t, err)
		time.Sleep(time.Minute)
		require.True(t, failed.Load())
		require.Equal(t, []string{"created s/k ->1", "created s/k ->1"}, seen.All(), "once for each step")
	})
}

// stateForgetfulQueue publishes the first message, and says that it has not.
type stateForgetfulQueue struct {
	driver.Queue
	failed *atomic.Bool
}

func (q *stateForgetfulQueue) Publish(ctx context.Context, messages ...driver.Message) error {
	return cmp.Or(q.Queue.Publish(ctx, messages...), q.once())
}

func (q *stateForgetfulQueue) once() error {
	if q.failed.CompareAndSwap(false, true) {
		return errors.New("connection lost")
	}
	return nil
}
