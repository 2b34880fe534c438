package schedule_test

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia/internal/schedule"
)

// zones change their clocks in every way there is: by half an hour and by two hours, at midnight, around Ramadan, by
// decree, at odd offsets, over the date line, not at all.
var zones = []string{
	"Africa/Cairo", "Africa/Casablanca", "Africa/El_Aaiun", "Africa/Juba", "Africa/Sao_Tome", "Africa/Tripoli", "Africa/Windhoek",
	"America/Asuncion", "America/Bahia", "America/Caracas", "America/Chihuahua", "America/Ciudad_Juarez", "America/Godthab", "America/Grand_Turk",
	"America/Havana", "America/Los_Angeles", "America/Mexico_City", "America/Montevideo", "America/New_York",
	"America/Port-au-Prince", "America/Santiago", "America/Sao_Paulo", "America/Scoresbysund", "America/St_Johns",
	"Antarctica/Casey", "Antarctica/Macquarie", "Antarctica/Troll", "Asia/Amman", "Asia/Baghdad", "Asia/Beirut", "Asia/Damascus",
	"Asia/Dhaka", "Asia/Gaza", "Asia/Jerusalem", "Asia/Kathmandu", "Asia/Pyongyang", "Asia/Tehran", "Asia/Ulaanbaatar",
	"Atlantic/Azores", "Australia/Adelaide", "Australia/Lord_Howe", "Australia/Sydney", "Europe/Berlin", "Europe/Dublin",
	"Europe/Istanbul", "Europe/London", "Europe/Moscow", "Europe/Volgograd", "Pacific/Apia", "Pacific/Auckland",
	"Pacific/Chatham", "Pacific/Easter", "Pacific/Fiji", "Pacific/Norfolk", "Pacific/Tongatapu", "UTC",
}

// properties are expressions whose times lie where clocks change. Random ones are added for each transition.
var properties = []string{
	"*/15 * * * *", "0 */2 * * *", "5,35 * * * *", "* 2,3 * * *", "7-59/9 0,23 * * *", // intervals
	"0 0 * * *", "30 2 * * *", "0,30 2 * * *", "15 0-5 * * *", "45 1 * * SUN", "0 1,2,3 * * 5-7", "30 23,0 1-7,25-31 * SUN", // fixed
}

func TestNextAgreesWithAModelThatReadsTheClockMinuteByMinute(t *testing.T) {
	from, to, margin, random := 2005, 2025, 3*time.Hour, 3
	if os.Getenv("SCHEDULE_FULL") != "" {
		from, to, margin, random = 1973, 2040, 30*time.Hour, 20
	}
	total := 0
	for _, name := range zones {
		zone := load(t, name)
		changes := transitions(zone, from, to)
		total += len(changes)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seed := fnv.New64a()
			seed.Write([]byte(name))
			r := rand.New(rand.NewPCG(seed.Sum64(), 14))
			for _, change := range changes {
				expressions := properties
				for range random {
					expressions = append(expressions[:len(expressions):len(expressions)], randomExpression(r))
				}
				compare(t, zone, change, int64(margin/time.Second), 60, expressions, r)
			}
		})
	}
	t.Logf("%d transitions in %d zones", total, len(zones))
	require.GreaterOrEqual(t, total, 1000, "transitions")
}

func TestNextAgreesWithAModelThatReadsTheClockSecondBySecond(t *testing.T) {
	expressions := []string{"*/25 */20 * * * *", "30 59 23,0-3 * * *", "0,15,59 0,30 0-3 * * *", "0 0 0 * * *", "*/10 30 2 * * *"}
	for _, c := range []struct {
		zone string
		year int
	}{
		{"America/New_York", 2024}, {"Australia/Lord_Howe", 2024},
		{"Europe/Amsterdam", 1937}, {"Africa/Monrovia", 1972}, {"Europe/Paris", 1911}, // with odd seconds
	} {
		t.Run(c.zone, func(t *testing.T) {
			t.Parallel()
			compareYear(t, c.zone, c.year, 5400, 1, expressions)
		})
	}
}

func TestNextAgreesWithTheModelWhereHistoryIsOdd(t *testing.T) {
	expressions := append(slices.Clone(properties), "0 12 * * *", "0 0 30 12 *", "0 9 21 8 *", "*/20 * 31 12 *", "0 0 1 1 *")
	for _, c := range []struct {
		zone string
		year int
	}{
		{"Pacific/Kwajalein", 1993}, {"Pacific/Enderbury", 1994}, {"Pacific/Kiritimati", 1994}, {"Pacific/Apia", 2011}, // a day skipped
		{"Pacific/Kwajalein", 1969}, // a day repeated
		{"Asia/Kathmandu", 1985}, {"Asia/Singapore", 1981}, {"Asia/Gaza", 2011}, {"Africa/Cairo", 2014},
		{"Europe/London", 1968}, {"Europe/Berlin", 1945}, {"America/Argentina/San_Luis", 2008},
	} {
		t.Run(fmt.Sprint(c.zone, " ", c.year), func(t *testing.T) {
			t.Parallel()
			compareYear(t, c.zone, c.year, 6*3600, 60, expressions)
		})
	}
}

// Zone files need not list the changes of future years: their last line has a rule. Package time handles the rule in
// a different way, which has its own bugs. The files of many systems list the changes, those embedded in Go do not.
func TestNextAgreesWithTheModelWhereARuleTakesOver(t *testing.T) {
	for _, rule := range []string{
		"EST5EDT,M3.2.0,M11.1.0", "CET-1CEST,M3.5.0,M10.5.0/3", "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "<-04>4<-03>,M9.1.6/24,M4.1.6/24",
		"NZST-12NZDT,M9.5.0,M4.1.0/3", "EET-2EEST,M3.5.0/0,M10.5.0/0", "<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "<+0545>-5:45",
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			zone := ruleZone(t, rule)
			around := transitions(zone, 2027, 2029)
			for year := 2027; year < 2030; year++ {
				around = append(around, time.Date(year, 12, 31, 12, 0, 0, 0, time.UTC).Unix())
			}
			for _, u := range around {
				compare(t, zone, u, 13*3600, 60, properties, rand.New(rand.NewPCG(1, 2)))
			}
		})
	}
}

// ruleZone makes a zone that has a rule and no list of changes, see RFC 8536, section 3.
func ruleZone(t *testing.T, rule string) *time.Location {
	t.Helper()
	counts := func(types, chars byte) string { return "\x00\x00\x00" + string(types) + "\x00\x00\x00" + string(chars) }
	header := "TZif2" + strings.Repeat("\x00", 15+4*4) + counts(1, 4)
	block := strings.Repeat("\x00", 6) + "UTC\x00"
	zone, err := time.LoadLocationFromTZData(rule, []byte(header+block+header+block+"\n"+rule+"\n"))
	require.NoError(t, err)
	return zone
}

func compareYear(t *testing.T, name string, year int, margin, unit int64, expressions []string) {
	zone := load(t, name)
	changes := transitions(zone, year, year)
	require.NotEmpty(t, changes)
	for _, change := range changes {
		compare(t, zone, change, margin, unit, expressions, rand.New(rand.NewPCG(1, 2)))
	}
}

// compare compares expressions with the model from margin before the transition to margin after it, or more if the
// clock changes by more.
func compare(t *testing.T, zone *time.Location, change, margin, unit int64, expressions []string, r *rand.Rand) {
	t.Helper()
	for u := change - 2*24*3600; u < change+2*24*3600; u += 900 {
		if jump := wallAt(zone, u+900) - wallAt(zone, u) - 900; jump != 0 {
			margin = max(margin, max(jump, -jump)+3600)
		}
	}
	margin -= margin % unit
	from, to := change-margin, change+margin
	// The model must also see what the clock showed before and will show later.
	w := newWindow(zone, from-margin, to+margin, unit)
	for _, expression := range expressions {
		s, err := schedule.Parse(expression, zone)
		require.NoError(t, err)
		want := w.fires(newModel(expression), from, to)

		got := make([]int64, 0, len(want))
		for next := s.Next(time.Unix(from-1, 0)); next.Unix() <= to; next = s.Next(next) {
			got = append(got, next.Unix())
		}
		if !slices.Equal(want, got) {
			t.Fatalf("%v: %q around %v:\nwant %v\ngot  %v", zone, expression, time.Unix(change, 0).UTC(), format(zone, want), format(zone, got))
		}
		for range 10 {
			after := from + r.Int64N(to-from)
			got := s.Next(time.Unix(after, r.Int64N(1e9))).Unix()
			if want := firstAfter(want, after); got != want && (want > 0 || got <= to) {
				t.Fatalf("%v: %q after %v:\nwant %v\ngot  %v", zone, expression, format(zone, []int64{after}),
					format(zone, []int64{want}), format(zone, []int64{got}))
			}
		}
	}
}

// transitions scans a zone for changes of its offset and returns their Unix times.
func transitions(zone *time.Location, from, to int) []int64 {
	const step = 3 * 3600
	offset := func(u int64) int64 { return wallAt(zone, u) - u }
	var found []int64
	end := time.Date(to+1, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	for u := time.Date(from, 1, 1, 0, 0, 0, 0, time.UTC).Unix(); u < end; u += step {
		low, high := u, u+step
		if offset(low) == offset(high) {
			continue
		}
		for high-low > 1 {
			if middle := (low + high) / 2; offset(middle) == offset(u) {
				low = middle
			} else {
				high = middle
			}
		}
		found = append(found, high)
	}
	return found
}

// randomExpression returns an expression with times in the small hours, when most clocks change.
func randomExpression(r *rand.Rand) string {
	hours := []string{"0", "23", "1-4", "0,3", "0-5/2", "*/3", "*", "22-23", "2"}
	minutes := []string{"0", "59", "*/20", "0-29/7", "30,31", "*"}
	days := []string{"*", "1-10", "*/2", "25-31"}
	weekdays := []string{"*", "SUN", "5-7", "*/3"}
	minute, hour := minutes[r.IntN(len(minutes))], hours[r.IntN(len(hours))]
	if minute == "*" && len(hour) > 1 {
		minute = fmt.Sprint(r.IntN(60)) // every minute of the window costs time and shows nothing new
	}
	return fmt.Sprintf("%s %s %s * %s", minute, hour, days[r.IntN(len(days))], weekdays[r.IntN(len(weekdays))])
}

func load(t testing.TB, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	require.NoError(t, err)
	return zone
}

func firstAfter(times []int64, after int64) int64 {
	for _, u := range times {
		if u > after {
			return u
		}
	}
	return 0
}

func format(zone *time.Location, times []int64) []string {
	var texts []string
	for _, u := range times {
		texts = append(texts, time.Unix(u, 0).In(zone).Format(time.RFC3339))
	}
	return texts
}
