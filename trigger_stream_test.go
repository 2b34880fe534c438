package motia_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
)

type (
	noteItemInput = motia.StreamInput[noteItem]
	noteItemFlow  = motia.FlowContext[motia.None, noteItem]
)

// streamRecord is a step that lists the events it sees.
func streamRecord(name string, seen *events, trigger motia.Trigger) motia.Step {
	return motia.StreamStep(motia.StepConfig{Name: name, Triggers: []motia.Trigger{trigger}},
		func(in *noteItemInput, _ *noteItemFlow) error {
			seen.add(noteText(*in))
			return nil
		})
}

// noteText describes an event: group/item type data or name and payload, or items.
func noteText(in noteItemInput) string {
	at := in.GroupID + "/" + in.ItemID + " " + string(in.Event.Type)
	switch in.Event.Type {
	case motia.EventSent:
		return fmt.Sprintf("%s %s %s", at, in.Event.Name, in.Event.Payload)
	case motia.EventSync, motia.EventResync:
		for _, item := range in.Event.Items {
			at += fmt.Sprintf(" %s=%d", item.ID, item.Data.N)
		}
		return at
	}
	return fmt.Sprintf("%s %d", at, in.Event.Data.N)
}

func TestAStreamTriggerFiresForEveryKindOfEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen events
		var infos []motia.TriggerInfo
		var data []int
		step := motia.StreamStep(motia.StepConfig{Name: "watch", Triggers: []motia.Trigger{noteStream.Trigger()}},
			func(in *noteItemInput, ctx *noteItemFlow) error {
				seen.add(noteText(*in))
				infos = append(infos, ctx.Trigger)
				data = append(data, ctx.GetData().N)
				require.Equal(t, "notes", in.Stream)
				require.False(t, in.Timestamp.IsZero())
				return nil
			})
		app := streamNotesApp(t, step)
		start(t, app)
		ctx := app.Context(t.Context())
		do := func(_ any, err error) { t.Helper(); require.NoError(t, err); synctest.Wait() }
		do(noteStream.Set(ctx, "g", "i", noteItem{N: 1}))
		do(noteStream.Set(ctx, "g", "i", noteItem{N: 1})) // no change
		do(noteStream.Update(ctx, "g", "i", motia.Increment("n", 1)))
		do(nil, noteStream.Send(ctx, "g", "i", "typing", map[string]int{"u": 1}))
		do(nil, noteStream.Send(ctx, "g", "", "ping", nil))
		_, _, err := noteStream.Delete(ctx, "g", "i")
		do(nil, err)
		_, _, err = noteStream.Delete(ctx, "g", "i") // missing
		do(nil, err)
		_, err = streamsOf(t, app).Get("others").Set("g", "i", 1)
		do(nil, err)
		require.Equal(t, []string{"g/i create 1", "g/i update 2", `g/i event typing {"u":1}`, "g/ event ping null", "g/i delete 2"}, seen.all())
		require.Equal(t, motia.TriggerInfo{Type: motia.TriggerStream, Stream: "notes", Attempt: 1}, infos[0])
		require.Equal(t, []int{1, 2, 0, 0, 2}, data)
	})
}

func TestStreamTriggersAreNarrowedToGroupAndItem(t *testing.T) {
	names := []string{"", "a", "a/b", "\x00", "\xff", "\xfe", "🦄"}
	synctest.Test(t, func(t *testing.T) {
		seen := make(map[string]*events)
		var steps []motia.Step
		add := func(name string, options ...motia.TriggerOption) {
			seen[name] = new(events)
			steps = append(steps, streamRecord(name, seen[name], noteStream.Trigger(options...)))
		}
		add("any")
		for _, n := range names {
			add("group "+n, motia.InGroup(n))
			add("item "+n, motia.ForItem(n))
			add("both "+n, motia.InGroup(n), motia.ForItem(n))
		}
		app := streamNotesApp(t, steps...)
		start(t, app)
		ctx := app.Context(t.Context())
		want := make(map[string][]string)
		for _, group := range names {
			for _, item := range names {
				_, err := noteStream.Set(ctx, group, item, noteItem{N: 1})
				require.NoError(t, err)
				require.NoError(t, noteStream.Send(ctx, group, item, "e", 1))
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
			require.ElementsMatch(t, want[name], e.all(), "%q", name)
		}
	})
}

func TestEventsOfAnItemReachATriggerInTheirOrderThroughRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen events
		step := motia.StreamStep(motia.StepConfig{Name: "watch", Triggers: []motia.Trigger{noteStream.Trigger(motia.QueueConfig{MaxAttempts: 2})}},
			func(in *noteItemInput, ctx *noteItemFlow) error {
				seen.add(fmt.Sprintf("%s #%d", noteText(*in), ctx.Trigger.Attempt))
				if in.ItemID == "bad" && in.Event.Type == motia.EventCreate {
					return errors.New("no good")
				}
				return nil
			})
		app := streamNotesApp(t, step)
		start(t, app)
		ctx := app.Context(t.Context())
		for _, item := range []string{"bad", "good"} {
			for n := range 2 {
				_, err := noteStream.Set(ctx, "g", item, noteItem{N: n})
				require.NoError(t, err)
			}
			_, _, err := noteStream.Delete(ctx, "g", item)
			require.NoError(t, err)
		}
		synctest.Wait()
		require.ElementsMatch(t, []string{"g/bad create 0 #1", "g/good create 0 #1", "g/good update 1 #1", "g/good delete 1 #1"}, seen.all())
		time.Sleep(time.Minute)
		require.Equal(t, []string{"g/bad create 0 #2", "g/bad update 1 #1", "g/bad delete 1 #1"}, seen.all()[4:])
		letter := stateOnlyDeadLetter(t, app)
		require.Equal(t, motia.TriggerStream, letter.Trigger)
		require.Len(t, letter.Attempts, 2)
	})
}

func TestSentEventsOfAnItemReachATriggerInTheirOrderAndTraced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen events
		app := streamNotesApp(t, motia.StreamStep(motia.StepConfig{Name: "watch", Triggers: []motia.Trigger{noteStream.Trigger()}},
			func(in *noteItemInput, ctx *noteItemFlow) error {
				seen.add(string(in.Event.Payload) + ctx.TraceID)
				return nil
			}))
		ctx := app.Context(t.Context())
		inv, _ := motia.FromContext(ctx)
		var want []string
		for n := range 100 { // before Run
			require.NoError(t, noteStream.Send(ctx, "g", "i", "e", n))
			want = append(want, fmt.Sprint(n, inv.TraceID))
		}
		start(t, app)
		synctest.Wait()
		require.Equal(t, want, seen.all())
	})
}

func TestALoopOfStreamTriggersIsDeadLettered(t *testing.T) {
	for name, again := range map[string]func(ctx *noteItemFlow) error{
		"stored": func(ctx *noteItemFlow) error {
			_, err := noteStream.Update(ctx, "g", "i", motia.Increment("n", 1))
			return err
		},
		"sent": func(ctx *noteItemFlow) error { return noteStream.Send(ctx, "g", "i", "again", nil) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				runs := 0
				app := streamNotesApp(t, motia.StreamStep(motia.StepConfig{Name: "loop", Triggers: []motia.Trigger{noteStream.Trigger()}},
					func(_ *noteItemInput, ctx *noteItemFlow) error {
						runs++
						return again(ctx)
					}))
				start(t, app)
				_, err := noteStream.Set(app.Context(t.Context()), "g", "i", noteItem{})
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
		var got events
		reader, _ := newApp(t, opts, motia.StreamStep(motia.StepConfig{Name: "read", Triggers: []motia.Trigger{live.Trigger()}},
			func(in *motia.StreamInput[int], ctx *motia.FlowContext[motia.None, int]) error {
				got.add(string(in.Event.Type) + " " + ctx.TraceID)
				return nil
			}))
		writer, _ := newApp(t, opts)
		start(t, reader)
		ctx := writer.Context(t.Context())
		invocation, _ := motia.FromContext(ctx)
		_, err := live.Set(ctx, "g", "i", 1)
		require.NoError(t, err)
		require.NoError(t, live.Send(ctx, "g", "i", "typing", nil))
		synctest.Wait()
		require.ElementsMatch(t, []string{"create " + invocation.TraceID, "event " + invocation.TraceID}, got.all())
	})
}
