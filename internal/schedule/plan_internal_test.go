package schedule

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func mustParse(t testing.TB, expression string) *Schedule {
	t.Helper()
	s, err := Parse(expression, nil)
	require.NoError(t, err)
	return s
}

var noon = time.Date(2024, 6, 1, 12, 0, 0, 0, time.UTC)

// ticks takes all that is due now.
func (p *plan) ticks(now time.Time) []string {
	var ticks []string
	for {
		fire, tick, _ := p.take(now)
		if fire == nil {
			return ticks
		}
		ticks = append(ticks, tick.Format(time.TimeOnly))
	}
}

func ignore(time.Time) {}

func TestPlanRepeatsNothingWhenTheClockIsSetBackALittle(t *testing.T) {
	var p plan
	p.add(mustParse(t, "* * * * *"), ignore, noon)
	require.Equal(t, []string{"12:01:00"}, p.ticks(noon.Add(61*time.Second)))
	require.Empty(t, p.ticks(noon.Add(31*time.Second)), "back by 30 s")
	require.Empty(t, p.ticks(noon.Add(60*time.Second)), "12:01 again")
	require.Equal(t, []string{"12:02:00"}, p.ticks(noon.Add(120*time.Second)))
}

func TestPlanGoesOnFromNowWhenTheClockIsSetBackFar(t *testing.T) {
	var p plan
	p.add(mustParse(t, "* * * * *"), ignore, noon)
	p.add(mustParse(t, "@every 45m"), ignore, noon)
	require.Equal(t, []string{"12:50:00", "12:45:00"}, p.ticks(noon.Add(50*time.Minute)))
	back := noon.Add(-48*time.Hour + 10*time.Second)
	require.Empty(t, p.ticks(back))
	_, _, wait := p.take(back)
	require.Equal(t, 50*time.Second, wait)
	require.Equal(t, []string{"12:01:00"}, p.ticks(back.Add(time.Minute)))
	require.Equal(t, []string{"12:50:00", "12:45:00"}, p.ticks(back.Add(50*time.Minute)))
}

func TestPlanFiresOncePerScheduleWhenTheClockIsSetForward(t *testing.T) {
	var p plan
	for _, expression := range []string{"* * * * * *", "*/5 * * * *", "0 6 * * *", "@every 7m", "@yearly"} {
		p.add(mustParse(t, expression), ignore, noon)
	}
	require.ElementsMatch(t, []string{"12:00:30", "12:00:00", "06:00:00", "11:57:00"}, p.ticks(noon.Add(72*time.Hour+30*time.Second)))
	require.Empty(t, p.ticks(noon.Add(72*time.Hour+30*time.Second)))
	require.Equal(t, []string{"12:00:31"}, p.ticks(noon.Add(72*time.Hour+31*time.Second)))
}

func TestPlanDropsAScheduleThatHasNoTimeLeft(t *testing.T) {
	end := time.Date(9999, 12, 31, 23, 59, 0, 0, time.UTC)
	var p plan
	require.False(t, p.add(mustParse(t, "@yearly"), ignore, end))
	require.True(t, p.add(mustParse(t, "59 * * * * *"), ignore, end))
	require.Equal(t, []string{"23:59:59"}, p.ticks(end.Add(time.Hour)))
	fire, _, wait := p.take(end.Add(2 * time.Hour))
	require.Nil(t, fire)
	require.Negative(t, wait)

	p.add(mustParse(t, "@hourly"), ignore, noon)
	p.restart(end)
	require.Empty(t, p.entries)
}

func TestLastIsTheLastTickUpToNow(t *testing.T) {
	for _, expression := range []string{
		"* * * * * *", "*/7 * * * * *", "* * * * *", "13 */3 * * *", "30 2 * * *", "0-5 0 0 1 * *", "@weekly", "@every 97s", "1,2 0 12 * * *",
	} {
		s := mustParse(t, expression)
		first := s.Next(noon)
		want := first
		for _, lateness := range []time.Duration{0, 1, time.Second, 59 * time.Second, time.Hour, 26 * time.Hour, 75 * time.Hour} {
			now := first.Add(lateness)
			for next := s.Next(want); !next.After(now); next = s.Next(next) {
				want = next
			}
			require.Equal(t, want, s.last(first, now), "%s late by %v", expression, lateness)
		}
	}
}

func TestRunnerWithTenThousandIdleSchedulesWakesOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Runner
		fired := 0
		for _, expression := range []string{"@yearly", "0 0 29 2 *", "CRON_TZ=Europe/Berlin 30 2 1 6 *", "@every 8000h"} {
			s := mustParse(t, expression)
			for range 2500 {
				r.Add(s, func(time.Time) { fired++ })
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*24*time.Hour)
		defer cancel()
		r.Run(ctx)
		require.Zero(t, fired)
		require.InDelta(t, 30*24*60, r.wakeups, 2)
	})
}

func TestLookingAtAnIdlePlanTouchesNothing(t *testing.T) {
	p := idlePlan(t)
	require.Zero(t, testing.AllocsPerRun(100, func() { p.take(noon) }))
}

// BenchmarkIdlePlan is what ten thousand idle schedules cost per minute.
func BenchmarkIdlePlan(b *testing.B) {
	p := idlePlan(b)
	b.ReportAllocs()
	for b.Loop() {
		p.take(noon)
	}
}

// BenchmarkTick is what one tick costs among ten thousand schedules.
func BenchmarkTick(b *testing.B) {
	p := idlePlan(b)
	p.add(mustParse(b, "* * * * * *"), ignore, noon)
	b.ReportAllocs()
	now := noon
	for b.Loop() {
		now = now.Add(time.Second)
		p.take(now)
	}
}

func idlePlan(t testing.TB) *plan {
	p := &plan{}
	s := mustParse(t, "0 0 29 2 *")
	for range 10_000 {
		p.add(s, ignore, noon)
	}
	return p
}
