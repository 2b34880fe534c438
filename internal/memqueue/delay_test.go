package memqueue_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/memqueue"
)

// arrivals is a handler that records after how many seconds each message came.
func arrivals(j *journal) driver.Handler {
	start := time.Now()
	return func(_ context.Context, d *driver.Delivery) driver.Result {
		j.add(fmt.Sprint(string(d.Data), " ", time.Since(start).Seconds()))
		return driver.Result{}
	}
}

func TestMessagesWaitForTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := memqueue.New(memqueue.Options{})
		bind(t, q, "topic", "s", driver.SubscriptionConfig{})
		var j journal
		defer consume(t, q, "s", 1, arrivals(&j))()
		now := time.Now()
		for _, seconds := range []int{5, 1, 3, 0, -7, 4, 2, 3} { // each sets the timer anew, or not
			publish(t, q, driver.Message{
				Topic:     "topic",
				Data:      fmt.Append(nil, seconds),
				NotBefore: now.Add(time.Duration(seconds) * time.Second).Round(0),
			})
		}
		synctest.Wait()
		wantStats(t, q, "s", driver.SubscriptionStats{Delayed: 6})
		time.Sleep(time.Minute)
		if got, want := strings.Join(j.list(), ", "), "0 0, -7 0, 1 1, 2 2, 3 3, 3 3, 4 4, 5 5"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

func TestDelayedMessageJoinsItsGroupWhenDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := memqueue.New(memqueue.Options{})
		bind(t, q, "topic", "s", driver.SubscriptionConfig{})
		var j journal
		defer consume(t, q, "s", 4, func(_ context.Context, d *driver.Delivery) driver.Result {
			time.Sleep(2 * time.Second)
			j.add(string(d.Data))
			return driver.Result{}
		})()
		message := func(text string, delay time.Duration) driver.Message {
			m := driver.Message{Topic: "topic", Group: "g", Data: []byte(text)}
			if delay > 0 {
				m.NotBefore = time.Now().Add(delay)
			}
			return m
		}
		// The delayed message does not hold back its group before it is due. It is due while b runs, so it comes before
		// d and after c, which was there by then.
		publish(t, q, message("late", 3*time.Second), message("a", 0), message("b", 0), message("c", 0))
		time.Sleep(3 * time.Second)
		publish(t, q, message("d", 0))
		time.Sleep(time.Minute)
		if got, want := strings.Join(j.list(), " "), "a b c late d"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

func TestDelayedMessagesOfAGroupAreInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := memqueue.New(memqueue.Options{})
		bind(t, q, "topic", "s", driver.SubscriptionConfig{Delay: time.Minute})
		var j journal
		defer consume(t, q, "s", 16, j.record)()
		var want []string
		for _, m := range numbered("g", 3000) { // more than fall due under one hold of the lock
			want = append(want, string(m.Data))
			publish(t, q, m)
		}
		time.Sleep(2 * time.Minute)
		if got := j.list(); !slices.Equal(got, want) {
			t.Errorf("%d messages, not in order", len(got))
		}
	})
}

func TestSubscriptionDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := memqueue.New(memqueue.Options{})
		bind(t, q, "topic", "s", driver.SubscriptionConfig{Delay: 10 * time.Second})
		var j journal
		defer consume(t, q, "s", 1, arrivals(&j))()
		now := time.Now()
		publish(t, q, text("plain")...)
		publish(t, q,
			driver.Message{Topic: "topic", Data: []byte("sooner"), NotBefore: now.Add(5 * time.Second)},
			driver.Message{Topic: "topic", Data: []byte("later"), NotBefore: now.Add(15 * time.Second)})
		time.Sleep(time.Minute)
		if got, want := strings.Join(j.list(), ", "), "plain 10, sooner 10, later 15"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

func TestExtremeTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := memqueue.New(memqueue.Options{})
		bind(t, q, "topic", "s", driver.SubscriptionConfig{})
		var j journal
		defer consume(t, q, "s", 1, j.record)()
		for _, year := range []int{-290_000_000, 1, 1677, 1970, 2263, 290_000_000} {
			publish(t, q, driver.Message{
				Topic:     "topic",
				Data:      fmt.Append(nil, year),
				NotBefore: time.Date(year, 1, 1, 0, 0, 0, 1, time.UTC),
			})
		}
		synctest.Wait()
		if got, want := strings.Join(j.list(), " "), "-290000000 1 1677 1970"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		wantStats(t, q, "s", driver.SubscriptionStats{Delayed: 2})
	})
}

// The heap against a model: messages come in the order of their times, and in the order of publishing if these are
// equal.
func TestManyDelays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type entry struct{ due, number int }
		r := rand.New(rand.NewPCG(1, 1))
		q := memqueue.New(memqueue.Options{})
		bind(t, q, "topic", "s", driver.SubscriptionConfig{})
		var got, want []entry
		start := time.Now()
		for i := range 5000 {
			e := entry{due: 1 + r.IntN(1000), number: i}
			want = append(want, e)
			publish(t, q, driver.Message{
				Topic:     "topic",
				Data:      fmt.Append(nil, i),
				NotBefore: start.Add(time.Duration(e.due) * time.Second),
			})
		}
		slices.SortStableFunc(want, func(a, b entry) int { return a.due - b.due })
		defer consume(t, q, "s", 1, func(_ context.Context, d *driver.Delivery) driver.Result {
			e := entry{due: int(time.Since(start).Seconds())}
			fmt.Sscan(string(d.Data), &e.number)
			got = append(got, e)
			return driver.Result{}
		})()
		time.Sleep(time.Hour)
		synctest.Wait()
		if !slices.Equal(got, want) {
			t.Errorf("%d messages, not in order", len(got))
		}
	})
}
