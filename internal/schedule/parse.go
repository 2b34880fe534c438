package schedule

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxLength is the maximum length of expressions, in bytes. All sixty minutes, seconds and so on, written out, take
// half of it.
const maxLength = 1024

// ErrUnknownZone is in the chain of the error of [Parse] if the zone that the expression names is not in the time
// zone database. If the zone does exist, the machine has no such database: import time/tzdata in the program.
var ErrUnknownZone = errors.New("unknown time zone")

// ParseError is the error of [Parse]: an expression and what is wrong with it.
type ParseError struct {
	Expression string // shortened if it is long
	Err        error
}

func (e *ParseError) Error() string {
	return fmt.Sprintf("schedule %q: %v", e.Expression, e.Err)
}

// Unwrap returns the reason.
func (e *ParseError) Unwrap() error { return e.Err }

// Parse reads an expression, which the package documentation describes. Times are in the given zone, or in UTC if it
// is nil, unless the expression names a zone itself. White space around the expression and its fields is ignored.
//
// Expressions that never run are refused. Every error is a [*ParseError].
func Parse(expression string, zone *time.Location) (*Schedule, error) {
	s, err := parse(expression, zone)
	if err != nil {
		return nil, &ParseError{Expression: shorten(expression), Err: err}
	}
	return s, nil
}

// shorten cuts the part of an expression that an error repeats, so that the reason remains visible.
func shorten(text string) string {
	const printed = 80
	if len(text) <= printed {
		return text
	}
	end := printed
	for end > printed-utf8.UTFMax && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "..."
}

func parse(expression string, zone *time.Location) (*Schedule, error) {
	if len(expression) > maxLength {
		return nil, fmt.Errorf("longer than %d bytes", maxLength)
	}
	words := strings.Fields(expression)
	if len(words) == 0 {
		return nil, errors.New("empty expression")
	}
	if strings.ContainsFunc(strings.Join(words, ""), unicode.IsControl) {
		return nil, errors.New("contains a control character")
	}
	if zone == nil {
		zone = time.UTC
	}
	if name, ok := zonePrefix(words[0]); ok {
		var err error
		if zone, err = LoadZone(name); err != nil {
			return nil, err
		}
		if words = words[1:]; len(words) == 0 {
			return nil, errors.New("nothing follows the time zone")
		}
	}

	s := &Schedule{expression: expression, zone: zone}
	if words[0] == "@every" {
		var err error
		s.every, err = parseEvery(words[1:])
		return s, err
	}
	if strings.HasPrefix(words[0], "@") {
		var err error
		if words, err = descriptor(words); err != nil {
			return nil, err
		}
	}
	if err := s.parseFields(words); err != nil {
		return nil, err
	}
	return s, s.checkRuns(words)
}

func zonePrefix(word string) (string, bool) {
	if name, ok := strings.CutPrefix(word, "CRON_TZ="); ok {
		return name, true
	}
	return strings.CutPrefix(word, "TZ=")
}

// NamesZone reports whether the expression begins with the prefix that names a time zone, whether known or not.
func NamesZone(expression string) bool {
	words := strings.Fields(expression)
	if len(words) == 0 {
		return false
	}
	_, ok := zonePrefix(words[0])
	return ok
}

// LoadZone returns the time zone with the IANA name, as [Parse] does for the zone that an expression names. The name
// "Local" is refused, since the machines that share a schedule must agree on its times.
func LoadZone(name string) (*time.Location, error) {
	switch name {
	case "":
		return nil, errors.New("names no time zone")
	case "Local":
		return nil, fmt.Errorf("%w %q: it differs from machine to machine; name the zone that is meant", ErrUnknownZone, name)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("%w %q", ErrUnknownZone, shorten(name))
	}
	return zone, nil
}

func parseEvery(words []string) (time.Duration, error) {
	if len(words) != 1 {
		return 0, errors.New("@every takes one duration, such as @every 1h30m")
	}
	every, err := time.ParseDuration(words[0])
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is not a duration, such as 1h30m", shorten(words[0]))
	case every < time.Second:
		return 0, fmt.Errorf("interval %v is below one second", every)
	case every%time.Second != 0:
		return 0, fmt.Errorf("interval %v is not a whole number of seconds", every)
	}
	return every, nil
}

// descriptor returns the fields that a descriptor stands for.
func descriptor(words []string) ([]string, error) {
	if len(words) > 1 {
		return nil, fmt.Errorf("nothing may follow %q", shorten(words[0]))
	}
	var fields string
	switch words[0] {
	case "@yearly", "@annually":
		fields = "0 0 1 1 *"
	case "@monthly":
		fields = "0 0 1 * *"
	case "@weekly":
		fields = "0 0 * * 0"
	case "@daily", "@midnight":
		fields = "0 0 * * *"
	case "@hourly":
		fields = "0 * * * *"
	default:
		return nil, errors.New("unknown descriptor; there are @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly and @every")
	}
	return strings.Fields(fields), nil
}

// checkRuns returns an error if the schedule names only times that never come.
func (s *Schedule) checkRuns(words []string) error {
	if _, ok := s.dayAfter(2000, time.January, 0); !ok {
		n := len(words)
		return fmt.Errorf("never runs: day %s does not exist in month %s", shorten(words[n-3]), shorten(words[n-2]))
	}
	if s.Next(time.Now()).IsZero() {
		return fmt.Errorf("never runs: the clocks of %v always skip the times it names", s.zone)
	}
	return nil
}
