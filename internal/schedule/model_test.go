package schedule_test

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// model is an expression read and matched in the most obvious way, to compare the package with. It expects valid
// expressions of fields, without a zone.
type model struct {
	fields   [6]map[int]bool // second, minute, hour, day of month, month, day of week
	interval bool            // a wildcard in second, minute or hour
	dayWild  bool            // a wildcard in one of the day fields
}

func newModel(expression string) *model {
	words := strings.Fields(expression)
	if len(words) == 5 {
		words = append([]string{"0"}, words...)
	}
	m := &model{}
	for i, limits := range [6][2]int{{0, 59}, {0, 59}, {0, 23}, {1, 31}, {1, 12}, {0, 6}} {
		m.fields[i] = map[int]bool{}
		for _, element := range strings.Split(words[i], ",") {
			first, last, step := modelRange(strings.ToLower(element), limits[0], limits[1])
			if wild := first < 0; wild {
				first = limits[0]
				m.interval = m.interval || i <= 2
				m.dayWild = m.dayWild || i == 3 || i == 5
			}
			if i == 5 && last < first {
				last = 7 // FRI-SUN
			}
			for value := first; value <= last; value += step {
				if i == 5 {
					m.fields[i][value%7] = true
				} else {
					m.fields[i][value] = true
				}
			}
		}
	}
	return m
}

// modelRange returns first, last and step of an element; first is -1 for a wildcard.
func modelRange(element string, lowest, highest int) (first, last, step int) {
	base, by, stepped := strings.Cut(element, "/")
	if step = 1; stepped {
		step, _ = strconv.Atoi(by)
	}
	if base == "*" || base == "?" {
		return -1, highest, step
	}
	low, high, ranged := strings.Cut(base, "-")
	first = modelValue(low)
	switch {
	case ranged:
		last = modelValue(high)
	case stepped:
		last = max(first, highest)
	default:
		last = first
	}
	return first, last, step
}

func modelValue(text string) int {
	if i := slices.Index([]string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}, text); i >= 0 {
		return i + 1
	}
	if i := slices.Index([]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}, text); i >= 0 {
		return i
	}
	n, _ := strconv.Atoi(text)
	return n
}

// face is what a clock and a calendar on the wall show.
type face struct {
	second, minute, hour, day, month, weekday int
}

func faceOf(t time.Time) face {
	return face{t.Second(), t.Minute(), t.Hour(), t.Day(), int(t.Month()), int(t.Weekday())}
}

// wallFace reads wall seconds: the Unix time at which a clock in UTC shows the same.
func wallFace(wall int64) face { return faceOf(time.Unix(wall, 0).UTC()) }

func (m *model) matches(f face) bool {
	if !m.fields[0][f.second] || !m.fields[1][f.minute] || !m.fields[2][f.hour] || !m.fields[4][f.month] {
		return false
	}
	day, weekday := m.fields[3][f.day], m.fields[5][f.weekday]
	if m.dayWild {
		return day && weekday
	}
	return day || weekday
}

// window is the wall clock of a zone, written down unit by unit around a transition.
type window struct {
	unit  int64         // seconds
	start int64         // Unix time of walls[0]
	walls []int64       // wall seconds at start, start+unit, ...
	faces []face        // what they look like
	first map[int64]int // the first index at which a wall second is shown
	// missing lists the wall seconds that are skipped and never shown, by the index at which the clock continues.
	missing map[int][]int64
}

func wallAt(zone *time.Location, u int64) int64 {
	_, offset := time.Unix(u, 0).In(zone).Zone()
	return u + int64(offset)
}

func newWindow(zone *time.Location, start, end, unit int64) *window {
	w := &window{unit: unit, start: start, first: map[int64]int{}, missing: map[int][]int64{}}
	for u := start; u <= end; u += unit {
		wall := wallAt(zone, u)
		if _, again := w.first[wall]; !again {
			w.first[wall] = len(w.walls)
		}
		w.walls = append(w.walls, wall)
		w.faces = append(w.faces, wallFace(wall))
	}
	for i := 1; i < len(w.walls); i++ {
		for wall := w.walls[i-1] + unit; wall < w.walls[i]; wall += unit {
			if _, shown := w.first[wall]; !shown {
				w.missing[i] = append(w.missing[i], wall)
			}
		}
	}
	return w
}

// fires returns the Unix times between from and to at which the schedule has to run.
func (w *window) fires(m *model, from, to int64) []int64 {
	var fires []int64
	for u := from; u <= to; u += w.unit {
		i := int((u - w.start) / w.unit)
		due := m.matches(w.faces[i])
		if !m.interval {
			due = due && w.first[w.walls[i]] == i
			due = due || slices.ContainsFunc(w.missing[i], func(wall int64) bool { return m.matches(wallFace(wall)) })
		}
		if due {
			fires = append(fires, u)
		}
	}
	return fires
}
