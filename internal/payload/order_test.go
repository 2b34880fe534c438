package payload_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/motia-go/motia/internal/payload"
)

// Order is the payload of most tests: nested structs, a slice and a map to dive into.
type Order struct {
	ID       string             `json:"id" validate:"required"`
	Customer Customer           `json:"customer"`
	Items    []Item             `json:"items" validate:"required,min=1,dive"`
	Prices   map[string]float64 `json:"prices,omitempty" validate:"dive,keys,iso4217,endkeys,gt=0"`
	Currency string             `json:"currency" validate:"required,iso4217"`
	Note     *string            `json:"note,omitempty" validate:"omitempty,max=20"`
}

type Customer struct {
	Email   string   `json:"email" validate:"required,email"`
	Address *Address `json:"address,omitempty"`
}

type Address struct {
	Zip string `json:"zip" validate:"len=5"`
}

type Item struct {
	SKU   string  `json:"sku" validate:"required"`
	Qty   int     `json:"qty" validate:"gte=1,lte=1000"`
	Price float64 `json:"price" validate:"gt=0"`
}

// goodOrder is about 300 bytes long and has three items.
const goodOrder = `{"id":"ord_01HZX3","customer":{"email":"ada@example.com","address":{"zip":"10115"}},` +
	`"items":[{"sku":"keyboard-de","qty":1,"price":89.9},{"sku":"mouse-wireless","qty":2,"price":24.5},` +
	`{"sku":"usb-c-cable-2m","qty":3,"price":9.99}],"prices":{"EUR":168.87},"currency":"EUR","note":"leave at the door"}`

// codec makes a codec, which the test takes for granted.
func codec[T any](t testing.TB) *payload.Codec[T] {
	t.Helper()
	c, err := payload.For[T](nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// failure decodes data into a T and returns the error, which must be of the given kind.
func failure[T any](t *testing.T, kind payload.Kind, data string) *payload.Error {
	t.Helper()
	_, err := codec[T](t).Decode([]byte(data))
	e, ok := errors.AsType[*payload.Error](err)
	if !ok {
		t.Fatalf("decoding %.80q gives %v, want an error of kind %v", data, err, kind)
	}
	if e.Kind != kind {
		t.Fatalf("decoding %.80q gives %v, want kind %v", data, e, kind)
	}
	if len(e.Fields) == 0 {
		t.Fatalf("decoding %.80q gives an error without fields", data)
	}
	return e
}

// wantFields compares the fields of an error.
func wantFields(t *testing.T, e *payload.Error, want ...payload.FieldError) {
	t.Helper()
	if !reflect.DeepEqual(e.Fields, want) {
		t.Errorf("got fields\n%+v, want\n%+v", e.Fields, want)
	}
}
