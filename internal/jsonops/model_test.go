package jsonops_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/motia-go/motia/internal/jsonops"
)

// The model applies operations to decoded values in the obvious way. It shares only types with the package.

var errMisfit = errors.New("the operation does not fit")

// absent is the model's value of what is missing.
type absent struct{}

// decode decodes JSON into maps, slices and json.Numbers.
func decode(text []byte) any {
	if len(text) == 0 {
		return absent{}
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		panic(err)
	}
	return value
}

func applyModel(doc []byte, ops []jsonops.Op, depth int) (any, error) {
	value := decode(doc)
	for _, op := range ops {
		path, err := modelPath(op.Path)
		if err != nil || len(path) > depth {
			return nil, errMisfit
		}
		if op.Kind == jsonops.Delete && len(path) == 0 {
			return nil, errMisfit
		}
		if value, err = modelUpdate(value, path, op); err != nil {
			return nil, err
		}
	}
	if _, isAbsent := value.(absent); isAbsent {
		return map[string]any{}, nil
	}
	return value, nil
}

func modelPath(path string) ([]string, error) {
	if path == "" {
		return nil, nil
	}
	components := [][]rune{nil}
	last := func() *[]rune { return &components[len(components)-1] }
	escaped := false
	for _, r := range path {
		switch {
		case escaped && r != '.' && r != '\\':
			return nil, errMisfit
		case escaped:
			*last() = append(*last(), r)
			escaped = false
		case r == '\\':
			escaped = true
		case r == '.':
			components = append(components, nil)
		default:
			*last() = append(*last(), r)
		}
	}
	if escaped {
		return nil, errMisfit
	}
	var result []string
	for _, c := range components {
		result = append(result, string(c))
	}
	return result, nil
}

// modelUpdate returns the value with the operation done at the path below it.
func modelUpdate(value any, path []string, op jsonops.Op) (any, error) {
	if len(path) == 0 {
		return modelApply(value, op)
	}
	name, last := path[0], len(path) == 1
	switch v := value.(type) {
	case absent, nil:
		if op.Kind == jsonops.Delete {
			return value, nil
		}
		member, err := modelUpdate(absent{}, path[1:], op)
		return map[string]any{name: member}, err

	case map[string]any:
		v = maps.Clone(v)
		member, ok := v[name]
		if op.Kind == jsonops.Delete && (last || !ok) {
			delete(v, name)
			return v, nil
		}
		if !ok {
			member = absent{}
		}
		member, err := modelUpdate(member, path[1:], op)
		v[name] = member
		return v, err

	case []any:
		v = slices.Clone(v)
		index, ok := new(big.Int).SetString(name, 10)
		if !ok || index.Sign() < 0 || index.String() != name {
			return nil, errMisfit
		}
		i := len(v) + 1
		if index.Cmp(big.NewInt(int64(i))) < 0 {
			i = int(index.Int64())
		}
		switch {
		case op.Kind == jsonops.Delete && i >= len(v):
			return v, nil
		case op.Kind == jsonops.Delete && last:
			return slices.Delete(v, i, i+1), nil
		case i > len(v):
			return nil, errMisfit
		case i == len(v):
			v = append(v, absent{})
		}
		element, err := modelUpdate(v[i], path[1:], op)
		v[i] = element
		return v, err
	}
	return nil, errMisfit
}

func modelApply(value any, op jsonops.Op) (any, error) {
	_, isAbsent := value.(absent)
	isAbsent = isAbsent || value == nil
	switch op.Kind {
	case jsonops.Set:
		return decode(op.Value), nil
	case jsonops.Increment, jsonops.Decrement:
		if isAbsent {
			value = json.Number("0")
		}
		a, isNumber := value.(json.Number)
		b, byNumber := decode(op.Value).(json.Number)
		if !isNumber || !byNumber {
			return nil, errMisfit
		}
		return modelSum(a, b, op.Kind == jsonops.Decrement)
	case jsonops.Merge:
		object, isObject := value.(map[string]any)
		patch, isPatch := decode(op.Value).(map[string]any)
		if !isPatch || !isObject && !isAbsent {
			return nil, errMisfit
		}
		merged := map[string]any{}
		maps.Copy(merged, object)
		maps.Copy(merged, patch)
		return merged, nil
	case jsonops.Append:
		array, isArray := value.([]any)
		if !isArray && !isAbsent {
			return nil, errMisfit
		}
		array = slices.Clone(array)
		if array == nil {
			array = []any{}
		}
		if op.Value != nil {
			array = append(array, decode(op.Value))
		}
		for _, v := range op.Values {
			array = append(array, decode(v))
		}
		return array, nil
	}
	return nil, errMisfit
}

func modelSum(a, b json.Number, subtract bool) (any, error) {
	if strings.ContainsAny(string(a+b), ".eE") {
		x, errX := a.Float64()
		y, errY := b.Float64()
		if subtract {
			y = -y
		}
		if sum := x + y; errX == nil && errY == nil && !math.IsInf(sum, 0) {
			if sum == math.Trunc(sum) && math.Abs(sum) < 1<<53 {
				return json.Number(strconv.FormatInt(int64(sum), 10)), nil // From now on an integer.
			}
			return json.Number(strconv.FormatFloat(sum, 'e', -1, 64)), nil
		}
		return nil, errMisfit
	}
	x, _ := new(big.Int).SetString(string(a), 10)
	y, _ := new(big.Int).SetString(string(b), 10)
	if max(x.BitLen(), y.BitLen()) > 64 {
		return nil, errMisfit
	}
	if subtract {
		y.Neg(y)
	}
	x.Add(x, y)
	if !x.IsInt64() && !x.IsUint64() {
		return nil, errMisfit
	}
	return json.Number(x.String()), nil
}

// same compares decoded values. Numbers are the same if they are written the same or, with a fraction or exponent,
// are the same float64.
func same(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, same)
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, same)
	case json.Number:
		b, ok := b.(json.Number)
		if !ok || a == b {
			return ok
		}
		x, errX := a.Float64()
		y, errY := b.Float64()
		return strings.ContainsAny(string(a+b), ".eE") && errX == nil && errY == nil && x == y
	}
	return a == b
}
