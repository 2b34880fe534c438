package store_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/memkv"
	"github.com/motia-go/motia/internal/store"
)

// caller says who it is in headers and errors.
type caller string

func (c caller) Header(bucket string) driver.Header {
	return driver.Header{Step: string(c) + " in " + bucket}
}
func (c caller) Explain(err error, tried string) error {
	return fmt.Errorf("%s: %s: %w", string(c), tried, err)
}

// plain is a KV without abilities: updates go through compare-and-set.
type plain struct{ driver.KV }

// each runs the test on a KV that is a driver.Updater and on one that is not, in a bubble.
func each(t *testing.T, f func(t *testing.T, s store.Scope)) {
	for how, hide := range map[string]bool{"by the driver's update": false, "by compare-and-set": true} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				kv := memkv.New()
				defer kv.Close(context.Background())
				s := store.Scope{KV: kv, Bucket: "state", Name: "s", Caller: caller("me")}
				if hide {
					s.KV = plain{kv}
				}
				f(t, s)
			})
		})
	}
}

func TestWritesReturnTheValuesBeforeAndAfterThem(t *testing.T) {
	each(t, func(t *testing.T, s store.Scope) {
		ctx := t.Context()
		_, found, err := s.Get(ctx, "k")
		require.NoError(t, err)
		require.False(t, found)

		first, err := s.Set(ctx, "k", []byte("1"), driver.PutOptions{})
		require.NoError(t, err)
		require.Nil(t, first.Old)
		require.Equal(t, "1", string(first.New))
		second, err := s.Update(ctx, "k", nil, func(old []byte) ([]byte, error) { return append([]byte("2"), old...), nil })
		require.NoError(t, err)
		require.Equal(t, "1", string(second.Old))
		require.Equal(t, "21", string(second.New))
		require.Greater(t, second.Revision, first.Revision)
		same, err := s.Modify(ctx, "k", func(old []byte) ([]byte, error) { return old, nil })
		require.NoError(t, err)
		require.Equal(t, second.Revision, same.Revision)
		entry, found, err := s.Get(ctx, "k")
		require.NoError(t, err)
		require.True(t, found)
		require.Equal(t, "21", string(entry.Value))
		require.Equal(t, second.Revision, entry.Revision)

		deleted, err := s.Delete(ctx, "k", driver.PutOptions{})
		require.NoError(t, err)
		require.Equal(t, "21", string(deleted.Old))
		require.Nil(t, deleted.New)
		deleted, err = s.Delete(ctx, "k", driver.PutOptions{})
		require.NoError(t, err)
		require.Equal(t, store.Change{}, deleted)
	})
}

func TestAnUpdateOfAMissingValueStartsFromNil(t *testing.T) {
	each(t, func(t *testing.T, s store.Scope) {
		for key, update := range updates(s) {
			_, err := update(t.Context(), key, func(old []byte) ([]byte, error) {
				require.Nil(t, old)
				return []byte("1"), nil
			})
			require.NoError(t, err)
		}
	})
}

// updates are the ways to change a value from what it was.
func updates(s store.Scope) map[string]update {
	return map[string]update{
		"modify": s.Modify,
		"update": func(ctx context.Context, key string, change func([]byte) ([]byte, error)) (store.Change, error) {
			return s.Update(ctx, key, nil, change)
		},
	}
}

type update func(ctx context.Context, key string, change func(old []byte) ([]byte, error)) (store.Change, error)

func increment(old []byte) ([]byte, error) {
	if old == nil {
		return []byte("1"), nil
	}
	n, err := strconv.Atoi(string(old))
	return strconv.AppendInt(nil, int64(n)+1, 10), err
}

func TestUpdatesUnderContentionLoseNothing(t *testing.T) {
	each(t, func(t *testing.T, s store.Scope) {
		for key, update := range updates(s) {
			const writers, times = 8, 200
			var group sync.WaitGroup
			for range writers {
				group.Go(func() {
					for range times {
						if _, err := update(t.Context(), key, increment); err != nil {
							t.Error(err)
							return
						}
					}
				})
			}
			group.Wait()
			entry, _, err := s.Get(t.Context(), key)
			require.NoError(t, err)
			require.Equal(t, strconv.Itoa(writers*times), string(entry.Value))
		}
	})
}

func TestAnUpdateKeepsTheExpiry(t *testing.T) {
	each(t, func(t *testing.T, s store.Scope) {
		for key, update := range updates(s) {
			_, err := s.Set(t.Context(), key, []byte("1"), driver.PutOptions{Expires: time.Now().Add(time.Minute)})
			require.NoError(t, err)
			_, err = update(t.Context(), key, increment)
			require.NoError(t, err)
			time.Sleep(time.Minute - time.Nanosecond)
			_, found, err := s.Get(t.Context(), key)
			require.NoError(t, err)
			require.True(t, found)
			time.Sleep(time.Nanosecond)
			_, found, err = s.Get(t.Context(), key)
			require.NoError(t, err)
			require.False(t, found)
		}
	})
}

func TestAnUpdateThatFailsStoresNothing(t *testing.T) {
	errBroke := errors.New("broke")
	each(t, func(t *testing.T, s store.Scope) {
		for verb, update := range updates(s) {
			_, err := update(t.Context(), "k", func([]byte) ([]byte, error) { return []byte("1"), errBroke })
			require.ErrorIs(t, err, errBroke)
			require.EqualError(t, err, `me: `+verb+` state "s" key "k": broke`)
			_, found, err := s.Get(t.Context(), "k")
			require.NoError(t, err)
			require.False(t, found)
		}
	})
}

func TestTheEndOfTheContextEndsAContentionThatCannotBeWon(t *testing.T) {
	errEnough := errors.New("enough")
	each(t, func(t *testing.T, s store.Scope) {
		ctx, cancel := context.WithCancelCause(t.Context())
		tries := 0
		_, err := s.Modify(ctx, "k", func(old []byte) ([]byte, error) {
			if tries++; tries == 20 {
				cancel(errEnough)
			}
			_, err := s.Set(context.Background(), "k", fmt.Append(nil, tries), driver.PutOptions{}) // always a conflict
			return []byte("0"), err
		})
		require.ErrorIs(t, err, context.Canceled)
		require.EqualError(t, err, `me: modify state "s" key "k": context canceled`)
		require.Equal(t, 20, tries)
	})
}

func TestAConditionalWriteThatComesTooLateIsAConflict(t *testing.T) {
	each(t, func(t *testing.T, s store.Scope) {
		_, err := s.Set(t.Context(), "k", []byte("1"), driver.PutOptions{})
		require.NoError(t, err)
		none := uint64(0)
		_, err = s.Set(t.Context(), "k", []byte("2"), driver.PutOptions{IfRevision: &none})
		require.ErrorIs(t, err, driver.ErrConflict)
		_, err = s.Delete(t.Context(), "k", driver.PutOptions{IfRevision: &none})
		require.ErrorIs(t, err, driver.ErrConflict)
		_, err = s.Update(t.Context(), "k", &none, func([]byte) ([]byte, error) {
			t.Error("an update of another revision is not tried")
			return nil, nil
		})
		require.ErrorIs(t, err, driver.ErrConflict)
		require.EqualError(t, err, `me: update state "s" key "k": motia: revision conflict`)
		entry, _, err := s.Get(t.Context(), "k")
		require.NoError(t, err)
		require.Equal(t, "1", string(entry.Value))
	})
}

func TestAConditionalUpdateIsMadeOnceAndOnlyOfItsRevision(t *testing.T) {
	each(t, func(t *testing.T, s store.Scope) {
		ctx, none := t.Context(), uint64(0)
		first, err := s.Update(ctx, "k", &none, increment)
		require.NoError(t, err)
		require.Nil(t, first.Old)
		second, err := s.Update(ctx, "k", &first.Revision, increment)
		require.NoError(t, err)
		require.Equal(t, "1", string(second.Old))
		require.Equal(t, "2", string(second.New))

		tries := 0
		_, err = s.Update(ctx, "k", &second.Revision, func(old []byte) ([]byte, error) {
			tries++
			_, err := s.Set(ctx, "k", []byte("7"), driver.PutOptions{}) // somebody else, meanwhile
			require.NoError(t, err)
			return increment(old)
		})
		require.ErrorIs(t, err, driver.ErrConflict)
		require.Equal(t, 1, tries, "a conflict is not tried again")
		entry, _, err := s.Get(ctx, "k")
		require.NoError(t, err)
		require.Equal(t, "7", string(entry.Value))

		errBroke := errors.New("broke")
		_, err = s.Update(ctx, "k", &entry.Revision, func([]byte) ([]byte, error) { return []byte("8"), errBroke })
		require.EqualError(t, err, `me: update state "s" key "k": broke`)
		same, err := s.Update(ctx, "k", &entry.Revision, func(old []byte) ([]byte, error) { return old, nil })
		require.NoError(t, err)
		require.Equal(t, entry.Revision, same.Revision, "a write that changes nothing keeps the revision")
	})
}

func TestAConditionalUpdateKeepsTheExpiry(t *testing.T) {
	each(t, func(t *testing.T, s store.Scope) {
		set, err := s.Set(t.Context(), "k", []byte("1"), driver.PutOptions{Expires: time.Now().Add(time.Minute)})
		require.NoError(t, err)
		updated, err := s.Update(t.Context(), "k", &set.Revision, increment)
		require.NoError(t, err)
		time.Sleep(time.Minute)
		_, err = s.Update(t.Context(), "k", &updated.Revision, increment)
		require.ErrorIs(t, err, driver.ErrConflict, "it has expired")
	})
}

// contend makes the same conditional write from many goroutines at once and returns how many of them succeeded.
func contend(t *testing.T, write func() error) int {
	var won atomic.Int32
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if err := write(); err == nil {
				won.Add(1)
			} else if !errors.Is(err, driver.ErrConflict) {
				t.Error(err)
			}
		})
	}
	group.Wait()
	return int(won.Load())
}

func TestOfManyConditionalWritesOfOneRevisionOneWins(t *testing.T) {
	each(t, func(t *testing.T, s store.Scope) {
		ctx, none := t.Context(), uint64(0)
		for round := range 100 {
			set, err := s.Set(ctx, "k", fmt.Append(nil, round), driver.PutOptions{IfRevision: &none})
			require.NoError(t, err)
			require.Equal(t, 1, contend(t, func() error {
				_, err := s.Update(ctx, "k", &set.Revision, func(old []byte) ([]byte, error) { return append([]byte("1"), old...), nil })
				return err
			}))
			entry, _, err := s.Get(ctx, "k")
			require.NoError(t, err)
			require.Equal(t, fmt.Sprint("1", round), string(entry.Value))
			require.Equal(t, 1, contend(t, func() error {
				_, err := s.Delete(ctx, "k", driver.PutOptions{IfRevision: &entry.Revision})
				return err
			}))
			_, found, err := s.Get(ctx, "k")
			require.NoError(t, err)
			require.False(t, found)
		}
	})
}

func TestEveryWriteHasTheCallersHeader(t *testing.T) {
	each(t, func(t *testing.T, s store.Scope) {
		ctx, cancel := context.WithCancel(t.Context())
		var log driver.ChangeLog
		switch kv := s.KV.(type) {
		case plain:
			log = kv.KV.(driver.ChangeLog)
		default:
			log = kv.(driver.ChangeLog)
		}
		require.NoError(t, log.Track(ctx, s.Bucket))
		_, err := s.Set(ctx, "k", []byte("1"), driver.PutOptions{})
		require.NoError(t, err)
		_, err = s.Update(ctx, "k", nil, increment)
		require.NoError(t, err)
		_, err = s.Modify(ctx, "k", increment)
		require.NoError(t, err)
		_, err = s.Delete(ctx, "k", driver.PutOptions{})
		require.NoError(t, err)
		var values []string
		require.NoError(t, log.Changes(ctx, s.Bucket, func(_ context.Context, c driver.Change) error {
			require.Equal(t, driver.Header{Step: "me in state"}, c.Header)
			if values = append(values, string(c.New.Value)); c.New.Deleted {
				cancel()
			}
			return nil
		}))
		require.Equal(t, []string{"1", "2", "3", ""}, values)
	})
}

func TestAnErrorOfTheBackendSaysWhatWasTried(t *testing.T) {
	each(t, func(t *testing.T, s store.Scope) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		expect := func(tried string, err error) {
			t.Helper()
			require.EqualError(t, err, "me: "+tried+": context canceled")
			require.ErrorIs(t, err, context.Canceled)
		}
		_, found, err := s.Get(ctx, "k")
		require.False(t, found)
		expect(`get state "s" key "k"`, err)
		_, err = s.Set(ctx, "k", []byte("1"), driver.PutOptions{})
		expect(`set state "s" key "k"`, err)
		_, err = s.Delete(ctx, "k", driver.PutOptions{})
		expect(`delete state "s" key "k"`, err)
		_, err = s.List(ctx, store.ListOptions{})
		expect(`list state "s"`, err)
		expect(`list state "s"`, s.Clear(ctx))
		_, err = s.Scopes(ctx)
		expect(`list scopes of state`, err)
	})
}

func TestReadingAndWritingAllocatesNothing(t *testing.T) {
	kv := quiet{driver.Entry{Value: []byte("1"), Revision: 1}}
	who := new(countingCaller)
	ctx, value := t.Context(), []byte("1")
	require.Zero(t, testing.AllocsPerRun(100, func() {
		s := store.Scope{KV: &kv, Bucket: "state", Name: "s", Caller: who}
		_, _, _ = s.Get(ctx, "k")
		_, _ = s.Set(ctx, "k", value, driver.PutOptions{})
		_, _ = s.Delete(ctx, "k", driver.PutOptions{})
	}))
	require.NotZero(t, who.headers)
}

// quiet is a KV that does nothing.
type quiet struct{ entry driver.Entry }

func (q *quiet) Get(context.Context, driver.Key) (driver.Entry, error) { return q.entry, nil }
func (q *quiet) Put(context.Context, driver.Key, []byte, driver.PutOptions) (old, new driver.Entry, err error) {
	return q.entry, q.entry, nil
}
func (q *quiet) List(context.Context, string, string, *string, int) ([]driver.Entry, error) {
	return nil, nil
}
func (q *quiet) Scopes(context.Context, string, *string, int) ([]string, error)  { return nil, nil }
func (q *quiet) Watch(context.Context, string, string, func(driver.Entry)) error { return nil }

type countingCaller struct{ headers int }

func (c *countingCaller) Header(string) driver.Header       { c.headers++; return driver.Header{} }
func (c *countingCaller) Explain(err error, _ string) error { return err }
