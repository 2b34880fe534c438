package jsonops_test

import "testing"

const (
	integerRange = "integer outside -9223372036854775808 to 18446744073709551615"
	floatRange   = "number outside the range of float64"
)

func TestIntegersAreExact(t *testing.T) {
	checkRules(t, []rule{
		{"adds", `{"n":1}`, list(increment("n", `2`)), `{"n":3}`, ""},
		{"subtracts", `{"n":1}`, list(decrement("n", `2`)), `{"n":-1}`, ""},
		{"adds a negative number", `{"n":1}`, list(increment("n", `-2`)), `{"n":-1}`, ""},
		{"subtracts a negative number", `{"n":-5}`, list(decrement("n", `-7`)), `{"n":2}`, ""},
		{"starts a missing field at 0", `{}`, list(increment("a.n", `5`)), `{"a":{"n":5}}`, ""},
		{"starts a missing field at 0 downwards", `{}`, list(decrement("n", `5`)), `{"n":-5}`, ""},
		{"starts a missing key at 0", missing, list(increment("", `5`)), `5`, ""},
		{"starts a missing element at 0", `[7]`, list(increment("1", `5`)), `[7,5]`, ""},
		{"works on the whole value", ` 41 `, list(increment("", `1`)), ` 42 `, ""},
		{"is exact above 2^53", `{"n":9007199254740993}`, list(increment("n", `2`)), `{"n":9007199254740995}`, ""},
		{"passes the end of int64", `{"n":9223372036854775807}`, list(increment("n", `1`)), `{"n":9223372036854775808}`, ""},
		{"reaches the end of uint64", `{"n":18446744073709551614}`, list(increment("n", `1`)), `{"n":18446744073709551615}`, ""},
		{"reaches the start of int64", `{"n":-9223372036854775807}`, list(decrement("n", `1`)), `{"n":-9223372036854775808}`, ""},
		{"goes from one end to the other", `{"n":18446744073709551615}`, list(decrement("n", `18446744073709551615`), decrement("n", `9223372036854775808`)), `{"n":-9223372036854775808}`, ""},
		{"subtracts more than int64 holds where the result fits", `{"n":9223372036854775807}`, list(decrement("n", `18446744073709551615`)), `{"n":-9223372036854775808}`, ""},
		{"adds a negative number that only the result makes fit", `{"n":18446744073709551615}`, list(increment("n", `-18446744073709551615`)), `{"n":0}`, ""},
		{"adds more than int64 holds to a negative number", `{"n":-9223372036854775808}`, list(increment("n", `18446744073709551615`)), `{"n":9223372036854775807}`, ""},
		{"makes 0 of -0", `{"n":-0}`, list(increment("n", `0`)), `{"n":0}`, ""},
		{"refuses to pass the end of uint64", `{"n":18446744073709551615}`, list(increment("n", `1`)), "", integerRange},
		{"refuses to pass the start of int64", `{"n":-9223372036854775808}`, list(decrement("n", `1`)), "", integerRange},
		{"refuses a large negative start", `{}`, list(decrement("n", `9223372036854775809`)), "", integerRange},
		{"refuses a stored integer out of range", `{"n":18446744073709551616}`, list(decrement("n", `1`)), "", integerRange},
		{"refuses an operand out of range", `{"n":1}`, list(increment("n", `100000000000000000000`)), "", integerRange},
	})
}

func TestOtherNumbersAreFloat64(t *testing.T) {
	checkRules(t, []rule{
		{"adds a fraction to an integer", `{"n":1}`, list(increment("n", `0.5`)), `{"n":1.5}`, ""},
		{"adds an integer to a fraction", `{"n":1.5}`, list(increment("n", `2`)), `{"n":3.5}`, ""},
		{"subtracts a fraction", `{"n":0.5}`, list(decrement("n", `1`)), `{"n":-0.5}`, ""},
		{"starts a missing field at 0", `{}`, list(decrement("n", `1.50`)), `{"n":-1.5}`, ""},
		{"reads an exponent", `{"n":1e3}`, list(increment("n", `1E+1`)), `{"n":1010}`, ""},
		{"writes a small number with an exponent", `{"n":1e-9}`, list(increment("n", `0`)), `{"n":1e-09}`, ""},
		{"keeps a number beyond exact integers a float, so that it can go on", `{"n":1e20}`, list(increment("n", `0`), increment("n", `1`)), `{"n":1e+20}`, ""},
		{"makes 0 of -0", `{"n":-0.0}`, list(decrement("n", `0`)), `{"n":0}`, ""},
		{"refuses an infinite result", `{"n":1.7e308}`, list(increment("n", `1.7e308`)), "", floatRange},
		{"refuses an operand beyond float64", `{"n":1}`, list(increment("n", `1e400`)), "", floatRange},
		{"refuses a stored number beyond float64", `{"n":-1e400}`, list(increment("n", `1`)), "", floatRange},
	})
}

func TestOnlyNumbersCount(t *testing.T) {
	checkRules(t, []rule{
		{"refuses a string", `{"n":"1"}`, list(increment("n", `1`)), "", `the target is a string, not a number`},
		{"counts from 0 in place of null", `{"n":null}`, list(decrement("n", `1`)), `{"n":-1}`, ""},
		{"refuses a boolean", `{"n":true}`, list(increment("n", `1`)), "", `the target is a boolean, not a number`},
		{"refuses an object", `{"n":{}}`, list(increment("n", `1`)), "", `the target is an object, not a number`},
		{"refuses the whole value", `[]`, list(increment("", `1`)), "", `the target is an array, not a number`},
		{"refuses a string to add", `{"n":1}`, list(increment("n", `"1"`)), "", `the value is a string, not a number`},
		{"refuses null to add, even to nothing", `{}`, list(increment("n", `null`)), "", `the value is null, not a number`},
		{"refuses to do without a number", `{}`, list(increment("n", "")), "", `the value is missing`},
	})
}
