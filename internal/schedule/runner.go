package schedule

import (
	"context"
	"sync"
	"time"
)

// maxSleep is how long the runner sleeps at most. Timers do not notice that the wall clock was set or that the
// machine was suspended; the runner notices after this time at the latest.
const maxSleep = time.Minute

// Runner calls functions at the times of their schedules: any number of them, on one goroutine and one timer. An idle
// schedule costs its memory and nothing else. The zero value is ready to use; a Runner must not be copied.
//
// When the goroutine is late, because a function took long, the machine was suspended or the clock was set forward, a
// schedule that missed ticks runs once, with the last tick it missed, and continues with the ticks after now.
//
// When the clock is set back by more than a minute, all schedules continue from where the clock is then, so that
// ticks are repeated. A function that must not run twice for one tick has to remember the last tick, which is
// necessary anyway if several processes share a schedule. When the clock is set back by less, no tick is repeated.
type Runner struct {
	mu      sync.Mutex
	plan    plan
	wake    chan struct{} // has room for one; nil unless Run runs
	wakeups int           // how often the loop looked at the plan, for the tests
}

// Add makes [Runner.Run] call fire with each tick of the schedule. It counts from now, or from the start of Run if
// that is later, and may be called at any time, also by fire. There is no way to remove a schedule: end Run's
// context.
//
// fire is called on the goroutine of Run, never twice at once, and delays all other schedules until it returns.
func (r *Runner) Add(s *Schedule, fire func(tick time.Time)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if first := r.plan.add(s, fire, time.Now()); first && r.wake != nil {
		select {
		case r.wake <- struct{}{}:
		default: // it is about to wake up anyway
		}
	}
}

// Run calls the functions that were added, in the order in which they become due and then of their addition, until
// ctx ends. It panics if it is already running. When it has returned it may be called again; ticks that were due in
// between are skipped.
func (r *Runner) Run(ctx context.Context) {
	wake := r.begin()
	defer r.end()
	timer := time.NewTimer(maxSleep)
	defer timer.Stop()
	for ctx.Err() == nil {
		fire, tick, wait := r.take()
		if fire != nil {
			fire(tick)
			continue
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
		case <-wake:
		case <-timer.C:
		}
	}
}

func (r *Runner) begin() chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.wake != nil {
		panic("schedule: Runner.Run called while it is running")
	}
	r.wake = make(chan struct{}, 1)
	r.plan.restart(time.Now().Round(0))
	return r.wake
}

func (r *Runner) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wake = nil
}

func (r *Runner) take() (fire func(time.Time), tick time.Time, wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wakeups++
	fire, tick, wait = r.plan.take(time.Now())
	if wait < 0 || wait > maxSleep {
		wait = maxSleep
	}
	return fire, tick, wait
}
