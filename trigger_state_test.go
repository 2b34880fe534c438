package motia_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

type (
	stateAny   = json.RawMessage
	stateInput = motia.StateInput[stateAny]
	stateFlow  = motia.FlowContext[motia.None, stateAny]
)

// stateStep is a step with state triggers that hands its inputs to f.
func stateStep(name string, f func(*stateInput, *stateFlow) error, triggers ...motia.Trigger) motia.Step {
	return motia.StateStep(motia.StepConfig{Name: name, Triggers: triggers}, f)
}

// stateRecord is a step that lists the changes it sees.
func stateRecord(name string, seen *testkit.List[string], triggers ...motia.Trigger) motia.Step {
	return stateStep(name, func(in *stateInput, _ *stateFlow) error {
		seen.Add(stateText(in))
		return nil
	}, triggers...)
}

func stateText(in *stateInput) string {
	text := func(v *stateAny) string {
		if v == nil {
			return "-"
		}
		return string(*v)
	}
	return fmt.Sprintf("%s %s/%s %s>%s", in.Type, in.Scope, in.Key, text(in.Old), text(in.New))
}

func TestAStateTriggerFiresForEveryCommittedChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen testkit.List[string]
		app, _ := testkit.NewApp(t, nil, stateRecord("watch", &seen, motia.State()))
		testkit.Start(t, app)
		state := stateOf(t, app)
		step := func(want string, err error) {
			t.Helper()
			require.NoError(t, err)
			synctest.Wait()
			require.Equal(t, want, strings.Join(seen.Take(), " and "))
		}
		second := func(_ any, err error) error { return err }

		step("created s/k ->1", second(state.Set("s", "k", 1)))
		step("updated s/k 1>2", second(state.Set("s", "k", 2)))
		step("", second(state.Set("s", "k", 2)))
		step("updated s/k 2>3", second(state.Update("s", "k", motia.Increment("", 1))))
		step("", second(state.Update("s", "k", motia.Increment("", 0))))
		step("", second(state.Update("s", "k", motia.Increment("", 1), motia.Decrement("", 1))))
		_, err := state.Update("s", "k", motia.Set("x", 1))
		require.Error(t, err)
		step("", nil)
		step("updated s/k 3>null", second(state.Set("s", "k", nil)))
		step("updated s/k null>4", second(state.Set("s", "k", 4)))
		step("deleted s/k 4>-", second(state.Delete("s", "k")))
		step("", second(state.Delete("s", "k")))
		step("created s/k ->null", second(state.Set("s", "k", nil)))
		step("deleted s/k null>-", second(state.Delete("s", "k")))
		step(`created s/k ->{"n":1}`, second(state.Update("s", "k", motia.Increment("n", 1))))
		step(`deleted s/k {"n":1}>-`, state.Clear("s"))
		step("", state.Clear("s"))
		_, err = state.Set("s", "k", 1, motia.IfRevision(99))
		require.ErrorIs(t, err, motia.ErrConflict)
		step("", nil)
		step("created s/k ->5", second(state.Set("s", "k", 5, motia.TTL(time.Minute))))
		time.Sleep(30 * time.Second)
		step("", second(state.Set("s", "k", 5, motia.TTL(time.Minute)))) // a longer life is no other value
		step("updated s/k 5>6", second(state.Update("s", "k", motia.Increment("", 1))))
		time.Sleep(time.Hour)
		step("", nil) // expired
		step("created s/k ->6", second(state.Set("s", "k", 6)))
	})
}

func TestClearFiresForEachKeyOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen testkit.List[string]
		app, _ := testkit.NewApp(t, nil, stateRecord("watch", &seen, motia.State(motia.InScope("s"))))
		state := stateOf(t, app)
		for i := range 600 {
			_, err := state.Set("s", fmt.Sprint(i), i)
			require.NoError(t, err)
		}
		require.NoError(t, state.Clear("s"))
		testkit.Start(t, app)
		synctest.Wait()
		count := make(map[string]int)
		for _, e := range seen.All() {
			count[strings.Fields(e)[0]]++
		}
		require.Equal(t, map[string]int{"created": 600, "deleted": 600}, count)
	})
}

func TestStateTriggersAreNarrowedToScopeAndKey(t *testing.T) {
	names := []string{"", "a", "a.b", "/", "\x00", "🦄", "*", "=", "\xff", "\xfe", strings.Repeat("k", 64<<10)}
	synctest.Test(t, func(t *testing.T) {
		var steps []motia.Step
		seen := make(map[string]*testkit.List[string])
		add := func(name string, trigger motia.Trigger) {
			seen[name] = new(testkit.List[string])
			steps = append(steps, stateRecord(name, seen[name], trigger))
		}
		add("any", motia.State())
		for _, n := range names {
			add("scope "+n, motia.State(motia.InScope(n)))
			add("key "+n, motia.State(motia.ForKey(n)))
			add("both "+n, motia.State(motia.InScope(n), motia.ForKey(n)))
			add("typed "+n, motia.Scope[stateAny](n).Trigger(motia.ForKey(n)))
		}
		app, _ := testkit.NewApp(t, nil, steps...)
		testkit.Start(t, app)
		want := make(map[string][]string)
		for _, scope := range names {
			for _, key := range names {
				_, err := stateOf(t, app).Set(scope, key, 1)
				require.NoError(t, err)
				text := fmt.Sprintf("created %s/%s ->1", scope, key)
				want["any"] = append(want["any"], text)
				want["scope "+scope] = append(want["scope "+scope], text)
				want["key "+key] = append(want["key "+key], text)
				if scope == key {
					want["both "+key], want["typed "+key] = []string{text}, []string{text}
				}
			}
		}
		synctest.Wait()
		for name, e := range seen {
			require.ElementsMatch(t, want[name], e.All(), "%.20q", name)
		}
	})
}

func TestAStateTriggersInfoAndDataAreThoseOfTheChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen testkit.List[string]
		app, _ := testkit.NewApp(t, nil, stateStep("watch", func(_ *stateInput, ctx *stateFlow) error {
			seen.Add(fmt.Sprintf("%+v %s", ctx.Trigger, string(ctx.GetData())))
			return nil
		}, motia.State(motia.InScope("other")), motia.State(motia.InScope("s"))))
		testkit.Start(t, app)
		_, err := stateOf(t, app).Set("s", "k", 1)
		require.NoError(t, err)
		synctest.Wait()
		_, err = stateOf(t, app).Delete("s", "k")
		require.NoError(t, err)
		synctest.Wait()
		info := motia.TriggerInfo{Type: motia.TriggerState, Index: 1, Scope: "s", Key: "k", Attempt: 1}
		require.Equal(t, []string{fmt.Sprintf("%+v 1", info), fmt.Sprintf("%+v ", info)}, seen.All())
	})
}

func TestAConditionOfAStateTriggerSeesWhatTheHandlerSees(t *testing.T) {
	type doc struct{ N int }
	synctest.Test(t, func(t *testing.T) {
		var asked, handled testkit.List[string]
		const docs motia.Scope[doc] = "docs"
		step := motia.StateStep(motia.StepConfig{Name: "watch", Triggers: []motia.Trigger{docs.Trigger(motia.When(func(in motia.Input[doc]) bool {
			change := in.(*motia.StateInput[doc])
			asked.Add(fmt.Sprint(change.Type, change.New))
			return change.New != nil && change.New.N > 1
		}))}}, func(in *motia.StateInput[doc], ctx *motia.FlowContext[motia.None, doc]) error {
			handled.Add(fmt.Sprint(in.Type, in.New, ctx.GetData().N))
			return nil
		})
		app, _ := testkit.NewApp(t, nil, step)
		testkit.Start(t, app)
		ctx := app.Context(t.Context())
		for n := range 3 {
			_, err := docs.Set(ctx, "k", doc{n})
			require.NoError(t, err)
		}
		_, _, err := docs.Delete(ctx, "k")
		require.NoError(t, err)
		synctest.Wait()
		require.Equal(t, []string{"created&{0}", "updated&{1}", "updated&{2}", "deleted<nil>"}, asked.All())
		require.Equal(t, []string{"updated&{2} 2"}, handled.All())
	})
}

func TestAValueThatIsNoMoreNeedNotBeValid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got testkit.List[string]
		app, _ := testkit.NewApp(t, nil, motia.StateStep(motia.StepConfig{Name: "watch", Triggers: []motia.Trigger{motia.State(motia.InScope("s"))}},
			func(in *motia.StateInput[struct{ N int }], _ *motia.FlowContext[motia.None, struct{ N int }]) error {
				if in.Old != nil && in.New != nil && in.Old.N == 0 && in.New.N == 7 {
					got.Add("repaired")
				}
				return nil
			}))
		state := stateOf(t, app)
		_, err := state.Set("s", "k", map[string]string{"N": "text"})
		require.NoError(t, err)
		_, err = state.Set("s", "k", map[string]int{"N": 7})
		require.NoError(t, err)
		testkit.Start(t, app)
		synctest.Wait()
		require.Equal(t, []string{"repaired"}, got.All())
	})
}

func TestTheStateTriggersPayloadIsWhatItsTypeSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen testkit.List[string]
		app, _ := testkit.NewApp(t, nil, motia.StateStep(motia.StepConfig{Name: "watch", Triggers: []motia.Trigger{mergeJobs.Trigger()}},
			func(in *motia.StateInput[mergeJob], _ *motia.FlowContext[motia.None, mergeJob]) error {
				text, err := json.Marshal(in)
				seen.Add(string(text))
				return err
			}))
		testkit.Start(t, app)
		_, err := stateOf(t, app).Set("jobs", "j", mergeJob{TotalSteps: 1})
		require.NoError(t, err)
		synctest.Wait()
		require.Equal(t, []string{`{"type":"created","scope":"jobs","key":"j","old":null,"new":{"totalSteps":1,"completedSteps":0,"results":null}}`}, seen.All())
	})
}
