package payload_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-playground/validator/v10"

	"github.com/motia-go/motia/internal/payload"
)

func TestAFuncValidatesEveryPayloadInPlaceOfTheTags(t *testing.T) {
	var given any
	broken := []payload.FieldError{{Field: "sku", Rule: "stock", Message: "is not in stock"}}
	c, err := payload.For[Item](payload.Func(func(value any) []payload.FieldError {
		given = value
		return broken
	}))
	if err != nil {
		t.Fatal(err)
	}
	var item Item
	err = c.DecodeInto([]byte(`{}`), &item)
	e, ok := errors.AsType[*payload.Error](err)
	if !ok || e.Kind != payload.Invalid || !slices.Equal(e.Fields, broken) || e.Error() != "invalid payload: sku is not in stock" {
		t.Errorf("got %v", err)
	}
	if given != &item {
		t.Errorf("got %#v, want the pointer that was given", given)
	}
	broken = nil
	if err := c.Validate(&item); err != nil {
		t.Error(err)
	}
}

func TestAFuncKnowsNothingOfTags(t *testing.T) {
	valid := payload.Func(func(any) []payload.FieldError { return nil })
	if err := payload.Check[badParam](valid); err != nil {
		t.Error(err)
	}
	if payload.Check[map[struct{}]int](valid) == nil {
		t.Error("JSON cannot be decoded into the type")
	}
}

func TestManyFieldErrorsOfAFuncAreCountedNotListed(t *testing.T) {
	c, err := payload.For[int](payload.Func(func(any) []payload.FieldError {
		return make([]payload.FieldError, payload.MaxFields+5)
	}))
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Decode([]byte(`1`))
	if e, ok := errors.AsType[*payload.Error](err); !ok || len(e.Fields) != payload.MaxFields || e.Omitted != 5 {
		t.Errorf("got %v", err)
	}
}

func TestTagsValidateValuesThatNoCodecHasDecoded(t *testing.T) {
	tags := payload.NewTags()
	want := []payload.FieldError{{Field: "price", Rule: "gt", Message: "must be greater than 0"}}
	for range 2 { // the second time from what it knows
		if got := tags.Validate(&Item{SKU: "a", Qty: 1, Price: -1}); !slices.Equal(got, want) {
			t.Errorf("got %v", got)
		}
	}
	item := &Item{SKU: "a", Qty: 1, Price: 1}
	none := (*Item)(nil)
	for _, value := range []any{item, &item, &none, new("text"), &[]Item{*item}} {
		if got := tags.Validate(value); got != nil {
			t.Errorf("got %v", got)
		}
	}
	if got := tags.Validate(new([500]Item)); len(got) != payload.MaxFields {
		t.Errorf("got %d fields", len(got))
	}
}

func TestMistakesInTagsAreAPanicWhereNoCodecHasFoundThem(t *testing.T) {
	failing := payload.NewTags(func(*validator.Validate) error { return errors.New("first") }, func(*validator.Validate) error { return errors.New("second") })
	if got := fmt.Sprint(failing.Err()); got != "first\nsecond" {
		t.Errorf("got %q", got)
	}
	for _, test := range []struct {
		tags  *payload.Tags
		value any
		want  string
	}{
		{payload.NewTags(), new(badParam), `field badParam.Qty: bad rule "gte=one" in validate tag`},
		{failing, new(Item), "first\nsecond"},
	} {
		func() {
			defer func() {
				if err, ok := recover().(error); !ok || !strings.Contains(err.Error(), test.want) {
					t.Errorf("got %v, want %q in it", err, test.want)
				}
			}()
			t.Errorf("returned %v", test.tags.Validate(test.value))
		}()
	}
}
