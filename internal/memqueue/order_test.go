package memqueue_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/memqueue"
)

// A sequential model: within a group, messages are handled one after the other in the order in which they were
// published, each until it succeeds or is dead, whatever fails and whichever worker handles it.
func TestGroupsAreInOrderUnderRandomFailures(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { checkOrder(t, seed) })
		})
	}
}

func checkOrder(t *testing.T, seed uint64) {
	const groups, each = 7, 40
	const retries = 2
	r := rand.New(rand.NewPCG(seed, 1))
	q := memqueue.New(memqueue.Options{})
	bind(t, q, "topic", "s", driver.SubscriptionConfig{
		Visibility: time.Minute,
		Retry:      driver.RetryPolicy{MaxRetries: retries, Base: time.Second, Cap: 4 * time.Second, Factor: 2, Jitter: 0.5},
	})

	var mu sync.Mutex // guards all of the following
	running := make(map[string]bool)
	got := make(map[string][]string)
	want := make(map[string][]string)
	verdicts := make(map[string][]driver.Outcome) // what is left of each message's plan
	stuck := make(map[string]bool)                // messages whose first attempt passes the visibility bound
	handle := func(ctx context.Context, d *driver.Delivery) driver.Result {
		name := string(d.Data)
		mu.Lock()
		if running[d.Group] {
			t.Errorf("%s runs while its group is busy", name)
		}
		running[d.Group] = true
		plan := verdicts[name]
		outcome := plan[0]
		verdicts[name] = plan[1:]
		got[d.Group] = append(got[d.Group], fmt.Sprint(name, " ", outcome))
		pause := time.Duration(r.IntN(1000)) * time.Millisecond
		late := stuck[name]
		delete(stuck, name)
		mu.Unlock()
		time.Sleep(pause)
		if late {
			<-ctx.Done()
		}
		mu.Lock()
		running[d.Group] = false
		mu.Unlock()
		return driver.Result{Outcome: outcome, Delay: pause}
	}
	stops := []func(){consume(t, q, "s", 16, handle), consume(t, q, "s", 16, handle)}

	for i := range each {
		var batch []driver.Message
		mu.Lock()
		for g := range groups {
			group := fmt.Sprint("g", g)
			name := fmt.Sprintf("%s/%d", group, i)
			failures := 0
			for failures <= retries {
				outcome := driver.Outcome(r.IntN(int(driver.OutcomeRelease) + 1))
				verdicts[name] = append(verdicts[name], outcome)
				want[group] = append(want[group], fmt.Sprint(name, " ", outcome))
				if outcome == driver.OutcomeRetry || outcome == driver.OutcomeRetryAfter {
					if failures == 0 && len(verdicts[name]) == 1 {
						stuck[name] = outcome == driver.OutcomeRetry && r.IntN(4) == 0
					}
					failures++
				}
				if outcome == driver.OutcomeDone || outcome == driver.OutcomeDead {
					break
				}
			}
			batch = append(batch, driver.Message{Topic: "topic", Group: group, Data: []byte(name)})
		}
		// Some arrive in one call, some one by one, with pauses between.
		whole, pause := r.IntN(2) == 0, r.IntN(3) == 0
		mu.Unlock()
		if whole {
			publish(t, q, batch...)
		} else {
			for _, m := range batch {
				publish(t, q, m)
			}
		}
		if pause {
			time.Sleep(time.Second)
		}
	}
	for s := stats(t, q, "s"); s.Ready+s.Delayed+s.Running > 0; s = stats(t, q, "s") {
		time.Sleep(time.Minute)
	}
	for _, stop := range stops {
		stop()
	}
	for group := range want {
		if !slices.Equal(got[group], want[group]) {
			t.Errorf("group %s was handled as\n%q, want\n%q", group, got[group], want[group])
		}
	}
}

func TestFailingGroupHoldsOnlyItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := memqueue.New(memqueue.Options{})
		bind(t, q, "topic", "s", driver.SubscriptionConfig{Retry: driver.RetryPolicy{MaxRetries: 2, Base: time.Hour, Factor: 1}})
		var j journal
		defer consume(t, q, "s", 1, func(_ context.Context, d *driver.Delivery) driver.Result {
			j.add(string(d.Data))
			if string(d.Data) == "bad/0" {
				return driver.Result{Outcome: driver.OutcomeRetry}
			}
			return driver.Result{}
		})()
		publish(t, q, slices.Concat(numbered("bad", 2), numbered("good", 2), numbered("", 1))...)
		synctest.Wait()
		if got, want := j.list(), []string{"bad/0", "good/0", "/0", "good/1"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		wantStats(t, q, "s", driver.SubscriptionStats{Ready: 1, Delayed: 1})
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if got, want := j.list()[4:], []string{"bad/0", "bad/0", "bad/1"}; !slices.Equal(got, want) {
			t.Errorf("then %q, want %q", got, want)
		}
		wantStats(t, q, "s", driver.SubscriptionStats{Dead: 1})
	})
}

func TestSlowGroupDelaysNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := memqueue.New(memqueue.Options{})
		bind(t, q, "topic", "s", driver.SubscriptionConfig{})
		start := time.Now()
		defer consume(t, q, "s", 2, func(_ context.Context, d *driver.Delivery) driver.Result {
			if d.Group == "slow" {
				time.Sleep(time.Second)
			} else if waited := time.Since(start); waited > 0 {
				t.Errorf("%s came after %v", d.Data, waited)
			}
			return driver.Result{}
		})()
		publish(t, q, numbered("slow", 1000)...)
		for i := range 100 {
			publish(t, q, numbered(fmt.Sprint("group", i), 10)...)
		}
		time.Sleep(1000 * time.Second)
	})
}

func TestGroupsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := memqueue.New(memqueue.Options{})
		bind(t, q, "topic", "s", driver.SubscriptionConfig{})
		publish(t, q, slices.Concat(numbered("a", 3), numbered("b", 3), numbered("c", 1))...)
		var j journal
		defer consume(t, q, "s", 1, j.record)()
		synctest.Wait()
		if got, want := strings.Join(j.list(), " "), "a/0 b/0 c/0 a/1 b/1 a/2 b/2"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

func TestOrderedSubscriptionIsOneGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := memqueue.New(memqueue.Options{})
		bind(t, q, "topic", "s", driver.SubscriptionConfig{Ordered: true, Retry: driver.RetryPolicy{MaxRetries: 1, Base: time.Minute}})
		var j journal
		defer consume(t, q, "s", 16, func(_ context.Context, d *driver.Delivery) driver.Result {
			j.add(fmt.Sprint(string(d.Data), d.Attempt))
			time.Sleep(time.Second)
			if string(d.Data) == "b" && d.Attempt == 1 {
				return driver.Result{Outcome: driver.OutcomeRetry}
			}
			return driver.Result{}
		})()
		publish(t, q, text("a", "b", "c", "d")...)
		time.Sleep(500 * time.Millisecond)
		publish(t, q, numbered("x", 1)...) // a group of its own
		time.Sleep(time.Hour)
		if got, want := strings.Join(j.list(), " "), "a1 x/01 b1 b2 c1 d1"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

// Messages that were accepted as ordered stay in order when the subscription is bound again without Ordered.
func TestOrderSurvivesAChangeOfConfig(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := memqueue.New(memqueue.Options{})
		bind(t, q, "topic", "s", driver.SubscriptionConfig{Ordered: true})
		publish(t, q, text("a", "b", "c")...)
		bind(t, q, "topic", "s", driver.SubscriptionConfig{})
		publish(t, q, text("free")...)
		var j journal
		defer consume(t, q, "s", 4, func(ctx context.Context, d *driver.Delivery) driver.Result {
			time.Sleep(time.Second)
			return j.record(ctx, d)
		})()
		time.Sleep(time.Minute)
		got := slices.DeleteFunc(j.list(), func(s string) bool { return s == "free" })
		if !slices.Equal(got, []string{"a", "b", "c"}) {
			t.Errorf("got %q", got)
		}
	})
}
