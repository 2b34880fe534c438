package schedule_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia/internal/schedule"
)

// bad expressions, with what the error has to say.
var bad = []struct{ expression, reason string }{
	// nothing, too little, too much
	{"", "empty"}, {" ", "empty"}, {"\t\n", "empty"},
	{"*", "1 fields"}, {"* * * *", "4 fields"}, {"* * * * * * *", "7 fields"}, {"0 0 1 1 * 2030", "day of week"},
	{strings.Repeat("* ", 200), "200 fields"}, {strings.Repeat("1,", 512) + "1 * * * *", "longer than 1024"},
	{strings.Repeat("*", 1<<20), "longer than 1024"}, {"0 0 * * * # nightly", "7 fields"},
	// out of range
	{"60 * * * *", "60 is above the maximum of 59"}, {"* 24 * * *", "24 is above the maximum of 23"},
	{"* * 0 * *", "below minimum (1)"}, {"* * 32 * *", "above the maximum of 31"}, {"* * * 0 *", "below minimum (1)"},
	{"* * * 13 *", "above the maximum of 12"}, {"* * * * 8", "above the maximum of 7"}, {"60 * * * * *", `second "60"`},
	{"* * * * 1-8", "above the maximum of 7"}, {"0-60 * * * *", "above the maximum of 59"},
	{"99999999999999999999 * * * *", "above the maximum of 59"}, {"18446744073709551616 * * * *", "above the maximum"},
	{"4294967296 * * * *", "above the maximum"}, {"-1 * * * *", "missing"}, {"* -5 * * *", "missing"},
	// ranges
	{"30-10 * * * *", "beginning of range (30) beyond end of range (10)"}, {"* 22-4 * * *", "beyond end"},
	{"* * * DEC-FEB *", "beyond end"}, {"* * * * 7-5", "beyond end"}, {"* * * * 6-0", "beyond end"}, {"* * * * FRI-MON", "beyond end"},
	{"1- * * * *", "missing"}, {"- * * * *", "missing"}, {"1-2-3 * * * *", `"2-3" is not a number`},
	{"*-5 * * * *", `"*" is not a number`}, {"5-* * * * *", `"*" is not a number`}, {"1--5 * * * *", "not a number"},
	// steps
	{"*/0 * * * *", "step must not be 0"}, {"1-5/0 * * * *", "step must not be 0"}, {"*/ * * * *", `step "" is not a number`},
	{"/5 * * * *", "missing"}, {"*/-5 * * * *", `step "-5"`}, {"*/5/5 * * * *", `step "5/5"`}, {"*/x * * * *", `step "x"`},
	{"*/61 * * * *", "step 61 is larger"}, {"* */25 * * *", "step 25 is larger"}, {"* * * * */8", "step 8 is larger"},
	{"*/9223372036854775807 * * * *", "is larger"}, {"*/1.5 * * * *", `step "1.5"`}, {"* * * */FEB *", `step "FEB"`},
	// lists
	{", * * * *", "empty list element"}, {"1,,2 * * * *", "empty list element"}, {"1, * * * *", "empty list element"},
	{",1 * * * *", "empty list element"}, {"1, 2 * * * *", "empty list element"}, {"1;2 * * * *", "not a number"},
	// not numbers, not names
	{"a * * * *", `"a" is not a number`}, {"** * * * *", "not a number"}, {"*5 * * * *", "not a number"}, {"+5 * * * *", "not a number"},
	{"0x10 * * * *", "not a number"}, {"1e1 * * * *", "not a number"}, {"1.0 * * * *", "not a number"}, {"1_0 * * * *", "not a number"},
	{"٣ * * * *", "not a number"}, {"½ * * * *", "not a number"}, {"* * * JANUARY *", "name such as FEB"}, {"* * * MON *", "name such as FEB"},
	{"* * * * JAN", "name such as MON"}, {"* * * * MONDAY", "name such as MON"}, {"MON * * * *", "not a number"},
	{"* * L * *", `"L" is not a number`}, {"* * 15W * *", "not a number"}, {"* * * * 5L", "neither"}, {"* * * * MON#2", "neither"}, {"H * * * *", "not a number"},
	{"\xff\xfe * * * *", "not a number"}, {"* * * * *\x00", "control"}, {"\x00", "control"}, {"* * * * \x1b[31m1", "control"}, {"*\x7f * * * *", "control"},
	{"' * * * * *", "not a number"}, {`"* * * * *"`, "not a number"},
	// never
	{"0 0 30 2 *", "never runs: day 30 does not exist in month 2"}, {"0 0 31 2 *", "never runs"}, {"0 0 30,31 FEB *", "never runs"},
	{"0 0 31 2,4,6,9,11 *", "never runs: day 31 does not exist in month 2,4,6,9,11"}, {"30 0 0 31 APR ?", "never runs"},
	{"* * 30-31 2 *", "never runs"}, {"CRON_TZ=America/New_York */5 2 8-14 3 */7", "always skip"},
	// descriptors
	{"@", "unknown descriptor"}, {"@reboot", "unknown descriptor"}, {"@fortnightly", "unknown descriptor"}, {"@Daily", "unknown descriptor"},
	{"@ daily", `nothing may follow "@"`}, {"@daily 5", `nothing may follow "@daily"`}, {"@daily * * * * *", "nothing may follow"},
	{"@every", "takes one duration"}, {"@every ", "takes one duration"}, {"@every 1h 30m", "takes one duration"}, {"@every5m", "unknown descriptor"},
	{"@every 5", "is not a duration"}, {"@every 5 minutes", "takes one duration"}, {"@every x", "is not a duration"}, {"@every 1d", "is not a duration"},
	{"@every 0", "below one second"}, {"@every 0s", "below one second"}, {"@every 999ms", "below one second"}, {"@every -5m", "below one second"}, {"@every 1ns", "below one second"},
	{"@every 1.5s", "whole number of seconds"}, {"@every 1m0.001s", "whole number of seconds"}, {"@every 300000000h", "is not a duration"},
	// zones
	{"TZ=", "names no time zone"}, {"CRON_TZ=", "names no time zone"}, {"TZ= * * * * *", "names no time zone"}, {"TZ=UTC", "nothing follows the time zone"},
	{"CRON_TZ=UTC ", "nothing follows the time zone"}, {"TZ=UTC* * * * *", "unknown time zone"}, {"TZ=0", "unknown time zone"},
	{"CRON_TZ=Mars/Olympus * * * * *", "unknown time zone"}, {"TZ=Local @daily", "unknown time zone"}, {"TZ=../zone @daily", "unknown time zone"},
	{"TZ=UTC @every 1ms", "below one second"}, {"TZ=UTC TZ=UTC * * * * *", `second "TZ=UTC"`}, {"tz=UTC * * * * *", `second "tz=UTC"`}, {"ZONE=UTC * * * * *", "not a number"},
	{"* * * * * TZ=UTC", "day of week"},
	// long
	{strings.Repeat("x", 1000) + " * * * *", `xxx..." is not a number`}, {strings.Repeat("\xff", 1000) + " * * * *", `\xff..." is not a number`},
	{"* * * * " + strings.Repeat("ä", 500), `äää..." is neither`}, {"*/" + strings.Repeat("x", 1000) + " * * * *", `xxx..." is not a number`},
	{strings.Repeat("9", 1000) + " * * * *", "999... is above the maximum of 59"}, {"*/" + strings.Repeat("9", 1000) + " * * * *", "999... is larger"},
	{"5-" + strings.Repeat("0", 1000) + " * * * *", "beginning of range (5) beyond end of range (0): 5-000"},
	{"0 0 " + strings.Repeat("31,", 300) + "31 2 *", "31... does not exist in month 2"}, {"TZ=" + strings.Repeat("x", 1000) + " @daily", `unknown time zone "xxx`},
	{"@" + strings.Repeat("x", 1000) + " *", `xxx..."`}, {"@every " + strings.Repeat("x", 1000), `xxx..." is not a duration`},
}

func TestParseRefusesBadExpressionsWithAReason(t *testing.T) {
	require.GreaterOrEqual(t, len(bad), 60)
	for _, c := range bad {
		s, err := schedule.Parse(c.expression, nil)
		if !assert.Error(t, err, "%.100q", c.expression) {
			continue
		}
		assert.Nil(t, s)
		assert.ErrorContains(t, err, c.reason, "%.100q", c.expression)
		assertReadable(t, c.expression, err)
		if len(c.expression) > len("@every ") {
			assert.NotContains(t, errors.Unwrap(err).Error(), c.expression, "the expression is named once")
		}
	}
}

// assertReadable checks what holds for every error, whatever the expression.
func assertReadable(t *testing.T, expression string, err error) {
	t.Helper()
	var parseError *schedule.ParseError
	require.ErrorAs(t, err, &parseError)
	message := err.Error()
	assert.True(t, strings.HasPrefix(message, "schedule "), message)
	assert.LessOrEqual(t, len(message), 1200, "%.100q", expression)
	for _, junk := range []string{"strconv", "failed to", "runtime error", "not understood", "panic", "%!"} {
		if !strings.Contains(expression, junk) {
			assert.NotContains(t, message, junk)
		}
	}
	for _, r := range message {
		assert.False(t, r < ' ' || r == 0x7f, "%q", message)
	}
}
