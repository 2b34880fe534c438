package payload_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/motia-go/motia/internal/payload"
)

func TestDecodeReadsAValidOrder(t *testing.T) {
	got, err := codec[Order](t).Decode([]byte(goodOrder))
	if err != nil {
		t.Fatal(err)
	}
	var want Order
	if err := json.Unmarshal([]byte(goodOrder), &want); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestDecodeIntoFillsTheMemoryOfTheCaller(t *testing.T) {
	var input struct {
		Path string
		Body Order
	}
	if err := codec[Order](t).DecodeInto([]byte(goodOrder), &input.Body); err != nil {
		t.Fatal(err)
	}
	if input.Body.ID != "ord_01HZX3" {
		t.Errorf("got %+v", input.Body)
	}
}

func TestDecodeIntoLeavesNothingOfWhatDoesNotDecode(t *testing.T) {
	for _, data := range []string{`{"a":"2026-01-02T03:04:05Z","b":1}`, `{"a":`} {
		var times map[string]time.Time
		if err := codec[map[string]time.Time](t).DecodeInto([]byte(data), &times); err == nil || times != nil {
			t.Errorf("got %v, %v", times, err)
		}
	}
}

func TestDecodeReturnsTheZeroValueWithAnError(t *testing.T) {
	got, err := codec[Order](t).Decode([]byte(`{"id":"x"}`))
	if err == nil || !reflect.DeepEqual(got, Order{}) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestUnknownAndRepeatedFieldsAreTolerated(t *testing.T) {
	got, err := codec[Item](t).Decode([]byte(`{"sku":"a","qty":1,"qty":2,"price":1,"colour":{"deep":[1]}}`))
	if err != nil || got.Qty != 2 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestTypesOfEveryShapeDecode(t *testing.T) {
	decode := func(name string, decode func() (any, error), want any) {
		t.Run(name, func(t *testing.T) {
			got, err := decode()
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("got %#v, %v; want %#v", got, err, want)
			}
		})
	}
	item := Item{SKU: "a", Qty: 1, Price: 2}
	const text = `{"sku":"a","qty":1,"price":2}`
	p := &item
	decode("pointer", func() (any, error) { return codec[*Item](t).Decode([]byte(text)) }, p)
	decode("pointer to pointer", func() (any, error) { return codec[**Item](t).Decode([]byte(text)) }, &p)
	decode("nil pointer", func() (any, error) { return codec[*Item](t).Decode([]byte(`null`)) }, (*Item)(nil))
	decode("slice", func() (any, error) { return codec[[]Item](t).Decode([]byte("[" + text + "]")) }, []Item{item})
	decode("slice of pointers", func() (any, error) { return codec[[]*Item](t).Decode([]byte("[" + text + ",null]")) }, []*Item{p, nil})
	decode("pointer to slice", func() (any, error) { return codec[*[]Item](t).Decode([]byte(`null`)) }, (*[]Item)(nil))
	decode("slices of pointers to slices", func() (any, error) { return codec[[]*[]Item](t).Decode([]byte(`[null]`)) }, []*[]Item{nil})
	decode("array", func() (any, error) { return codec[[1]Item](t).Decode([]byte("[" + text + "]")) }, [1]Item{item})
	decode("map", func() (any, error) { return codec[map[string]Item](t).Decode([]byte(`{"x":` + text + `}`)) }, map[string]Item{"x": item})
	decode("any", func() (any, error) { return codec[any](t).Decode([]byte(`[1,"a",null]`)) }, []any{1.0, "a", nil})
	decode("raw", func() (any, error) { return codec[json.RawMessage](t).Decode([]byte(`{"a": 1}`)) }, json.RawMessage(`{"a": 1}`))
	decode("string", func() (any, error) { return codec[string](t).Decode([]byte(` "a" `)) }, "a")
	decode("int64", func() (any, error) { return codec[int64](t).Decode([]byte(`9223372036854775807`)) }, int64(1<<63-1))
	decode("uint64", func() (any, error) { return codec[uint64](t).Decode([]byte(`18446744073709551615`)) }, uint64(1<<64-1))
	decode("time", func() (any, error) { return codec[time.Time](t).Decode([]byte(`"2026-01-02T03:04:05Z"`)) },
		time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	decode("empty struct", func() (any, error) { return codec[struct{}](t).Decode([]byte(`{}`)) }, struct{}{})
}

func TestOnlyTypesWithTagsMeetTheValidator(t *testing.T) {
	type plain struct {
		A string
		B []string
		T time.Time
		I any
	}
	type nested struct{ P *struct{ I Item } }
	type list struct{ Items []Item } // no dive: the validator would not look inside
	type tree struct{ Children []*tree }
	type taggedTree struct {
		Name     string        `validate:"required"`
		Children []*taggedTree `validate:"dive"`
	}
	type linked struct{ Next *linked }
	type ignored struct {
		I Item `validate:"-"`
	}
	for _, test := range []struct {
		name string
		got  bool
		want bool
	}{
		{"a struct without tags", codec[plain](t).Validates(), false},
		{"a struct with tags", codec[Item](t).Validates(), true},
		{"tags in a nested struct", codec[nested](t).Validates(), true},
		{"tags in a slice without dive", codec[list](t).Validates(), false},
		{"tags in an ignored field", codec[ignored](t).Validates(), false},
		{"a slice of structs with tags", codec[[]Item](t).Validates(), true},
		{"maps of slices of pointers", codec[map[string][]*Item](t).Validates(), true},
		{"a slice of structs without", codec[[]plain](t).Validates(), false},
		{"a recursive type without tags", codec[tree](t).Validates(), false},
		{"a recursive type with tags", codec[taggedTree](t).Validates(), true},
		{"a linked list", codec[linked](t).Validates(), false},
		{"a slice of itself", codec[self](t).Validates(), false},
		{"a pointer to itself", codec[itself](t).Validates(), false},
		{"any", codec[any](t).Validates(), false},
		{"raw JSON", codec[json.RawMessage](t).Validates(), false},
		{"a time", codec[time.Time](t).Validates(), false},
		{"a string", codec[string](t).Validates(), false},
	} {
		if test.got != test.want {
			t.Errorf("%s: validates is %v, want %v", test.name, test.got, test.want)
		}
	}
}

type self []self
type itself *itself

func TestNothingOfTheInputIsKept(t *testing.T) {
	type document struct {
		Raw     json.RawMessage            `json:"raw"`
		Raws    map[string]json.RawMessage `json:"raws"`
		Text    string                     `json:"text"`
		Bytes   []byte                     `json:"bytes"`
		Number  json.Number                `json:"number"`
		Any     any                        `json:"any"`
		Pointer *string                    `json:"pointer"`
	}
	const text = `{"raw":{"a":[1,2]},"raws":{"key":"value"},"text":"abc","bytes":"YWJj","number":12.50,"any":{"k":["v"]},"pointer":"p"}`
	buf := bytes.NewBufferString(text)
	got, err := codec[document](t).Decode(buf.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	raw, err := codec[json.RawMessage](t).Decode(buf.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for i, data := 0, buf.Bytes(); i < len(data); i++ {
		data[i] = 'x' // the next body in a pooled buffer
	}
	var want document
	if err := json.Unmarshal([]byte(text), &want); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if string(raw) != text {
		t.Errorf("got %s", raw)
	}
}

func TestUnmarshalDoesNotValidate(t *testing.T) {
	var item Item
	if err := payload.Unmarshal([]byte(`{"qty":-1}`), &item); err != nil || item.Qty != -1 {
		t.Errorf("got %+v, %v", item, err)
	}
}

func TestUnmarshalIntoNoPointerIsNotBlamedOnThePayload(t *testing.T) {
	for _, into := range []any{nil, Item{}, (*Item)(nil)} {
		err := payload.Unmarshal([]byte(`{}`), into)
		if _, ok := err.(*json.InvalidUnmarshalError); !ok {
			t.Errorf("got %v", err)
		}
	}
}
