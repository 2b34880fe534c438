package motia_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/testkit"
)

// updateBackends are the two ways in which an update is made atomic.
var updateBackends = map[string]func() *driver.Backend{
	"under the lock of the store": func() *driver.Backend { return motia.InMemory(nil) },
	"by compare-and-set":          scopeCASBackend,
}

// update stores the text at a new key, applies the operations and returns the result. Empty text means no value.
func updateText(t *testing.T, state motia.StateManager, text string, ops ...motia.UpdateOp) (string, error) {
	t.Helper()
	_, err := state.Delete("docs", "d")
	require.NoError(t, err)
	if text != "" {
		_, err = state.Set("docs", "d", json.RawMessage(text))
		require.NoError(t, err)
	}
	change, err := state.Update("docs", "d", motia.UpdateOps(ops))
	var stored json.RawMessage
	_, errGet := state.Get("docs", "d", &stored)
	require.NoError(t, errGet)
	if err == nil {
		require.Equal(t, string(stored), string(change.New))
		require.Equal(t, text, string(change.Old))
		return string(stored), nil
	}
	require.Equal(t, text, string(stored), "a failed update changes nothing")
	require.Zero(t, change)
	return "", err
}

func TestUpdateOperationsDoWhatTheySay(t *testing.T) {
	const big = `{"a":{"b":[1,{"c":2}]},"x.y":1,"s":"text","n":5}`
	for _, c := range []struct {
		name, doc, want string
		ops             []motia.UpdateOp
	}{
		{"set replaces", `{"a":1}`, `{"a":2}`, []motia.UpdateOp{motia.Set("a", 2)}},
		{"set creates objects on the way", ``, `{"a":{"b":{"c":null}}}`, []motia.UpdateOp{motia.Set("a.b.c", nil)}},
		{"set of the whole value", `{"a":1}`, `[1]`, []motia.UpdateOp{motia.Set("", []int{1})}},
		{"set in an array", `[1,2]`, `[1,3]`, []motia.UpdateOp{motia.Set("1", 3)}},
		{"set at the end of an array", `[1]`, `[1,2]`, []motia.UpdateOp{motia.Set("1", 2)}},
		{"delete a member", `{"a":1,"b":2}`, `{"b":2}`, []motia.UpdateOp{motia.Delete("a")}},
		{"delete an element", `{"a":[1,2,3]}`, `{"a":[1,3]}`, []motia.UpdateOp{motia.Delete("a.1")}},
		{"delete what is missing", `{"a":1}`, `{"a":1}`, []motia.UpdateOp{motia.Delete("x.y.z")}},
		{"increment", `{"n":1}`, `{"n":3}`, []motia.UpdateOp{motia.Increment("n", 2)}},
		{"increment what is missing", ``, `{"n":{"m":2}}`, []motia.UpdateOp{motia.Increment("n.m", 2)}},
		{"increment a fraction", `{"n":1.5}`, `{"n":1.75}`, []motia.UpdateOp{motia.Increment("n", 0.25)}},
		{"increment the whole value", `4`, `5`, []motia.UpdateOp{motia.Increment("", 1)}},
		{"decrement", `{"n":1}`, `{"n":-1}`, []motia.UpdateOp{motia.Decrement("n", 2)}},
		{"merge is shallow", `{"a":{"x":{"p":1},"y":2}}`, `{"a":{"x":{"q":1},"y":2,"z":3}}`,
			[]motia.UpdateOp{motia.Merge("a", map[string]any{"x": map[string]int{"q": 1}, "z": 3})}},
		{"merge into the whole value", `{"a":1}`, `{"a":1,"b":2}`, []motia.UpdateOp{motia.Merge("", map[string]int{"b": 2})}},
		{"merge into what is missing", ``, `{"r":{"b":2}}`, []motia.UpdateOp{motia.Merge("r", struct {
			B int `json:"b"`
		}{2})}},
		{"append", `{"l":[1]}`, `{"l":[1,2,"x"]}`, []motia.UpdateOp{motia.Append("l", 2, "x")}},
		{"append to what is missing", ``, `{"l":[null]}`, []motia.UpdateOp{motia.Append("l", nil)}},
		{"null counts as missing", `{"m":null,"l":null,"n":null}`, `{"m":{"x":{"y":1}},"l":[1],"n":1}`,
			[]motia.UpdateOp{motia.Set("m.x.y", 1), motia.Append("l", 1), motia.Increment("n", 1)}},
		{"append of nothing makes an array", ``, `{"l":[]}`, []motia.UpdateOp{motia.Append("l")}},
		{"a path through objects and arrays", big, strings.Replace(big, `"c":2`, `"c":3`, 1), []motia.UpdateOp{motia.Increment("a.b.1.c", 1)}},
		{"an escaped dot", big, strings.Replace(big, `"x.y":1`, `"x.y":2`, 1), []motia.UpdateOp{motia.Set(`x\.y`, 2)}},
		{"an escaped backslash", `{"\\":1}`, `{"\\":2}`, []motia.UpdateOp{motia.Set(`\\`, 2)}},
		{"no other character is special", ``, `{"*":1,"#":2,"@this":3,"?":4,"|":5}`,
			[]motia.UpdateOp{motia.Set("*", 1), motia.Set("#", 2), motia.Set("@this", 3), motia.Set("?", 4), motia.Set("|", 5)}},
		{"later operations see earlier ones", `{"a":1}`, `{"b":[{"n":2}]}`,
			[]motia.UpdateOp{motia.Delete("a"), motia.Append("b", map[string]int{}), motia.Increment("b.0.n", 2)}},
		{"32 components", ``, strings.Repeat(`{"a":`, 32) + "1" + strings.Repeat("}", 32), []motia.UpdateOp{motia.Set(strings.TrimSuffix(strings.Repeat("a.", 32), "."), 1)}},
		{"no operation on a missing value", ``, `{}`, nil},
		{"digits that no float64 holds stay", `{"id":12345678901234567890123,"n":1}`, `{"id":12345678901234567890123,"n":2}`, []motia.UpdateOp{motia.Increment("n", 1)}},
	} {
		for how, backend := range updateBackends {
			t.Run(c.name+" "+how, func(t *testing.T) {
				app, _ := testkit.NewApp(t, &motia.Options{Backend: backend()})
				got, err := updateText(t, stateOf(t, app), c.doc, c.ops...)
				require.NoError(t, err)
				require.Equal(t, c.want, got)
			})
		}
	}
}

func TestAnOperationThatDoesNotFitFailsTheWholeUpdate(t *testing.T) {
	const doc = `{"s":"text","l":[1],"o":{},"n":1,"t":true}`
	for _, c := range []struct {
		op           motia.UpdateOp
		kind, reason string
	}{
		{motia.Increment("s", 1), "increment", "string"},
		{motia.Decrement("o", 1), "decrement", "object"},
		{motia.Increment("t", 1), "increment", "boolean"},
		{motia.Set("s.x", 1), "set", "scalar"},
		{motia.Delete("s.x"), "delete", "scalar"},
		{motia.Set("l.x", 1), "set", "index"},
		{motia.Set("l.5", 1), "set", "beyond the end"},
		{motia.Set("l.-1", 1), "set", "index"},
		{motia.Merge("o", 1), "merge", "not an object"},
		{motia.Merge("o", nil), "merge", "not an object"},
		{motia.Merge("", []int{1}), "merge", "not an object"},
		{motia.Merge("s", map[string]int{}), "merge", "string"},
		{motia.Merge("l", map[string]int{}), "merge", "array"},
		{motia.Append("o", 1), "append", "object"},
		{motia.Append("s", 1), "append", "string"},
		{motia.Delete(""), "delete", "whole value"},
		{motia.Set(`a\`, 1), "set", "backslash"},
		{motia.Set(`a\b`, 1), "set", "backslash"},
		{motia.Set(strings.Repeat("a.", 32)+"a", 1), "set", "32"},
		{motia.Set("x", make(chan int)), "set", "unsupported type"},
		{motia.Append("l", 1, func() {}), "append", "unsupported type"},
		{motia.Merge("o", map[string]any{"f": math.Inf(1)}), "merge", "unsupported value"},
		{motia.Increment("n", math.NaN()), "increment", "unsupported value"},
		{motia.UpdateOp{}, "", "unknown operation"},
	} {
		for how, backend := range updateBackends {
			app, _ := testkit.NewApp(t, &motia.Options{Backend: backend()})
			_, err := updateText(t, stateOf(t, app), doc, motia.Set("before", 1), c.op, motia.Set("after", 1))
			var misfit *motia.UpdateError
			require.ErrorAs(t, err, &misfit, "%s: %s", how, c.reason)
			text, _ := json.Marshal(c.op)
			assert.Equal(t, 1, misfit.Index, "%s", text)
			assert.Equal(t, c.kind, misfit.Op, "%s", text)
			assert.Contains(t, misfit.Reason, c.reason, "%s", text)
			assert.ErrorContains(t, err, `update state "docs" key "d"`)
		}
	}
	app, _ := testkit.NewApp(t, nil)
	_, err := updateText(t, stateOf(t, app), "", motia.Set("a", 1), motia.Increment("a.b", 1))
	var misfit *motia.UpdateError
	require.ErrorAs(t, err, &misfit)
	require.Equal(t, motia.UpdateError{Index: 1, Op: "increment", Path: "a.b", Reason: misfit.Reason}, *misfit)

	_, err = stateOf(t, app).Update("docs", "list", motia.Set("a", 1), motia.IfRevision(0), motia.UpdateOps{motia.Set("b", 1), motia.Delete("c")}, nil, motia.Merge("b", nil))
	require.ErrorAs(t, err, &misfit)
	require.Equal(t, 3, misfit.Index, "the operations count as one list, and nothing else does")
}

func TestIntegersStayExactToTheEdgesOfInt64AndUint64(t *testing.T) {
	app, _ := testkit.NewApp(t, nil)
	state := stateOf(t, app)
	for _, c := range []struct {
		start string
		op    motia.UpdateOp
		want  string // empty: out of range
	}{
		{"9007199254740992", motia.Increment("", 1), "9007199254740993"}, // 2^53
		{"9223372036854775807", motia.Increment("", 1), "9223372036854775808"},
		{"9223372036854775806", motia.Increment("", int64(1)), "9223372036854775807"},
		{"18446744073709551614", motia.Increment("", 1), "18446744073709551615"},
		{"18446744073709551615", motia.Increment("", 1), ""},
		{"0", motia.Increment("", uint64(math.MaxUint64)), "18446744073709551615"},
		{"18446744073709551615", motia.Decrement("", uint64(math.MaxUint64)), "0"},
		{"1", motia.Increment("", uint64(math.MaxUint64)), ""},
		{"-9223372036854775807", motia.Decrement("", 1), "-9223372036854775808"},
		{"-9223372036854775808", motia.Decrement("", 1), ""},
		{"-9223372036854775808", motia.Increment("", uint64(math.MaxUint64)), "9223372036854775807"},
		{"0", motia.Decrement("", int64(math.MinInt64)), "9223372036854775808"},
		{"0", motia.Decrement("", uint64(math.MaxUint64)), ""},
		{"18446744073709551616", motia.Increment("", 1), ""},
	} {
		got, err := updateText(t, state, c.start, c.op)
		if c.want == "" {
			var misfit *motia.UpdateError
			require.ErrorAs(t, err, &misfit, c.start)
			require.Contains(t, misfit.Reason, "outside")
			continue
		}
		require.NoError(t, err, c.start)
		require.Equal(t, c.want, got, c.start)
	}
	_, err := updateText(t, state, "1e308", motia.Increment("", 1e308))
	require.ErrorContains(t, err, "range of float64")
}

func TestOperationsHaveAJSONFormThatClientsCanSend(t *testing.T) {
	const doc = `{"n":1,"o":{"x":1},"l":[1],"gone":1}`
	for _, c := range []struct {
		wire string
		same motia.UpdateOp
	}{
		{`{"type":"set","path":"n","value":2}`, motia.Set("n", 2)},
		{`{"type":"set","path":"n","value":null}`, motia.Set("n", nil)},
		{`{"type":"delete","path":"gone"}`, motia.Delete("gone")},
		{`{"type":"remove","path":"gone"}`, motia.Delete("gone")},
		{`{"type":"increment","path":"n","by":2}`, motia.Increment("n", 2)},
		{`{"type":"increment","path":"n","value":2}`, motia.Increment("n", 2)},
		{`{"type":"decrement","path":"n","by":2}`, motia.Decrement("n", 2)},
		{`{"type":"decrement","path":"n","value":2}`, motia.Decrement("n", 2)},
		{`{"type":"merge","path":"o","value":{"y":2}}`, motia.Merge("o", map[string]int{"y": 2})},
		{`{"type":"merge","value":{"y":2}}`, motia.Merge("", map[string]int{"y": 2})},
		{`{"type":"append","path":"l","value":2}`, motia.Append("l", 2)},
		{`{"type":"append","path":"l","values":[2,3]}`, motia.Append("l", 2, 3)},
	} {
		var op, again motia.UpdateOp
		require.NoError(t, json.Unmarshal([]byte(c.wire), &op), c.wire)
		text, err := json.Marshal(op)
		require.NoError(t, err, c.wire)
		require.NoError(t, json.Unmarshal(text, &again), string(text))
		app, _ := testkit.NewApp(t, nil)
		state := stateOf(t, app)
		want, err := updateText(t, state, doc, c.same)
		require.NoError(t, err)
		require.NotEqual(t, doc, want)
		for _, o := range []motia.UpdateOp{op, again} {
			got, err := updateText(t, state, doc, o)
			require.NoError(t, err, c.wire)
			require.Equal(t, want, got, c.wire)
		}
	}

	var ops motia.UpdateOps
	require.NoError(t, json.Unmarshal([]byte(`[{"type":"set","path":"a","value":1},{"type":"increment","path":"a","by":1}]`), &ops))
	app, _ := testkit.NewApp(t, nil)
	got, err := updateText(t, stateOf(t, app), "", ops...)
	require.NoError(t, err)
	require.Equal(t, `{"a":2}`, got)

	for _, bad := range []string{
		`1`, `[]`, `{}`, `{"type":"increase","path":"a","by":1}`, `{"type":"set","value":1}`, `{"type":"set","path":"a"}`,
		`{"type":"increment","path":"a"}`, `{"type":"merge"}`, `{"type":"append","path":"l"}`, `{"type":1}`, `{"type":"delete"}`,
	} {
		require.Error(t, json.Unmarshal([]byte(bad), new(motia.UpdateOp)), bad)
	}
	_, err = json.Marshal(motia.Set("a", make(chan int)))
	require.Error(t, err)
	reused := motia.Set("a", make(chan int))
	require.NoError(t, json.Unmarshal([]byte(`{"type":"set","path":"a","value":1}`), &reused))
	got, err = updateText(t, stateOf(t, app), "", reused)
	require.NoError(t, err, "nothing is left of what the variable held before")
	require.Equal(t, `{"a":1}`, got)
}

func TestUpdateIsAtomicUnderContention(t *testing.T) {
	for how, backend := range updateBackends {
		t.Run(how, func(t *testing.T) {
			app, _ := testkit.NewApp(t, &motia.Options{Backend: backend()})
			const writers, times = 8, 10_000
			var group sync.WaitGroup
			for w := range writers {
				group.Go(func() {
					state := stateOf(t, app)
					for range times {
						change, err := state.Update("counters", "c", motia.Increment("n", 1), motia.Increment(fmt.Sprintf("by.%d", w), 1))
						if err != nil || change.New == nil {
							t.Errorf("update: %s, %v", change.New, err)
							return
						}
					}
				})
			}
			group.Wait()
			var counter struct {
				N  int
				By map[string]int
			}
			_, err := stateOf(t, app).Get("counters", "c", &counter)
			require.NoError(t, err)
			require.Equal(t, writers*times, counter.N)
			for w := range writers {
				require.Equal(t, times, counter.By[fmt.Sprint(w)])
			}
		})
	}
}

func TestTheErrorOfTheZeroOperationReadsPlainly(t *testing.T) {
	app, _ := testkit.NewApp(t, nil)
	_, err := motia.Scope[int]("s").Update(app.Context(t.Context()), "k", motia.UpdateOp{})
	require.EqualError(t, err, `motia: update state "s" key "k": operation 0: unknown operation ""`)
}
