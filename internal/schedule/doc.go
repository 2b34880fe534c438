// Package schedule parses schedule expressions, computes the times they name, correctly across daylight saving, and
// runs any number of them on one timer.
//
// # Expressions
//
// Five fields (minute, hour, day of month, month, day of week), or six with a leading seconds field. A field is a
// comma separated list of values, ranges (1-5) and wildcards (* or ?), each with an optional step (*/15, 8-18/2; 5/20
// means from 5 to the end by 20). Months and days of the week have English names of three letters, in any case.
// Sunday is 0 and 7, and SUN also at the end of a range (FRI-SUN). @yearly, @annually, @monthly, @weekly, @daily,
// @midnight and @hourly stand for five fields; "@every 90s" is a fixed interval, see [Schedule.Next]. A prefix
// "CRON_TZ=Europe/Berlin " (or "TZ=") names the zone and overrides the one given to [Parse].
//
// When both day fields are restricted, a day matches if either does; a field that contains * or ? is not restricted,
// with or without a step. So "0 0 13 * FRI" means every 13th and every Friday, and "0 0 */2 * MON" the Mondays on odd
// days.
//
// # Daylight saving
//
// The rules are those of vixie-cron and cronie (cron(8), "Daylight Saving Time and other time changes"; the MIN_STAR
// and HR_STAR flags of entry.c; the virtual clock in the main loop of cron.c, which never runs backwards):
//
//   - A schedule is an interval when its second, minute or hour field contains a wildcard, with or without a step:
//     "*/15 * * * *", "0 */6 * * *", "* 2 * * *", "30 * * * *", "@hourly". It runs by the wall clock, whenever the
//     clock shows a matching time: on both passes when the clock is set back, and not at times that the clock skips.
//   - Any other schedule names fixed times: "30 2 * * *", "0,30 1-3 * * *", "@daily". A fixed time runs at the first
//     instant at which the wall clock has reached or passed it: a time that occurs twice runs once, on the first
//     pass; a time that the clock skips runs once, at the first instant after the gap. Fixed times that coincide at
//     that instant run only once, together with a time that is regularly due then.
//
// There are three differences, since cron only sees a clock that jumps, while this package knows the zone. First,
// cronie treats a change of more than three hours as a correction of the clock and runs nothing for it; here the
// rules hold for gaps of any length, so a daily schedule runs at the midnight after a whole skipped day
// (Pacific/Apia, 30 December 2011). Second, cronie runs the entries of another CRON_TZ wrongly around changes, as its
// source says; here every zone is right. Third, cronie has no seconds field, which is treated here like the minute
// and hour fields.
package schedule
