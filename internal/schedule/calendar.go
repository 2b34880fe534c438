package schedule

import (
	"math/bits"
	"time"
)

const (
	secondsPerDay = 24 * 60 * 60
	// cycle is the period of the Gregorian calendar in years, weekdays included: a date that does not occur within it
	// never does.
	cycle = 400
)

// calendar is the set of wall clock times that match the fields of an expression. It knows no zones: it counts in
// wall seconds, the Unix time at which a clock in UTC would show the same date and time. Each field is a bit set of
// the values that match.
type calendar struct {
	second, minute, hour uint64
	dom, month, dow      uint64
	// either is set when both day fields are restricted, so that one match is enough.
	either bool
}

// next returns the first matching wall second that is not before from, or false if there is none for 400 years.
func (c *calendar) next(from int64) (int64, bool) {
	t := time.Unix(from, 0).UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	if c.days(year, month)&(1<<day) != 0 {
		if clock, ok := c.clock(hour, minute, second); ok {
			return from - int64(seconds(hour, minute, second)) + int64(clock), true
		}
	}
	midnight, ok := c.dayAfter(year, month, day)
	if !ok {
		return 0, false
	}
	return midnight + int64(c.first()), true
}

// clock returns the first matching second of the day that is not before the given time.
func (c *calendar) clock(hour, minute, second int) (int, bool) {
	if c.hour&(1<<hour) != 0 {
		if c.minute&(1<<minute) != 0 {
			if s, ok := bitFrom(c.second, second); ok {
				return seconds(hour, minute, s), true
			}
		}
		if m, ok := bitFrom(c.minute, minute+1); ok {
			return seconds(hour, m, lowest(c.second)), true
		}
	}
	if h, ok := bitFrom(c.hour, hour+1); ok {
		return seconds(h, lowest(c.minute), lowest(c.second)), true
	}
	return 0, false
}

// first returns the first matching second of a day.
func (c *calendar) first() int {
	return seconds(lowest(c.hour), lowest(c.minute), lowest(c.second))
}

// dayAfter returns the midnight, in wall seconds, of the first matching day after the given date.
func (c *calendar) dayAfter(year int, month time.Month, day int) (int64, bool) {
	for end := year + cycle; year <= end; year, month = year+1, time.January {
		for ; month <= time.December; month, day = month+1, 0 {
			m, ok := bitFrom(c.month, int(month))
			if !ok {
				break
			}
			if time.Month(m) != month {
				month, day = time.Month(m), 0
			}
			if d, ok := bitFrom(c.days(year, month), day+1); ok {
				return time.Date(year, month, d, 0, 0, 0, 0, time.UTC).Unix(), true
			}
		}
		day = 0
	}
	return 0, false
}

// days returns the days of the month that match, as a bit set.
func (c *calendar) days(year int, month time.Month) uint64 {
	if c.month&(1<<month) == 0 {
		return 0
	}
	first := time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
	length := time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
	exist := uint64(1)<<(length+1) - 2 // bits 1 to length

	// Repeated every seven bits, and shifted so that bit d says whether the weekday of day d matches.
	const everySeven = 1 | 1<<7 | 1<<14 | 1<<21 | 1<<28 | 1<<35
	weekdays := c.dow * everySeven << 1 >> first.Weekday()

	if c.either {
		return (c.dom | weekdays) & exist
	}
	return c.dom & weekdays & exist
}

func seconds(hour, minute, second int) int { return hour*3600 + minute*60 + second }

func lowest(set uint64) int { return bits.TrailingZeros64(set) }

// bitFrom returns the lowest member of the set that is not below from.
func bitFrom(set uint64, from int) (int, bool) {
	set = set >> from << from
	return bits.TrailingZeros64(set), set != 0
}
