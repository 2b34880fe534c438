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

func TestEveryBrokenRuleIsReportedAtOnceWithItsJSONPath(t *testing.T) {
	e := failure[Order](t, payload.Invalid, `{
		"customer": {"email": "ada", "address": {"zip": "123"}},
		"items": [{"sku": "a", "qty": 0, "price": 1}, {"qty": 1001, "price": -1}],
		"prices": {"EUR": 0},
		"currency": "euro",
		"note": "much too long for a note"}`)
	wantFields(t, e,
		payload.FieldError{Field: "id", Rule: "required", Message: "is required"},
		payload.FieldError{Field: "customer.email", Rule: "email", Message: "must be an email address"},
		payload.FieldError{Field: "customer.address.zip", Rule: "len", Message: "must have exactly 5 characters"},
		payload.FieldError{Field: "items[0].qty", Rule: "gte", Message: "must be at least 1"},
		payload.FieldError{Field: "items[1].sku", Rule: "required", Message: "is required"},
		payload.FieldError{Field: "items[1].qty", Rule: "lte", Message: "must be at most 1000"},
		payload.FieldError{Field: "items[1].price", Rule: "gt", Message: "must be greater than 0"},
		payload.FieldError{Field: "prices[EUR]", Rule: "gt", Message: "must be greater than 0"},
		payload.FieldError{Field: "currency", Rule: "iso4217", Message: "must be an ISO 4217 currency code"},
		payload.FieldError{Field: "note", Rule: "max", Message: "must have at most 20 characters"},
	)
	if !strings.HasPrefix(e.Error(), "invalid payload: id is required; customer.email must be an email address; ") {
		t.Errorf("got %q", e)
	}
	if _, ok := errors.AsType[validator.ValidationErrors](error(e)); !ok {
		t.Errorf("got %v", e.Err)
	}
}

func TestNullForAStructIsAStructWithoutFields(t *testing.T) {
	e := failure[Item](t, payload.Invalid, `null`)
	if len(e.Fields) != 3 {
		t.Errorf("got %v", e)
	}
}

// generic structs have dots in their names.
type page[T any] struct {
	Entries []T `json:"entries" validate:"required,dive"`
}

type paging struct {
	Limit int `json:"limit" validate:"max=10"`
}

type Sorting struct {
	By string `json:"by" validate:"required"`
}

type search struct {
	paging
	*Sorting
	Named paging `json:"named"`
	Tag   paging `json:",omitempty"`
	paged `json:"paged"`
	Self  int `json:"search" validate:"max=10"`
}

type paged struct {
	Size int `json:"size" validate:"max=10"`
}

func TestPathsHaveTheNamesThatJSONUses(t *testing.T) {
	type tags struct {
		None   string `validate:"required"`
		Comma  string `json:",omitempty" validate:"required"`
		Hidden string `json:"-" validate:"required"`
		//lint:ignore SA5008 a field named - is what this is about
		Dash    string `json:"-," validate:"required"`
		Options string `json:"options,omitempty,string" validate:"required"`
		Dotted  string `json:"a.b" validate:"required"`
	}
	type deep struct {
		M map[string]map[int][]Item `json:"m" validate:"dive,dive,dive"`
	}
	for _, test := range []struct {
		name string
		got  *payload.Error
		want []string
	}{
		{"tags of every form", failure[tags](t, payload.Invalid, `{}`), []string{"None", "Comma", "Hidden", "-", "options", "a.b"}},
		{"embedded structs", failure[search](t, payload.Invalid, `{"limit":11,"by":"","named":{"limit":11},"Tag":{"limit":11},"paged":{"size":11},"search":11}`),
			[]string{"limit", "by", "named.limit", "Tag.limit", "paged.size", "search"}},
		{"embedded in a struct without a name", failure[struct {
			paging
			Other paging `json:"other"`
		}](t, payload.Invalid, `{"limit":11,"other":{"limit":11}}`), []string{"limit", "other.limit"}},
		{"a field named like an embedded type", failure[struct {
			P paging `json:"paging"`
		}](t, payload.Invalid, `{"paging":{"limit":11}}`), []string{"paging.limit"}},
		{"generic struct", failure[page[Item]](t, payload.Invalid, `{"entries":[{"sku":"a","qty":1}]}`), []string{"entries[0].price"}},
		{"pointer", failure[*Item](t, payload.Invalid, `{"sku":"a","qty":1}`), []string{"price"}},
		{"pointer to pointer", failure[**Item](t, payload.Invalid, `{"sku":"a","qty":1}`), []string{"price"}},
		{"slice", failure[[]Item](t, payload.Invalid, `[{"sku":"a","qty":1,"price":1},{"sku":"a","price":1}]`), []string{"[1].qty"}},
		{"slice of pointers", failure[[]*Item](t, payload.Invalid, `[null,{"sku":"a","price":1}]`), []string{"[1].qty"}},
		{"slice of slices", failure[[][]Item](t, payload.Invalid, `[[],[{"sku":"a","price":1}]]`), []string{"[1][0].qty"}},
		{"pointers to slices", failure[*[]*[]*Item](t, payload.Invalid, `[null,[null,{"sku":"a","price":1}]]`), []string{"[1][1].qty"}},
		{"array", failure[[2]Item](t, payload.Invalid, `[{"sku":"a","qty":1,"price":1},{"sku":"a","price":1}]`), []string{"[1].qty"}},
		{"map", failure[map[string]Item](t, payload.Invalid, `{"a b":{"sku":"a","price":1}}`), []string{"[a b].qty"}},
		{"maps in maps", failure[deep](t, payload.Invalid, `{"m":{"x":{"7":[{"sku":"a","price":1}]}}}`), []string{"m[x][7][0].qty"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, f := range test.got.Fields {
				got = append(got, f.Field)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestManyBrokenRulesAreCountedNotListed(t *testing.T) {
	e := failure[[]Item](t, payload.Invalid, "["+strings.Repeat("{},", 999)+"{}]")
	if len(e.Fields) != payload.MaxFields || e.Omitted != 3000-payload.MaxFields {
		t.Errorf("got %d fields, %d omitted", len(e.Fields), e.Omitted)
	}
	if text := e.Error(); !strings.HasSuffix(text, "; [3].sku is required; and 2990 more") {
		t.Errorf("got %q", text)
	}
}

func TestARuleThatDoesNotSuitWhatTheSenderChoseIsAnErrorNotAPanic(t *testing.T) {
	type anything struct {
		Value any `json:"value" validate:"min=1"`
	}
	e := failure[anything](t, payload.Invalid, `{"value":true}`)
	wantFields(t, e, unsuitable("value"))
	if e.Err.Error() != "Bad field type bool" {
		t.Errorf("got %v", e.Err)
	}
	e = failure[anything](t, payload.Invalid, `{"value":""}`)
	wantFields(t, e, payload.FieldError{Field: "value", Rule: "min", Message: "must have at least 1 character"})
	failure[anything](t, payload.Invalid, `{}`)

	type list struct {
		ID   string `json:"id" validate:"required"`
		Tags []any  `json:"tags" validate:"unique"`
	}
	type lists struct {
		ByName map[string][]list `json:"byName" validate:"dive,dive"`
	}
	wantFields(t, failure[list](t, payload.Invalid, `{"tags":[{}]}`), unsuitable("tags"))
	wantFields(t, failure[lists](t, payload.Invalid, `{"byName":{"a":[{"id":"x"},{"id":"y","tags":[[]]}]}}`), unsuitable("byName[a][1].tags"))
	wantFields(t, failure[*lists](t, payload.Invalid, `{"byName":{"a":[{"tags":[[]]}]}}`), unsuitable("")) // cannot be told
	wantFields(t, failure[struct {
		paging
		Any any `json:"any" validate:"min=1"`
	}](t, payload.Invalid, `{"any":true}`), unsuitable("any"))
}

func unsuitable(field string) payload.FieldError {
	return payload.FieldError{Field: field, Rule: "type", Message: "has or contains a value that its rules do not apply to"}
}

func TestAPanicInARegisteredRuleIsNotBlamedOnThePayload(t *testing.T) {
	v := payload.NewTags(func(v *validator.Validate) error {
		return v.RegisterValidation("explodes", func(fl validator.FieldLevel) bool {
			if fl.Field().String() == "boom" {
				panic(fmt.Errorf("bug"))
			}
			return true
		})
	})
	type bomb struct {
		Fuse string `json:"fuse" validate:"explodes"`
	}
	c, err := payload.For[bomb](v)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if r := recover(); r == nil || fmt.Sprint(r) != "bug" {
			t.Errorf("recovered %v", r)
		}
	}()
	_, err = c.Decode([]byte(`{"fuse":"boom"}`))
	t.Errorf("returned %v", err)
}

func TestRegisteredRulesAndAliasesWork(t *testing.T) {
	v := payload.NewTags(func(v *validator.Validate) error {
		v.RegisterAlias("quantity", "gte=1,lte=5")
		return v.RegisterValidation("even", func(fl validator.FieldLevel) bool { return fl.Field().Int()%2 == 0 })
	})
	type pairs struct {
		Count int `json:"count" validate:"quantity,even"`
	}
	c, err := payload.For[pairs](v)
	if err != nil {
		t.Fatal(err)
	}
	for data, want := range map[string]string{
		`{"count":2}`: "",
		`{"count":3}`: "invalid payload: count does not satisfy even",
		`{"count":6}`: "invalid payload: count does not satisfy quantity=5",
	} {
		_, err := c.Decode([]byte(data))
		if got := fmt.Sprint(err); got != want && (want != "" || err != nil) {
			t.Errorf("decoding %s gives %v, want %s", data, got, want)
		}
	}
}
