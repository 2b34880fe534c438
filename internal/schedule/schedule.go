package schedule

import "time"

// Schedule is a parsed expression. It is immutable and safe for concurrent use. There is no useful zero value: only
// [Parse] makes one.
type Schedule struct {
	expression string
	zone       *time.Location
	// every is the interval of "@every". If it is not zero the fields below are unused.
	every time.Duration
	calendar
	// interval says whether the schedule runs by the wall clock, as the package documentation explains.
	interval bool
}

// String returns the expression as it was given to [Parse].
func (s *Schedule) String() string { return s.expression }

// Zone returns the zone of the expression: that of its prefix, or the one given to [Parse].
func (s *Schedule) Zone() *time.Location { return s.zone }

// The years 1 to 9999, which RFC 3339 can write, as Unix times. There are no ticks outside.
const (
	earliest = -62135596800
	latest   = 253402300799
)

// Next returns the first time of the schedule that is strictly after the given one, in the zone of the schedule and
// without a fraction of a second. It is the same on every machine that has the same zone data. The package
// documentation says what happens around changes of the clock.
//
// "@every d" is due at the whole multiples of d since the start of 1970 in UTC, so that all processes agree about its
// times, no matter when they started. So the first time may come sooner than d from now.
//
// Next returns the zero time if there is no such time until the end of the year 9999.
func (s *Schedule) Next(after time.Time) time.Time {
	u := max(after.Unix(), earliest)
	if u >= latest {
		return time.Time{}
	}
	var ok bool
	switch {
	case s.every > 0:
		u, ok = nextMultiple(u, int64(s.every/time.Second)), true
	case s.interval:
		u, ok = s.nextInterval(u)
	default:
		u, ok = s.nextFixed(u)
	}
	if !ok || u > latest {
		return time.Time{}
	}
	return time.Unix(u, 0).In(s.zone)
}

// nextMultiple returns the least multiple of d that is greater than u.
func nextMultiple(u, d int64) int64 {
	return u + d - ((u%d)+d)%d
}

// nextFixed returns the Unix time after u at which the clock first reaches or passes a matching time.
//
// All wall clock times that the clock had reached at u have run, and all later ones are still to come. The first of
// these that matches is next, since the clock reaches times in order even where it skips some.
func (s *Schedule) nextFixed(u int64) (int64, bool) {
	wall, ok := s.calendar.next(furthest(s.zone, u) + 1)
	if !ok {
		return 0, false
	}
	return reaches(s.zone, u+1, wall), true
}

// nextInterval returns the first Unix time after u at which the clock shows a matching time.
func (s *Schedule) nextInterval(u int64) (int64, bool) {
	u++
	limit := u + (cycle*365+cycle/4)*secondsPerDay
	for u < limit {
		offset, end := offsetAt(s.zone, u)
		wall, ok := s.calendar.next(u + offset)
		if !ok {
			return 0, false
		}
		if at := wall - offset; at < end {
			return at, true
		}
		// The clock changes before it shows this time, so look again from there. From slack after u until slack
		// before the match, the clock shows only times that were just found not to match, so skip these.
		if end < u+slack {
			u = end
		} else {
			u = max(end, wall-slack)
		}
	}
	return 0, false
}
