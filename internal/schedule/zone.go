package schedule

import (
	"math"
	"time"
)

// slack exceeds, in seconds, the distance between any two offsets from UTC: RFC 8536, section 3.2, keeps them between
// -25 and +26 hours. Wall clock times that are further apart than this come in order, whatever the zone does.
const slack = 52 * 60 * 60

// offsetAt returns the offset of the zone from UTC at the Unix time u, in seconds, and the Unix time until which it
// is certain to stay the same; it may stay so for longer.
//
// The start that [time.Time.ZoneBounds] returns is useless: where the rule in the last line of a zone file begins to
// apply, it can be before the last change of the clock. The end can be wrong as well: on 31 December of a leap year
// it is the start of that day (https://go.dev/issue/81583). The rule changes nothing in the rest of such a day.
func offsetAt(zone *time.Location, u int64) (offset, end int64) {
	t := time.Unix(u, 0).In(zone)
	_, seconds := t.Zone()
	_, bound := t.ZoneBounds()
	if bound.IsZero() {
		return int64(seconds), math.MaxInt64
	}
	if end = bound.Unix(); end <= u {
		end = u - u%secondsPerDay + secondsPerDay
	}
	return int64(seconds), end
}

// furthest returns the latest wall second that the clock of the zone has shown up to and including the Unix time u.
// That is more than it shows at u if it has been set back recently.
func furthest(zone *time.Location, u int64) int64 {
	latest := int64(math.MinInt64)
	for from := u - slack; from <= u; {
		offset, end := offsetAt(zone, from)
		latest = max(latest, min(end-1, u)+offset)
		from = end
	}
	return latest
}

// reaches returns the first Unix time, not before from, at which the clock of the zone shows the wall second or a
// later one. The clock must not have done so before from.
func reaches(zone *time.Location, from, wall int64) int64 {
	from = max(from, wall-slack)
	for {
		offset, end := offsetAt(zone, from)
		if at := max(from, wall-offset); at < end {
			return at
		}
		from = end
	}
}
