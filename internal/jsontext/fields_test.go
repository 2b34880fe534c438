package jsontext_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/motia-go/motia/internal/jsontext"
)

type (
	point  struct{ X, Y int }
	Point  struct{ X, Z int }
	deeper struct{ point }
	named  string
	Named  string
	left   struct{ point }
	right  struct{ point }
	twice  struct {
		left
		right
	}
	chosen struct {
		X int `json:"X"`
	}
)

func TestFieldsAreThoseOfEncodingJSON(t *testing.T) {
	for _, value := range []any{
		struct{}{},
		point{},
		struct{ a, B int }{},
		struct {
			A int `json:"a"`
			B int `json:"-"`
			//lint:ignore SA5008 a field named - is what this is about
			C int `json:"-,"`
			D int `json:",omitempty"`
			E int `json:"a.b,string"`
		}{D: 1},
		struct{ point }{},
		struct{ *point }{&point{}},
		struct{ Point }{},
		struct {
			point
			Point
		}{},
		struct {
			point
			X string
		}{},
		struct {
			point `json:"p"`
			Point
		}{},
		struct {
			point
			chosen
		}{},
		struct {
			named
			Named
		}{},
		struct{ Named }{},
		struct{ *Named }{},
		deeper{},
		twice{},
		struct {
			twice
			deeper
		}{},
	} {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, f := range jsontext.Fields(reflect.TypeOf(value)) {
			names = append(names, fmt.Sprintf("%q", f.Name))
			if got := reflect.TypeOf(value).FieldByIndex(f.Index).Type; got != f.Type {
				t.Errorf("%T: field %s is of type %v, not %v", value, f.Name, got, f.Type)
			}
		}
		var want []string
		for d := json.NewDecoder(strings.NewReader(string(text))); d.More(); {
			token, err := d.Token()
			if err != nil {
				t.Fatal(err)
			}
			if name, ok := token.(string); ok {
				want = append(want, fmt.Sprintf("%q", name))
				var skipped any
				if err := d.Decode(&skipped); err != nil {
					t.Fatal(err)
				}
			}
		}
		if strings.Join(names, " ") != strings.Join(want, " ") {
			t.Errorf("%T: got %v, want %v", value, names, want)
		}
	}
}

func TestAFieldKnowsItsOptions(t *testing.T) {
	type options struct {
		*point
		Count *int `json:",string"`
		//lint:ignore SA5008 what the option does to a list is what this is about
		List []string `json:"list,omitempty,string"`
		Zero int      `json:",omitzero"`
	}
	var got []string
	for _, f := range jsontext.Fields(reflect.TypeFor[options]()) {
		got = append(got, fmt.Sprint(f.Name, f.Unsettable, f.Quoted, f.OmitEmpty, f.OmitZero))
	}
	want := []string{"Xtrue false false false", "Ytrue false false false", "Countfalse true false false", "listfalse false true false", "Zerofalse false false true"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestRawJSONHasTheSameNameOnEveryRelease(t *testing.T) {
	type generic[T any] struct{ v T }
	_ = generic[int]{}.v
	for got, want := range map[string]string{
		jsontext.TypeName(reflect.TypeFor[json.RawMessage]()):              "json.RawMessage",
		jsontext.TypeName(reflect.TypeFor[map[string][]json.RawMessage]()): "map[string][]json.RawMessage",
		jsontext.TypeName(reflect.TypeFor[generic[json.RawMessage]]()):     "jsontext_test.generic[encoding/json.RawMessage]",
		jsontext.TypeName(reflect.TypeFor[point]()):                        "jsontext_test.point",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
