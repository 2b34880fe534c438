package deadletters_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/deadletters"
)

// store holds the ids of dead letters by subscription, oldest first.
type store map[string][]string

var errBroken = errors.New("broken")

func (s store) Dead(_ context.Context, subscription, after string, limit int) (page []driver.DeadLetter, err error) {
	for _, id := range s[subscription] {
		if id > after && len(page) < limit {
			page = append(page, driver.DeadLetter{DeadID: id})
		}
	}
	return page, s.err(subscription)
}

func (s store) CountDead(_ context.Context, subscription string) (int, error) {
	return len(s[subscription]), s.err(subscription)
}

func (s store) Redrive(_ context.Context, subscription string, ids ...string) (moved int, err error) {
	before := len(s[subscription])
	s[subscription] = slices.DeleteFunc(s[subscription], func(id string) bool { return slices.Contains(ids, id) })
	return before - len(s[subscription]), s.err(subscription)
}

func (s store) Discard(ctx context.Context, subscription string, ids ...string) (int, error) {
	return s.Redrive(ctx, subscription, ids...)
}

func (s store) err(subscription string) error {
	if subscription == "broken" {
		return errBroken
	}
	return nil
}

func list(s store, subscriptions ...string) deadletters.List {
	return deadletters.List{
		Store:         s,
		Subscriptions: subscriptions,
		Explain:       func(subscription string, err error) error { return fmt.Errorf("of %s: %w", subscription, err) },
	}
}

func TestPagesOfAnySizeAreTheWholeListInOrder(t *testing.T) {
	l := list(store{"a": {"1", "2", "3"}, "c": {"1"}, "d": {"5", "6"}, "e": {"7"}}, "a", "b", "c", "d")
	for limit := 1; limit <= 7; limit++ {
		var ids []string
		for after := ""; ; after = ids[len(ids)-1] {
			page, err := l.Page(t.Context(), after, limit)
			require.NoError(t, err)
			if len(page) == 0 {
				break
			}
			for _, letter := range page {
				require.Equal(t, letter.Subscription+":"+letter.DeadID, letter.ID)
				ids = append(ids, letter.ID)
			}
		}
		require.Equal(t, []string{"a:1", "a:2", "a:3", "c:1", "d:5", "d:6"}, ids)
	}
	n, err := l.Count(t.Context())
	require.NoError(t, err)
	require.Equal(t, 6, n)
}

func TestAPageMayBeginAfterALetterThatIsGone(t *testing.T) {
	l := list(store{"a": {"1", "3"}, "c": {"1"}}, "a", "c")
	for after, want := range map[string]int{"a:2": 2, "b:1": 1, "c:1": 0} {
		page, err := l.Page(t.Context(), after, 10)
		require.NoError(t, err)
		require.Len(t, page, want, after)
	}
	_, err := l.Page(t.Context(), "nonsense", 10)
	require.ErrorIs(t, err, deadletters.ErrMalformedID)
}

func TestMovingCountsEachIDOnce(t *testing.T) {
	s := store{"a": {"1", "2"}, "c": {"1"}}
	wanted, found, err := list(s, "a", "c").Move(t.Context(), driver.DeadLetters.Redrive, "c:1", "a:2", "a:2", "a:9", "z:1", "nonsense")
	require.NoError(t, err)
	require.Equal(t, 5, wanted)
	require.Equal(t, 2, found)
	require.Equal(t, store{"a": {"1"}, "c": {}}, s)
}

func TestMovingAllGoesThroughEveryPage(t *testing.T) {
	s := store{"b": {"x"}}
	for i := range 1100 {
		s["a"] = append(s["a"], strconv.Itoa(10000+i))
	}
	n, err := list(s, "a", "b").MoveAll(t.Context(), driver.DeadLetters.Discard)
	require.NoError(t, err)
	require.Equal(t, 1101, n)
	require.Equal(t, store{"a": {}, "b": {}}, s)
}

func TestAnErrorOfTheStoreNamesItsSubscription(t *testing.T) {
	l := list(store{"a": {"1"}, "broken": {"1"}}, "a", "broken")
	_, err := l.Page(t.Context(), "", 10)
	require.ErrorIs(t, err, errBroken)
	require.EqualError(t, err, "of broken: broken")
	_, err = l.Count(t.Context())
	require.ErrorIs(t, err, errBroken)
	_, _, err = l.Move(t.Context(), driver.DeadLetters.Redrive, "broken:1")
	require.ErrorIs(t, err, errBroken)
	_, err = l.MoveAll(t.Context(), driver.DeadLetters.Redrive)
	require.ErrorIs(t, err, errBroken)
}
