package schedule_test

import (
	"fmt"
	"time"

	"github.com/motia-go/motia/internal/schedule"
)

// In Berlin the clock skips the hour from two to three on 31 March 2024 and repeats it on 27 October.
func ExampleSchedule_Next() {
	nightly, err := schedule.Parse("CRON_TZ=Europe/Berlin 30 2 * * *", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	at := time.Date(2024, 3, 29, 12, 0, 0, 0, time.UTC)
	for range 3 {
		at = nightly.Next(at)
		fmt.Println(at)
	}
	// Output:
	// 2024-03-30 02:30:00 +0100 CET
	// 2024-03-31 03:00:00 +0200 CEST
	// 2024-04-01 02:30:00 +0200 CEST
}

func ExampleParse() {
	for _, expression := range []string{"*/90 * * * *", "0 0 30 FEB *", "@every 100ms", "TZ=Mars/Olympus @daily"} {
		_, err := schedule.Parse(expression, nil)
		fmt.Println(err)
	}
	// Output:
	// schedule "*/90 * * * *": minute "*/90": step 90 is larger than the field, which has 60 values
	// schedule "0 0 30 FEB *": never runs: day 30 does not exist in month FEB
	// schedule "@every 100ms": interval 100ms is below one second
	// schedule "TZ=Mars/Olympus @daily": unknown time zone "Mars/Olympus"
}
