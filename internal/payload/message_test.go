package payload_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/motia-go/motia/internal/payload"
)

func TestMessagesSpeakOfWhatTheFieldIs(t *testing.T) {
	type fields struct {
		MinString  string         `json:"minString" validate:"min=3"`
		MinOne     string         `json:"minOne" validate:"min=1"`
		MinNumber  int            `json:"minNumber" validate:"min=3"`
		MinItems   []int          `json:"minItems" validate:"min=3"`
		MinEntries map[string]int `json:"minEntries" validate:"min=1"`
		MaxString  string         `json:"maxString" validate:"max=1"`
		MaxFloat   float64        `json:"maxFloat" validate:"max=1.5"`
		GtString   string         `json:"gtString" validate:"gt=2"`
		GtItems    []int          `json:"gtItems" validate:"gt=1"`
		LtItems    []int          `json:"ltItems" validate:"lt=1"`
		LtNumber   *int           `json:"ltNumber" validate:"lt=1"`
		LtNil      *int           `json:"ltNil" validate:"lt=1"`
		LenString  string         `json:"lenString" validate:"len=2"`
		LenItems   []int          `json:"lenItems" validate:"len=2"`
		LenNumber  int            `json:"lenNumber" validate:"len=2"`
		Wait       time.Duration  `json:"wait" validate:"gte=1m"`
		Future     time.Time      `json:"future" validate:"gt"`
		Past       time.Time      `json:"past" validate:"lt"`
		EqString   string         `json:"eqString" validate:"eq=on"`
		EqItems    []int          `json:"eqItems" validate:"eq=1"`
		NeNumber   int            `json:"neNumber" validate:"ne=0"`
		NeItems    []int          `json:"neItems" validate:"ne=0"`
		OneOf      string         `json:"oneOf" validate:"oneof=red green 'dark blue'"`
		OneOfInt   int            `json:"oneOfInt" validate:"oneof=1 2"`
		NoneOf     string         `json:"noneOf" validate:"noneof='' b"`
		URL        string         `json:"url" validate:"url"`
		UUID       string         `json:"uuid" validate:"uuid"`
		Starts     string         `json:"starts" validate:"startswith=a"`
		Date       string         `json:"date" validate:"datetime=2006-01-02"`
		Unique     []int          `json:"unique" validate:"unique"`
		With       string         `json:"with" validate:"required_with=LenNumber NeItems Unique"`
		Without    []int          `json:"without" validate:"excluded_without=LenNumber"`
		Either     string         `json:"either" validate:"ipv4|ipv6"`
		EqField    string         `json:"eqField" validate:"eqfield=EqString"`
		Cron       string         `json:"cron" validate:"cron"`
		Struct     *Address       `json:"struct" validate:"required"`
		Interface  any            `json:"interface" validate:"eq=1"`
	}
	want := []payload.FieldError{
		{Field: "minString", Rule: "min", Message: "must have at least 3 characters"},
		{Field: "minOne", Rule: "min", Message: "must have at least 1 character"},
		{Field: "minNumber", Rule: "min", Message: "must be at least 3"},
		{Field: "minItems", Rule: "min", Message: "must have at least 3 items"},
		{Field: "minEntries", Rule: "min", Message: "must have at least 1 item"},
		{Field: "maxString", Rule: "max", Message: "must have at most 1 character"},
		{Field: "maxFloat", Rule: "max", Message: "must be at most 1.5"},
		{Field: "gtString", Rule: "gt", Message: "must have more than 2 characters"},
		{Field: "gtItems", Rule: "gt", Message: "must have more than 1 item"},
		{Field: "ltItems", Rule: "lt", Message: "must have fewer than 1 item"},
		{Field: "ltNumber", Rule: "lt", Message: "must be less than 1"},
		{Field: "ltNil", Rule: "lt", Message: "must be less than 1"},
		{Field: "lenString", Rule: "len", Message: "must have exactly 2 characters"},
		{Field: "lenItems", Rule: "len", Message: "must have exactly 2 items"},
		{Field: "lenNumber", Rule: "len", Message: "must be 2"},
		{Field: "wait", Rule: "gte", Message: "must be at least 1m"},
		{Field: "future", Rule: "gt", Message: "must be in the future"},
		{Field: "past", Rule: "lt", Message: "must be in the past"},
		{Field: "eqString", Rule: "eq", Message: "must be on"},
		{Field: "eqItems", Rule: "eq", Message: "must have exactly 1 item"},
		{Field: "neNumber", Rule: "ne", Message: "must not be 0"},
		{Field: "neItems", Rule: "ne", Message: "must not have 0 items"},
		{Field: "oneOf", Rule: "oneof", Message: "must be one of red, green, dark blue"},
		{Field: "oneOfInt", Rule: "oneof", Message: "must be one of 1, 2"},
		{Field: "noneOf", Rule: "noneof", Message: "must not be one of , b"},
		{Field: "url", Rule: "url", Message: "must be a URL"},
		{Field: "uuid", Rule: "uuid", Message: "must be a UUID"},
		{Field: "starts", Rule: "startswith", Message: "must start with a"},
		{Field: "date", Rule: "datetime", Message: "must be a time in the form 2006-01-02"},
		{Field: "unique", Rule: "unique", Message: "must not contain duplicates"},
		{Field: "with", Rule: "required_with", Message: "is required here"},
		{Field: "without", Rule: "excluded_without", Message: "must not be set here"},
		{Field: "either", Rule: "ipv4|ipv6", Message: "does not satisfy ipv4|ipv6"},
		{Field: "eqField", Rule: "eqfield", Message: "must be equal to eqString"},
		{Field: "cron", Rule: "cron", Message: "does not satisfy cron"},
		{Field: "struct", Rule: "required", Message: "is required"},
		{Field: "interface", Rule: "eq", Message: "must be 1"},
	}
	e := failure[fields](t, payload.Invalid, `{"maxString":"ab","maxFloat":2,"ltItems":[1],"ltNumber":1,"past":"2999-01-01T00:00:00Z",
		"neItems":[],"unique":[1,1],"without":[1],"eqField":"x","noneOf":"b"}`)
	for i := range max(len(want), len(e.Fields)) {
		if i >= len(want) || i >= len(e.Fields) {
			t.Fatalf("got %d fields, want %d: %+v", len(e.Fields), len(want), e.Fields)
		}
		if !reflect.DeepEqual(e.Fields[i], want[i]) {
			t.Errorf("got %+v, want %+v", e.Fields[i], want[i])
		}
	}
}
