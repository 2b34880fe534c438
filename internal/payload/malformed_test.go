package payload_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/motia-go/motia/internal/payload"
)

func TestTextThatIsNotJSONIsMalformedWithItsPosition(t *testing.T) {
	for _, test := range []struct {
		name, data, message string
		position            payload.Position
	}{
		{"empty", "", "no JSON value", payload.Position{Line: 1, Column: 1}},
		{"only space", " \n\t\r\n", "no JSON value", payload.Position{Offset: 5, Line: 3, Column: 1}},
		{"truncated object", `{"id":"x"`, "unexpected end of JSON input at line 1, column 10", payload.Position{Offset: 9, Line: 1, Column: 10}},
		{"truncated string", `{"id":"x`, "unexpected end of JSON input at line 1, column 9", payload.Position{Offset: 8, Line: 1, Column: 9}},
		{"truncated literal", "[\n tru", "unexpected end of JSON input at line 2, column 5", payload.Position{Offset: 6, Line: 2, Column: 5}},
		{"truncated number", "1.", "unexpected end of JSON input at line 1, column 3", payload.Position{Offset: 2, Line: 1, Column: 3}},
		{"space in a literal", "tr ", "invalid character ' ' in literal true (expecting 'u') at line 1, column 3", payload.Position{Offset: 2, Line: 1, Column: 3}},
		{"no value", "{\n  \"id\": }", "invalid character '}' looking for beginning of value at line 2, column 9", payload.Position{Offset: 10, Line: 2, Column: 9}},
		{"columns are characters", `{"größe": x}`, "invalid character 'x' looking for beginning of value at line 1, column 11", payload.Position{Offset: 12, Line: 1, Column: 11}},
		{"trailing data", `{} {}`, "invalid character '{' after top-level value at line 1, column 4", payload.Position{Offset: 3, Line: 1, Column: 4}},
		{"trailing comma", `[1,]`, "invalid character ']' looking for beginning of value at line 1, column 4", payload.Position{Offset: 3, Line: 1, Column: 4}},
		{"bare word", `id`, "invalid character 'i' looking for beginning of value at line 1, column 1", payload.Position{Line: 1, Column: 1}},
		{"control byte in a string", "\"a\x00\"", `invalid character '\x00' in string literal at line 1, column 3`, payload.Position{Offset: 2, Line: 1, Column: 3}},
		{"byte order mark", "\uFEFF{}", "byte order mark before the JSON value", payload.Position{Line: 1, Column: 1}},
		{"invalid UTF-8 in a string", "{\n\"id\":\"é\xff\"}", "invalid UTF-8 at line 2, column 8", payload.Position{Offset: 10, Line: 2, Column: 8}},
		{"truncated UTF-8", "\"\xc3", "invalid UTF-8 at line 1, column 2", payload.Position{Offset: 1, Line: 1, Column: 2}},
		{"encoded surrogate", "\"\xed\xa0\x80\"", "invalid UTF-8 at line 1, column 2", payload.Position{Offset: 1, Line: 1, Column: 2}},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := failure[Order](t, payload.Malformed, test.data)
			wantFields(t, e, payload.FieldError{Rule: "json", Message: test.message})
			if e.Position != test.position {
				t.Errorf("got position %+v, want %+v", e.Position, test.position)
			}
			if want := "malformed JSON: " + test.message; e.Error() != want {
				t.Errorf("got %q, want %q", e, want)
			}
		})
	}
}

func TestTypesWithoutStructsAlsoNeedJSON(t *testing.T) {
	failure[any](t, payload.Malformed, `{"a"`)
	failure[json.RawMessage](t, payload.Malformed, `{"a"`)
	failure[json.RawMessage](t, payload.Malformed, "\"\xff\"")
	failure[[]Item](t, payload.Malformed, `[`)
}

func TestNestingBeyondTenThousandLevelsIsRefused(t *testing.T) {
	for name, data := range map[string]string{
		"arrays":              strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001),
		"objects":             strings.Repeat(`{"a":`, 10_001) + "1" + strings.Repeat("}", 10_001),
		"never closed":        strings.Repeat("[", 1<<20),
		"in an unknown field": `{"x":` + strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001) + "}",
	} {
		t.Run(name, func(t *testing.T) {
			for _, e := range []*payload.Error{failure[any](t, payload.Malformed, data), failure[Order](t, payload.Malformed, data)} {
				if !strings.HasPrefix(e.Error(), "malformed JSON: nested too deep at line 1, column ") {
					t.Errorf("got %v", e)
				}
			}
		})
	}
	data := strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)
	if _, err := codec[any](t).Decode([]byte(data)); err != nil {
		t.Errorf("10,000 levels: %v", err)
	}
}

func TestMalformedErrorsUnwrapToThoseOfEncodingJSON(t *testing.T) {
	e := failure[Order](t, payload.Malformed, `{`)
	if _, ok := errors.AsType[*json.SyntaxError](error(e)); !ok {
		t.Errorf("got %v", e.Err)
	}
}

func TestKindsHaveNames(t *testing.T) {
	if got := fmt.Sprint(payload.Malformed, payload.WrongType, payload.Invalid, payload.Kind(9)); got != "malformed JSON wrong type invalid payload kind 9" {
		t.Errorf("got %q", got)
	}
}
