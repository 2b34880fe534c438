package drivertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/motia-go/motia/driver"
)

const subject = "news"

// listener records what a subscriber received.
type listener struct {
	stop func()
	mu   sync.Mutex
	list []string
}

func (l *listener) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.list...)
}

func (l *listener) String() string { return strings.Join(l.all(), " ") }

// listen subscribes with the first instance until the case is over.
func (x *trial) listen(subject string) *listener { return x.listenOn(x.backend, subject) }

func (x *trial) listenOn(b *driver.Backend, subject string) *listener {
	l := &listener{}
	l.stop = x.subscribe(b, subject, func(data []byte) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.list = append(l.list, string(data))
	})
	return l
}

// subscribe subscribes until the case is over.
func (x *trial) subscribe(b *driver.Backend, subject string, f func([]byte)) (stop func()) {
	stop, err := b.Bus.Subscribe(x.ctx, subject, f)
	x.must(err, "Subscribe(%.40q)", subject)
	x.cleanup(func() { x.inTime("stop", stop) })
	return stop
}

// inTime calls f and reports a violation if f does not return.
func (x *trial) inTime(what string, f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	if !x.await(done) {
		x.errorf("%s does not return", what)
	}
}

func (x *trial) send(subject, text string) {
	x.must(x.backend.Bus.Send(x.ctx, subject, []byte(text)), "Send(%.40q)", subject)
}

// expectEvents waits for the events, and checks that no others follow.
func (x *trial) expectEvents(who string, l *listener, want ...string) {
	x.eventually(func() bool { return len(l.all()) >= len(want) }, "%s received fewer than %d events: %s", who, len(want), l)
	x.settle()
	if got := l.String(); got != strings.Join(want, " ") {
		x.fatalf("%s received %.200q, want %.200q", who, got, strings.Join(want, " "))
	}
}

func busFanOut(x *trial) {
	all := x.instances(3)
	var listeners []*listener
	for _, b := range all {
		listeners = append(listeners, x.listenOn(b, subject), x.listenOn(b, subject))
	}
	for i, b := range all {
		x.must(b.Bus.Send(x.ctx, subject, fmt.Append(nil, i)), "Send")
		for n, l := range listeners {
			x.eventually(func() bool { return len(l.all()) > i }, "subscriber %d did not get event %d", n, i)
		}
	}
	for n, l := range listeners {
		x.expectEvents(fmt.Sprintf("subscriber %d", n), l, "0", "1", "2")
	}
}

func busData(x *trial) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	l := x.listen(subject)
	for i, data := range [][]byte{nil, {}, {0}, all, bytes.Repeat(all, 1024)} {
		before := bytes.Clone(data)
		x.must(x.backend.Bus.Send(x.ctx, subject, data), "Send of %d bytes", len(data))
		x.eventually(func() bool { return len(l.all()) > i }, "an event of %d bytes was not received", len(data))
		if got := l.all()[i]; got != string(before) || !bytes.Equal(data, before) {
			x.errorf("an event of %d bytes arrived with %d bytes, or changed", len(before), len(got))
		}
	}
}

func busLate(x *trial) {
	early := x.listen(subject)
	x.send(subject, "1")
	x.expectEvents("the early subscriber", early, "1")
	late := x.listen(subject)
	x.send(subject, "2")
	x.expectEvents("the early subscriber", early, "1", "2")
	x.expectEvents("the late subscriber", late, "2")
}

// busOrder: several senders and subscribers. Events may be lost, except for the last one, which is sent when nothing
// else is under way.
func busOrder(x *trial) {
	const senders = 4
	all := x.instances(2)
	each := max(x.h.Messages/senders, 20)
	type state struct {
		running atomic.Int32
		mu      sync.Mutex
		last    [senders]int
		end     bool
	}
	var states []*state
	for i := range 3 {
		s := &state{}
		states = append(states, s)
		x.subscribe(all[i%2], subject, func(data []byte) {
			if s.running.Add(1) != 1 {
				x.errorf("a subscriber was called while it was running")
			}
			defer s.running.Add(-1)
			s.mu.Lock()
			defer s.mu.Unlock()
			if string(data) == "end" {
				s.end = true
				return
			}
			var sender, n int
			if _, err := fmt.Sscanf(string(data), "%d %d", &sender, &n); err != nil {
				x.errorf("%q arrives", data)
				return
			}
			if n <= s.last[sender] {
				x.errorf("event %d of a sender came after event %d of that sender", n, s.last[sender])
			}
			s.last[sender] = n
		})
	}
	x.together(senders, func(sender int) {
		for n := 1; n <= each; n++ {
			if err := all[sender%2].Bus.Send(x.ctx, subject, fmt.Appendf(nil, "%d %d", sender, n)); err != nil {
				x.errorf("Send: %v", err)
				return
			}
		}
	})
	x.settle()
	x.send(subject, "end")
	for i, s := range states {
		x.eventually(func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.end
		}, "subscriber %d did not get an event that was sent when nothing else was under way", i)
	}
}

func busSubjects(x *trial) {
	names := strangeNames()
	for _, pair := range joinedNames() {
		name := pair[0] + "\x01" + pair[1] // not among the strange ones
		names = append(names, name)
	}
	var listeners []*listener
	for _, name := range names {
		listeners = append(listeners, x.listen(name))
	}
	for i, name := range names {
		x.send(name, strconv.Itoa(i))
	}
	for i, l := range listeners {
		x.eventually(func() bool { return len(l.all()) > 0 }, "the subscriber of %q received nothing", names[i])
	}
	x.settle()
	for i, l := range listeners {
		if got := l.String(); got != strconv.Itoa(i) {
			x.errorf("the subscriber of %q received %q, want %d", names[i], got, i)
		}
	}
}

func busLongSubjects(x *trial) {
	a, b := longName("a"), longName("b")
	plain := x.listen(subject)
	l := &listener{}
	stop, err := x.backend.Bus.Subscribe(x.ctx, a, func(data []byte) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.list = append(l.list, string(data))
	})
	errA, errB := x.backend.Bus.Send(x.ctx, a, []byte("a")), x.backend.Bus.Send(x.ctx, b, []byte("b"))
	if err == nil {
		if errA == nil && errB == nil {
			x.expectEvents("the subscriber of a long subject", l, "a")
		}
		x.inTime("stop", stop)
	}
	x.send(subject, "plain") // the driver still works, even if it refused the name
	x.expectEvents("the subscriber of a plain subject", plain, "plain")
}

// busSlow: a Send that calls a slow subscriber may wait for it; other calls of Send may not.
func busSlow(x *trial) {
	gate, reached := make(chan struct{}), make(chan struct{})
	var once sync.Once
	x.subscribe(x.backend, subject, func([]byte) {
		once.Do(func() { close(reached) })
		x.hold(gate)
	})
	fast, elsewhere := x.listen(subject), x.listen("other")
	x.background("Send", func(context.Context) { _ = x.backend.Bus.Send(x.ctx, subject, []byte("first")) })
	if !x.await(reached) {
		x.fatalf("an event was not received")
	}
	others := x.background("Send", func(context.Context) {
		for range 10 {
			for _, name := range []string{subject, "other"} {
				if err := x.backend.Bus.Send(x.ctx, name, []byte("e")); err != nil {
					x.errorf("Send: %v", err)
				}
			}
		}
	})
	if !x.await(others.done) {
		close(gate)
		x.fatalf("other senders wait for a slow subscriber")
	}
	count := func(l *listener) int { return strings.Count(" "+l.String(), " e") }
	x.eventually(func() bool { return count(fast) == 10 }, "another subscriber waits for a slow one")
	x.eventually(func() bool { return count(elsewhere) == 10 }, "another subject waits for a slow subscriber")
	close(gate)
}

func busComeAndGo(x *trial) {
	stays := x.listen(subject)
	n := max(x.h.Messages/10, 20)
	churn := x.background("Subscribe", func(context.Context) {
		for range n {
			stop, err := x.backend.Bus.Subscribe(x.ctx, subject, func([]byte) {})
			if err != nil {
				x.errorf("Subscribe: %v", err)
				return
			}
			stop()
		}
	})
	var want []string
	for i := range n {
		x.send(subject, strconv.Itoa(i))
		want = append(want, strconv.Itoa(i))
	}
	if !x.await(churn.done) {
		x.fatalf("Subscribe and stop did not return while a subscriber was slow")
	}
	x.send(subject, "end")
	want = append(want, "end")
	x.expectEvents("the subscriber that stays", stays, want...)
}

func busNobody(x *trial) {
	x.send(subject, "1")
	l := x.listen(subject)
	l.stop()
	x.send(subject, "2")
	x.settle()
	x.expectEvents("the subscriber that has stopped", l)
}

func busContext(x *trial) {
	ctx, cancel := context.WithCancel(x.ctx)
	l := &listener{}
	stop, err := x.backend.Bus.Subscribe(ctx, subject, func(data []byte) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.list = append(l.list, string(data))
	})
	x.must(err, "Subscribe")
	x.cleanup(func() { x.inTime("stop", stop) })
	cancel()
	x.settle()
	x.send(subject, "1")
	x.expectEvents("a subscriber whose context has ended", l, "1")
	errs := map[string]error{"Send": x.backend.Bus.Send(ctx, subject, nil)}
	_, errs["Subscribe"] = x.backend.Bus.Subscribe(ctx, subject, func([]byte) {})
	if s, ok := x.backend.Bus.(driver.SubjectSyncer); ok {
		errs["SyncSubject"] = s.SyncSubject(ctx, subject)
	}
	for method, err := range errs {
		if !errors.Is(err, context.Canceled) {
			x.errorf("%s with an ended context returned %v, want an error that wraps the context's", method, err)
		}
	}
}

func busClosed(x *trial) {
	l := x.listen(subject)
	x.close(x.backend)
	errs := map[string]error{"Send": x.backend.Bus.Send(x.ctx, subject, nil)}
	_, errs["Subscribe"] = x.backend.Bus.Subscribe(x.ctx, subject, func([]byte) {})
	if s, ok := x.backend.Bus.(driver.SubjectSyncer); ok {
		errs["SyncSubject"] = s.SyncSubject(x.ctx, subject)
	}
	x.expectClosed(errs)
	x.inTime("stop", l.stop)
}

func busCloseBusy(x *trial) {
	reached := make(chan struct{})
	var once sync.Once
	x.subscribe(x.backend, subject, func([]byte) {
		once.Do(func() { close(reached) })
		x.hold(nil)
	})
	x.background("Send", func(context.Context) { _ = x.backend.Bus.Send(x.ctx, subject, nil) })
	if !x.await(reached) {
		x.fatalf("an event was not received")
	}
	ctx, cancel := context.WithTimeout(x.ctx, x.units(1))
	defer cancel()
	x.forget(x.backend)
	start := time.Now()
	x.inTime("Close", func() { _ = x.backend.Close(ctx) })
	if took := time.Since(start); took > x.h.Patience/2 {
		x.errorf("Close has returned %v after its context had ended", took)
	}
}
