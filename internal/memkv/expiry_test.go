package memkv_test

import (
	"context"
	"errors"
	"reflect"
	"runtime"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/memkv"
)

func in(d time.Duration) driver.PutOptions { return driver.PutOptions{Expires: time.Now().Add(d)} }

func TestAnExpiredEntryDoesNotExist(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := open(t)
		options := in(time.Second)
		_, entry := put(t, k, key("s", "a"), "1", options)
		if !entry.Expires.Equal(options.Expires) {
			t.Errorf("Expires: %v, want %v", entry.Expires, options.Expires)
		}
		put(t, k, key("s", "b"), "1", driver.PutOptions{})
		time.Sleep(time.Second - 1)
		get(t, k, key("s", "a"))
		time.Sleep(time.Nanosecond)
		wantMissing(t, k, key("s", "a"))
		if got := list(t, k, "s", nil, 9); len(got) != 1 || got[0] != "b" {
			t.Errorf("List: %q", got)
		}
		if _, _, err := k.Put(t.Context(), key("s", "a"), nil, driver.PutOptions{IfRevision: &entry.Revision}); !errors.Is(err, driver.ErrConflict) {
			t.Errorf("its revision still matches: %v", err)
		}
		old, new := put(t, k, key("s", "a"), "1", driver.PutOptions{IfRevision: revision(0), Expires: options.Expires.Add(time.Second)})
		if !reflect.DeepEqual(old, driver.Entry{}) || new.Revision <= entry.Revision {
			t.Errorf("Put over it: %+v, %+v", old, new)
		}
		time.Sleep(time.Second)
		_, _, err := k.Update(t.Context(), key("s", "a"), driver.Header{}, func(old []byte) ([]byte, error) {
			if old != nil {
				t.Errorf("Update got %q", old)
			}
			return []byte("2"), nil
		})
		if got := get(t, k, key("s", "a")); err != nil || !got.Expires.IsZero() {
			t.Errorf("the expiry outlived the entry: %+v, %v", got, err)
		}
	})
}

func TestAnExpiredScopeIsNotListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := open(t)
		put(t, k, key("s", "a"), "1", in(time.Second))
		put(t, k, key("s", "b"), "1", in(time.Second))
		time.Sleep(time.Second)
		if names, err := k.Scopes(t.Context(), "b", nil, 9); err != nil || len(names) != 0 {
			t.Errorf("got %q, %v", names, err)
		}
	})
}

func TestAnExpiryInThePastIsAWriteThatIsGoneAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := open(t)
		put(t, k, key("s", "a"), "1", driver.PutOptions{})
		old, new := put(t, k, key("s", "a"), "2", driver.PutOptions{Expires: time.Unix(-1<<40, 0)})
		if string(old.Value) != "1" || string(new.Value) != "2" {
			t.Errorf("%+v, %+v", old, new)
		}
		wantMissing(t, k, key("s", "a"))
		put(t, k, key("s", "b"), "2", driver.PutOptions{Expires: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}) // past what int64 nanoseconds hold
		time.Sleep(time.Hour)
		get(t, k, key("s", "b"))
	})
}

func TestUpdateKeepsTheExpiryAndPutReplacesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := open(t)
		put(t, k, key("s", "a"), "1", in(time.Minute))
		if _, _, err := k.Update(t.Context(), key("s", "a"), driver.Header{}, increment); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute - 1)
		if got := string(get(t, k, key("s", "a")).Value); got != "2" {
			t.Errorf("got %q", got)
		}
		put(t, k, key("s", "a"), "2", in(time.Minute)) // same bytes, later
		time.Sleep(time.Minute - 1)
		get(t, k, key("s", "a"))
		put(t, k, key("s", "a"), "3", driver.PutOptions{})
		time.Sleep(time.Hour)
		get(t, k, key("s", "a"))
	})
}

func TestWatchersAreToldOfExpiryOnceAndInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := open(t)
		if err := k.Track(t.Context(), "b"); err != nil {
			t.Fatal(err)
		}
		put(t, k, key("s", "gone"), "1", in(time.Second))
		time.Sleep(time.Second) // expired; must be neither in the snapshot nor a deletion after it
		events := watch(t, k, "s")
		put(t, k, key("s", "a"), "1", in(time.Second))
		put(t, k, key("s", "b"), "1", in(2*time.Second))
		time.Sleep(time.Second)
		put(t, k, key("s", "a"), "2", driver.PutOptions{}) // whoever removes it, the writer or the timer, does so once
		time.Sleep(time.Second)
		synctest.Wait()
		events.want(t, "end", "a=1", "b=1", "-a", "a=2", "-b")
		if got := k.PendingChanges(); got != 4 { // the four writes
			t.Errorf("%d change records, want 4", got)
		}
	})
}

func TestMemoryOfExpiredEntriesIsReclaimedByATimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := open(t)
		events := watch(t, k, "s")
		for i := range 1000 {
			put(t, k, key("s", strconv.Itoa(i)), "1", in(time.Duration(1+i%10)*time.Second))
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		deleted := 0
		for _, event := range events.all() {
			if event.Deleted {
				deleted++
			}
		}
		if deleted != 1000 {
			t.Errorf("%d of 1000 entries were removed", deleted)
		}
	})
}

func TestCloseStopsExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := memkv.New()
		put(t, k, key("s", "a"), "1", in(time.Second))
		if err := k.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		before := runtime.NumGoroutine()
		time.Sleep(time.Minute)
		synctest.Wait()
		if after := runtime.NumGoroutine(); after > before {
			t.Errorf("%d goroutines, %d before", after, before)
		}
	})
}

func TestCloseDuringASweepWaitsForItNoLongerThanItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := memkv.New()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		release := make(chan struct{})
		go func() {
			_ = k.Watch(ctx, "b", "s", func(entry driver.Entry) {
				if entry.Deleted {
					<-release
				}
			})
		}()
		synctest.Wait()
		put(t, k, key("s", "a"), "1", in(time.Second))
		put(t, k, key("s", "b"), "1", in(time.Second))
		time.Sleep(time.Second)
		synctest.Wait() // the timer's goroutine is in the watcher's function
		short, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		if err := k.Close(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close: %v", err)
		}
		close(release)
	})
}
