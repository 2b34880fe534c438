package schedule

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/robfig/cron/v3"
)

// field describes one field of an expression: what errors call it, its place in robfig's parser, its greatest value,
// how many values there are, and their names.
type field struct {
	name   string
	option cron.ParseOption
	max    int
	count  int
	names  []string
}

var (
	secondField = field{name: "second", option: cron.Second, max: 59, count: 60}
	minuteField = field{name: "minute", option: cron.Minute, max: 59, count: 60}
	hourField   = field{name: "hour", option: cron.Hour, max: 23, count: 24}
	domField    = field{name: "day of month", option: cron.Dom, max: 31, count: 31}
	monthField  = field{name: "month", option: cron.Month, max: 12, count: 12, names: []string{
		"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}}
	dowField = field{name: "day of week", option: cron.Dow, max: 7, count: 7, names: []string{
		"sun", "mon", "tue", "wed", "thu", "fri", "sat"}}
)

// parseFields fills in the calendar from five or six fields.
func (s *Schedule) parseFields(words []string) error {
	switch len(words) {
	case 5:
		words = append([]string{"0"}, words...)
	case 6:
	default:
		return fmt.Errorf("has %d fields instead of 5 (minute, hour, day of month, month, day of week) or 6 (with a leading second)",
			len(words))
	}
	wild := make([]bool, len(words))
	for i, target := range []struct {
		field field
		set   *uint64
	}{
		{secondField, &s.second}, {minuteField, &s.minute}, {hourField, &s.hour},
		{domField, &s.dom}, {monthField, &s.month}, {dowField, &s.dow},
	} {
		set, err := target.field.parse(words[i])
		if err != nil {
			return fmt.Errorf("%s %q: %w", target.field.name, shorten(words[i]), err)
		}
		*target.set = set
		// robfig's star bit is not enough: it is not set for a wildcard with a step, which is a wildcard for cron.
		wild[i] = strings.ContainsAny(words[i], "*?")
	}
	s.interval = wild[0] || wild[1] || wild[2]
	s.either = !wild[3] && !wild[5]
	return nil
}

// parse returns the values that match, as a bit set.
//
// robfig's parser does the work. Mistakes that it accepts silently are refused here first: empty list elements,
// signs, wildcards with an end, steps beyond the field.
func (f field) parse(text string) (set uint64, err error) {
	elements := strings.Split(text, ",")
	for i, element := range elements {
		if err := f.check(element); err != nil {
			return 0, err
		}
		if f.option == cron.Dow {
			elements[i] = sundayIsZero(element)
		}
	}

	// No panic is known for input that passed the check, but a parser of what users write must not crash a program.
	defer func() {
		if p := recover(); p != nil {
			set, err = 0, fmt.Errorf("not understood: %v", p)
		}
	}()
	parsed, err := cron.NewParser(f.option).Parse(strings.Join(elements, ","))
	if err != nil { // ends with the element
		return 0, errors.New(shorten(err.Error()))
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return 0, fmt.Errorf("not understood: parsed as %T", parsed)
	}
	switch f.option {
	case cron.Second:
		set = spec.Second
	case cron.Minute:
		set = spec.Minute
	case cron.Hour:
		set = spec.Hour
	case cron.Dom:
		set = spec.Dom
	case cron.Month:
		set = spec.Month
	case cron.Dow:
		set = spec.Dow
	}
	const star = 1 << 63 // set by robfig for a wildcard
	return set &^ star, nil
}

// check returns an error unless the element is a wildcard, a value or a range of values, with or without a step.
func (f field) check(element string) error {
	if element == "" {
		return fmt.Errorf("empty list element")
	}
	base, step, stepped := strings.Cut(element, "/")
	if stepped {
		n, ok := number(step)
		switch {
		case !ok:
			return fmt.Errorf("step %q is not a number", shorten(step))
		case n == 0:
			return fmt.Errorf("step must not be 0")
		case n > f.count:
			return fmt.Errorf("step %s is larger than the field, which has %d values", shorten(step), f.count)
		}
	}
	if base == "*" || base == "?" {
		return nil
	}
	low, high, ranged := strings.Cut(base, "-")
	if !ranged {
		return f.checkValue(low)
	}
	if err := f.checkValue(low); err != nil {
		return err
	}
	return f.checkValue(high)
}

func (f field) checkValue(value string) error {
	if value == "" {
		return fmt.Errorf("a value is missing")
	}
	n, ok := number(value)
	switch {
	case ok && n > f.max:
		return fmt.Errorf("%s is above the maximum of %d", shorten(value), f.max)
	case ok, slices.Contains(f.names, strings.ToLower(value)):
		return nil
	case f.names != nil:
		return fmt.Errorf("%q is neither a number nor a name such as %s", shorten(value), strings.ToUpper(f.names[1]))
	default:
		return fmt.Errorf("%q is not a number", shorten(value))
	}
}

// number reads digits and nothing else. A number that is too large for every field may be returned as a smaller one
// that is also too large for every field.
func number(text string) (int, bool) {
	if text == "" || strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 1 << 30, true
	}
	return n, true
}

// sundayIsZero rewrites an element of the day of week that passed the check for robfig's parser, which knows Sunday
// only as 0: 7 becomes 0, and a range that ends with 7 or SUN becomes a list.
func sundayIsZero(element string) string {
	base, step, stepped := strings.Cut(element, "/")
	low, high, ranged := strings.Cut(base, "-")
	first, last := weekday(low), weekday(high)
	if ranged && strings.EqualFold(high, "sun") && first > 0 {
		last = 7
	}
	switch {
	case first == 7 && (!ranged || last == 7):
		return "0" // also with a step, since the week ends here
	case !ranged || last != 7:
		return element
	}
	by := 1
	if stepped {
		by, _ = number(step)
	}
	var days []string
	for day := first; day <= 7; day += by {
		days = append(days, strconv.Itoa(day%7))
	}
	return strings.Join(days, ",")
}

// weekday returns the number of a day, including 7, or -1 for a wildcard and the like.
func weekday(value string) int {
	if n, ok := number(value); ok {
		return n
	}
	return slices.Index(dowField.names, strings.ToLower(value))
}
