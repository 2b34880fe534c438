package motiatest_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/driver/drivertest"
	"github.com/motia-go/motia/motiatest"
)

// Chaos keeps the promises of package driver: the conformance suite passes on it, except for cases that count what it
// multiplies. FailedWrites are excluded, since the suite rightly gives up when a write fails.
func TestChaosKeepsTheContractOfDrivers(t *testing.T) {
	const short = 20 * time.Millisecond // well within the lateness that the suite allows
	for _, c := range []struct {
		name   string
		faults motiatest.Faults
		cannot string // the cases that it cannot pass
	}{
		{"nothing", motiatest.Faults{}, ""},
		{"Reordering", motiatest.Faults{Reordering: 1, MaxDelay: short}, ""},
		{"SlowAcks", motiatest.Faults{SlowAcks: 1, MaxDelay: short}, ""},
		{"SlowSubscribers", motiatest.Faults{SlowSubscribers: 1, MaxDelay: short}, ""},
		{"ClockJumps", motiatest.Faults{ClockJumps: 1, MaxJump: short}, ""},
		{
			"all that only takes time",
			motiatest.Faults{Reordering: 0.5, SlowAcks: 0.5, SlowSubscribers: 0.5, ClockJumps: 0.5, MaxDelay: short, MaxJump: short}, "",
		},
		{
			"Crashes", motiatest.Faults{Crashes: 1},
			// They count attempts, or compare the times, results and errors of each attempt, but now every attempt
			// except the last crashes.
			`queue/identity queue/group-order queue/failing-holds-its-group queue/ungrouped-concurrent queue/ordered
				queue/order-per-subscription queue/retry-timing queue/retry-jitter queue/retry-limit queue/retry-after
				queue/dead queue/attempts queue/visibility queue/expired queue/late-failure queue/extend queue/extend-late
				queue/no-bound queue/lost-attempts queue/due-behind-running queue/dead-fields queue/dead-count
				queue/redrive-history queue/stats queue/kill queue/kill-ignored`,
		},
		{
			"Duplicates", motiatest.Faults{Duplicates: 1},
			// They count deliveries, dead letters or records of messages without an ID, which all occur twice now.
			`queue/fields queue/identity queue/fan-out queue/compete queue/unbound-topic queue/several-topics
				queue/bind-elsewhere queue/slice-stays-the-callers queue/group-order queue/failing-holds-its-group
				queue/ordered queue/ordered-and-grouped queue/order-per-subscription queue/retry-timing queue/retry-jitter
				queue/retry-limit queue/no-retries queue/retry-after queue/dead queue/release queue/attempts queue/visibility
				queue/expired queue/late-result queue/late-failure queue/extend queue/extend-late queue/no-bound
				queue/lost-attempts queue/not-before queue/subscription-delay queue/delay-joins-group
				queue/delayed-group-order queue/due-behind-running queue/dedup queue/dedup-in-one-call queue/full-race
				queue/dead-count queue/dead-paging queue/dead-frees-group queue/redrive-order queue/redrive-history
				queue/dead-unknown-ids queue/discard queue/dead-per-subscription queue/stats queue/drain-unharmed
				queue/drain-idle queue/kill queue/kill-ignored queue/topic-names queue/subscription-names queue/group-names
				queue/id-names queue/joined-names queue/long-names kv/changes kv/changes-of-nothing kv/changes-of-updates
				kv/changes-of-expiry kv/changes-under-load kv/changes-again kv/changes-others-go-on kv/changes-one-runner
				kv/changes-resume`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			cannot := strings.Fields(c.cannot)
			tried := 0
			for _, rule := range drivertest.Cases() {
				if i := slices.Index(cannot, rule.Name); i >= 0 {
					cannot = slices.Delete(cannot, i, i+1)
					continue
				}
				tried++
				t.Run(rule.Name, func(t *testing.T) {
					err := drivertest.Check(t, drivertest.Harness{
						Open:       func(tb testing.TB, _ string) *driver.Backend { return motiatest.Chaos(tb, 1, &c.faults) },
						Increments: 100,
						Messages:   200,
					}, rule.Name)
					if !errors.Is(err, drivertest.ErrNotClaimed) {
						require.NoError(t, err)
					}
				})
			}
			require.Empty(t, cannot, "no cases of the suite")
			require.Greater(t, tried, 40)
		})
	}
}
