package memqueue_test

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/memqueue"
)

// attemptTimes returns the delays before each attempt of a message that always ends with the result.
func attemptTimes(t *testing.T, policy driver.RetryPolicy, result driver.Result) (delays []time.Duration, letters []driver.DeadLetter) {
	q := memqueue.New(memqueue.Options{})
	bind(t, q, "topic", "s", driver.SubscriptionConfig{Retry: policy})
	last := time.Now()
	defer consume(t, q, "s", 1, func(_ context.Context, d *driver.Delivery) driver.Result {
		delays = append(delays, time.Since(last))
		last = time.Now()
		if d.Attempt != len(delays) {
			t.Errorf("attempt %d says that it is %d", len(delays), d.Attempt)
		}
		return result
	})()
	publish(t, q, text("a")...)
	for s := stats(t, q, "s"); s.Dead == 0; s = stats(t, q, "s") {
		time.Sleep(time.Hour)
	}
	synctest.Wait()
	return delays, dead(t, q, "s")
}

func TestRetriesFollowThePolicy(t *testing.T) {
	s := time.Second
	tests := []struct {
		name   string
		policy driver.RetryPolicy
		result driver.Result
		want   []time.Duration
	}{
		{"exponential up to the cap", driver.RetryPolicy{MaxRetries: 5, Base: s, Cap: 5 * s, Factor: 2}, driver.Result{Outcome: driver.OutcomeRetry}, []time.Duration{0, s, 2 * s, 4 * s, 5 * s, 5 * s}},
		{"constant", driver.RetryPolicy{MaxRetries: 2, Base: s, Cap: 5 * s, Factor: 1}, driver.Result{Outcome: driver.OutcomeRetry}, []time.Duration{0, s, s}},
		{"no factor", driver.RetryPolicy{MaxRetries: 2, Base: s, Cap: 5 * s}, driver.Result{Outcome: driver.OutcomeRetry}, []time.Duration{0, s, s}},
		{"no cap", driver.RetryPolicy{MaxRetries: 3, Base: s, Factor: 60}, driver.Result{Outcome: driver.OutcomeRetry}, []time.Duration{0, s, 60 * s, 3600 * s}},
		{"no retries", driver.RetryPolicy{Base: s}, driver.Result{Outcome: driver.OutcomeRetry}, []time.Duration{0}},
		{"zero policy", driver.RetryPolicy{}, driver.Result{Outcome: driver.OutcomeRetry}, []time.Duration{0}},
		{"immediate", driver.RetryPolicy{MaxRetries: 2}, driver.Result{Outcome: driver.OutcomeRetry}, []time.Duration{0, 0, 0}},
		{"retry after", driver.RetryPolicy{MaxRetries: 2, Base: s}, driver.Result{Outcome: driver.OutcomeRetryAfter, Delay: 7 * s}, []time.Duration{0, 7 * s, 7 * s}},
		{"RetryAfter with a negative delay", driver.RetryPolicy{MaxRetries: 1, Base: s}, driver.Result{Outcome: driver.OutcomeRetryAfter, Delay: -s}, []time.Duration{0, 0}},
		{"dead at once", driver.RetryPolicy{MaxRetries: 2, Base: s}, driver.Result{Outcome: driver.OutcomeDead}, []time.Duration{0}},
		{"unknown outcome", driver.RetryPolicy{MaxRetries: 1, Base: s}, driver.Result{Outcome: 99}, []time.Duration{0, s}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got, letters := attemptTimes(t, test.policy, test.result)
				if !slices.Equal(got, test.want) {
					t.Errorf("delays were %v, want %v", got, test.want)
				}
				if len(letters) != 1 || len(letters[0].Attempts) != len(test.want) {
					t.Errorf("dead letters are %+v, want one with %d attempts", letters, len(test.want))
				}
			})
		})
	}
}

func TestJitterOnlyShortens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		policy := driver.RetryPolicy{MaxRetries: 200, Base: time.Second, Cap: time.Second, Factor: 2, Jitter: 0.25}
		delays, _ := attemptTimes(t, policy, driver.Result{Outcome: driver.OutcomeRetry})
		delays = delays[1:]
		shortest, longest := slices.Min(delays), slices.Max(delays)
		if shortest < 750*time.Millisecond || longest > time.Second {
			t.Errorf("delays are between %v and %v", shortest, longest)
		}
		if longest-shortest < 150*time.Millisecond {
			t.Errorf("delays are only between %v and %v", shortest, longest)
		}
	})
}

// Policies that overflow, or make no sense, neither lose a message nor spin.
func TestHostilePolicies(t *testing.T) {
	tests := []driver.RetryPolicy{
		{MaxRetries: 3, Base: math.MaxInt64, Factor: math.MaxFloat64},
		{MaxRetries: 3, Base: 1, Factor: math.Inf(1)},
		{MaxRetries: 3, Base: 1, Factor: math.NaN()},
		{MaxRetries: 3, Base: time.Second, Jitter: math.NaN()},
		{MaxRetries: 3, Base: time.Second, Jitter: 7},
		{MaxRetries: 3, Base: time.Second, Jitter: -7},
		{MaxRetries: 3, Base: -time.Second, Factor: math.Inf(1)},
		{MaxRetries: math.MaxInt, Base: 1 << 62, Cap: -1, Factor: -3},
	}
	for i, policy := range tests {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := memqueue.New(memqueue.Options{})
				bind(t, q, "topic", "s", driver.SubscriptionConfig{Retry: policy})
				attempts := 0
				defer consume(t, q, "s", 1, func(context.Context, *driver.Delivery) driver.Result {
					attempts++
					return driver.Result{Outcome: driver.OutcomeRetry}
				})()
				publish(t, q, text("a")...)
				time.Sleep(time.Hour)
				synctest.Wait()
				if s := stats(t, q, "s"); s.Delayed+s.Dead != 1 || attempts > 4 {
					t.Errorf("%d attempts, %+v", attempts, s)
				}
			})
		})
	}
}

func TestAttemptsAreRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := memqueue.New(memqueue.Options{})
		bind(t, q, "topic", "s", driver.SubscriptionConfig{Retry: driver.RetryPolicy{MaxRetries: 1, Base: time.Minute}})
		start := time.Now()
		defer consume(t, q, "s", 1, func(_ context.Context, d *driver.Delivery) driver.Result {
			time.Sleep(time.Second)
			return driver.Result{Outcome: driver.OutcomeRetry, Error: fmt.Sprint("attempt ", d.Attempt)}
		})()
		publish(t, q, text("a")...)
		time.Sleep(time.Hour)
		letter := dead(t, q, "s")[0]
		for i, want := range []driver.Attempt{
			{Started: start, Ended: start.Add(time.Second), Error: "attempt 1"},
			{Started: start.Add(61 * time.Second), Ended: start.Add(62 * time.Second), Error: "attempt 2"},
		} {
			got := letter.Attempts[i]
			if !got.Started.Equal(want.Started) || !got.Ended.Equal(want.Ended) || got.Error != want.Error {
				t.Errorf("attempt is %v, want %v", got, want)
			}
		}
		if !letter.Enqueued.Equal(start) || !letter.Died.Equal(start.Add(62*time.Second)) {
			t.Errorf("enqueued at %v, died at %v", letter.Enqueued, letter.Died)
		}
	})
}

func TestReleaseGivesBackAtTheHead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, group := range []string{"", "g"} {
			q := memqueue.New(memqueue.Options{})
			bind(t, q, "topic", "s", driver.SubscriptionConfig{})
			publish(t, q, numbered(group, 3)...)
			var j journal
			defer consume(t, q, "s", 1, func(ctx context.Context, d *driver.Delivery) driver.Result {
				if d.Attempt != 1 {
					t.Errorf("%s: attempt is %d, want 1", d.Data, d.Attempt)
				}
				j.add(string(d.Data))
				if len(j.list()) <= 2 {
					return driver.Result{Outcome: driver.OutcomeRelease, Error: "is not kept"}
				}
				return driver.Result{Outcome: driver.OutcomeDead}
			})()
			synctest.Wait()
			want := strings.ReplaceAll("g/0 g/0 g/0 g/1 g/2", "g", group)
			if got := strings.Join(j.list(), " "); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			if attempts := dead(t, q, "s")[0].Attempts; len(attempts) != 1 {
				t.Errorf("attempts are %v, want one", attempts)
			}
		}
	})
}

// A handler may end its goroutine: testing.T.Fatal does.
func TestHandlerThatEndsItsGoroutineHasFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := memqueue.New(memqueue.Options{})
		bind(t, q, "topic", "s", driver.SubscriptionConfig{Retry: driver.RetryPolicy{MaxRetries: 1}})
		defer consume(t, q, "s", 1, func(context.Context, *driver.Delivery) driver.Result {
			runtime.Goexit()
			panic("unreachable")
		})()
		publish(t, q, text("a", "b")...)
		synctest.Wait()
		wantStats(t, q, "s", driver.SubscriptionStats{Dead: 2})
		if got := dead(t, q, "s")[1].Attempts; len(got) != 2 || got[0].Error != "handler ended its goroutine" {
			t.Errorf("attempts are %v", got)
		}
	})
}
