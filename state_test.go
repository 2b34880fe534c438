package motia_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

// stateOf is the state of the app as host code sees it.
func stateOf(t testing.TB, app *motia.App) motia.StateManager {
	t.Helper()
	inv, ok := motia.FromContext(app.Context(t.Context()))
	require.True(t, ok)
	return inv.State
}

func TestGetTellsAMissingValueFromAStoredNull(t *testing.T) {
	app, _ := testkit.NewApp(t, nil)
	state := stateOf(t, app)
	_, err := state.Set("s", "null", nil)
	require.NoError(t, err)
	_, err = state.Set("s", "n", 7)
	require.NoError(t, err)

	for _, c := range []struct {
		key   string
		found bool
		want  any
	}{
		{"missing", false, "untouched"},
		{"null", true, nil},
		{"n", true, 7.0},
	} {
		var got any = "untouched"
		found, err := state.Get("s", c.key, &got)
		require.NoError(t, err, c.key)
		assert.Equal(t, c.found, found, c.key)
		assert.Equal(t, c.want, got, c.key)
	}
	found, err := state.Get("other", "n", new(any))
	require.NoError(t, err)
	assert.False(t, found, "another scope")
}

func TestWritesReturnOldAndNewValue(t *testing.T) {
	app, _ := testkit.NewApp(t, nil)
	state := stateOf(t, app)

	created, err := state.Set("s", "k", map[string]int{"n": 1})
	require.NoError(t, err)
	assert.Nil(t, created.Old)
	assert.JSONEq(t, `{"n":1}`, string(created.New))
	assert.NotZero(t, created.Revision)

	same, err := state.Set("s", "k", map[string]int{"n": 1})
	require.NoError(t, err)
	assert.Equal(t, motia.Change{Old: created.New, New: created.New, Revision: created.Revision}, same, "changes nothing")

	updated, err := state.Update("s", "k", motia.Increment("n", 2))
	require.NoError(t, err)
	assert.Equal(t, created.New, updated.Old)
	assert.JSONEq(t, `{"n":3}`, string(updated.New))
	assert.Greater(t, updated.Revision, created.Revision)

	null, err := state.Set("s", "k", nil)
	require.NoError(t, err)
	assert.Equal(t, "null", string(null.New), "a stored null is not nil")

	old, err := state.Delete("s", "k")
	require.NoError(t, err)
	assert.Equal(t, "null", string(old))
	old, err = state.Delete("s", "k")
	require.NoError(t, err, "deleting a missing key is not an error")
	assert.Nil(t, old)
}

func TestListIsOrderedByKeyAndClearEmptiesOnlyItsScope(t *testing.T) {
	app, _ := testkit.NewApp(t, nil)
	state := stateOf(t, app)
	const many = 1100 // more than two pages
	for i := range many {
		_, err := state.Set("big", fmt.Sprintf("%05d", (i*7919)%many), (i*7919)%many) // in no order
		require.NoError(t, err)
	}
	_, err := state.Set("small", "k", "stays")
	require.NoError(t, err)

	values, err := state.List("big")
	require.NoError(t, err)
	require.Len(t, values, many)
	for i, v := range values {
		require.Equal(t, fmt.Sprint(i), string(v))
	}
	scopes, err := state.Scopes()
	require.NoError(t, err)
	assert.Equal(t, []string{"big", "small"}, scopes)

	require.NoError(t, state.Clear("big"))
	values, err = state.List("big")
	require.NoError(t, err)
	assert.Empty(t, values)
	assert.NotNil(t, values, "encodes as []")
	scopes, err = state.Scopes()
	require.NoError(t, err)
	assert.Equal(t, []string{"small"}, scopes)
	require.NoError(t, state.Clear("never was"))
}

func TestClearDeletesByKeyWhateverTheValuesAre(t *testing.T) {
	app, _ := testkit.NewApp(t, nil)
	state := stateOf(t, app)
	for key, value := range map[string]any{"object": map[string]int{"n": 1}, "id": map[string]string{"id": "other"}, "null": nil, "text": "x", "list": []int{}} {
		_, err := state.Set("s", key, value)
		require.NoError(t, err)
	}
	require.NoError(t, state.Clear("s"))
	left, err := state.List("s")
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestAStoredValueDoesNotChangeWithTheCallersValue(t *testing.T) {
	app, _ := testkit.NewApp(t, nil)
	state := stateOf(t, app)
	list, raw := []int{1, 2}, json.RawMessage(`[1,2]`)
	_, err := state.Set("s", "list", list)
	require.NoError(t, err)
	_, err = state.Set("s", "raw", raw)
	require.NoError(t, err)
	op := motia.Set("list", list)
	list[0], raw[1] = 9, '9'
	_, err = state.Update("s", "op", op)
	require.NoError(t, err)

	for key, want := range map[string]string{"list": `[1,2]`, "raw": `[1,2]`, "op": `{"list":[1,2]}`} {
		var got json.RawMessage
		_, err = state.Get("s", key, &got)
		require.NoError(t, err)
		assert.Equal(t, want, string(got), key)
		got[1] = '!' // nor with what a reader does to its copy
		_, err = state.Get("s", key, &got)
		require.NoError(t, err)
		assert.Equal(t, want, string(got), key)
	}
}

func TestValuesThatDoNotEncodeOrDecodeAreErrorsThatNameTheKey(t *testing.T) {
	app, _ := testkit.NewApp(t, nil)
	state := stateOf(t, app)
	for _, value := range []any{make(chan int), math.NaN(), func() {}, json.RawMessage(`{"a":`)} {
		_, err := state.Set("carts", "c-1", value)
		require.ErrorContains(t, err, `set state "carts" key "c-1"`)
	}
	found, err := state.Get("carts", "c-1", new(any))
	require.NoError(t, err)
	require.False(t, found, "nothing was stored")

	_, err = state.Set("carts", "c-1", "text")
	require.NoError(t, err)
	var wrong *json.UnmarshalTypeError
	found, err = state.Get("carts", "c-1", new(int))
	require.True(t, found)
	require.ErrorAs(t, err, &wrong)
	require.ErrorContains(t, err, `get state "carts" key "c-1"`)
	for _, dest := range []any{nil, "", (*int)(nil)} {
		_, err = state.Get("carts", "c-1", dest)
		var invalid *json.InvalidUnmarshalError
		require.ErrorAs(t, err, &invalid)
	}
}

func TestATooLargeValueIsRefusedByEveryKindOfWrite(t *testing.T) {
	const limit = 100
	app, _ := testkit.NewApp(t, &motia.Options{MaxValueSize: limit, Streams: []motia.StreamConfig{{Name: "texts"}}})
	ctx := app.Context(t.Context())
	const texts motia.Scope[string] = "texts"
	fits, tooLong := strings.Repeat("x", limit-2), strings.Repeat("x", limit-1) // two quotes
	_, err := texts.Set(ctx, "k", fits)
	require.NoError(t, err)

	_, err = texts.Set(ctx, "k", tooLong)
	require.ErrorIs(t, err, motia.ErrValueTooLarge)
	require.ErrorContains(t, err, `set state "texts" key "k"`)
	_, err = texts.Modify(ctx, "k", func(s string) (string, error) { return s + "x", nil })
	require.ErrorIs(t, err, motia.ErrValueTooLarge)
	_, err = texts.Update(ctx, "k", motia.Set("", "short"), motia.Set("", tooLong))
	require.ErrorIs(t, err, motia.ErrValueTooLarge)
	var misfit *motia.UpdateError
	require.ErrorAs(t, err, &misfit)
	require.Equal(t, 1, misfit.Index)
	_, err = motia.StreamName[string]("texts").Set(ctx, "g", "k", tooLong)
	require.ErrorIs(t, err, motia.ErrValueTooLarge)

	value, _, err := texts.Get(ctx, "k")
	require.NoError(t, err)
	require.Equal(t, fits, value)
}

func TestAnyStringIsALegalScopeAndKey(t *testing.T) {
	names := []string{
		"", ".", "..", "a", "a.b", "a/b", "/", "//", "a:b", "1:a", "*", ">", "=", " ", "\x00", "a\x00", "a\x00b", "\xff", "\xff\xfe", "\xc3", "\ufffd",
		"🦄", "é", "e\u0301", `"`, `\`, `\.`, "%2F", "%", "state", "stream:a", "motia:state", "\n", strings.Repeat("k", 64<<10), strings.Repeat("k", 64<<10) + "k",
	}
	app, _ := testkit.NewApp(t, nil)
	state := stateOf(t, app)
	for i, scope := range names {
		for j, key := range names {
			created, err := state.Set(scope, key, i*len(names)+j)
			require.NoError(t, err)
			require.Nil(t, created.Old, "%.20q %.20q met another", scope, key)
		}
	}
	for i, scope := range names {
		values, err := state.List(scope)
		require.NoError(t, err)
		require.Len(t, values, len(names))
		for j, key := range names {
			var n int
			found, err := state.Get(scope, key, &n)
			require.NoError(t, err)
			require.True(t, found)
			require.Equal(t, i*len(names)+j, n)
		}
	}
	scopes, err := state.Scopes()
	require.NoError(t, err)
	require.ElementsMatch(t, names, scopes)
	require.NoError(t, state.Clear("a"))
	_, err = state.Delete("a.b", "a")
	require.NoError(t, err)
	var n int
	found, err := state.Get("a/b", "a", &n)
	require.NoError(t, err)
	require.True(t, found)
}

func TestStateOutsideOfAnInvocationIsAnError(t *testing.T) {
	var state motia.StateManager
	var err error
	check := func(method string) { t.Helper(); require.ErrorIs(t, err, motia.ErrNoInvocation, method) }
	_, err = state.Get("s", "k", new(int))
	check("Get")
	_, err = state.Set("s", "k", 1)
	check("Set")
	_, err = state.Update("s", "k", motia.Increment("n", 1))
	check("Update")
	_, err = state.Delete("s", "k")
	check("Delete")
	_, err = state.List("s")
	check("List")
	_, err = state.Scopes()
	check("Scopes")
	err = state.Clear("s")
	check("Clear")
	_, err = state.Load("s", "k", new(int))
	check("Load")
	_, err = state.Modify("s", "k", func(old json.RawMessage) (any, error) { return old, nil })
	check("Modify")
	for _, err = range state.All("s") {
		check("All")
	}
	_, err = state.With(t.Context()).Get("s", "k", new(int))
	check("With")
}

func TestStateOfAnEndedContextAndOfAnAppThatIsShutDownIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, _ := testkit.NewApp(t, nil)
		ended, cancel := context.WithCancel(t.Context())
		inv, _ := motia.FromContext(app.Context(ended))
		cancel()
		all := func(state motia.StateManager, want error) {
			t.Helper()
			_, errGet := state.Get("s", "k", new(any))
			_, errSet := state.Set("s", "k", 1)
			_, errUpdate := state.Update("s", "k", motia.Increment("n", 1))
			_, errDelete := state.Delete("s", "k")
			_, errList := state.List("s")
			_, errScopes := state.Scopes()
			for i, err := range []error{errGet, errSet, errUpdate, errDelete, errList, errScopes, state.Clear("s")} {
				require.ErrorIs(t, err, want, "%d", i)
			}
		}
		all(inv.State, context.Canceled)
		stop := testkit.Start(t, app)
		synctest.Wait()
		require.NoError(t, stop())
		all(stateOf(t, app), motia.ErrShutdown)
	})
}

func TestATimeToLiveEndsTheValueUnlessASetDropsIt(t *testing.T) {
	const sessions motia.Scope[int] = "sessions"
	synctest.Test(t, func(t *testing.T) {
		app, _ := testkit.NewApp(t, nil)
		ctx := app.Context(t.Context())
		testkit.Start(t, app) // whose end stops the timers of the store
		set := func(key string, opts ...motia.SetOption) {
			_, err := sessions.Set(ctx, key, 1, opts...)
			require.NoError(t, err)
		}
		exists := func(key string) bool {
			_, found, err := sessions.Get(ctx, key)
			require.NoError(t, err)
			return found
		}
		for _, key := range []string{"plain", "updated", "modified", "dropped", "renewed"} {
			set(key, motia.TTL(time.Minute))
		}
		set("none", motia.TTL(0))
		set("negative", motia.TTL(-time.Second))
		time.Sleep(30 * time.Second)
		_, err := sessions.Update(ctx, "updated", motia.Increment("", 1))
		require.NoError(t, err)
		_, err = sessions.Modify(ctx, "modified", func(n int) (int, error) { return n + 1, nil })
		require.NoError(t, err)
		set("dropped")
		set("renewed", motia.TTL(time.Minute))

		time.Sleep(30*time.Second - 1)
		require.True(t, exists("plain"), "a nanosecond before its end")
		time.Sleep(time.Nanosecond)
		require.False(t, exists("plain"))
		require.False(t, exists("updated"), "Update keeps the time to live")
		require.False(t, exists("modified"), "Modify keeps the time to live")
		require.True(t, exists("dropped"), "Set without TTL drops it")
		require.True(t, exists("renewed"))
		time.Sleep(30 * time.Second)
		require.False(t, exists("renewed"))
		values, err := sessions.List(ctx)
		require.NoError(t, err)
		require.Len(t, values, 1, "dropped stays; a time to live that is none or negative is over at once")

		change, err := sessions.Set(ctx, "plain", 5)
		require.NoError(t, err)
		require.False(t, change.Old.Exists(), "what has expired is not an old value")
	})
}

func TestStateIsSafeForConcurrentUse(t *testing.T) {
	app, _ := testkit.NewApp(t, nil)
	var group sync.WaitGroup
	for w := range 4 {
		group.Go(func() {
			state := stateOf(t, app)
			for i := range 300 {
				key := fmt.Sprint((w + i) % 5)
				_, errSet := state.Set("s", key, map[string]int{"w": w})
				_, errUpdate := state.Update("s", key, motia.Increment("n", 1))
				var value map[string]int
				_, errGet := state.Get("s", key, &value)
				values, errList := state.List("s")
				_, errDelete := state.Delete("s", key)
				assert.NoError(t, errors.Join(errSet, errUpdate, errGet, errList, errDelete))
				for _, v := range values {
					assert.True(t, json.Valid(bytes.TrimSpace(v)))
				}
			}
		})
	}
	group.Wait()
	values, err := stateOf(t, app).List("s")
	require.NoError(t, err)
	require.Empty(t, values)
}

func TestTheZeroTTLOptionHasNoEffect(t *testing.T) {
	app, _ := testkit.NewApp(t, nil)
	inv, _ := motia.FromContext(app.Context(t.Context()))
	_, err := inv.State.Set("s", "k", 1, motia.TTLOption{})
	require.NoError(t, err)
	found, err := inv.State.Get("s", "k", new(int))
	require.NoError(t, err)
	require.True(t, found)
}
