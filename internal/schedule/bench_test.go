package schedule_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia/internal/schedule"
)

func BenchmarkNext(b *testing.B) {
	for _, zone := range []string{"UTC", "Europe/Berlin", "Pacific/Apia"} {
		for _, expression := range []string{"* * * * * *", "*/5 * * * *", "30 2 * * *", "0 0 13 * FRI", "@yearly", "*/5 * 1 1 *", "0 0 29 2 */7", "@every 1h"} {
			b.Run(zone+"/"+expression, func(b *testing.B) {
				s, err := schedule.Parse(expression, load(b, zone))
				require.NoError(b, err)
				start := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
				b.ReportAllocs()
				at := start
				for b.Loop() {
					if at = s.Next(at); at.Year() > 2400 {
						at = start
					}
				}
			})
		}
	}
}

func BenchmarkParse(b *testing.B) {
	for _, expression := range []string{"*/5 * * * *", "0 0 29 2 */7", "CRON_TZ=Europe/Berlin 30 2 * * MON-FRI"} {
		b.Run(expression, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := schedule.Parse(expression, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestNextDoesNotAllocate(t *testing.T) {
	for _, expression := range []string{"*/5 * * * *", "30 2 * * *", "@yearly", "@every 1h"} {
		s, err := schedule.Parse(expression, load(t, "Europe/Berlin"))
		require.NoError(t, err)
		at := time.Date(2024, 3, 31, 0, 0, 0, 0, time.UTC)
		require.Zero(t, testing.AllocsPerRun(100, func() { at = s.Next(at) }), expression)
	}
}
