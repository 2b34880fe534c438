package schedule_test

import (
	"math"
	"testing"
	"time"

	"github.com/robfig/cron/v3"
	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia/internal/schedule"
)

// Each case names its rule; the property test proves the rules for all zones.
func TestNextAroundChangesOfTheClock(t *testing.T) {
	for _, c := range []struct {
		rule, zone, expression, after string
		want                          []string
	}{
		{"a fixed time in the gap runs once, right after it", "Europe/Berlin", "30 2 * * *", "2024-03-30T12:00:00+01:00",
			[]string{"2024-03-31T03:00:00+02:00", "2024-04-01T02:30:00+02:00"}},
		{"several fixed times in one gap run once together", "Europe/Berlin", "0,15,30 2 * * *", "2024-03-30T12:00:00+01:00",
			[]string{"2024-03-31T03:00:00+02:00", "2024-04-01T02:00:00+02:00"}},
		{"the same time twice is one time", "Europe/Berlin", "30 2,2 * * *", "2024-03-30T12:00:00+01:00",
			[]string{"2024-03-31T03:00:00+02:00", "2024-04-01T02:30:00+02:00"}},
		{"a fixed time in the gap and one right after it run once together", "Europe/Berlin", "0 2,3 * * *", "2024-03-30T12:00:00+01:00",
			[]string{"2024-03-31T03:00:00+02:00", "2024-04-01T02:00:00+02:00", "2024-04-01T03:00:00+02:00"}},
		{"the last second before the gap is an ordinary time", "Europe/Berlin", "59 59 1 * * *", "2024-03-30T12:00:00+01:00",
			[]string{"2024-03-31T01:59:59+01:00", "2024-04-01T01:59:59+02:00"}},
		{"a fixed time that comes twice runs on the first pass", "Europe/Berlin", "30 2 * * *", "2024-10-26T12:00:00+02:00",
			[]string{"2024-10-27T02:30:00+02:00", "2024-10-28T02:30:00+01:00"}},
		{"the time at which the clock is set back comes after it", "Europe/Berlin", "0 3 * * *", "2024-10-26T12:00:00+02:00",
			[]string{"2024-10-27T03:00:00+01:00", "2024-10-28T03:00:00+01:00"}},
		{"a fixed time does not run on the second pass only", "Europe/Berlin", "30 2 * * *", "2024-10-27T02:10:00+01:00",
			[]string{"2024-10-28T02:30:00+01:00"}},
		{"an interval runs on both passes", "Europe/Berlin", "*/30 * * * *", "2024-10-27T01:30:00+02:00", []string{
			"2024-10-27T02:00:00+02:00", "2024-10-27T02:30:00+02:00", "2024-10-27T02:00:00+01:00", "2024-10-27T02:30:00+01:00", "2024-10-27T03:00:00+01:00"}},
		{"every minute of one hour is an interval", "Europe/Berlin", "*/30 2 * * *", "2024-10-26T12:00:00+02:00", []string{
			"2024-10-27T02:00:00+02:00", "2024-10-27T02:30:00+02:00", "2024-10-27T02:00:00+01:00", "2024-10-27T02:30:00+01:00", "2024-10-28T02:00:00+01:00"}},
		{"every second of one minute is an interval", "Europe/Berlin", "*/30 0 2 * * *", "2024-10-26T12:00:00+02:00", []string{
			"2024-10-27T02:00:00+02:00", "2024-10-27T02:00:30+02:00", "2024-10-27T02:00:00+01:00", "2024-10-27T02:00:30+01:00", "2024-10-28T02:00:00+01:00"}},
		{"an interval does not run in the gap", "Europe/Berlin", "30 */2 * * *", "2024-03-31T00:00:00+01:00",
			[]string{"2024-03-31T00:30:00+01:00", "2024-03-31T04:30:00+02:00"}},
		{"a list of all hours is a list of fixed times", "Europe/Berlin", "30 0-23 * * *", "2024-10-27T01:00:00+02:00",
			[]string{"2024-10-27T01:30:00+02:00", "2024-10-27T02:30:00+02:00", "2024-10-27T03:30:00+01:00"}},
		{"@hourly is an interval", "Europe/Berlin", "@hourly", "2024-03-31T00:30:00+01:00",
			[]string{"2024-03-31T01:00:00+01:00", "2024-03-31T03:00:00+02:00"}},
		{"@every ignores changes of the clock", "Europe/Berlin", "@every 1h", "2024-10-27T01:30:00+02:00",
			[]string{"2024-10-27T02:00:00+02:00", "2024-10-27T02:00:00+01:00", "2024-10-27T03:00:00+01:00"}},
		{"half an hour is a gap", "Australia/Lord_Howe", "15 2 * * *", "2024-10-05T12:00:00+10:30",
			[]string{"2024-10-06T02:30:00+11:00", "2024-10-07T02:15:00+11:00"}},
		{"half an hour comes twice", "Australia/Lord_Howe", "45 1 * * *", "2024-04-06T12:00:00+11:00",
			[]string{"2024-04-07T01:45:00+11:00", "2024-04-08T01:45:00+10:30"}},
		{"half an hour has intervals twice", "Australia/Lord_Howe", "45 * * * *", "2024-04-07T01:00:00+11:00",
			[]string{"2024-04-07T01:45:00+11:00", "2024-04-07T01:45:00+10:30", "2024-04-07T02:45:00+10:30"}},
		{"two hours are a gap", "Antarctica/Troll", "0,30 2 * * *", "2024-03-30T12:00:00+00:00",
			[]string{"2024-03-31T03:00:00+02:00", "2024-04-01T02:00:00+02:00"}},
		{"midnight is skipped in Brazil", "America/Sao_Paulo", "@daily", "2018-11-03T12:00:00-03:00",
			[]string{"2018-11-04T01:00:00-02:00", "2018-11-05T00:00:00-02:00"}},
		{"midnight is skipped in Cuba", "America/Havana", "@weekly", "2024-03-09T12:00:00-05:00",
			[]string{"2024-03-10T01:00:00-04:00", "2024-03-17T00:00:00-04:00"}},
		{"midnight is skipped in Lebanon", "Asia/Beirut", "0 0 31 3 *", "2024-01-01T00:00:00+02:00",
			[]string{"2024-03-31T01:00:00+03:00", "2025-03-31T00:00:00+03:00"}},
		{"midnight comes twice in Cuba", "America/Havana", "0 0,1 * * *", "2024-11-02T12:00:00-04:00",
			[]string{"2024-11-03T00:00:00-04:00", "2024-11-03T01:00:00-05:00", "2024-11-04T00:00:00-05:00"}},
		{"yesterday comes back for an hour in Brazil", "America/Sao_Paulo", "30 23 * * SAT", "2018-02-17T12:00:00-02:00",
			[]string{"2018-02-17T23:30:00-02:00", "2018-02-24T23:30:00-03:00"}},
		{"a day that is skipped runs once at its end", "Pacific/Apia", "0 9 * * *", "2011-12-29T08:00:00-10:00",
			[]string{"2011-12-29T09:00:00-10:00", "2011-12-31T00:00:00+14:00", "2011-12-31T09:00:00+14:00"}},
		{"a date that is skipped runs once at its end", "Pacific/Apia", "0 0 30 12 *", "2011-01-01T00:00:00-10:00",
			[]string{"2011-12-31T00:00:00+14:00", "2012-12-30T00:00:00+14:00"}},
		{"a skipped day has no intervals", "Pacific/Apia", "0 */12 * * *", "2011-12-29T11:00:00-10:00",
			[]string{"2011-12-29T12:00:00-10:00", "2011-12-31T00:00:00+14:00"}},
		{"a skipped day in Kwajalein", "Pacific/Kwajalein", "0 12 * * *", "1993-08-20T00:00:00-12:00",
			[]string{"1993-08-20T12:00:00-12:00", "1993-08-22T00:00:00+12:00", "1993-08-22T12:00:00+12:00"}},
		{"a zone that is not whole hours from UTC", "Pacific/Chatham", "0 3 * * *", "2024-09-28T12:00:00+12:45",
			[]string{"2024-09-29T03:45:00+13:45", "2024-09-30T03:00:00+13:45"}},
		{"offsets with seconds", "Africa/Monrovia", "30 0 * * *", "1972-01-06T12:00:00-00:44",
			[]string{"1972-01-07T00:44:30Z", "1972-01-08T00:30:00Z"}},
		{"far in the future", "Europe/Berlin", "30 2 * * *", "2500-03-27T12:00:00+01:00",
			[]string{"2500-03-28T03:00:00+02:00"}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			s, err := schedule.Parse(c.expression, load(t, c.zone))
			require.NoError(t, err)
			at, err := time.Parse(time.RFC3339, c.after)
			require.NoError(t, err)
			for _, want := range c.want {
				at = s.Next(at)
				require.Equal(t, want, at.Format(time.RFC3339))
			}
		})
	}
}

func TestNextAgreesWithRobfigInUTC(t *testing.T) {
	parser := cron.NewParser(cron.SecondOptional | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)
	for _, expression := range []string{
		"* * * * *", "*/7 * * * *", "30 2 * * *", "0 0 1 * MON", "0 0 13 * 5", "59 23 31 12 *", "0 0 29 2 *", "5-10/3,40 */5 * * 1-5",
		"*/13 0 12 1,15 */3 *", "@yearly", "@monthly", "@weekly", "@daily", "@hourly",
	} {
		s, err := schedule.Parse(expression, nil)
		require.NoError(t, err)
		reference, err := parser.Parse(expression)
		require.NoError(t, err)
		at := time.Date(1999, 12, 31, 23, 59, 59, 999999999, time.UTC)
		for range 200 {
			want := reference.Next(at)
			if want.IsZero() {
				break // the reference looks no further than five years, and there is no 29 February in 2100
			}
			require.Equal(t, want, s.Next(at), expression)
			at = want
		}
	}
}

func TestNextSurvivesTimesFromTheEndsOfTheWorld(t *testing.T) {
	for _, expression := range []string{"* * * * *", "0 0 1 1 *", "@every 1h", "0 0 29 2 */7"} {
		s, err := schedule.Parse(expression, load(t, "America/New_York"))
		require.NoError(t, err)
		for _, after := range []time.Time{
			{}, time.Unix(math.MinInt64, 0), time.Unix(math.MaxInt64, 999999999), time.Unix(0, 0), time.Date(-5000, 1, 1, 0, 0, 0, 0, time.UTC),
			time.Date(1582, 10, 10, 0, 0, 0, 0, time.UTC), time.Date(9800, 1, 1, 0, 0, 0, 0, time.UTC),
			time.Date(9999, 12, 31, 23, 59, 58, 0, time.UTC), time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC),
		} {
			if next := s.Next(after); !next.IsZero() {
				require.True(t, next.After(after), "%s after %v: %v", expression, after, next)
				require.LessOrEqual(t, next.UTC().Year(), 9999)
			}
		}
	}
	s, err := schedule.Parse("0 0 1 1 *", nil)
	require.NoError(t, err)
	require.Equal(t, "9999-01-01T00:00:00Z", s.Next(time.Date(9998, 6, 1, 0, 0, 0, 0, time.UTC)).Format(time.RFC3339))
	require.True(t, s.Next(time.Date(9999, 6, 1, 0, 0, 0, 0, time.UTC)).IsZero())
}

func TestNextForgetsFractionsAndTheMonotonicClock(t *testing.T) {
	for _, expression := range []string{"* * * * * *", "@every 1s"} {
		s, err := schedule.Parse(expression, nil)
		require.NoError(t, err)
		now := time.Now()
		next := s.Next(now)
		require.Equal(t, next, next.Round(0))
		require.Zero(t, next.Nanosecond())
		require.True(t, next.After(now.Round(0)))
		require.LessOrEqual(t, next.Sub(now.Round(0)), time.Second)
	}
}

func TestProcessesAgreeAboutTheTimesOfAnInterval(t *testing.T) {
	s, err := schedule.Parse("@every 90s", nil)
	require.NoError(t, err)
	for _, started := range []int64{-91, -90, -1, 0, 1, 89, 90, 1_700_000_001} {
		at := s.Next(time.Unix(started, 0))
		require.Zero(t, at.Unix()%90, "started at %d", started)
		require.Greater(t, at.Unix(), started)
		require.LessOrEqual(t, at.Unix(), started+90)
	}
}
