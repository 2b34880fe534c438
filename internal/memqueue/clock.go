package memqueue

import (
	"math"
	"time"
)

// instant is a moment on the monotonic clock: nanoseconds since the queue was made. All scheduling uses it, so that a
// step of the wall clock neither ends leases nor delays retries.
type instant int64

// never is later than every moment.
const never instant = math.MaxInt64

// add returns the moment d later. It saturates at never; a negative d counts as zero.
func (t instant) add(d time.Duration) instant {
	if d <= 0 {
		return t
	}
	if sum := t + instant(d); sum > t {
		return sum
	}
	return never
}

// clock translates between instants and times.
type clock struct {
	epoch time.Time
}

// now reads only the monotonic clock, which takes half as long as time.Now.
func (c clock) now() instant { return instant(time.Since(c.epoch)) }

func (c clock) instant(t time.Time) instant { return instant(t.Sub(c.epoch)) }

func (c clock) time(t instant) time.Time { return c.epoch.Add(time.Duration(t)) }

// wallTime is a time in eight bytes: Unix nanoseconds, where zero is the zero time.
type wallTime int64

// packTime can represent the years 1678 to 2262. Other times become the nearest one.
func packTime(t time.Time) wallTime {
	switch {
	case t.IsZero():
		return 0
	case t.Before(time.Unix(0, math.MinInt64)):
		return math.MinInt64
	case t.After(time.Unix(0, math.MaxInt64)):
		return math.MaxInt64
	}
	if n := t.UnixNano(); n != 0 {
		return wallTime(n)
	}
	return 1 // 0 means the zero time, so the Unix epoch itself moves by a nanosecond
}

func (w wallTime) time() time.Time {
	if w == 0 {
		return time.Time{}
	}
	return time.Unix(0, int64(w))
}

// alarm is a timer that can only be moved to an earlier moment until it has rung. It need not be touched when its
// reason goes away: then it rings once for nothing. Its owner guards it with a lock.
type alarm struct {
	ring  func()
	timer *time.Timer
	at    instant
}

// stopped is the moment of an alarm that must not ring again: nothing is earlier.
const stopped instant = math.MinInt64

func newAlarm(ring func()) alarm { return alarm{ring: ring, at: never} }

// set makes the alarm ring at the given moment, unless it will ring before that anyway.
func (a *alarm) set(at, now instant) {
	if at >= a.at {
		return
	}
	a.at = at
	if a.timer == nil {
		a.timer = time.AfterFunc(time.Duration(at-now), a.ring)
		return
	}
	a.timer.Reset(time.Duration(at - now))
}

// rang notes that ring was called, so that the alarm can be set again.
func (a *alarm) rang() {
	if a.at != stopped {
		a.at = never
	}
}

// stop stops the alarm permanently.
func (a *alarm) stop() {
	a.at = stopped
	if a.timer != nil {
		a.timer.Stop()
	}
}
