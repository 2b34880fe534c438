package motia_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

type (
	noteInput = motia.StreamInput[testkit.Note]
	noteFlow  = motia.FlowContext[motia.None, testkit.Note]
)

// streamRecord is a step that lists the events it sees.
func streamRecord(name string, seen *testkit.List[string], trigger motia.Trigger) motia.Step {
	return motia.StreamStep(motia.StepConfig{Name: name, Triggers: []motia.Trigger{trigger}},
		func(in *noteInput, _ *noteFlow) error {
			seen.Add(testkit.NoteText(*in))
			return nil
		})
}

func TestAStreamTriggerFiresForEveryKindOfEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen testkit.List[string]
		var infos []motia.TriggerInfo
		var data []int
		step := motia.StreamStep(motia.StepConfig{Name: "watch", Triggers: []motia.Trigger{testkit.Notes.Trigger()}},
			func(in *noteInput, ctx *noteFlow) error {
				seen.Add(testkit.NoteText(*in))
				infos = append(infos, ctx.Trigger)
				data = append(data, ctx.GetData().N)
				require.Equal(t, "notes", in.Stream)
				require.False(t, in.Timestamp.IsZero())
				return nil
			})
		app := testkit.NotesApp(t, step)
		testkit.Start(t, app)
		ctx := app.Context(t.Context())
		do := func(_ any, err error) { t.Helper(); require.NoError(t, err); synctest.Wait() }
		do(testkit.Notes.Set(ctx, "g", "i", testkit.Note{N: 1}))
		do(testkit.Notes.Set(ctx, "g", "i", testkit.Note{N: 1})) // no change
		do(testkit.Notes.Update(ctx, "g", "i", motia.Increment("n", 1)))
		do(nil, testkit.Notes.Send(ctx, "g", "i", "typing", map[string]int{"u": 1}))
		do(nil, testkit.Notes.Send(ctx, "g", "", "ping", nil))
		_, _, err := testkit.Notes.Delete(ctx, "g", "i")
		do(nil, err)
		_, _, err = testkit.Notes.Delete(ctx, "g", "i") // missing
		do(nil, err)
		_, err = testkit.StreamsOf(t, app).Get("others").Set("g", "i", 1)
		do(nil, err)
		require.Equal(t, []string{"g/i create 1", "g/i update 2", `g/i event typing {"u":1}`, "g/ event ping null", "g/i delete 2"}, seen.All())
		require.Equal(t, motia.TriggerInfo{Type: motia.TriggerStream, Stream: "notes", Attempt: 1}, infos[0])
		require.Equal(t, []int{1, 2, 0, 0, 2}, data)
	})
}

func TestStreamTriggersAreNarrowedToGroupAndItem(t *testing.T) {
	names := []string{"", "a", "a/b", "\x00", "\xff", "\xfe", "🦄"}
	synctest.Test(t, func(t *testing.T) {
		seen := make(map[string]*testkit.List[string])
		var steps []motia.Step
		add := func(name string, options ...motia.TriggerOption) {
			seen[name] = new(testkit.List[string])
			steps = append(steps, streamRecord(name, seen[name], testkit.Notes.Trigger(options...)))
		}
		add("any")
		for _, n := range names {
			add("group "+n, motia.InGroup(n))
			add("item "+n, motia.ForItem(n))
			add("both "+n, motia.InGroup(n), motia.ForItem(n))
		}
		app := testkit.NotesApp(t, steps...)
		testkit.Start(t, app)
		ctx := app.Context(t.Context())
		want := make(map[string][]string)
		for _, group := range names {
			for _, item := range names {
				_, err := testkit.Notes.Set(ctx, group, item, testkit.Note{N: 1})
				require.NoError(t, err)
				require.NoError(t, testkit.Notes.Send(ctx, group, item, "e", 1))
				texts := []string{group + "/" + item + " create 1", group + "/" + item + " event e 1"}
				for _, filter := range []string{"any", "group " + group, "item " + item} {
					want[filter] = append(want[filter], texts...)
				}
				if group == item {
					want["both "+item] = texts
				}
			}
		}
		synctest.Wait()
		for name, e := range seen {
			require.ElementsMatch(t, want[name], e.All(), "%q", name)
		}
	})
}

func TestEventsOfAnItemReachATriggerInTheirOrderThroughRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen testkit.List[string]
		step := motia.StreamStep(motia.StepConfig{Name: "watch", Triggers: []motia.Trigger{testkit.Notes.Trigger(motia.QueueConfig{MaxAttempts: 2})}},
			func(in *noteInput, ctx *noteFlow) error {
				seen.Add(fmt.Sprintf("%s #%d", testkit.NoteText(*in), ctx.Trigger.Attempt))
				if in.ItemID == "bad" && in.Event.Type == motia.EventCreate {
					return errors.New("no good")
				}
				return nil
			})
		app := testkit.NotesApp(t, step)
		testkit.Start(t, app)
		ctx := app.Context(t.Context())
		for _, item := range []string{"bad", "good"} {
			for n := range 2 {
				_, err := testkit.Notes.Set(ctx, "g", item, testkit.Note{N: n})
				require.NoError(t, err)
			}
			_, _, err := testkit.Notes.Delete(ctx, "g", item)
			require.NoError(t, err)
		}
		synctest.Wait()
		require.ElementsMatch(t, []string{"g/bad create 0 #1", "g/good create 0 #1", "g/good update 1 #1", "g/good delete 1 #1"}, seen.All())
		time.Sleep(time.Minute)
		require.Equal(t, []string{"g/bad create 0 #2", "g/bad update 1 #1", "g/bad delete 1 #1"}, seen.All()[4:])
		letter := stateOnlyDeadLetter(t, app)
		require.Equal(t, motia.TriggerStream, letter.Trigger)
		require.Len(t, letter.Attempts, 2)
	})
}

func TestSentEventsOfAnItemReachATriggerInTheirOrderAndTraced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen testkit.List[string]
		app := testkit.NotesApp(t, motia.StreamStep(motia.StepConfig{Name: "watch", Triggers: []motia.Trigger{testkit.Notes.Trigger()}},
			func(in *noteInput, ctx *noteFlow) error {
				seen.Add(string(in.Event.Payload) + ctx.TraceID)
				return nil
			}))
		ctx := app.Context(t.Context())
		inv, _ := motia.FromContext(ctx)
		var want []string
		for n := range 100 { // before Run
			require.NoError(t, testkit.Notes.Send(ctx, "g", "i", "e", n))
			want = append(want, fmt.Sprint(n, inv.TraceID))
		}
		testkit.Start(t, app)
		synctest.Wait()
		require.Equal(t, want, seen.All())
	})
}

func TestALoopOfStreamTriggersIsDeadLettered(t *testing.T) {
	for name, again := range map[string]func(ctx *noteFlow) error{
		"stored": func(ctx *noteFlow) error {
			_, err := testkit.Notes.Update(ctx, "g", "i", motia.Increment("n", 1))
			return err
		},
		"sent": func(ctx *noteFlow) error { return testkit.Notes.Send(ctx, "g", "i", "again", nil) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				runs := 0
				app := testkit.NotesApp(t, motia.StreamStep(motia.StepConfig{Name: "loop", Triggers: []motia.Trigger{testkit.Notes.Trigger()}},
					func(_ *noteInput, ctx *noteFlow) error {
						runs++
						return again(ctx)
					}))
				testkit.Start(t, app)
				_, err := testkit.Notes.Set(app.Context(t.Context()), "g", "i", testkit.Note{})
				require.NoError(t, err)
				synctest.Wait()
				require.Equal(t, 100, runs)
				require.Contains(t, stateOnlyDeadLetter(t, app).Attempts[0].Error, motia.ErrTriggerLoop.Error())
			})
		})
	}
}

func TestAppsThatShareABackendShareSentEventsAndTraces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const live motia.StreamName[int] = "live"
		backend := motia.InMemory(nil)
		opts := &motia.Options{Backend: backend, Streams: []motia.StreamConfig{{Name: "live"}}}
		var got testkit.List[string]
		reader, _ := testkit.NewApp(t, opts, motia.StreamStep(motia.StepConfig{Name: "read", Triggers: []motia.Trigger{live.Trigger()}},
			func(in *motia.StreamInput[int], ctx *motia.FlowContext[motia.None, int]) error {
				got.Add(string(in.Event.Type) + " " + ctx.TraceID)
				return nil
			}))
		writer, _ := testkit.NewApp(t, opts)
		testkit.Start(t, reader)
		ctx := writer.Context(t.Context())
		invocation, _ := motia.FromContext(ctx)
		_, err := live.Set(ctx, "g", "i", 1)
		require.NoError(t, err)
		require.NoError(t, live.Send(ctx, "g", "i", "typing", nil))
		synctest.Wait()
		require.ElementsMatch(t, []string{"create " + invocation.TraceID, "event " + invocation.TraceID}, got.All())
	})
}
