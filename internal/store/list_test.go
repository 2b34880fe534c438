package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/store"
)

// fill sets so many values and returns their keys.
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
			for entry, err := range s.All(t.Context()) {
				require.NoError(t, err)
				keys = append(keys, entry.Key.ID)
			}
			require.Equal(t, want, keys)

			values, err := s.List(t.Context())
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
		for range s.All(t.Context()) {
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
		for _, err := range s.All(ctx) {
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

func TestClearEmptiesOnlyItsScope(t *testing.T) {
	each(t, func(t *testing.T, s store.Scope) {
		fill(t, s, 1025)
		other := s
		other.Name = "other"
		fill(t, other, 2)
		require.NoError(t, s.Clear(t.Context()))
		values, err := s.List(t.Context())
		require.NoError(t, err)
		require.Empty(t, values)
		values, err = other.List(t.Context())
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
		values, err := s.List(t.Context())
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
