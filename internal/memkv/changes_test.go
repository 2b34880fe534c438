package memkv_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/memkv"
)

func tracked(t *testing.T) *memkv.KV {
	k := open(t)
	for range 2 {
		if err := k.Track(t.Context(), "b"); err != nil {
			t.Fatal(err)
		}
	}
	return k
}

// run runs Changes until the returned function is called, which waits for its end.
func run(t *testing.T, k *memkv.KV, f func(context.Context, driver.Change) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := k.Changes(ctx, "b", f); err != nil {
			t.Errorf("Changes: %v", err)
		}
	}()
	return func() { cancel(); <-ended }
}

func TestEveryChangeIsHandedOverOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := open(t)
		put(t, k, key("s", "before"), "1", driver.PutOptions{})
		if err := k.Track(t.Context(), "b"); err != nil {
			t.Fatal(err)
		}
		header := driver.Header{Step: "x", Hops: 3}
		var want []driver.Change
		_, first := put(t, k, key("s", "a"), "1", driver.PutOptions{Header: header})
		want = append(want, driver.Change{New: first, Header: header})
		put(t, k, key("s", "a"), "1", driver.PutOptions{})                  // no change
		put(t, k, key("s", "none"), "", driver.PutOptions{Delete: true})    // no change
		put(t, k, driver.Key{Bucket: "untracked"}, "", driver.PutOptions{}) // another bucket
		_, second, err := k.Update(t.Context(), key("s", "a"), header, increment)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, driver.Change{Old: first, New: second, Header: header})
		put(t, k, key("s", "a"), "", driver.PutOptions{Delete: true})
		if got := k.PendingChanges(); got != 3 {
			t.Errorf("%d pending, want 3", got)
		}
		var got []driver.Change
		stop := run(t, k, func(_ context.Context, change driver.Change) error {
			got = append(got, change)
			return nil
		})
		synctest.Wait()
		stop()
		if k.PendingChanges() != 0 || len(got) != 3 || !reflect.DeepEqual(got[:2], want) {
			t.Fatalf("got %+v\nwant %+v and a deletion", got, want)
		}
		deleted := got[2].New
		if !reflect.DeepEqual(got[2].Old, second) || !deleted.Deleted || deleted.Value != nil || deleted.Key != second.Key ||
			deleted.Revision <= second.Revision || !deleted.Time.After(second.Time) {
			t.Errorf("deletion: %+v", got[2])
		}
	})
}

func TestChangesOfAnUntrackedBucketIsAnError(t *testing.T) {
	k := open(t)
	put(t, k, key("s", "a"), "1", driver.PutOptions{})
	for _, bucket := range []string{"b", "no such bucket"} {
		if err := k.Changes(t.Context(), bucket, nil); err == nil {
			t.Errorf("bucket %q: no error", bucket)
		}
	}
}

func TestChangesKeepTheOrderOfTheWritesToAKey(t *testing.T) {
	k := tracked(t)
	const writers, keys, writes = 8, 10, 2000
	last := make(map[driver.Key]driver.Entry)
	count, all := 0, make(chan struct{})
	stop := run(t, k, func(_ context.Context, change driver.Change) error {
		at := change.New.Key
		before := last[at]
		if before.Deleted {
			before = driver.Entry{}
		}
		if !reflect.DeepEqual(change.Old, before) || change.New.Revision <= last[at].Revision {
			t.Errorf("change %+v after %+v", change, last[at])
		}
		last[at] = change.New
		if count++; at.ID == lastID {
			close(all)
		}
		return nil
	})
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range writes {
				at, options := key("s", strconv.Itoa(i*7%keys)), driver.PutOptions{Delete: i%5 == 0}
				if _, _, err := k.Put(context.Background(), at, fmt.Append(nil, w, i), options); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	put(t, k, key("s", lastID), "", driver.PutOptions{})
	<-all
	stop()
	if k.PendingChanges() != 0 || count < writers*writes*4/5 {
		t.Errorf("%d records, %d pending", count, k.PendingChanges())
	}
}

func TestAFailedRecordIsRepeatedWithGrowingPausesAndHoldsUpOnlyItsKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := tracked(t)
		start := time.Now()
		var tries []time.Duration
		var order []string
		stop := run(t, k, func(_ context.Context, change driver.Change) error {
			if value := string(change.New.Value); change.New.Key.ID != "bad" || len(tries) == 9 {
				order = append(order, change.New.Key.ID+value)
				return nil
			}
			tries = append(tries, time.Since(start))
			return errors.New("not yet")
		})
		put(t, k, key("s", "bad"), "1", driver.PutOptions{})
		put(t, k, key("s", "good"), "1", driver.PutOptions{})
		put(t, k, key("s", "bad"), "2", driver.PutOptions{})
		put(t, k, key("s", "good"), "2", driver.PutOptions{})
		synctest.Wait()
		if want := []string{"good1", "good2"}; !slices.Equal(order, want) {
			t.Errorf("while one key fails: %q, want %q", order, want)
		}
		if got := k.PendingChanges(); got != 2 {
			t.Errorf("%d pending, want 2", got)
		}
		time.Sleep(time.Minute)
		stop()
		if want := []string{"good1", "good2", "bad1", "bad2"}; !slices.Equal(order, want) {
			t.Errorf("got %q, want %q", order, want)
		}
		var want []time.Duration
		for at, pause := time.Duration(0), 10*time.Millisecond; len(want) < 9; at, pause = at+pause, min(2*pause, time.Second) {
			want = append(want, at)
		}
		if !slices.Equal(tries, want) {
			t.Errorf("tried at %v, want %v", tries, want)
		}
	})
}

func TestManyFailingKeysDoNotStarveEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := tracked(t)
		const keys = 100
		done := make(map[string][]string)
		var available atomic.Bool
		stop := run(t, k, func(_ context.Context, change driver.Change) error {
			id := change.New.Key.ID
			if !available.Load() || id == "0" {
				return errors.New("full")
			}
			done[id] = append(done[id], string(change.New.Value))
			return nil
		})
		for i := range 3 * keys {
			put(t, k, key("s", strconv.Itoa(i%keys)), strconv.Itoa(i), driver.PutOptions{})
			time.Sleep(time.Millisecond) // new failures must not put off the retries
		}
		available.Store(true)
		time.Sleep(3 * time.Second)
		stop()
		if got := k.PendingChanges(); got != 3 || len(done) != keys-1 {
			t.Errorf("%d pending, want the 3 of the key that always fails; %d keys done", got, len(done))
		}
		for id, values := range done {
			if n, _ := strconv.Atoi(id); !slices.Equal(values, []string{id, strconv.Itoa(n + keys), strconv.Itoa(n + 2*keys)}) {
				t.Errorf("key %s: %q", id, values)
			}
		}
	})
}

func TestOneRunnerAtATimeAndTheNextGoesOnWhereItEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := tracked(t)
		for i := range 4 {
			put(t, k, key("s", strconv.Itoa(i)), "1", driver.PutOptions{})
		}
		var first, second []string
		stopFirst := run(t, k, func(ctx context.Context, change driver.Change) error {
			if len(first) == 2 {
				<-ctx.Done()
				return ctx.Err() // unfinished
			}
			first = append(first, change.New.Key.ID)
			return nil
		})
		synctest.Wait()
		stopSecond := run(t, k, func(_ context.Context, change driver.Change) error {
			second = append(second, change.New.Key.ID)
			return nil
		})
		run(t, k, nil)() // a third one ends while it waits
		synctest.Wait()
		if len(second) != 0 || k.PendingChanges() != 2 {
			t.Errorf("two runners at once: %q, %d pending", second, k.PendingChanges())
		}
		stopFirst()
		synctest.Wait()
		stopSecond()
		if !slices.Equal(first, []string{"0", "1"}) || !slices.Equal(second, []string{"2", "3"}) || k.PendingChanges() != 0 {
			t.Errorf("%q then %q, %d pending", first, second, k.PendingChanges())
		}
	})
}

func TestARecordWhoseFunctionPanicsIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := tracked(t)
		put(t, k, key("s", "a"), "1", driver.PutOptions{})
		func() {
			defer func() { _ = recover() }()
			_ = k.Changes(t.Context(), "b", func(context.Context, driver.Change) error { panic("x") })
		}()
		calls := 0
		stop := run(t, k, func(context.Context, driver.Change) error { calls++; return nil })
		synctest.Wait()
		stop()
		if calls != 1 {
			t.Errorf("%d calls", calls)
		}
	})
}

func TestCloseEndsChangesThatRunWaitAndPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := memkv.New()
		for _, bucket := range []string{"idle", "pausing"} {
			if err := k.Track(t.Context(), bucket); err != nil {
				t.Fatal(err)
			}
		}
		put(t, k, driver.Key{Bucket: "pausing"}, "", driver.PutOptions{})
		results := make(chan error, 3)
		for _, bucket := range []string{"idle", "idle", "pausing"} {
			go func() {
				results <- k.Changes(t.Context(), bucket, func(context.Context, driver.Change) error { return errors.New("x") })
			}()
		}
		synctest.Wait()
		if err := k.Close(t.Context()); err != nil {
			t.Error(err)
		}
		for range 3 {
			if err := <-results; !errors.Is(err, driver.ErrClosed) {
				t.Errorf("Changes: %v", err)
			}
		}
	})
}
