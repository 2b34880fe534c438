package schedule_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia/internal/schedule"
)

// valid expressions, with the times that follow Wednesday, 28 February 2024, 23:58:30 UTC.
var valid = []struct {
	expression string
	next       []string
}{
	{"* * * * *", []string{"2024-02-28T23:59:00Z", "2024-02-29T00:00:00Z", "2024-02-29T00:01:00Z"}},
	{"* * * * * *", []string{"2024-02-28T23:58:31Z", "2024-02-28T23:58:32Z"}},
	{"? ? ? ? ?", []string{"2024-02-28T23:59:00Z", "2024-02-29T00:00:00Z"}},
	{"*/20 * * * * ?", []string{"2024-02-28T23:58:40Z", "2024-02-28T23:59:00Z"}},
	{"15,45 59 23 * * *", []string{"2024-02-28T23:59:15Z", "2024-02-28T23:59:45Z", "2024-02-29T23:59:15Z"}},
	{"*/15 * * * *", []string{"2024-02-29T00:00:00Z", "2024-02-29T00:15:00Z"}},
	{"5/20 * * * *", []string{"2024-02-29T00:05:00Z", "2024-02-29T00:25:00Z", "2024-02-29T00:45:00Z", "2024-02-29T01:05:00Z"}},
	{"*/60 * * * *", []string{"2024-02-29T00:00:00Z", "2024-02-29T01:00:00Z"}},
	{"0 8-18/5 * * *", []string{"2024-02-29T08:00:00Z", "2024-02-29T13:00:00Z", "2024-02-29T18:00:00Z", "2024-03-01T08:00:00Z"}},
	{"30 2 * * *", []string{"2024-02-29T02:30:00Z", "2024-03-01T02:30:00Z"}},
	{"007 09 1 3 *", []string{"2024-03-01T09:07:00Z", "2025-03-01T09:07:00Z"}},
	{"0 0 1,15 * *", []string{"2024-03-01T00:00:00Z", "2024-03-15T00:00:00Z"}},
	{"0 0 31 * *", []string{"2024-03-31T00:00:00Z", "2024-05-31T00:00:00Z", "2024-07-31T00:00:00Z"}},
	{"0 0 29 2 *", []string{"2024-02-29T00:00:00Z", "2028-02-29T00:00:00Z"}},
	{"0 0 29 FEB */7", []string{"2032-02-29T00:00:00Z", "2060-02-29T00:00:00Z", "2088-02-29T00:00:00Z", "2128-02-29T00:00:00Z"}},
	{"0 0 30,31 2-4 *", []string{"2024-03-30T00:00:00Z", "2024-03-31T00:00:00Z", "2024-04-30T00:00:00Z", "2025-03-30T00:00:00Z"}},
	{"0 0 30 2 MON", []string{"2025-02-03T00:00:00Z", "2025-02-10T00:00:00Z"}},
	{"0 0 * * 0", []string{"2024-03-03T00:00:00Z", "2024-03-10T00:00:00Z"}},
	{"0 0 * * 7", []string{"2024-03-03T00:00:00Z", "2024-03-10T00:00:00Z"}},
	{"0 0 * * 7/2", []string{"2024-03-03T00:00:00Z", "2024-03-10T00:00:00Z"}},
	{"0 0 * * 5-7", []string{"2024-03-01T00:00:00Z", "2024-03-02T00:00:00Z", "2024-03-03T00:00:00Z", "2024-03-08T00:00:00Z"}},
	{"0 0 * * 1-7/3", []string{"2024-02-29T00:00:00Z", "2024-03-03T00:00:00Z", "2024-03-04T00:00:00Z", "2024-03-07T00:00:00Z"}},
	{"0 0 * * 0-7", []string{"2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z"}},
	{"0 0 * * 7-7,2", []string{"2024-03-03T00:00:00Z", "2024-03-05T00:00:00Z"}},
	{"0 0 * * FRI-SUN", []string{"2024-03-01T00:00:00Z", "2024-03-02T00:00:00Z", "2024-03-03T00:00:00Z", "2024-03-08T00:00:00Z"}},
	{"0 0 * * sun-tue,Sat", []string{"2024-03-02T00:00:00Z", "2024-03-03T00:00:00Z", "2024-03-04T00:00:00Z", "2024-03-05T00:00:00Z"}},
	{"0 0 1 jan,JUL-sep *", []string{"2024-07-01T00:00:00Z", "2024-08-01T00:00:00Z", "2024-09-01T00:00:00Z", "2025-01-01T00:00:00Z"}},
	{"0 0 13 * FRI", []string{"2024-03-01T00:00:00Z", "2024-03-08T00:00:00Z", "2024-03-13T00:00:00Z"}},   // either
	{"0 0 */2 * MON", []string{"2024-03-11T00:00:00Z", "2024-03-25T00:00:00Z", "2024-04-01T00:00:00Z"}},  // both
	{"0 0 8-14 * */7", []string{"2024-03-10T00:00:00Z", "2024-04-14T00:00:00Z", "2024-05-12T00:00:00Z"}}, // both: second Sunday
	{"0 0 1,*/10 * ?", []string{"2024-03-01T00:00:00Z", "2024-03-11T00:00:00Z", "2024-03-21T00:00:00Z"}}, // both
	{"@yearly", []string{"2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z"}},
	{"@annually", []string{"2025-01-01T00:00:00Z"}},
	{"@monthly", []string{"2024-03-01T00:00:00Z", "2024-04-01T00:00:00Z"}},
	{"@weekly", []string{"2024-03-03T00:00:00Z", "2024-03-10T00:00:00Z"}},
	{"@daily", []string{"2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z"}},
	{"@midnight", []string{"2024-02-29T00:00:00Z"}},
	{"@hourly", []string{"2024-02-29T00:00:00Z", "2024-02-29T01:00:00Z"}},
	{"@every 90s", []string{"2024-02-29T00:00:00Z", "2024-02-29T00:01:30Z"}},
	{"@every 1s", []string{"2024-02-28T23:58:31Z", "2024-02-28T23:58:32Z"}},
	{"@every   36h0m0.0s", []string{"2024-02-29T00:00:00Z", "2024-03-01T12:00:00Z"}},
	{" \t0 12 * * * \r\n", []string{"2024-02-29T12:00:00Z"}},
	{"0\u00a012  *\t* *", []string{"2024-02-29T12:00:00Z"}},
	{"CRON_TZ=Asia/Kathmandu 0 9 * * *", []string{"2024-02-29T09:00:00+05:45", "2024-03-01T09:00:00+05:45"}},
	{" TZ=America/New_York  @daily", []string{"2024-02-29T00:00:00-05:00", "2024-03-01T00:00:00-05:00"}},
	{"CRON_TZ=Etc/GMT-14 @every 1h", []string{"2024-02-29T14:00:00+14:00"}},
	{"CRON_TZ=UTC 0 0 1 1 *", []string{"2025-01-01T00:00:00Z"}},
}

func TestParseReadsEveryFormAndNextFollowsIt(t *testing.T) {
	for _, c := range valid {
		t.Run(c.expression, func(t *testing.T) {
			s, err := schedule.Parse(c.expression, nil)
			require.NoError(t, err)
			assert.Equal(t, c.expression, s.String())
			at := time.Date(2024, 2, 28, 23, 58, 30, 123456789, time.FixedZone("", -3*3600)).Add(-3 * time.Hour)
			for _, want := range c.next {
				at = s.Next(at)
				require.Equal(t, want, at.Format(time.RFC3339Nano))
				require.Equal(t, s.Zone(), at.Location())
			}
		})
	}
}

func TestParseTakesTheZoneOfTheExpressionBeforeTheGivenOne(t *testing.T) {
	berlin := load(t, "Europe/Berlin")
	for _, c := range []struct {
		expression string
		zone       *time.Location
		want       string
	}{
		{"0 9 * * *", nil, "UTC"},
		{"0 9 * * *", berlin, "Europe/Berlin"},
		{"TZ=Asia/Tokyo 0 9 * * *", berlin, "Asia/Tokyo"},
		{"CRON_TZ=Asia/Tokyo 0 9 * * *", nil, "Asia/Tokyo"},
	} {
		s, err := schedule.Parse(c.expression, c.zone)
		require.NoError(t, err)
		require.Equal(t, c.want, s.Zone().String())
	}
}

func TestParseTellsAnUnknownZoneFromOtherErrors(t *testing.T) {
	for _, name := range []string{"Mars/Olympus", "Local", "../etc/passwd", "/etc/localtime", `"UTC"`, "+02:00"} {
		_, err := schedule.Parse("CRON_TZ="+name+" * * * * *", nil)
		require.ErrorIs(t, err, schedule.ErrUnknownZone)
		require.ErrorContains(t, err, "unknown time zone")
	}
	_, err := schedule.Parse("61 * * * *", nil)
	require.NotErrorIs(t, err, schedule.ErrUnknownZone)

	var parseError *schedule.ParseError
	require.True(t, errors.As(err, &parseError))
	require.Equal(t, "61 * * * *", parseError.Expression)
	require.EqualError(t, err, `schedule "61 * * * *": minute "61": 61 is above the maximum of 59`)
}

func TestNamesZoneIsToldByThePrefixAlone(t *testing.T) {
	for expression, want := range map[string]bool{
		"CRON_TZ=Asia/Tokyo 0 9 * * *": true, "\tTZ=Mars/Olympus @daily": true, "TZ=": true, "CRON_TZ=UTC": true,
		"0 9 * * *": false, "@daily": false, "": false, " ": false, "tz=UTC @daily": false, "* * * * * TZ=UTC": false,
	} {
		require.Equal(t, want, schedule.NamesZone(expression), "%q", expression)
	}
}

func TestParseDoesNotCareWhereWhiteSpaceIs(t *testing.T) {
	want, err := schedule.Parse("CRON_TZ=Europe/Berlin */5 8-18 * * 1-5", nil)
	require.NoError(t, err)
	got, err := schedule.Parse("\n CRON_TZ=Europe/Berlin \t*/5   8-18\n* * 1-5\t", nil)
	require.NoError(t, err)
	at := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	for range 500 {
		next := want.Next(at)
		require.Equal(t, next.Unix(), got.Next(at).Unix())
		at = next
	}
}
