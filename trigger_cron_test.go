package motia_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
	"github.com/motia-go/motia/motiatest"
)

type cronCtx = motia.FlowContext[motia.None, motia.None]

// cronStep is a step with one schedule.
func cronStep(expression string, handler func(ctx *cronCtx, at time.Time) error, opts ...motia.TriggerOption) motia.Step {
	return motia.NewStep(motia.StepConfig{Name: "tick", Triggers: []motia.Trigger{motia.Cron(expression, opts...)}},
		func(in motia.Input[motia.None], ctx *cronCtx) (motia.Response, error) {
			return motia.Response{}, handler(ctx, in.(*motia.CronInput[motia.None]).ScheduledAt)
		})
}

// cronTicks sleeps until the given day at noon, UTC, and returns the ticks of the next days. Bubbles begin on 2000-01-01.
func cronTicks(t *testing.T, from string, days int, opts *motia.Options, expression string, options ...motia.TriggerOption) (ticks []string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		noon, err := time.Parse(time.RFC3339, from+"T12:00:00Z")
		require.NoError(t, err)
		time.Sleep(time.Until(noon))
		app, _ := testkit.NewApp(t, opts, cronStep(expression, func(_ *cronCtx, at time.Time) error {
			require.True(t, at.Equal(time.Now()), "on time")
			ticks = append(ticks, at.Format("Mon 01-02 15:04:05 MST"))
			return nil
		}, options...))
		testkit.Start(t, app)
		time.Sleep(time.Duration(days)*24*time.Hour + time.Second)
		synctest.Wait()
	})
	return ticks
}

func TestAScheduleFiresAtItsTimesOverDays(t *testing.T) {
	for _, c := range []struct {
		expression string
		want       []string
	}{
		{"30 14 * * *", []string{"Sat 01-01 14:30:00 UTC", "Sun 01-02 14:30:00 UTC", "Mon 01-03 14:30:00 UTC"}},
		{"@daily", []string{"Sun 01-02 00:00:00 UTC", "Mon 01-03 00:00:00 UTC", "Tue 01-04 00:00:00 UTC"}},
		{"0 9 * * 1", []string{"Mon 01-03 09:00:00 UTC"}},
		{"0 9 * * 0", []string{"Sun 01-02 09:00:00 UTC"}}, // Sunday is 0, and 7
		{"0 9 * * 7", []string{"Sun 01-02 09:00:00 UTC"}},
		{"15 30 9 2 1 *", []string{"Sun 01-02 09:30:15 UTC"}}, // with seconds
		{"0 9 1 * *", nil},
		{"@every 20h", []string{"Sun 01-02 08:00:00 UTC", "Mon 01-03 04:00:00 UTC", "Tue 01-04 00:00:00 UTC"}},
	} {
		require.Equal(t, c.want, cronTicks(t, "2000-01-01", 3, nil, c.expression), c.expression)
	}
}

func TestTheZoneIsThatOfTheExpressionOrTheTriggerElseTheApps(t *testing.T) {
	tokyo, err := time.LoadLocation("Asia/Tokyo")
	require.NoError(t, err)
	opts := &motia.Options{Location: tokyo}
	require.Equal(t, []string{"Sun 01-02 09:00:00 JST"}, cronTicks(t, "2000-01-01", 1, opts, "0 9 * * *"))
	require.Equal(t, []string{"Sun 01-02 09:00:00 CET"}, cronTicks(t, "2000-01-01", 1, opts, "0 9 * * *", motia.InZone("Europe/Berlin")))
	require.Equal(t, []string{"Sat 01-01 09:00:00 EST"}, cronTicks(t, "2000-01-01", 1, opts, "CRON_TZ=America/New_York 0 9 * * *"))
}

func TestSchedulesCrossDaylightSaving(t *testing.T) {
	berlin := motia.InZone("Europe/Berlin")
	// On 2000-03-26 the clocks went from 02:00 to 03:00.
	require.Equal(t, []string{"Sun 03-26 03:00:00 CEST", "Mon 03-27 02:30:00 CEST"}, cronTicks(t, "2000-03-25", 2, nil, "30 2 * * *", berlin))
	require.Len(t, cronTicks(t, "2000-03-25", 1, nil, "*/30 * * * *", berlin), 48)
	// On 2000-10-29 they went from 03:00 back to 02:00.
	require.Equal(t, []string{"Sun 10-29 02:30:00 CEST", "Mon 10-30 02:30:00 CET"}, cronTicks(t, "2000-10-28", 2, nil, "30 2 * * *", berlin))
	require.Len(t, cronTicks(t, "2000-10-28", 1, nil, "*/30 * * * *", berlin), 48, "intervals run on both passes")
}

func TestOverlapSaysWhatHappensToTicksThatAreDueDuringARun(t *testing.T) {
	const skip, queue = "+0 -0 +3 -3 +6 -6", "+0 -0 +1 -1 +3 -3" // a run takes 140 s
	for name, c := range map[string]struct {
		options []motia.TriggerOption
		app     motia.QueueConfig
		want    string
	}{
		"default":                                {want: skip},
		"skip":                                   {options: []motia.TriggerOption{motia.OverlapSkip}, want: skip},
		"skip is not undone by other options":    {options: []motia.TriggerOption{motia.OverlapSkip, motia.QueueConfig{Concurrency: 5}}, app: motia.QueueConfig{MaxPending: 9}, want: skip},
		"queue":                                  {options: []motia.TriggerOption{motia.OverlapQueue}, want: queue},
		"queue is not undone by other options":   {options: []motia.TriggerOption{motia.OverlapQueue, motia.QueueConfig{Concurrency: 5}}, app: motia.QueueConfig{MaxPending: 9}, want: queue},
		"allow":                                  {options: []motia.TriggerOption{motia.OverlapAllow}, want: "+0 +1 +2 -0 +3 -1 +4 -2 +5 -3 +6 -4 -5 -6"},
		"allow, whatever the app's queues are":   {options: []motia.TriggerOption{motia.OverlapAllow}, app: motia.QueueConfig{Type: motia.QueueFIFO, MaxPending: 1}, want: "+0 +1 +2 -0 +3 -1 +4 -2 +5 -3 +6 -4 -5 -6"},
		"allow, up to the trigger's concurrency": {options: []motia.TriggerOption{motia.OverlapAllow, motia.QueueConfig{Concurrency: 1}}, want: "+0 -0 +1 -1 +2 -2"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got testkit.List[string]
				began := time.Now()
				app, _ := testkit.NewApp(t, &motia.Options{Queue: c.app, ShutdownTimeout: time.Hour}, cronStep("* * * * *", func(_ *cronCtx, at time.Time) error {
					n := int(at.Sub(began)/time.Minute) - 1
					got.Add(fmt.Sprintf("+%d", n))
					time.Sleep(140 * time.Second)
					got.Add(fmt.Sprintf("-%d", n))
					return nil
				}, c.options...))
				stop := testkit.Start(t, app)
				time.Sleep(7*time.Minute + time.Second)
				require.NoError(t, stop())
				require.Equal(t, c.want, strings.Join(got.All(), " "))
			})
		})
	}
}

func TestAppsThatShareABackendFireEachTickOnce(t *testing.T) {
	for _, overlap := range []motia.Overlap{motia.OverlapSkip, motia.OverlapQueue, motia.OverlapAllow} {
		synctest.Test(t, func(t *testing.T) {
			backend := queueSharedBackend()
			var got testkit.List[string]
			var running atomic.Int32
			step := func() motia.Step {
				return cronStep("* * * * *", func(_ *cronCtx, at time.Time) error {
					if running.Add(1) > 1 && overlap != motia.OverlapAllow {
						got.Add("two at once")
					}
					time.Sleep(61 * time.Second)
					running.Add(-1)
					got.Add(at.Format("15:04"))
					return nil
				}, overlap)
			}
			for range 3 {
				app, _ := testkit.NewApp(t, &motia.Options{Backend: backend, ShutdownTimeout: time.Hour}, step())
				testkit.Start(t, app)
				time.Sleep(time.Second)
			}
			time.Sleep(10 * time.Minute)
			want := map[motia.Overlap][]string{
				motia.OverlapSkip:  {"00:01", "00:03", "00:05", "00:07"},
				motia.OverlapQueue: {"00:01", "00:02", "00:03", "00:04", "00:05", "00:06", "00:07", "00:08"},
				motia.OverlapAllow: {"00:01", "00:02", "00:03", "00:04", "00:05", "00:06", "00:07", "00:08"},
			}
			require.Equal(t, want[overlap], got.All()[:len(want[overlap])])
		})
	}
}

func TestAFailedTickIsADeadLetterWithoutRetries(t *testing.T) {
	for _, c := range []struct {
		config   motia.QueueConfig
		attempts int
	}{
		{motia.QueueConfig{}, 1},
		{motia.QueueConfig{MaxAttempts: 3, Backoff: func(int) time.Duration { return time.Second }}, 3},
	} {
		synctest.Test(t, func(t *testing.T) {
			var traces, attempts testkit.List[string]
			app, _ := testkit.NewApp(t, &motia.Options{Queue: motia.QueueConfig{MaxAttempts: 10, Delay: time.Hour}}, cronStep("0 1 1 1 *", func(ctx *cronCtx, _ time.Time) error {
				traces.Add(ctx.TraceID)
				attempts.Add(fmt.Sprint(ctx.Trigger.Attempt))
				return errBoom
			}, c.config))
			testkit.Start(t, app)
			time.Sleep(2 * time.Hour)
			letters, err := app.DeadLetters().List(t.Context(), motia.DeadLetterQuery{})
			require.NoError(t, err)
			require.Len(t, letters, 1)
			require.Len(t, letters[0].Attempts, c.attempts)
			require.Equal(t, motia.TriggerCron, letters[0].Trigger)
			require.Empty(t, letters[0].Topic)
			require.Equal(t, `"2000-01-01T01:00:00Z"`, string(letters[0].Payload))
			_, err = json.Marshal(letters)
			require.NoError(t, err)
			for _, trace := range traces.All() {
				require.Equal(t, letters[0].TraceID, trace, "all attempts are one trace")
			}

			require.NoError(t, app.DeadLetters().Redrive(t.Context(), letters[0].ID))
			time.Sleep(time.Minute)
			require.Len(t, attempts.All(), 2*c.attempts)
			require.Equal(t, "1", attempts.All()[c.attempts])
		})
	}
}

func TestTicksThatFindNoRoomAreLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, log := testkit.NewApp(t, nil, cronStep("* * * * *", func(*cronCtx, time.Time) error {
			time.Sleep(90 * time.Second)
			return nil
		}))
		testkit.Start(t, app)
		time.Sleep(2*time.Minute + time.Second)
		records := log.Records(t, "tick skipped: the previous run has not finished")
		require.Len(t, records, 1)
		require.Equal(t, "tick", records[0]["step"])
		require.Equal(t, "2000-01-01T00:02:00Z", records[0]["tick"])
	})
}

func TestBadExpressionsFailRegistrationWithTheReason(t *testing.T) {
	for expression, reason := range map[string]string{
		"":                                 "empty",
		"* * * *":                          "4 fields",
		"60 * * * *":                       "60 is above the maximum of 59",
		"* * * * 8":                        "8 is above the maximum of 7",
		"0 0 30 2 *":                       "never runs",
		"*/0 * * * *":                      "step must not be 0",
		"@reboot":                          "unknown descriptor",
		"@every 10ms":                      "below one second",
		"TZ=":                              "names no time zone",
		"TZ=UTC":                           "nothing follows the time zone",
		"CRON_TZ=Mars/Olympus 0 0 * * *":   `unknown time zone "Mars/Olympus"`,
		strings.Repeat("1,", 512) + " * *": "longer than 1024",
		"* * * * *\x00":                    "control",
	} {
		err := motia.New(nil).Register(cronStep(expression, func(*cronCtx, time.Time) error { return nil }))
		var mistake *motia.StepError
		require.ErrorAs(t, err, &mistake, expression)
		require.Equal(t, "tick", mistake.Step)
		require.ErrorContains(t, err, reason)
	}
	err := motia.New(nil).Register(cronStep("@daily", func(*cronCtx, time.Time) error { return nil }, motia.InZone("Mars/Olympus")))
	require.ErrorContains(t, err, `unknown time zone "Mars/Olympus"`)
}

func TestTenThousandSchedulesIdleOnOneGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ticks atomic.Int32
		triggers := make([]motia.Trigger, 10_000)
		for i := range triggers {
			triggers[i] = motia.Cron(fmt.Sprintf("%d %d %d * * *", 30+i/1440, i%60, i/60%24))
		}
		app, _ := testkit.NewApp(t, nil, motia.CronStep(motia.StepConfig{Name: "many", Triggers: triggers}, func(*cronCtx) error {
			ticks.Add(1)
			return nil
		}))
		testkit.Start(t, app)
		time.Sleep(time.Second)
		stacks := make([]byte, 64<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		require.Equal(t, 1, strings.Count(string(stacks), "schedule.(*Runner).Run(0x"))
		require.Zero(t, ticks.Load())
		time.Sleep(24 * time.Hour)
		require.Equal(t, int32(len(triggers)), ticks.Load(), "each fired once a day")
	})
}

func TestATickThatTheBackendDoesNotTakeIsOfferedAgainAndFiresOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ticks []time.Time
		daily := motia.CronStep(motia.StepConfig{Name: "daily", Triggers: []motia.Trigger{motia.Cron("@daily")}},
			func(ctx *motia.FlowContext[motia.None, motia.None]) error {
				ticks = append(ticks, time.Now().Truncate(time.Hour)) // within the minute
				return nil
			})
		app, log := testkit.NewApp(t, &motia.Options{Backend: motiatest.Chaos(t, 1, &motiatest.Faults{FailedWrites: 0.5})}, daily)
		stop := testkit.Start(t, app)
		time.Sleep(100*24*time.Hour + time.Hour)
		require.NoError(t, stop())
		require.Len(t, ticks, 100)
		for i, at := range ticks {
			require.Equal(t, time.Date(2000, 1, 2+i, 0, 0, 0, 0, time.UTC), at.UTC())
		}
		require.Empty(t, log.Records(t, "tick lost: it could not be enqueued"))
	})
}
