package memqueue_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/memqueue"
)

func bind(tb testing.TB, q *memqueue.Queue, topic, subscription string, config driver.SubscriptionConfig) {
	tb.Helper()
	if err := q.Bind(tb.Context(), topic, subscription, config); err != nil {
		tb.Fatal(err)
	}
}

func publish(tb testing.TB, q *memqueue.Queue, messages ...driver.Message) {
	tb.Helper()
	if err := q.Publish(tb.Context(), messages...); err != nil {
		tb.Fatal(err)
	}
}

// text returns messages for "topic" with the texts as data.
func text(texts ...string) []driver.Message {
	var messages []driver.Message
	for _, t := range texts {
		messages = append(messages, driver.Message{Topic: "topic", Data: []byte(t)})
	}
	return messages
}

// numbered returns n messages for "topic" in a group, with the texts group/0, group/1 and so on.
func numbered(group string, n int) []driver.Message {
	var messages []driver.Message
	for i := range n {
		messages = append(messages, driver.Message{Topic: "topic", Group: group, Data: fmt.Appendf(nil, "%s/%d", group, i)})
	}
	return messages
}

// consume runs Consume in the background until the returned function is called.
func consume(tb testing.TB, q *memqueue.Queue, subscription string, slots int, handle driver.Handler) (stop func()) {
	drain, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		options := driver.ConsumeOptions{Slots: slots, Drain: drain}
		if err := q.Consume(context.Background(), subscription, options, handle); err != nil {
			tb.Error(err)
		}
	}()
	return func() {
		close(drain)
		<-done
	}
}

func stats(tb testing.TB, q *memqueue.Queue, subscription string) driver.SubscriptionStats {
	tb.Helper()
	s, err := q.Stats(tb.Context(), subscription)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func wantStats(tb testing.TB, q *memqueue.Queue, subscription string, want driver.SubscriptionStats) {
	tb.Helper()
	if got := stats(tb, q, subscription); got != want {
		tb.Errorf("stats of %q are %+v, want %+v", subscription, got, want)
	}
}

func dead(tb testing.TB, q *memqueue.Queue, subscription string) []driver.DeadLetter {
	tb.Helper()
	letters, err := q.Dead(tb.Context(), subscription, "", 1<<20)
	if err != nil {
		tb.Fatal(err)
	}
	return letters
}

// journal records what handlers see.
type journal struct {
	mu      sync.Mutex
	entries []string
}

func (j *journal) add(entry string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = append(j.entries, entry)
}

func (j *journal) list() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]string{}, j.entries...)
}

// record is a handler that records the data of messages.
func (j *journal) record(_ context.Context, d *driver.Delivery) driver.Result {
	j.add(string(d.Data))
	return driver.Result{}
}
