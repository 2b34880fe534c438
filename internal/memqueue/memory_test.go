package memqueue_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/memqueue"
)

// A queued message costs its bytes and at most 250 more.
func TestMemoryOfQueuedMessages(t *testing.T) {
	const messages = 100_000
	later := time.Now().Add(24 * time.Hour)
	names := make([]string, messages)
	for i := range names {
		names[i] = fmt.Sprint("name-", i)
	}
	tests := []struct {
		name string
		make func(i int) driver.Message
	}{
		{"plain", func(int) driver.Message { return driver.Message{} }},
		{"1,000 groups", func(i int) driver.Message { return driver.Message{Group: names[i%1000]} }},
		{"a group for each", func(i int) driver.Message { return driver.Message{Group: names[i]} }},
		{"delayed", func(int) driver.Message { return driver.Message{NotBefore: later} }},
		{"delayed, a group for each", func(i int) driver.Message { return driver.Message{NotBefore: later, Group: names[i]} }},
		{"an id for each", func(i int) driver.Message { return driver.Message{ID: names[i]} }},
		{"an id for each, 1,000 groups", func(i int) driver.Message { return driver.Message{ID: names[i], Group: names[i%1000]} }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			q := memqueue.New(memqueue.Options{})
			bind(t, q, "topic", "s", driver.SubscriptionConfig{})
			before := heap()
			for i := range messages {
				m := test.make(i)
				m.Topic = "topic"
				publish(t, q, m)
			}
			perMessage := float64(heap()-before) / messages
			t.Logf("%.0f bytes for each message", perMessage)
			if perMessage > 250 {
				t.Errorf("a message costs %.0f bytes", perMessage)
			}
			runtime.KeepAlive(q)
		})
	}
	runtime.KeepAlive(names)
}

// The memory of a burst is freed.
func TestMemoryAfterABurst(t *testing.T) {
	const messages = 100_000
	q := memqueue.New(memqueue.Options{DedupWindow: time.Nanosecond})
	bind(t, q, "topic", "s", driver.SubscriptionConfig{})
	before := heap()
	soon := time.Now()
	for i := range messages {
		name := fmt.Sprint(i)
		publish(t, q, driver.Message{Topic: "topic", ID: name, Group: name, NotBefore: soon.Add(time.Duration(i) * time.Microsecond)})
	}
	stop := consume(t, q, "s", 4, func(context.Context, *driver.Delivery) driver.Result { return driver.Result{} })
	for s := stats(t, q, "s"); s.Ready+s.Delayed+s.Running > 0; s = stats(t, q, "s") {
		runtime.Gosched()
	}
	stop()
	publish(t, q, driver.Message{Topic: "topic", ID: "last"})
	if left := heap() - before; left > 1<<20 {
		t.Errorf("%d bytes are left", left)
	}
	runtime.KeepAlive(q)
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
