package jsontext_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia/internal/jsontext"
)

// The types of this file encode themselves, and fail in every possible way.
type (
	refuses     struct{}
	refusesText struct{}
	returns     string
	wraps       struct{ v any }
	panics      struct{ times *int }
	byPointer   struct{}
)

func (refuses) MarshalJSON() ([]byte, error)     { return nil, errors.New("I refuse") }
func (refusesText) MarshalText() ([]byte, error) { return nil, errors.New("no text") }
func (r returns) MarshalJSON() ([]byte, error)   { return []byte(r), nil }
func (w wraps) MarshalJSON() ([]byte, error) {
	text, err := json.Marshal(w.v)
	if err != nil {
		return nil, fmt.Errorf("wraps: %w", err)
	}
	return text, nil
}
func (*byPointer) MarshalJSON() ([]byte, error) { return nil, errors.New("addressed") }
func (p panics) MarshalJSON() ([]byte, error) {
	if *p.times++; *p.times > 1 {
		panic("again")
	}
	return nil, errors.New("first")
}

type list struct {
	Next  *list `json:"next,omitempty"`
	Items []any `json:"items,omitempty"`
}

type empty struct {
	A *float64       `json:"a,omitempty"`
	B func()         `json:"-"`
	C map[string]any `json:"c,omitzero"`
	D time.Time      `json:"d,omitzero"`
	e func()
}

func nested(depth int) json.RawMessage {
	return json.RawMessage(strings.Repeat("[", depth) + strings.Repeat("]", depth))
}

func nestedValue(depth int) any {
	var v any
	for range depth {
		v = []any{v}
	}
	return v
}

func TestAValueHasTheSameTextOnEveryRelease(t *testing.T) {
	for _, test := range []struct {
		name  string
		value any
		want  string
	}{
		{"null", nil, `null`},
		{"raw", json.RawMessage(` { "a" : [ 1.0 , "\u0041\/" ] } `), `{"a":[1.0,"\u0041\/"]}`},
		{"nil raw", json.RawMessage(nil), `null`},
		{"pointer to nil raw", new(json.RawMessage), `null`},
		{"nil raw in a map", map[string]json.RawMessage{"a": nil}, `{"a":null}`},
		{"nil raw in a slice", []json.RawMessage{nil}, `[null]`},
		{"nil raw in a struct", struct {
			A json.RawMessage
			B json.RawMessage `json:",omitempty"`
			C json.RawMessage `json:",omitzero"`
			D *json.RawMessage
		}{}, `{"A":null,"D":null}`},
		{"empty raw in a struct", struct {
			A json.RawMessage `json:",omitempty"`
		}{json.RawMessage{}}, `{}`},
		{"repeated names", json.RawMessage(`{"a":1,"a":2}`), `{"a":1,"a":2}`},
		{"bytes that are not UTF-8", "a\xffb\xed\xa0\x80<", `"a` + "\uFFFD" + `b` + "\uFFFD\uFFFD\uFFFD" + `\u003c"`},
		{"keys that are not UTF-8", map[string]int{"a\xff": 1, "a\uFFFD": 2, "a\xfe": 3}, "{\"a\uFFFD\":2,\"a\uFFFD\":3,\"a\uFFFD\":1}"},
		{"an escaped escape", `\ufffd\` + "\xff", `"\\ufffd\\` + "\uFFFD\""},
		{"an escape in raw", json.RawMessage(`["\ufffd\\ufffd"]`), "[\"\uFFFD\\\\ufffd\"]"},
		{"raw that is not UTF-8", json.RawMessage("\"a\xff\""), "\"a\xff\""},
		{"HTML", "<a>&\u2028\x00\x7f", `"\u003ca\u003e\u0026\u2028\u0000` + "\x7f\""},
		{"nil and empty", []any{[]int(nil), []int{}, map[string]int(nil), map[string]int{}, []byte(nil), []byte{}}, `[null,[],null,{},null,""]`},
		{"floats", []any{0.1, 1e20, 1e21, 1e-7, math.Copysign(0, -1), float32(1.1), math.MaxFloat64}, `[0.1,100000000000000000000,1e+21,1e-7,-0,1.1,1.7976931348623157e+308]`},
		{"numbers", []any{json.Number("1.50"), json.Number(""), uint64(math.MaxUint64)}, `[1.50,0,18446744073709551615]`},
		{"keys of a map are sorted", map[int]string{10: "a", 9: "b"}, `{"10":"a","9":"b"}`},
		{"methods of a pointer", []any{byPointer{}, map[string]byPointer{"a": {}}}, `[{},{"a":{}}]`},
		{"nil with methods", []any{(*refuses)(nil), json.Marshaler(nil)}, `[null,null]`},
		{"omitted fields", empty{e: func() {}}, `{}`},
		{"deep", nested(jsontext.MaxNesting), string(nested(jsontext.MaxNesting))},
	} {
		got, err := jsontext.Marshal(test.value)
		if err != nil || string(got) != test.want {
			t.Errorf("%s: got %.200s, %v; want %.200s", test.name, got, err, test.want)
		}
		b := bytes.NewBufferString("before ")
		if err := jsontext.Encode(b, test.value); err != nil || b.String() != "before "+test.want+"\n" {
			t.Errorf("%s: encoded %.200s, %v", test.name, b, err)
		}
	}
}

func TestAValueThatHasNoJSONFormIsNamedInTheSameWordsOnEveryRelease(t *testing.T) {
	loop := &list{}
	loop.Next = &list{Next: loop}
	within := map[string]any{}
	within["a"] = []any{within}
	self := []any{nil}
	self[0] = self
	type order struct {
		ID    string
		Lines []struct {
			Price float64 `json:"price"`
		} `json:"lines"`
		Done func() `json:"done"`
	}
	lines := order{Lines: make([]struct {
		Price float64 `json:"price"`
	}, 3)}
	lines.Lines[2].Price = math.NaN()
	for _, test := range []struct {
		name  string
		value any
		want  string
	}{
		{"a function", func() {}, "unsupported type: func()"},
		{"a nil function", (func())(nil), "unsupported type: func()"},
		{"a channel in an interface", []any{1, make(chan int)}, "[1]: unsupported type: chan int"},
		{"a complex number", map[string]any{"a": 1i}, "[a]: unsupported type: complex128"},
		{"a channel of raw", make(chan json.RawMessage), "unsupported type: chan json.RawMessage"},
		{"keys", map[bool]int{true: 1}, "unsupported type: map[bool]int"},
		{"keys that are structs", []any{map[struct{}]int{{}: 1}}, "[0]: unsupported type: map[struct {}]int"},
		{"not a number", math.NaN(), "unsupported value: NaN"},
		{"infinity", []float64{1, math.Inf(-1)}, "[1]: unsupported value: -Inf"},
		{"small infinity", float32(math.Inf(1)), "unsupported value: +Inf"},
		{"the first of several", lines, "lines[2].price: unsupported value: NaN"},
		{"a field", order{}, "done: unsupported type: func()"},
		{"first by key", map[string]any{"b": math.NaN(), "a": func() {}}, "[a]: unsupported type: func()"},
		{"a number", struct{ N json.Number }{"01"}, `N: invalid number literal "01"`},
		{"a method", []any{refuses{}}, "[0]: error calling MarshalJSON for type jsontext_test.refuses: I refuse"},
		{"a method behind a pointer", &refuses{}, "error calling MarshalJSON for type *jsontext_test.refuses: I refuse"},
		{"a method of a pointer", []byPointer{{}}, "[0]: error calling MarshalJSON for type jsontext_test.byPointer: addressed"},
		{"a method for text", map[string]any{"a": refusesText{}}, "[a]: error calling MarshalText for type jsontext_test.refusesText: no text"},
		{"a key's method", map[refusesText]int{{}: 1}, "error calling MarshalText for type jsontext_test.refusesText: no text"},
		{"a method that returns nothing", returns(""), "error calling MarshalJSON for type jsontext_test.returns: unexpected end of JSON input at line 1, column 1"},
		{"a method that returns no JSON", returns("{\n\"a\":"), "error calling MarshalJSON for type jsontext_test.returns: unexpected end of JSON input at line 2, column 5"},
		{"a method that returns two values", returns("1 2"), "error calling MarshalJSON for type jsontext_test.returns: invalid character '2' after top-level value at line 1, column 3"},
		{"empty raw", json.RawMessage{}, "error calling MarshalJSON for type json.RawMessage: unexpected end of JSON input at line 1, column 1"},
		{"empty raw in a slice", []json.RawMessage{nil, {}}, "[1]: error calling MarshalJSON for type json.RawMessage: unexpected end of JSON input at line 1, column 1"},
		{"raw that is no JSON", struct{ R json.RawMessage }{json.RawMessage("nope")}, "R: error calling MarshalJSON for type json.RawMessage: invalid character 'o' in literal null (expecting 'u') at line 1, column 2"},
		{"a method around a function", wraps{func() {}}, "error calling MarshalJSON for type jsontext_test.wraps: wraps: unsupported type: func()"},
		{"a method around a method", wraps{&refuses{}}, "error calling MarshalJSON for type jsontext_test.wraps: wraps: error encoding type jsontext_test.refuses: I refuse"},
		{"a method around no JSON", wraps{returns("}")}, "error calling MarshalJSON for type jsontext_test.wraps: wraps: error encoding type jsontext_test.returns: malformed JSON"},
		{"a method around a time", wraps{[]time.Time{time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}}, "error calling MarshalJSON for type jsontext_test.wraps: wraps: error encoding type time.Time: outside of what RFC 3339 can express"},
		{"a method that panics the second time", panics{new(int)}, "error calling MarshalJSON for type jsontext_test.panics"},
		{"a time", time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), "error calling MarshalJSON for type time.Time: Time.MarshalJSON: year outside of range [0,9999]"},
		{"a list in itself", loop, "next.next: unsupported value: encountered a cycle via *jsontext_test.list"},
		{"a map in itself", within, "[a][0]: unsupported value: encountered a cycle via map[string]interface {}"},
		{"a slice in itself", self, "[0]: unsupported value: encountered a cycle via []interface {}"},
		{"a long key", map[string]any{strings.Repeat("ä", 200): math.NaN()}, "[" + strings.Repeat("ä", 99) + "...: unsupported value: NaN"},
		{"a deep value", nestedValue(jsontext.MaxNesting + 1), "nested more than 9990 levels deep"},
		{"a deeper value", nestedValue(20_000), "nested more than 9990 levels deep"},
		{"a deep text", nested(jsontext.MaxNesting + 1), "nested more than 9990 levels deep"},
		{"a deep text in a value", []any{nested(jsontext.MaxNesting)}, "nested more than 9990 levels deep"},
		{"a deep text that encoding/json would read", nested(10_000), "nested more than 9990 levels deep"},
		{"a deep text in a value that nobody would read", []any{nested(10_000)}, "nested more than 9990 levels deep"},
		{"a deep text that nobody would read", nested(10_001), "error calling MarshalJSON for type json.RawMessage: nested too deep at line 1, column 10001"},
	} {
		_, err := jsontext.Marshal(test.value)
		if _, ok := errors.AsType[*jsontext.EncodeError](err); !ok || err.Error() != "json: "+test.want {
			t.Errorf("%s: got %.200v, want %.200s", test.name, err, test.want)
		}
		b := bytes.NewBufferString("before")
		if test.name == "a method that panics the second time" {
			continue
		}
		if err := jsontext.Encode(b, test.value); err == nil || err.Error() != "json: "+test.want || b.String() != "before" {
			t.Errorf("%s: encoded %.200s, %.200v", test.name, b, err)
		}
	}
}

func TestAnEncodeErrorUnwrapsToThatOfEncodingJSON(t *testing.T) {
	_, err := jsontext.Marshal(struct{ F func() }{})
	if _, ok := errors.AsType[*json.UnsupportedTypeError](err); !ok {
		t.Errorf("got %v", err)
	}
}

func TestMarshalAllocatesNoMoreThanEncodingJSON(t *testing.T) {
	value := list{Items: []any{"a", 1, strings.Repeat("x", 100)}}
	var b bytes.Buffer
	for what, run := range map[string][2]func(){
		"Marshal": {func() { _, _ = json.Marshal(&value) }, func() { _, _ = jsontext.Marshal(&value) }},
		"Encode":  {func() { b.Reset(); _ = json.NewEncoder(&b).Encode(&value) }, func() { b.Reset(); _ = jsontext.Encode(&b, &value) }},
	} {
		var floor, got float64
		for range 10 { // the race detector makes the pools of encoding/json forget at times
			floor, got = testing.AllocsPerRun(100, run[0]), testing.AllocsPerRun(100, run[1])
			if got <= floor {
				break
			}
		}
		if got > floor {
			t.Errorf("%s: %v allocations, encoding/json %v", what, got, floor)
		}
	}
}

// Marshal encodes exactly the values that encoding/json encodes, and to the same JSON value.
func FuzzMarshal(f *testing.F) {
	f.Add("a\xff", []byte(`{"a":[1,"\ufffd\\ufffd"]}`), 1.5)
	f.Add("", []byte(`tru`), math.Inf(1))
	f.Add("<", []byte(``), 0.0)
	f.Fuzz(func(t *testing.T, s string, raw []byte, n float64) {
		value := map[string]any{s: []any{s, json.RawMessage(raw), n, json.Number(s)}}
		want, wantErr := json.Marshal(value)
		got, err := jsontext.Marshal(value)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("got %v, encoding/json says %v", err, wantErr)
		}
		if err != nil {
			if strings.Contains(err.Error(), "unsupported value of type") {
				t.Fatalf("nothing found for %v", wantErr)
			}
			return
		}
		var a, b any
		if err := errors.Join(json.Unmarshal(got, &a), json.Unmarshal(want, &b)); err == nil && fmt.Sprint(a) != fmt.Sprint(b) {
			t.Fatalf("got %s, want %s", got, want)
		}
		if bytes.Contains(bytes.ReplaceAll(got, []byte(`\\`), nil), []byte(`\ufffd`)) {
			t.Fatalf("got %s", got)
		}
	})
}

func TestIntegersAndStringsAreWrittenAsEncodingJSONWritesThem(t *testing.T) {
	values := []any{0, -1, 42, math.MaxInt, math.MinInt, "", "plain text", "ünï"}
	for c := range rune(0x100) {
		if c < 0x80 { // bytes beyond are no UTF-8 alone, where the releases differ
			values = append(values, "a"+string([]byte{byte(c)})+"b")
		}
		values = append(values, "a"+string(c)+"b")
	}
	for _, value := range values {
		want, err := json.Marshal(value)
		require.NoError(t, err)
		got, err := jsontext.Marshal(value)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got))
	}
}
