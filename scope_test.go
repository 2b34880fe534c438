package motia_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/testkit"
)

type scopeAccount struct {
	Balance int    `json:"balance"`
	Owner   string `json:"owner,omitempty"`
}

const scopeAccounts motia.Scope[scopeAccount] = "accounts"

// scopeCASOnly is a KV that is no driver.Updater, so that updates go through compare-and-set.
type scopeCASOnly struct {
	driver.KV
	driver.ChangeLog
}

func scopeCASBackend() *driver.Backend {
	backend := motia.InMemory(nil)
	backend.KV = scopeCASOnly{backend.KV, backend.KV.(driver.ChangeLog)}
	return backend
}

func TestATypedScopeReadsAndWritesItsType(t *testing.T) {
	app, _ := testkit.NewApp(t, nil)
	ctx := app.Context(t.Context())

	_, found, err := scopeAccounts.Get(ctx, "a")
	require.NoError(t, err)
	require.False(t, found)
	change, err := scopeAccounts.Set(ctx, "a", scopeAccount{Balance: 5})
	require.NoError(t, err)
	require.False(t, change.Old.Exists())
	require.True(t, change.New.Exists())
	change, err = scopeAccounts.Update(ctx, "a", motia.Increment("balance", 2), motia.Set("owner", "Ada"))
	require.NoError(t, err)
	old, err := change.Old.Value()
	require.NoError(t, err)
	require.Equal(t, scopeAccount{Balance: 5}, old)
	account, found, err := scopeAccounts.Get(ctx, "a")
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, scopeAccount{7, "Ada"}, account)

	_, err = scopeAccounts.Set(ctx, "0", scopeAccount{Balance: 1})
	require.NoError(t, err)
	list, err := scopeAccounts.List(ctx)
	require.NoError(t, err)
	require.Equal(t, []scopeAccount{{1, ""}, {7, "Ada"}}, list)

	account, found, err = scopeAccounts.Delete(ctx, "a")
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, "Ada", account.Owner)
	_, found, err = scopeAccounts.Delete(ctx, "a")
	require.NoError(t, err)
	require.False(t, found)
	require.NoError(t, scopeAccounts.Clear(ctx))
	list, err = scopeAccounts.List(ctx)
	require.NoError(t, err)
	require.Equal(t, []scopeAccount{}, list)
}

func TestStoredTellsAbsenceFromNullAndIsItsTextAsJSON(t *testing.T) {
	app, _ := testkit.NewApp(t, nil)
	ctx := app.Context(t.Context())
	const values motia.Scope[*int] = "values"

	change, err := values.Set(ctx, "k", nil)
	require.NoError(t, err)
	require.False(t, change.Old.Exists())
	require.True(t, change.New.Exists(), "a stored null exists")
	text, err := json.Marshal(change)
	require.NoError(t, err)
	require.JSONEq(t, fmt.Sprintf(`{"new":null,"revision":%d}`, change.Revision), string(text))

	seven := 7
	change, err = values.Set(ctx, "k", &seven)
	require.NoError(t, err)
	text, err = json.Marshal(change.New)
	require.NoError(t, err)
	require.Equal(t, "7", string(text))
	got, err := change.New.Value()
	require.NoError(t, err)
	require.Equal(t, &seven, got)
	got, err = change.Old.Value()
	require.NoError(t, err)
	require.Nil(t, got)

	_, err = stateOf(t, app).Set("values", "k", "text")
	require.NoError(t, err)
	change, err = values.Set(ctx, "k", nil)
	require.NoError(t, err, "an old value of another type does not keep a write from being made")
	_, err = change.Old.Value()
	require.Error(t, err)
}

func TestTypedNamesOutsideOfAnInvocationAreErrors(t *testing.T) {
	ctx := t.Context()
	const items motia.StreamName[int] = "items"
	_, _, errGet := scopeAccounts.Get(ctx, "k")
	_, _, errLoad := scopeAccounts.Load(ctx, "k")
	_, errSet := scopeAccounts.Set(ctx, "k", scopeAccount{})
	_, errUpdate := scopeAccounts.Update(ctx, "k", motia.Delete("x"))
	_, errModify := scopeAccounts.Modify(ctx, "k", func(a scopeAccount) (scopeAccount, error) { return a, nil })
	_, _, errDelete := scopeAccounts.Delete(ctx, "k")
	_, errList := scopeAccounts.List(ctx)
	errClear := scopeAccounts.Clear(ctx)
	all := []error{errGet, errLoad, errSet, errUpdate, errModify, errDelete, errList, errClear}
	for _, err := range scopeAccounts.All(ctx) {
		all = append(all, err)
	}
	_, _, errGet = items.Get(ctx, "g", "i")
	_, errSet = items.Set(ctx, "g", "i", 1)
	_, errUpdate = items.Update(ctx, "g", "i")
	_, _, errDelete = items.Delete(ctx, "g", "i")
	_, errList = items.List(ctx, "g")
	_, errGroups := items.Groups(ctx)
	errSend := items.Send(ctx, "g", "i", "e", 1)
	_, errSubscribe := items.Subscribe(ctx, "g")
	_, _, errLoad = items.Load(ctx, "g", "i")
	_, errModify = items.Modify(ctx, "g", "i", func(n int) (int, error) { return n, nil })
	all = append(all, errGet, errLoad, errSet, errUpdate, errModify, errDelete, errList, errGroups, errSend, errSubscribe)
	for _, err := range items.All(ctx, "g") {
		all = append(all, err)
	}
	require.Len(t, all, 20)
	for i, err := range all {
		assert.ErrorIs(t, err, motia.ErrNoInvocation, "%d", i)
	}
}

func TestModifyUnderContentionLosesNothing(t *testing.T) {
	app, _ := testkit.NewApp(t, nil)
	ctx := app.Context(t.Context())
	const writers, times = 8, 500
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for range times {
				_, err := scopeAccounts.Modify(ctx, "a", func(a scopeAccount) (scopeAccount, error) {
					a.Balance++
					return a, nil
				})
				assert.NoError(t, err)
			}
		})
	}
	group.Wait()
	account, _, err := scopeAccounts.Get(ctx, "a")
	require.NoError(t, err)
	require.Equal(t, writers*times, account.Balance)
}

func TestModifyThatFailsStoresNothing(t *testing.T) {
	app, _ := testkit.NewApp(t, nil)
	ctx, cancel := context.WithCancel(app.Context(t.Context()))
	broke := errors.New("broke")
	modify := func(key string, change func(scopeAccount) (scopeAccount, error)) error {
		_, err := scopeAccounts.Modify(ctx, key, change)
		return err
	}
	refuse := func(scopeAccount) (scopeAccount, error) { return scopeAccount{Balance: 9}, broke }
	require.True(t, modify("a", refuse) == broke, "the error of change is returned as it is")
	_, found, err := scopeAccounts.Get(ctx, "a")
	require.NoError(t, err)
	require.False(t, found)

	_, err = stateOf(t, app).Set("accounts", "b", "not an account")
	require.NoError(t, err)
	called := false
	err = modify("b", func(a scopeAccount) (scopeAccount, error) { called = true; return a, nil })
	require.ErrorContains(t, err, `modify state "accounts" key "b"`)
	require.False(t, called)

	err = modify("c", func(scopeAccount) (scopeAccount, error) {
		_, err := scopeAccounts.Set(ctx, "c", scopeAccount{Balance: time.Now().Nanosecond() + 1}) // always a conflict
		cancel()
		return scopeAccount{}, err
	})
	require.ErrorIs(t, err, context.Canceled, "the end of the context ends the contention")
}

func TestModifyOfAnUnchangedValueWritesNothing(t *testing.T) {
	app, _ := testkit.NewApp(t, nil)
	ctx := app.Context(t.Context())
	set, err := scopeAccounts.Set(ctx, "a", scopeAccount{Balance: 1})
	require.NoError(t, err)
	same, err := scopeAccounts.Modify(ctx, "a", func(a scopeAccount) (scopeAccount, error) { return a, nil })
	require.NoError(t, err)
	require.Equal(t, set.Revision, same.Revision)
}

func TestAllIteratesOverEverythingInOrderOfTheKeys(t *testing.T) {
	app, _ := testkit.NewApp(t, nil)
	ctx := app.Context(t.Context())
	const numbers motia.Scope[int] = "numbers"
	const many = 1025 // two pages and one
	for i := range many {
		_, err := numbers.Set(ctx, fmt.Sprintf("%05d", i), i)
		require.NoError(t, err)
	}
	next := 0
	for item, err := range numbers.All(ctx) {
		require.NoError(t, err)
		require.Equal(t, next, item.Value)
		require.Equal(t, fmt.Sprintf("%05d", next), item.Key)
		_, revision, err := numbers.Load(ctx, item.Key)
		require.NoError(t, err)
		require.Equal(t, revision, item.Revision)
		next++
	}
	require.Equal(t, many, next)

	seen := 0
	for range numbers.All(ctx) {
		if seen++; seen == 600 {
			break // on the second page
		}
	}
	require.Equal(t, 600, seen)
	for range numbers.All(ctx) {
		seen++ // the same iterator value can be used anew
	}
	require.Equal(t, 600+many, seen)
	for item, err := range motia.Scope[int]("empty").All(ctx) {
		t.Fatal(item, err)
	}
}

func TestAllToleratesChangesMeanwhile(t *testing.T) {
	app, _ := testkit.NewApp(t, nil)
	ctx := app.Context(t.Context())
	const numbers motia.Scope[int] = "numbers"
	for i := range 2000 {
		_, err := numbers.Set(ctx, fmt.Sprintf("%05d", i), i)
		require.NoError(t, err)
	}
	seen := make(map[string]int)
	last := ""
	for item, err := range numbers.All(ctx) {
		require.NoError(t, err)
		require.Greater(t, item.Key, last, "in order, none twice")
		last = item.Key
		seen[item.Key] = item.Value
		if item.Key == "00000" { // the first page was read
			_, _, err = numbers.Delete(ctx, "01000")
			require.NoError(t, err)
			_, err = numbers.Set(ctx, "01001", -1)
			require.NoError(t, err)
			_, err = numbers.Set(ctx, "01500.5", 15005)
			require.NoError(t, err)
		}
		if item.Key == "00511" { // deletes where it stands, at the end of the page
			_, _, err = numbers.Delete(ctx, "00511")
			require.NoError(t, err)
		}
	}
	require.Len(t, seen, 2000)
	require.NotContains(t, seen, "01000")
	require.Equal(t, -1, seen["01001"])
	require.Equal(t, 15005, seen["01500.5"])
}

func TestAllGoesOnAfterAValueThatDoesNotDecodeAndEndsWithTheBackendsError(t *testing.T) {
	app, _ := testkit.NewApp(t, nil)
	ctx, cancel := context.WithCancel(app.Context(t.Context()))
	const numbers motia.Scope[int] = "numbers"
	for key, value := range map[string]any{"a": 1, "b": "two", "c": 3} {
		_, err := stateOf(t, app).Set("numbers", key, value)
		require.NoError(t, err)
	}
	var keys []string
	var failed []string
	for item, err := range numbers.All(ctx) {
		keys = append(keys, item.Key)
		if err != nil {
			failed = append(failed, item.Key)
		}
	}
	require.Equal(t, []string{"a", "b", "c"}, keys)
	require.Equal(t, []string{"b"}, failed)
	for item, err := range numbers.All(ctx) {
		if err != nil {
			require.Equal(t, "b", item.Key)
			break // on the error
		}
	}
	_, err := numbers.List(ctx)
	require.ErrorContains(t, err, `key "b"`)

	cancel()
	var errs []error
	for _, err := range numbers.All(ctx) {
		errs = append(errs, err)
	}
	require.Len(t, errs, 1)
	require.ErrorIs(t, errs[0], context.Canceled)
}
