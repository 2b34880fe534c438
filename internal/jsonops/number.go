package jsonops

import (
	"bytes"
	"errors"
	"math"
	"math/bits"
	"strconv"
)

var (
	errIntegerRange = errors.New("integer outside -9223372036854775808 to 18446744073709551615")
	errFloatRange   = errors.New("number outside the range of float64")
)

// maxExactFloat is 2^53: above it float64 skips integers.
const maxExactFloat = 1 << 53

// appendSum appends the sum of two JSON numbers to dst, or their difference. Integers are exact in the combined range
// of int64 and uint64, and an error beyond it. If one of the numbers has a fraction or an exponent, both are float64.
func appendSum(dst, a, b []byte, subtract bool) ([]byte, error) {
	if bytes.ContainsAny(a, ".eE") || bytes.ContainsAny(b, ".eE") {
		return appendFloatSum(dst, a, b, subtract)
	}
	x, err := parseInteger(a)
	if err != nil {
		return nil, err
	}
	y, err := parseInteger(b)
	if err != nil {
		return nil, err
	}
	if subtract {
		y.negative = !y.negative
	}
	sum, err := x.add(y)
	if err != nil {
		return nil, err
	}
	if sum.negative {
		dst = append(dst, '-')
	}
	return strconv.AppendUint(dst, sum.magnitude, 10), nil
}

// integer is sign and magnitude, so that it can hold all values of int64 and uint64, and their negatives.
type integer struct {
	negative  bool
	magnitude uint64
}

func parseInteger(text []byte) (integer, error) {
	digits, negative := bytes.CutPrefix(text, []byte{'-'})
	magnitude, err := strconv.ParseUint(string(digits), 10, 64)
	if err != nil {
		return integer{}, errIntegerRange
	}
	return integer{negative, magnitude}, nil
}

func (x integer) add(y integer) (integer, error) {
	sum := integer{negative: x.negative}
	if x.negative == y.negative {
		var carry uint64
		sum.magnitude, carry = bits.Add64(x.magnitude, y.magnitude, 0)
		if carry != 0 {
			return integer{}, errIntegerRange
		}
	} else {
		if x.magnitude < y.magnitude {
			x, y = y, x
		}
		sum = integer{x.negative, x.magnitude - y.magnitude}
	}
	if sum.magnitude == 0 {
		return integer{}, nil
	}
	if sum.negative && sum.magnitude > -math.MinInt64 {
		return integer{}, errIntegerRange
	}
	return sum, nil
}

func appendFloatSum(dst, a, b []byte, subtract bool) ([]byte, error) {
	x, errX := strconv.ParseFloat(string(a), 64)
	y, errY := strconv.ParseFloat(string(b), 64)
	if errX != nil || errY != nil {
		return nil, errFloatRange
	}
	if subtract {
		y = -y
	}
	sum := x + y
	if math.IsInf(sum, 0) || math.IsNaN(sum) {
		return nil, errFloatRange
	}
	if sum == 0 {
		return append(dst, '0'), nil // Not "-0".
	}
	// The same format as in encoding/json, except that a float too large to be an exact integer has an exponent: with
	// all its digits the next operation would mistake it for an integer.
	format := byte('f')
	if abs := math.Abs(sum); abs < 1e-6 || abs >= maxExactFloat {
		format = 'e'
	}
	return strconv.AppendFloat(dst, sum, format, -1, 64), nil
}
