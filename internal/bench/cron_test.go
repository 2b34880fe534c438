package bench_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

// Time passes in a bubble, and at once while nothing happens. So the time that it takes outside of the bubble is the
// work that was done, including starting and stopping the app.
func TestTenThousandIdleSchedulesTakeNoMeasurableTime(t *testing.T) {
	const schedules = 10_000
	const idle = 100 * 24 * time.Hour
	triggers := make([]motia.Trigger, schedules)
	for i := range triggers {
		triggers[i] = motia.Cron(fmt.Sprintf("%d %d %d 1 6 *", i/1440, i%60, i/60%24)) // bubbles begin in January
	}
	step := motia.CronStep(motia.StepConfig{Name: "yearly", Triggers: triggers}, func(*motia.FlowContext[motia.None, motia.None]) error {
		t.Error("no schedule should fire in this test")
		return nil
	})
	began := time.Now()
	synctest.Test(t, func(t *testing.T) {
		app, _ := newApp(t, nil, step)
		stop := testkit.Start(t, app)
		time.Sleep(idle)
		require.NoError(t, stop())
	})
	share := time.Since(began).Seconds() / idle.Seconds()
	t.Logf("%.7f of one core", share)
	require.Less(t, share, 0.0001)
}
