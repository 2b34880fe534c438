package memqueue_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/memqueue"
)

// kill is a handler that makes everything a dead letter.
func kill(context.Context, *driver.Delivery) driver.Result {
	return driver.Result{Outcome: driver.OutcomeDead, Error: "killed"}
}

// graveyard returns a queue with n dead letters, in the group "g".
func graveyard(t *testing.T, n int, config driver.SubscriptionConfig) *memqueue.Queue {
	q := memqueue.New(memqueue.Options{})
	bind(t, q, "topic", "s", config)
	publish(t, q, numbered("g", n)...)
	stop := consume(t, q, "s", 1, kill)
	synctest.Wait()
	stop()
	return q
}

func ids(letters []driver.DeadLetter) []string {
	var list []string
	for _, l := range letters {
		list = append(list, l.DeadID)
	}
	return list
}

func texts(letters []driver.DeadLetter) string {
	var list []string
	for _, l := range letters {
		list = append(list, string(l.Data))
	}
	return strings.Join(list, " ")
}

func TestDeadLettersArePaged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := graveyard(t, 250, driver.SubscriptionConfig{})
		all := dead(t, q, "s")
		var paged []driver.DeadLetter
		after := ""
		for {
			page, err := q.Dead(t.Context(), "s", after, 7)
			if err != nil {
				t.Fatal(err)
			}
			paged = append(paged, page...)
			if len(page) < 7 {
				break
			}
			after = page[6].DeadID
			// The id need not exist.
			if n, err := q.Discard(t.Context(), "s", after); n != 1 || err != nil {
				t.Fatal(n, err)
			}
		}
		if len(all) != 250 || !slices.Equal(ids(paged), ids(all)) || !slices.IsSorted(ids(all)) {
			t.Errorf("pages hold %d, the list %d", len(paged), len(all))
		}
		for _, limit := range []int{0, -1} {
			if page, err := q.Dead(t.Context(), "s", "", limit); len(page) != 0 || err != nil {
				t.Errorf("limit %d: %d, %v", limit, len(page), err)
			}
		}
		if page, err := q.Dead(t.Context(), "s", "zzz", 10); len(page) != 0 || err != nil {
			t.Errorf("after the end: %d, %v", len(page), err)
		}
	})
}

func TestRedriveIsInTheOrderGiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := graveyard(t, 4, driver.SubscriptionConfig{MaxPending: 4, Delay: 0})
		publish(t, q, numbered("new", 4)...) // full
		id := ids(dead(t, q, "s"))
		n, err := q.Redrive(t.Context(), "s", id[2], "unknown", "", id[0], id[0], id[3], "3", "+0000000000000000002")
		if n != 3 || err != nil {
			t.Errorf("redrove %d, %v", n, err)
		}
		if got := texts(dead(t, q, "s")); got != "g/1" {
			t.Errorf("left are %s", got)
		}
		wantStats(t, q, "s", driver.SubscriptionStats{Ready: 7, Dead: 1})
		var j journal
		stop := consume(t, q, "s", 1, func(_ context.Context, d *driver.Delivery) driver.Result {
			j.add(fmt.Sprintf("%s %d", d.Data, d.Attempt))
			return driver.Result{Outcome: driver.OutcomeDead, Error: "again"}
		})
		synctest.Wait()
		stop()
		old := slices.DeleteFunc(j.list(), func(s string) bool { return strings.HasPrefix(s, "new") })
		if want := []string{"g/2 1", "g/0 1", "g/3 1"}; !slices.Equal(old, want) {
			t.Errorf("got %q, want %q", old, want)
		}
		// The history continues, and a new dead letter has a new id.
		letters := dead(t, q, "s")
		for _, l := range letters {
			if l.Group == "new" || string(l.Data) == "g/1" {
				continue
			}
			if len(l.Attempts) != 2 || l.Attempts[0].Error != "killed" || l.Attempts[1].Error != "again" {
				t.Errorf("%s has attempts %v", l.Data, l.Attempts)
			}
			if slices.Contains(id, l.DeadID) {
				t.Errorf("%s has its old id", l.Data)
			}
		}
		if letters[0].DeadID != id[1] {
			t.Error("the oldest is not first")
		}
	})
}

func TestRedrivenMessagesHaveAllTheirRetriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := memqueue.New(memqueue.Options{})
		bind(t, q, "topic", "s", driver.SubscriptionConfig{Retry: driver.RetryPolicy{MaxRetries: 2, Base: time.Second}})
		var j journal
		defer consume(t, q, "s", 1, func(_ context.Context, d *driver.Delivery) driver.Result {
			j.add(fmt.Sprint(d.Attempt, d.Sequence))
			return driver.Result{Outcome: driver.OutcomeRetry}
		})()
		publish(t, q, text("a")...)
		time.Sleep(time.Minute)
		if n, err := q.Redrive(t.Context(), "s", ids(dead(t, q, "s"))...); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		time.Sleep(time.Minute)
		if got, want := strings.Join(j.list(), ", "), "1 1, 2 1, 3 1, 1 1, 2 1, 3 1"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if got := dead(t, q, "s"); len(got) != 1 || len(got[0].Attempts) != 6 {
			t.Errorf("dead letters are %v", got)
		}
	})
}

// A redriven message joins its group, whichever messages are in it by then.
func TestRedrivenMessagesJoinTheirGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := graveyard(t, 2, driver.SubscriptionConfig{Ordered: true})
		id := ids(dead(t, q, "s"))
		publish(t, q, driver.Message{Topic: "topic", Group: "g", Data: []byte("new")})
		if n, err := q.Redrive(t.Context(), "s", id...); n != 2 || err != nil {
			t.Fatal(n, err)
		}
		busy := false
		var j journal
		defer consume(t, q, "s", 8, func(ctx context.Context, d *driver.Delivery) driver.Result {
			if busy {
				t.Error("two of the group at once")
			}
			busy = true
			time.Sleep(time.Second)
			busy = false
			return j.record(ctx, d)
		})()
		time.Sleep(time.Minute)
		if got, want := j.list(), []string{"new", "g/0", "g/1"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestDiscard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := graveyard(t, 1000, driver.SubscriptionConfig{})
		all := dead(t, q, "s")
		var odd []string
		for i, l := range all {
			if i%100 != 0 {
				odd = append(odd, l.DeadID)
			}
		}
		if n, err := q.Discard(t.Context(), "s", append(odd, odd...)...); n != 990 || err != nil {
			t.Errorf("discarded %d, %v", n, err)
		}
		if got, want := texts(dead(t, q, "s")), "g/0 g/100 g/200 g/300 g/400 g/500 g/600 g/700 g/800 g/900"; got != want {
			t.Errorf("left are %s", got)
		}
		if n, err := q.CountDead(t.Context(), "s"); n != 10 || err != nil {
			t.Errorf("count is %d, %v", n, err)
		}
	})
}

// Nothing is lost or repeated during all operations at once, and the numbers agree at every moment.
func TestCountsAgreeUnderConcurrency(t *testing.T) {
	const publishers, each = 4, 1000
	const messages = publishers * each
	q := memqueue.New(memqueue.Options{})
	bind(t, q, "topic", "s", driver.SubscriptionConfig{Retry: driver.RetryPolicy{MaxRetries: 1}})
	ctx := t.Context()
	var mu sync.Mutex
	attempts := make(map[string]uint64)
	done := 0
	// A message succeeds after up to 6 attempts, and is dead after each second.
	defer consume(t, q, "s", 8, func(_ context.Context, d *driver.Delivery) driver.Result {
		mu.Lock()
		defer mu.Unlock()
		attempts[string(d.Data)]++
		if attempts[string(d.Data)] <= d.Sequence%6 {
			return driver.Result{Outcome: driver.OutcomeRetry}
		}
		done++
		return driver.Result{}
	})()
	var publishing sync.WaitGroup
	for i := range publishers {
		publishing.Go(func() {
			for _, m := range numbered(fmt.Sprint("g", i), each) {
				publish(t, q, m)
			}
		})
	}
	published := make(chan struct{})
	go func() {
		publishing.Wait()
		close(published)
	}()
	discarded := 0
	for last := false; ; {
		select {
		case <-published:
			last = true
		default:
		}
		s := stats(t, q, "s")
		sum := s.Ready + s.Delayed + s.Running + s.Dead
		if sum > messages {
			t.Fatalf("%+v adds up to %d", s, sum)
		}
		if last && sum == 0 {
			break
		}
		// Only this goroutine takes any out, so the numbers can only grow between the calls.
		before, err := q.CountDead(ctx, "s")
		if err != nil {
			t.Fatal(err)
		}
		letters := dead(t, q, "s")
		after, err := q.CountDead(ctx, "s")
		if err != nil || before > len(letters) || len(letters) > after {
			t.Fatalf("counted %d, listed %d, counted %d, %v", before, len(letters), after, err)
		}
		for _, l := range letters {
			if len(l.Attempts)%2 != 0 {
				t.Fatalf("%s has %d attempts", l.Data, len(l.Attempts))
			}
		}
		list := ids(letters)
		quarter := len(list) / 4
		if n, err := q.Discard(ctx, "s", list[:quarter]...); err != nil || n != quarter {
			t.Fatal(n, err)
		}
		if n, err := q.Redrive(ctx, "s", list[quarter:]...); err != nil || n != len(list)-quarter {
			t.Fatal(n, err)
		}
		discarded += quarter
	}
	mu.Lock()
	defer mu.Unlock()
	if done+discarded != messages {
		t.Errorf("%d are done and %d discarded, want %d in all", done, discarded, messages)
	}
}
