package jsontext_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/motia-go/motia/internal/jsontext"
)

// The texts are those of Go 1.26, except that they name whole characters and call the end of the input an end.
func TestASyntaxErrorHasTheSameWordsOnEveryRelease(t *testing.T) {
	for _, test := range []struct {
		text    string
		message string // with ^ for "invalid character " and $ for the end of the input
		offset  int
	}{
		{"", "$", 0},
		{" ", "$", 1},
		{"{", "$", 1},
		{"[", "$", 1},
		{"[1", "$", 2},
		{"[1,", "$", 3},
		{`{"a`, "$", 3},
		{`{"a"`, "$", 4},
		{`{"a":`, "$", 5},
		{`{"a":1`, "$", 6},
		{`{"a":1,`, "$", 7},
		{`"a`, "$", 2},
		{`"\`, "$", 2},
		{`"\u`, "$", 3},
		{`"\u00`, "$", 5},
		{"tru", "$", 3},
		{"-", "$", 1},
		{"1.", "$", 2},
		{"1e", "$", 2},
		{"1e+", "$", 3},
		{"}", "^'}' looking for beginning of value", 0},
		{":", "^':' looking for beginning of value", 0},
		{"[,]", "^',' looking for beginning of value", 1},
		{"[1,]", "^']' looking for beginning of value", 3},
		{`{"a":}`, "^'}' looking for beginning of value", 5},
		{".5", "^'.' looking for beginning of value", 0},
		{"+1", "^'+' looking for beginning of value", 0},
		{"NaN", "^'N' looking for beginning of value", 0},
		{"'a'", `^'\'' looking for beginning of value`, 0},
		{"//", "^'/' looking for beginning of value", 0},
		{"\uFEFF{}", `^'\ufeff' looking for beginning of value`, 0},
		{"\u00a01", `^'\u00a0' looking for beginning of value`, 0},
		{"\x0b1", `^'\v' looking for beginning of value`, 0},
		{"é", "^'é' looking for beginning of value", 0},
		{"[💥]", "^'💥' looking for beginning of value", 1},
		{"\xff", `^'\xff' looking for beginning of value`, 0},
		{"{,}", "^',' looking for beginning of object key string", 1},
		{"{a:1}", "^'a' looking for beginning of object key string", 1},
		{"{1:2}", "^'1' looking for beginning of object key string", 1},
		{`{"a":1,}`, "^'}' looking for beginning of object key string", 7},
		{`{"a"}`, "^'}' after object key", 4},
		{`{"a" 1}`, "^'1' after object key", 5},
		{`{"a"=1}`, "^'=' after object key", 4},
		{`{"a":1]`, "^']' after object key:value pair", 6},
		{`{"a":1 "b":2}`, `^'"' after object key:value pair`, 7},
		{`{"a":01}`, "^'1' after object key:value pair", 6},
		{"[1}", "^'}' after array element", 2},
		{"[1 2]", "^'2' after array element", 3},
		{"[00]", "^'0' after array element", 2},
		{"[1\x00]", `^'\x00' after array element`, 2},
		{"{} {}", "^'{' after top-level value", 3},
		{"01", "^'1' after top-level value", 1},
		{"0x1", "^'x' after top-level value", 1},
		{"1_0", "^'_' after top-level value", 1},
		{"truee", "^'e' after top-level value", 4},
		{`"a"é`, "^'é' after top-level value", 3},
		{"tr ", "^' ' in literal true (expecting 'u')", 2},
		{"trüe", "^'ü' in literal true (expecting 'u')", 2},
		{"falsy", "^'y' in literal false (expecting 'e')", 4},
		{"nu\nll", `^'\n' in literal null (expecting 'l')`, 2},
		{"--1", "^'-' in numeric literal", 1},
		{"-a", "^'a' in numeric literal", 1},
		{"1.a", "^'a' after decimal point in numeric literal", 2},
		{"[1.]", "^']' after decimal point in numeric literal", 3},
		{"1ea", "^'a' in exponent of numeric literal", 2},
		{"1e+💥", "^'💥' in exponent of numeric literal", 3},
		{"\"a\n\"", `^'\n' in string literal`, 2},
		{"\"\x00\"", `^'\x00' in string literal`, 1},
		{`"\x"`, "^'x' in string escape code", 2},
		{`"\'"`, `^'\'' in string escape code`, 2},
		{`"\💥"`, "^'💥' in string escape code", 2},
		{`"\u000g"`, `^'g' in \u hexadecimal character escape`, 6},
		{`"\u💥"`, `^'💥' in \u hexadecimal character escape`, 3},
		{strings.Repeat("[", 10_001), "nested too deep", 10_000},
		{strings.Repeat(`{"a":`, 10_001), "nested too deep", 50_000},
	} {
		want := strings.NewReplacer("^", "invalid character ", "$", "unexpected end of JSON input").Replace(test.message)
		got := jsontext.Check([]byte(test.text))
		if got == nil || got.Message != want || got.Offset != test.offset {
			t.Errorf("%.40q: got %+v, want %q at %d", test.text, got, want, test.offset)
		}
	}
}

func TestTextThatIsJSONHasNoSyntaxError(t *testing.T) {
	for _, text := range []string{
		"null", " true\n", "false", "0", "-0", "-0.5e-7", "1E+400", `""`, `"\"\\\/\b\f\n\r\t\u00fF\ud800"`, "\"\x7f\xff\"", "[]", "[ ]", "{}", "{ }",
		` { "a" : [ 1 , {"b":null} , [ ] ] , "a" : {} } `, strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000),
	} {
		if err := jsontext.Check([]byte(text)); err != nil {
			t.Errorf("%.40q: got %v at %d", text, err, err.Offset)
		}
	}
}

func TestAPositionCountsLinesAndCharacters(t *testing.T) {
	const text = "{\n\"größe\": x}"
	for offset, want := range map[int]jsontext.Position{
		0:   {Offset: 0, Line: 1, Column: 1},
		2:   {Offset: 2, Line: 2, Column: 1},
		13:  {Offset: 13, Line: 2, Column: 10},
		100: {Offset: len(text), Line: 2, Column: 12},
	} {
		if got := jsontext.PositionOf([]byte(text), offset); got != want {
			t.Errorf("%d: got %+v, want %+v", offset, got, want)
		}
	}
}

func FuzzCheck(f *testing.F) {
	for _, seed := range []string{
		"", " ", "null", `{"a":[1,2.5e-7,"\u00e9\ud800"],"b":{}}`, "[[[[", "]", "tru", "-", "1.", "1e+", `"\`, `"\u00`, "{\"a\"", "\"\xff\"", "\"\x00\"",
		"[1,]", "{,}", "01", "\uFEFF{}", strings.Repeat("[", 200), "é", "\xff",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		err := jsontext.Check(text)
		if (err == nil) != json.Valid(text) {
			t.Fatalf("%q: got %v", text, err)
		}
		if err != nil && (err.Offset < 0 || err.Offset > len(text) || err.Message == "") {
			t.Fatalf("%q: got %+v", text, err)
		}
	})
}
