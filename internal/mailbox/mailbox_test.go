package mailbox_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motia-go/motia/internal/mailbox"
)

func TestWithOneSenderTheFunctionHasRunWhenDeliverReturns(t *testing.T) {
	var got []int
	m := mailbox.New(func(i int) { got = append(got, i) })
	for i := range 5 {
		m.Deliver(i)
		if len(got) != i+1 {
			t.Fatalf("got %v after %d", got, i)
		}
	}
	m.Push(5)
	m.Push(6)
	if len(got) != 5 {
		t.Fatalf("Push delivers: %v", got)
	}
	m.Deliver(7)
	m.Drain()
	if want := []int{0, 1, 2, 3, 4, 5, 6, 7}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestManySendersOneAtATimeInTheOrderOfEach(t *testing.T) {
	const senders, each = 8, 5000
	type item struct{ sender, n int }
	var running atomic.Int32
	last := [senders]int{}
	count, all := 0, make(chan struct{})
	m := mailbox.New(func(i item) {
		if running.Add(1) != 1 {
			t.Error("two at a time")
		}
		if last[i.sender]+1 != i.n {
			t.Errorf("sender %d: %d after %d", i.sender, i.n, last[i.sender])
		}
		last[i.sender] = i.n
		running.Add(-1)
		if count++; count == senders*each {
			close(all)
		}
	})
	var order sync.Mutex // as a store's lock: pushes happen under it
	var group sync.WaitGroup
	for s := range senders {
		group.Go(func() {
			for n := 1; n <= each; n++ {
				if s%2 == 0 {
					m.Deliver(item{s, n})
					continue
				}
				order.Lock()
				m.Push(item{s, n})
				order.Unlock()
				m.Drain()
			}
		})
	}
	group.Wait()
	<-all // a goroutine may have the last ones
	m.Stop()
}

func TestASenderIsNotHeldUpByItemsThatCameLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gates := make(chan struct{})
		var got []int
		m := mailbox.New(func(i int) { <-gates; got = append(got, i) })
		returned := false
		go func() { m.Deliver(1); returned = true }()
		synctest.Wait()
		m.Deliver(2) // does not wait
		m.Deliver(3)
		gates <- struct{}{}
		synctest.Wait()
		if !returned {
			t.Error("the first sender delivers the items of the others")
		}
		gates <- struct{}{}
		gates <- struct{}{}
		synctest.Wait()
		if want := []int{1, 2, 3}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

func TestTheFunctionMaySendToItsOwnBox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m *mailbox.Mailbox[int]
		var got []int
		m = mailbox.New(func(i int) {
			got = append(got, i)
			if i < 5 {
				m.Deliver(i + 1)
			}
			if len(got) != i+1 {
				t.Error("called within itself")
			}
		})
		m.Deliver(0)
		synctest.Wait()
		if want := []int{0, 1, 2, 3, 4, 5}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

func TestAHeldBoxCollectsUntilRelease(t *testing.T) {
	var got []int
	m := mailbox.NewHeld(func(i int) { got = append(got, i) })
	m.Deliver(1)
	m.Push(2)
	m.Drain()
	if got != nil {
		t.Fatalf("got %v before Release", got)
	}
	m.Release()
	m.Deliver(3)
	if want := []int{1, 2, 3}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	held := mailbox.NewHeld(func(int) { t.Error("delivered after Stop") })
	held.Push(1)
	held.Stop()
	held.Release()
}

func TestStopWaitsForTheFunctionAndDropsTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		var got []int
		m := mailbox.New(func(i int) { <-gate; got = append(got, i) })
		go m.Deliver(1)
		synctest.Wait()
		m.Deliver(2)
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := m.Shutdown(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown: %v", err)
		}
		var stopped atomic.Int32
		for range 2 {
			go func() { m.Stop(); stopped.Add(1) }()
			synctest.Wait()
		}
		if stopped.Load() != 0 {
			t.Error("Stop did not wait")
		}
		close(gate)
		synctest.Wait()
		m.Deliver(3)
		m.Push(4)
		m.Drain()
		m.Stop()
		if stopped.Load() != 2 || !slices.Equal(got, []int{1}) {
			t.Errorf("%d stopped, got %v", stopped.Load(), got)
		}
	})
}

func TestStopFromInsideAFunctionDoesNotWait(t *testing.T) {
	for name, call := range map[string]func(func()){
		"directly":      func(f func()) { f() },
		"deep in calls": func(f func()) { deep(200, f) },
	} {
		t.Run(name, func(t *testing.T) {
			var m *mailbox.Mailbox[int]
			calls := 0
			m = mailbox.New(func(int) { calls++; call(m.Stop) })
			m.Push(1)
			m.Push(2)
			m.Drain()
			m.Deliver(3)
			if calls != 1 {
				t.Errorf("%d calls", calls)
			}
		})
	}
}

func TestTwoFunctionsMayStopEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var boxes [2]*mailbox.Mailbox[struct{}]
		ready := make(chan struct{})
		for i := range boxes {
			boxes[i] = mailbox.New(func(struct{}) { <-ready; boxes[1-i].Stop() })
		}
		for _, box := range boxes {
			go box.Deliver(struct{}{})
		}
		synctest.Wait()
		close(ready) // the bubble ends only when both have
	})
}

//go:noinline
func deep(n int, f func()) {
	if n == 0 {
		f()
		return
	}
	deep(n-1, f)
	runtime.KeepAlive(n)
}

func TestAPanicSurfacesInTheSenderAndTheBoxGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []int
		m := mailbox.New(func(i int) {
			if i < 0 {
				panic(i)
			}
			got = append(got, i)
		})
		deliver := func() (recovered any) {
			defer func() { recovered = recover() }()
			m.Drain()
			return nil
		}
		m.Push(-1)
		if got := deliver(); got != -1 {
			t.Errorf("recovered %v", got)
		}
		m.Push(-2)
		m.Push(1)
		m.Push(2)
		if got := deliver(); got != -2 {
			t.Errorf("recovered %v", got)
		}
		synctest.Wait()
		m.Deliver(3)
		m.Stop() // waits for nobody
		if want := []int{1, 2, 3}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

func TestQueueKeepsOrderAndGivesBackItsMemory(t *testing.T) {
	var q mailbox.Queue[int]
	next, want := 0, 0
	for round := range 200 {
		for range round%17 + 1 {
			q.Push(next)
			next++
		}
		for range min(q.Len(), round%13+3) {
			if front := q.Front(); front != want || q.Pop() != want {
				t.Fatalf("got %d, want %d", front, want)
			}
			want++
		}
		if q.Len() != next-want {
			t.Fatalf("Len %d, want %d", q.Len(), next-want)
		}
	}
	// A queue that is never empty must not grow with the items that passed through it.
	q = mailbox.Queue[int]{}
	q.Push(0)
	if allocs := testing.AllocsPerRun(10_000, func() { q.Push(1); q.Pop() }); allocs != 0 {
		t.Errorf("%v allocations for each item", allocs)
	}
}

func TestFlushWaitsForWhatWasPushedAndForNothingLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gates := make(chan struct{})
		handled := 0
		m := mailbox.New(func(int) { <-gates; handled++ })
		if err := m.Flush(t.Context()); err != nil {
			t.Error(err) // an empty box does not wait
		}
		m.Push(0) // and its sender has not drained yet
		flushed := [2]bool{}
		for i := range flushed {
			go func() {
				if err := m.Flush(t.Context()); err != nil {
					t.Error(err)
				}
				flushed[i] = true
			}()
			synctest.Wait()
			m.Push(i + 1)
		}
		for i := range 3 {
			if synctest.Wait(); handled != i || flushed != [2]bool{i > 0, i > 1} {
				t.Errorf("%d items are handled, flushed %v", handled, flushed)
			}
			gates <- struct{}{}
		}
		m.Stop()
	})
}

func TestFlushOfAHeldBoxWaitsForItsRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, items := range []int{0, 3} {
			handled := 0
			m := mailbox.NewHeld(func(int) { handled++ })
			for i := range items {
				m.Deliver(i)
			}
			flushed := false
			go func() {
				if err := m.Flush(t.Context()); err != nil || handled != items {
					t.Errorf("%v after %d items", err, handled)
				}
				flushed = true
			}()
			if synctest.Wait(); flushed {
				t.Error("a held box was flushed")
			}
			m.Release()
			if synctest.Wait(); !flushed {
				t.Error("a released box is not flushed")
			}
		}
	})
}

func TestFlushEndsWithItsContextAndWithTheBox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		m := mailbox.New(func(int) { <-gate })
		m.Push(0)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := m.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		m.Push(1)
		stopped := false
		go func() {
			if err := m.Flush(t.Context()); err != nil {
				t.Error(err)
			}
			stopped = true
		}()
		synctest.Wait()
		go m.Stop()
		if synctest.Wait(); !stopped {
			t.Error("Flush waits for a box that is stopped")
		}
		close(gate)
		synctest.Wait()
		if err := m.Flush(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestFlushCountsItemsWhoseFunctionPanicked(t *testing.T) {
	m := mailbox.New(func(int) { panic("x") })
	for range 3 {
		func() {
			defer func() { _ = recover() }()
			m.Deliver(0)
		}()
	}
	var got []int
	n := mailbox.New(func(i int) {
		if i == 0 {
			panic("x")
		}
		got = append(got, i)
	})
	n.Push(0)
	n.Push(1)
	func() {
		defer func() { _ = recover() }()
		n.Drain()
	}()
	for _, err := range []error{m.Flush(t.Context()), n.Flush(t.Context())} {
		if err != nil {
			t.Error(err)
		}
	}
	if !slices.Equal(got, []int{1}) {
		t.Errorf("got %v", got)
	}
}
