package trace_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/motia-go/motia/internal/trace"
)

func members(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("k%d=v", i)
	}
	return strings.Join(list, ",")
}

func TestStateIsKeptWhenValid(t *testing.T) {
	for name, state := range map[string]string{
		"empty":                   "",
		"one member":              "rojo=00f067aa0ba902b7",
		"two members":             "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
		"space around members":    "rojo=1 , \tcongo=2",
		"empty members":           "rojo=1,,congo=2,",
		"tenant":                  "fw529a3039@dt=FfffffCAAAAAAAAACjc",
		"tenant with first digit": "0tenant@system=1",
		"every key character":     "a_-*/z0=1",
		"spaces within a value":   "a=1 2",
		"a space before a value":  "a= 1",
		"equal values":            "a=1,b=1",
		"long key":                strings.Repeat("a", 256) + "=1",
		"long value":              "a=" + strings.Repeat("1", 256),
		"long tenant and system":  strings.Repeat("t", 241) + "@" + strings.Repeat("s", 14) + "=1",
		"32 members":              members(32),
		"512 bytes":               "a=" + strings.Repeat("1", 250) + ",b=" + strings.Repeat("2", 249) + ",c=45678",
	} {
		t.Run(name, func(t *testing.T) {
			if got := trace.CleanState(state); got != state || !trace.ValidState(state) {
				t.Errorf("CleanState(%q) = %q", state, got)
			}
		})
	}
}

func TestStateIsDroppedWhenInvalid(t *testing.T) {
	for name, state := range map[string]string{
		"no equals sign":              "rojo",
		"no key":                      "=1",
		"no value":                    "a=",
		"only a space as value":       "a= ",
		"two equals signs":            "a=1=2",
		"key in upper case":           "A=1",
		"key with first digit":        "1a=1",
		"key with first underscore":   "_a=1",
		"key with space":              "a b=1",
		"space before equals sign":    "a =1",
		"key with dot":                "a.b=1",
		"key of unicode":              "é=1",
		"no tenant":                   "@system=1",
		"no system":                   "tenant@=1",
		"two at signs":                "a@b@c=1",
		"system with first digit":     "tenant@1=1",
		"value with control byte":     "a=1\x01",
		"value with tab within":       "a=1\t2",
		"value of unicode":            "a=é",
		"key twice":                   "a=1,b=2,a=3",
		"key too long":                strings.Repeat("a", 257) + "=1",
		"value too long":              "a=" + strings.Repeat("1", 257),
		"tenant too long":             strings.Repeat("t", 242) + "@s=1",
		"system too long":             "t@" + strings.Repeat("s", 15) + "=1",
		"33 members":                  members(33),
		"513 bytes":                   "a=" + strings.Repeat("1", 250) + ",b=" + strings.Repeat("2", 249) + ",c=456789",
		"one bad member among good":   "a=1,B=2,c=3",
		"commas without end":          strings.Repeat(",", 40),
		"a megabyte":                  strings.Repeat("a=1,", 1<<18),
		"a line break that splits it": "a=1\r\nX-Evil: 1",
	} {
		t.Run(name, func(t *testing.T) {
			if got := trace.CleanState(state); got != "" || trace.ValidState(state) {
				t.Errorf("CleanState(%.60q) = %.60q", state, got)
			}
		})
	}
}
