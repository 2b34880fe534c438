package membus_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/membus"
)

func send(t testing.TB, b *membus.Bus, subject, data string) {
	t.Helper()
	if err := b.Send(context.Background(), subject, []byte(data)); err != nil {
		t.Fatal(err)
	}
}

func subscribe(t testing.TB, b *membus.Bus, subject string, f func(data []byte)) (stop func()) {
	t.Helper()
	stop, err := b.Subscribe(context.Background(), subject, f)
	if err != nil {
		t.Fatal(err)
	}
	return stop
}

func TestSendReachesAllSubscribersOfTheSubjectBeforeItReturns(t *testing.T) {
	b := membus.New()
	var got []string
	record := func(name string) func([]byte) {
		return func(data []byte) { got = append(got, name+string(data)) }
	}
	send(t, b, "x", "0") // nobody listens
	stop1 := subscribe(t, b, "x", record("a"))
	stop2 := subscribe(t, b, "x", record("b"))
	subscribe(t, b, "y", record("c"))
	check := func(want ...string) {
		t.Helper()
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		got = nil
	}
	send(t, b, "x", "1")
	check("a1", "b1")
	stop1()
	stop1()
	send(t, b, "x", "2")
	check("b2")
	stop2()
	send(t, b, "x", "3")
	check()
	send(t, b, "y", "4")
	check("c4")
}

func TestAnyStringIsASubjectAndNoneCollide(t *testing.T) {
	b := membus.New()
	subjects := []string{"", ".", "*", ">", "a.b", "a", "a/b", "\x00", "a\x00", "🙂", "\xff", strings.Repeat("x", 64<<10)}
	got := make([]int, len(subjects))
	for i, subject := range subjects {
		subscribe(t, b, subject, func([]byte) { got[i]++ })
	}
	for i, subject := range subjects {
		send(t, b, subject, "")
		if got[i] != 1 {
			t.Errorf("subject %.20q: %d events", subject, got[i])
		}
	}
}

func TestEventsOfASenderAreInOrderAndOneAtATime(t *testing.T) {
	b := membus.New()
	const senders, each, subscribers = 4, 2000, 5
	var all sync.WaitGroup
	for range subscribers {
		all.Add(senders * each)
		var running atomic.Bool
		last := make(map[byte]int)
		subscribe(t, b, "x", func(data []byte) {
			if running.Swap(true) {
				t.Error("two at a time")
			}
			var n int
			_, _ = fmt.Sscan(string(data[1:]), &n)
			if n != last[data[0]]+1 {
				t.Errorf("sender %c: %d after %d", data[0], n, last[data[0]])
			}
			last[data[0]] = n
			running.Store(false)
			all.Done()
		})
	}
	var group sync.WaitGroup
	for s := range senders {
		group.Go(func() {
			for n := 1; n <= each; n++ {
				send(t, b, "x", fmt.Sprint(string(rune('a'+s)), n))
			}
		})
	}
	group.Wait()
	all.Wait()
	if err := b.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestSubscribersThatComeAndGoDoNotDisturbOthers(t *testing.T) {
	b := membus.New()
	var sent atomic.Int64
	steady, all := int64(0), make(chan struct{})
	subscribe(t, b, "x", func(data []byte) {
		if string(data) == "last" {
			close(all)
			return
		}
		steady++
	})
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for i := range 2000 {
				var stopped atomic.Bool
				stop := subscribe(t, b, "x", func([]byte) {
					if stopped.Load() {
						t.Error("called after stop")
					}
				})
				if i%3 == 0 {
					send(t, b, "x", "")
					sent.Add(1)
				}
				stop()
				stopped.Store(true)
			}
		})
	}
	group.Wait()
	send(t, b, "x", "last")
	<-all
	if steady != sent.Load() {
		t.Errorf("%d events of %d", steady, sent.Load())
	}
	if err := b.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestSubscribersMaySendSubscribeAndStopThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := membus.New()
		var got []string
		var stop func()
		stop = subscribe(t, b, "x", func(data []byte) {
			got = append(got, string(data))
			switch string(data) {
			case "1":
				send(t, b, "x", "2")
				send(t, b, "y", "3")
				subscribe(t, b, "z", func(data []byte) { got = append(got, "z"+string(data)) })
			case "2":
				stop()
				send(t, b, "x", "never")
				send(t, b, "z", "4")
			}
		})
		subscribe(t, b, "y", func(data []byte) { got = append(got, "y"+string(data)) })
		send(t, b, "x", "1")
		synctest.Wait()
		if want := []string{"1", "y3", "2", "z4"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestStopWaitsForTheFunction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := membus.New()
		gate, stopped := make(chan struct{}), false
		stop := subscribe(t, b, "x", func([]byte) { <-gate })
		go b.Send(t.Context(), "x", []byte("1"))
		synctest.Wait()
		send(t, b, "x", "2") // another sender does not wait
		go func() { stop(); stopped = true }()
		synctest.Wait()
		if stopped {
			t.Error("stop did not wait")
		}
		close(gate)
		synctest.Wait()
		if !stopped {
			t.Error("stop still waits")
		}
	})
}

func TestCloseEndsSubscriptionsAndWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := membus.New()
		gate, calls := make(chan struct{}), 0
		stop := subscribe(t, b, "x", func([]byte) { calls++; <-gate })
		go b.Send(t.Context(), "x", []byte("1"))
		synctest.Wait()
		send(t, b, "x", "2")
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := b.Close(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close: %v", err)
		}
		close(gate)
		synctest.Wait()
		if err := b.Close(t.Context()); err != nil || calls != 1 {
			t.Errorf("second Close: %v; %d calls", err, calls)
		}
		stop()
		if err := b.Send(t.Context(), "x", nil); !errors.Is(err, driver.ErrClosed) {
			t.Errorf("Send: %v", err)
		}
		if _, err := b.Subscribe(t.Context(), "x", nil); !errors.Is(err, driver.ErrClosed) {
			t.Errorf("Subscribe: %v", err)
		}
	})
}

func TestAnEndedContextIsAnError(t *testing.T) {
	b := membus.New()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Send(ctx, "x", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Send: %v", err)
	}
	if _, err := b.Subscribe(ctx, "x", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Subscribe: %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	calls := 0
	if _, err := b.Subscribe(ctx, "x", func([]byte) { calls++ }); err != nil {
		t.Fatal(err)
	}
	cancel()
	if send(t, b, "x", ""); calls != 1 {
		t.Error("the context of the call ended the subscription")
	}
}

// BenchmarkSend compares a send to n subscribers with a loop over n channels whose events are taken at once.
func BenchmarkSend(b *testing.B) {
	for _, n := range []int{1, 1000} {
		var count atomic.Int64
		f := func([]byte) { count.Add(1) }
		data := []byte("x")
		b.Run(fmt.Sprintf("subscribers=%d/floor", n), func(b *testing.B) {
			b.ReportAllocs()
			channels := make([]chan []byte, n)
			for i := range channels {
				channels[i] = make(chan []byte, 1)
			}
			for b.Loop() {
				for _, c := range channels {
					c <- data
					f(<-c)
				}
			}
		})
		b.Run(fmt.Sprintf("subscribers=%d/membus", n), func(b *testing.B) {
			b.ReportAllocs()
			bus := membus.New()
			for range n {
				subscribe(b, bus, "x", f)
			}
			for b.Loop() {
				_ = bus.Send(b.Context(), "x", data)
			}
		})
	}
}
