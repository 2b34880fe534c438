package motiatest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing/synctest"
	"time"

	"github.com/motia-go/motia/driver"
)

const (
	// realPatience is how long Idle waits in real time: longer than everything except a mistake takes on a busy
	// machine.
	realPatience = 10 * time.Second
	// virtualPatience is how long Idle waits in virtual time: longer than flows last.
	virtualPatience = 30 * 24 * time.Hour
	// idleInvocations is how many invocations and refused messages a call of Idle waits for. A flow with more of them
	// is an endless loop.
	idleInvocations = 20_000
	// firstPoll and lastPoll are the shortest and the longest pause between checks in real time, if there is no
	// activity.
	firstPoll = time.Millisecond
	lastPoll  = 20 * time.Millisecond
)

// Idle returns when nothing is left to do: no step is running, and no message, retry or change is ready or delayed.
// In a bubble it lets virtual time pass until then, up to 30 days; elsewhere it waits for up to 10 seconds. After
// that it ends the test with a list of what is pending.
//
// Idle does not wait for future ticks of schedules: to see one, let time pass first. It waits neither for requests
// whose response has begun, which may be endless streams, nor for values to expire.
//
// An app that makes work for itself is never idle. Idle gives up after 20,000 invocations and messages that the
// backend refuses.
func (a *App) Idle() {
	a.Helper()
	patience := realPatience
	if a.bubble {
		patience = virtualPatience
	}
	a.IdleWithin(patience)
}

// IdleWithin is [App.Idle] with the given time limit.
func (a *App) IdleWithin(d time.Duration) {
	a.Helper()
	a.rec.idle(true) // before anything waits for an app that may never be idle
	defer a.rec.idle(false)
	if a.bubble {
		settle()
	}
	start := time.Now()
	for poll := firstPoll; ; poll = min(2*poll, lastPoll) {
		before := a.rec.activity.Load()
		pending, err := a.pending()
		switch waited := time.Since(start); {
		case err != nil:
			a.Fatalf("motiatest: %v", err)
			return
		case len(pending) == 0 && a.rec.activity.Load() == before:
			return
		case a.rec.tooMuch():
			a.Fatalf("motiatest: not idle after %d invocations and refused messages: the steps make work for each other without end, or the backend accepts no messages; still pending:\n%s", idleInvocations, indent(pending))
			return
		case waited >= d:
			a.Fatalf("motiatest: not idle after %v; still pending:\n%s", d, indent(pending))
			return
		case a.bubble:
			poll = d - waited
		default:
			poll = min(poll, d-waited)
		}
		a.wait(poll)
	}
}

// wait returns when there was activity, or after d. In a bubble it also waits until all goroutines are blocked.
func (a *App) wait(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-a.rec.active:
	case <-timer.C:
	}
	if a.bubble {
		settle()
	}
}

// settle waits until all goroutines of the bubble are blocked, and reports whether there is a bubble.
func settle() (bubble bool) {
	defer func() {
		if recover() != nil { // there is no other way to find out
			bubble = false
		}
	}()
	synctest.Wait()
	return true
}

// pending lists what is left to do.
func (a *App) pending() ([]string, error) {
	var pending []string
	// Changes become messages, and messages become invocations. Checked in this order, nothing is missed on its way.
	if a.rec.pendingChanges != nil {
		if n := a.rec.pendingChanges(); n > 0 {
			pending = append(pending, fmt.Sprintf("%d changes of state or streams have not reached their triggers", n))
		}
	}
	r := a.rec
	r.mu.Lock()
	exited := r.exited
	subscriptions := slices.SortedFunc(maps.Values(r.subscriptions), func(x, y *subscription) int { return cmp.Compare(x.id, y.id) })
	r.mu.Unlock()
	if exited != "" {
		return nil, fmt.Errorf("the handler of step %q ended its goroutine, as t.FailNow and testify's require do; use t.Error or assert in handlers", exited)
	}
	if len(subscriptions) > 0 {
		stats, ok := a.options.Backend.Queue.(driver.StatsReader)
		if !ok {
			return nil, fmt.Errorf("cannot tell whether the app is idle: the backend's queue has no Stats")
		}
		for _, sub := range subscriptions {
			s, err := stats.Stats(a.ctx, sub.id)
			if err != nil {
				return nil, fmt.Errorf("cannot tell whether the app is idle: %w", err)
			}
			if s.Ready+s.Delayed+s.Running > 0 {
				pending = append(pending, fmt.Sprintf("step %s (%s): %d messages ready, %d not yet due, %d running", sub.step, sub.trigger, s.Ready, s.Delayed, s.Running))
			}
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return append(pending, r.runningLocked()...), nil
}

func indent(lines []string) string { return "    " + strings.Join(lines, "\n    ") }

// idle notes that a call of Idle begins or ends.
func (r *recorder) idle(begins bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.idling, r.spent = begins, 0
}

// spend counts an invocation, and reports whether the limit is not exceeded.
func (r *recorder) spend() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.idling {
		r.spent++
	}
	return r.spent <= idleInvocations
}

func (r *recorder) tooMuch() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.spent > idleInvocations
}
