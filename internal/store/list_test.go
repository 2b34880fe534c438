package store_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/store"
)

// fill sets n values and returns their keys.
func fill(t *testing.T, s store.Scope, n int) []string {
	var keys []string
	for i := range n {
		key := fmt.Sprintf("%05d", i)
		_, err := s.Set(t.Context(), key, fmt.Append(nil, i), driver.PutOptions{})
		require.NoError(t, err)
		keys = append(keys, key)
	}
	return keys
}

func TestAScopeOfSeveralPagesIsReadToItsEnd(t *testing.T) {
	for _, n := range []int{0, 1, 511, 512, 513, 1024, 1025} {
		each(t, func(t *testing.T, s store.Scope) {
			want := fill(t, s, n)
			var keys []string
			for entry, err := range s.All(t.Context(), store.ListOptions{}) {
				require.NoError(t, err)
				keys = append(keys, entry.Key.ID)
			}
			require.Equal(t, want, keys)

			values, err := s.List(t.Context(), store.ListOptions{})
			require.NoError(t, err)
			require.NotNil(t, values)
			require.Len(t, values, n)
			for i, value := range values {
				require.Equal(t, fmt.Sprint(i), string(value))
			}
		})
	}
}

func TestAnIterationCanBeLeft(t *testing.T) {
	each(t, func(t *testing.T, s store.Scope) {
		fill(t, s, 3)
		seen := 0
		for range s.All(t.Context(), store.ListOptions{}) {
			if seen++; seen == 2 {
				break
			}
		}
		require.Equal(t, 2, seen)
	})
}

func TestAnErrorEndsAnIterationAfterWhatWasRead(t *testing.T) {
	each(t, func(t *testing.T, s store.Scope) {
		fill(t, s, 600)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		seen := 0
		var failed []error
		for _, err := range s.All(ctx, store.ListOptions{}) {
			cancel()
			if err != nil {
				failed = append(failed, err)
				continue
			}
			seen++
		}
		require.Equal(t, 512, seen)
		require.Len(t, failed, 1)
		require.ErrorIs(t, failed[0], context.Canceled)
	})
}

// frugal is a KV that counts the entries that are read from it.
type frugal struct {
	driver.KV
	read *int
}

func (k frugal) Get(ctx context.Context, key driver.Key) (driver.Entry, error) {
	entry, err := k.KV.Get(ctx, key)
	if err == nil {
		*k.read++
	}
	return entry, err
}

func (k frugal) List(ctx context.Context, bucket, scope string, after *string, limit int) ([]driver.Entry, error) {
	entries, err := k.KV.List(ctx, bucket, scope, after, limit)
	*k.read += len(entries)
	return entries, err
}

// text returns a random string that is likely to be near others: of few bytes, the least and the greatest among them.
func text(random *rand.Rand) string {
	const alphabet = "\x00\x01a\xfe\xff"
	b := make([]byte, random.IntN(5))
	for i := range b {
		b[i] = alphabet[random.IntN(len(alphabet))]
	}
	return string(b)
}

func TestAListBeginsAndEndsWhereItIsToldForAnyKeys(t *testing.T) {
	each(t, func(t *testing.T, s store.Scope) {
		for round := range 40 {
			random := rand.New(rand.NewPCG(uint64(round), 0))
			keys := make(map[string]bool)
			for range random.IntN(400) {
				keys[text(random)] = true
			}
			s.Name = fmt.Sprint(round)
			for key := range keys {
				_, err := s.Set(t.Context(), key, []byte("1"), driver.PutOptions{})
				require.NoError(t, err)
			}
			for range 50 {
				var options store.ListOptions
				if random.IntN(2) == 0 {
					options.From = text(random)
				}
				if random.IntN(2) == 0 {
					options.Prefix = text(random)
				}
				if random.IntN(2) == 0 {
					options.Limit = new(int)
					*options.Limit = random.IntN(20)
				}
				checkList(t, s, options, slices.Sorted(maps.Keys(keys)))
			}
		}
	})
}

// checkList lists a scope that has the given keys.
func checkList(t *testing.T, s store.Scope, options store.ListOptions, keys []string) {
	t.Helper()
	want := []string{}
	for _, key := range keys {
		if key >= options.From && strings.HasPrefix(key, options.Prefix) && (options.Limit == nil || len(want) < *options.Limit) {
			want = append(want, key)
		}
	}
	got, read := []string{}, 0
	s.KV = frugal{s.KV, &read}
	for entry, err := range s.All(t.Context(), options) {
		require.NoError(t, err)
		got = append(got, entry.Key.ID)
	}
	said := fmt.Sprintf("from %q, prefix %q, limit %v", options.From, options.Prefix, options.Limit)
	require.Equal(t, want, got, said)
	inVain := 0
	if options.Prefix != "" {
		inVain = len(want) + 16
	}
	require.LessOrEqual(t, read, len(want)+inVain, said)
	values, err := s.List(t.Context(), options)
	require.NoError(t, err)
	require.Len(t, values, len(want), said)
}

func TestAPrefixOfManyPagesIsReadToItsEnd(t *testing.T) {
	each(t, func(t *testing.T, s store.Scope) {
		keys := fill(t, s, 2100)
		for _, limit := range []int{0, 1, 15, 16, 17, 48, 600, 1000, 2000} {
			checkList(t, s, store.ListOptions{Prefix: "01", Limit: &limit}, keys)
			checkList(t, s, store.ListOptions{From: "00500", Limit: &limit}, keys)
			checkList(t, s, store.ListOptions{From: "00500.", Prefix: "0", Limit: &limit}, keys)
		}
		checkList(t, s, store.ListOptions{Prefix: "01"}, keys)
	})
}

func TestANegativeLimitIsAnError(t *testing.T) {
	each(t, func(t *testing.T, s store.Scope) {
		fill(t, s, 1)
		limit := -1
		_, err := s.List(t.Context(), store.ListOptions{Limit: &limit})
		require.EqualError(t, err, `me: list state "s": limit -1 is negative`)
	})
}

func TestClearEmptiesOnlyItsScope(t *testing.T) {
	each(t, func(t *testing.T, s store.Scope) {
		fill(t, s, 1025)
		other := s
		other.Name = "other"
		fill(t, other, 2)
		require.NoError(t, s.Clear(t.Context()))
		values, err := s.List(t.Context(), store.ListOptions{})
		require.NoError(t, err)
		require.Empty(t, values)
		values, err = other.List(t.Context(), store.ListOptions{})
		require.NoError(t, err)
		require.Len(t, values, 2)
		require.NoError(t, s.Clear(t.Context()))
	})
}

// stubborn is a KV that does not delete one key.
type stubborn struct {
	driver.KV
	id  string
	err error
}

func (k stubborn) Put(ctx context.Context, key driver.Key, value []byte, options driver.PutOptions) (old, new driver.Entry, err error) {
	if options.Delete && key.ID == k.id {
		return driver.Entry{}, driver.Entry{}, k.err
	}
	return k.KV.Put(ctx, key, value, options)
}

func TestClearNamesTheKeyThatCannotBeDeleted(t *testing.T) {
	errDown := errors.New("store is down")
	each(t, func(t *testing.T, s store.Scope) {
		fill(t, s, 5)
		s.KV = stubborn{s.KV, "00003", errDown}
		err := s.Clear(t.Context())
		require.ErrorIs(t, err, errDown)
		require.EqualError(t, err, `me: delete state "s" key "00003": store is down`)
		values, err := s.List(t.Context(), store.ListOptions{})
		require.NoError(t, err)
		require.Len(t, values, 2)
	})
}

func TestTheScopesOfSeveralPagesAreListed(t *testing.T) {
	each(t, func(t *testing.T, s store.Scope) {
		names, err := s.Scopes(t.Context())
		require.NoError(t, err)
		require.Equal(t, []string{}, names)
		var want []string
		for i := range 1030 {
			s.Name = fmt.Sprintf("%05d", i)
			want = append(want, s.Name)
			_, err := s.Set(t.Context(), "", []byte("1"), driver.PutOptions{})
			require.NoError(t, err)
		}
		names, err = s.Scopes(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, names)
	})
}
