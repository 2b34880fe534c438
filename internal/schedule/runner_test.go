package schedule_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia/internal/schedule"
)

// The clock of a synctest bubble starts at midnight UTC, 1 January 2000, a Saturday. A bubble fails when a goroutine
// is left.

func parse(t testing.TB, expression string) *schedule.Schedule {
	t.Helper()
	s, err := schedule.Parse(expression, nil)
	require.NoError(t, err)
	return s
}

// start runs the runner until the returned function is called, which waits for its end.
func start(t *testing.T, r *schedule.Runner) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.Run(ctx)
	}()
	synctest.Wait()
	return func() {
		cancel()
		<-done
	}
}

type run struct {
	name     string
	tick, at time.Time
}

// recorder returns a function that appends to runs; read them only when the runner is not running.
func recorder(runs *[]run, name string) func(time.Time) {
	return func(tick time.Time) { *runs = append(*runs, run{name, tick, time.Now()}) }
}

func TestRunnerFiresEverySchedulesTicksForDaysInTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		expressions := []string{"@hourly", "30 2 * * *", "*/20 * * * * *", "@every 36h", "CRON_TZ=Asia/Kathmandu 0 9 * * *", "0 0 * * MON", "@hourly"}
		var r schedule.Runner
		var runs []run
		want := map[string][]time.Time{}
		end := time.Now().Add(5 * 24 * time.Hour)
		for i, expression := range expressions {
			name, s := fmt.Sprint(i), parse(t, expression)
			r.Add(s, recorder(&runs, name))
			for tick := s.Next(time.Now()); !tick.After(end); tick = s.Next(tick) {
				want[name] = append(want[name], tick)
			}
		}
		stop := start(t, &r)
		time.Sleep(5*24*time.Hour + time.Millisecond)
		stop()

		got := map[string][]time.Time{}
		last := run{name: "0"}
		for _, run := range runs {
			got[run.name] = append(got[run.name], run.tick)
			require.True(t, run.at.Equal(run.tick), "%v at %v", run.tick, run.at)
			require.True(t, last.tick.Before(run.tick) || last.tick.Equal(run.tick) && last.name < run.name, "%v, %v", last, run)
			last = run
		}
		require.Equal(t, want, got)
		require.Len(t, got["0"], 120)
		require.Len(t, got["1"], 5)
		require.Len(t, got["3"], 4)
	})
}

func TestRunnerKeepsDaylightSaving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r schedule.Runner
		var runs []run
		r.Add(parse(t, "CRON_TZ=Europe/Berlin 30 2 * * *"), recorder(&runs, ""))
		stop := start(t, &r)
		time.Sleep(90 * 24 * time.Hour)
		stop()
		days := map[string]int{}
		for _, run := range runs {
			days[run.tick.Format(time.DateOnly)]++
			if clock := run.tick.Format("15:04"); run.tick.Format(time.DateOnly) == "2000-03-26" {
				require.Equal(t, "03:00", clock)
			} else {
				require.Equal(t, "02:30", clock)
			}
		}
		require.Len(t, days, 90)
		require.Len(t, runs, 90)
	})
}

func TestRunnerTakesSchedulesWhileItRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r schedule.Runner
		var runs []run
		stop := start(t, &r) // with nothing to do
		time.Sleep(90*time.Second + time.Millisecond)

		r.Add(parse(t, "@yearly"), recorder(&runs, "yearly"))
		r.Add(parse(t, "@every 5s"), recorder(&runs, "from outside"))
		added := false
		r.Add(parse(t, "* * * * *"), func(tick time.Time) {
			recorder(&runs, "minute")(tick)
			if !added {
				added = true
				r.Add(parse(t, "30 * * * * *"), recorder(&runs, "from fire"))
			}
		})
		time.Sleep(80 * time.Second) // it is 00:02:50
		stop()

		counts := map[string]int{}
		for _, run := range runs {
			counts[run.name]++
			require.True(t, run.at.Equal(run.tick), "%v at %v", run.tick, run.at)
		}
		require.Equal(t, map[string]int{"from outside": 16, "minute": 1, "from fire": 1}, counts)
	})
}

func TestRunnerTakesSchedulesFromManyGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r schedule.Runner
		stop := start(t, &r)
		fired := 0
		s := parse(t, "*/10 * * * * *")
		for range 50 {
			go func() {
				for range 20 {
					r.Add(s, func(time.Time) { fired++ })
				}
			}()
		}
		time.Sleep(25 * time.Second)
		stop()
		require.Equal(t, 2000, fired)
	})
}

func TestRunnerThatIsLateFiresTheLastMissedTickOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r schedule.Runner
		var runs []run
		r.Add(parse(t, "* * * * *"), recorder(&runs, "minute"))
		r.Add(parse(t, "@every 80s"), recorder(&runs, "80 s"))
		r.Add(parse(t, "0 1 * * *"), recorder(&runs, "daily"))
		r.Add(parse(t, "30 30 0 1 1 *"), func(time.Time) { time.Sleep(72 * time.Hour) }) // until 4 January, 00:30:30
		stop := start(t, &r)
		time.Sleep(72*time.Hour + 32*time.Minute)
		stop()

		var late []string
		for _, run := range runs {
			if delay := run.at.Sub(run.tick); delay != 0 {
				late = append(late, fmt.Sprint(run.name, run.tick.Format(" 2 15:04:05"), " by ", delay))
			}
		}
		require.Equal(t, []string{"80 s 4 00:29:20 by 1m10s", "minute 4 00:30:00 by 30s", "daily 3 01:00:00 by 23h30m30s"}, late)
		last := runs[len(runs)-1]
		require.True(t, last.at.Equal(last.tick), "it is on time again")
		for _, run := range runs {
			if run.name == "80 s" {
				require.Zero(t, run.tick.Sub(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC))%(80*time.Second), "@every keeps its beat")
			}
		}
	})
}

func TestRunnerFiresNothingAfterItsContextEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r schedule.Runner
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		fired := 0
		for range 10 {
			r.Add(parse(t, "* * * * *"), func(time.Time) {
				if fired++; fired == 3 {
					cancel()
				}
			})
		}
		r.Run(ctx)
		require.Equal(t, 3, fired)
		r.Run(ctx)
		require.Equal(t, 3, fired)
		time.Sleep(time.Hour)
		require.Equal(t, 3, fired)
	})
}

func TestRunnerRunsAgainWithoutMakingUpForTheTimeBetween(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r schedule.Runner
		var runs []run
		r.Add(parse(t, "@hourly"), recorder(&runs, ""))
		time.Sleep(10*time.Hour + 30*time.Minute) // added before Run: counts from the start of Run
		for range 2 {
			stop := start(t, &r)
			time.Sleep(time.Hour)
			stop()
			time.Sleep(10 * time.Hour)
		}
		require.Len(t, runs, 2)
		require.Equal(t, 11, runs[0].tick.Hour())
		require.Equal(t, 22, runs[1].tick.Hour())
	})
}

func TestRunnerPanicsWhenItIsRunTwiceAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r schedule.Runner
		stop := start(t, &r)
		require.PanicsWithValue(t, "schedule: Runner.Run called while it is running", func() { r.Run(t.Context()) })
		r.Add(parse(t, "@daily"), func(time.Time) {}) // the one that runs is unharmed
		stop()
	})
}
