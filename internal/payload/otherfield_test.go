package payload_test

import (
	"testing"
	"time"

	"github.com/motia-go/motia/internal/payload"
)

type period struct {
	From  time.Time  `json:"from"`
	Until *time.Time `json:"until" validate:"omitempty,gtfield=From"`
}

type Login struct {
	Password string `json:"pass"`
}

type signUp struct {
	Login
	Confirm string   `json:"confirm" validate:"eqfield=Password"`
	User    string   `json:"user" validate:"omitempty,nefield=Login.Password"`
	Short   string   `json:"short" validate:"ltfield=Password"`
	Min     int      `json:"min"`
	Max     int      `json:"max" validate:"gtefield=Min"`
	Each    []int    `json:"each" validate:"dive,ltefield=Max"`
	Periods []period `json:"periods" validate:"dive"`
	Nested  struct {
		Limit  int    `json:"limit" validate:"ltecsfield=Max"`
		First  int    `json:"first" validate:"eqcsfield=Each[0]"`
		Secret string `json:"secret" validate:"omitempty,fieldexcludes=Hint"`
		Hint   string `json:"hint"`
		Gone   string `json:"gone" validate:"omitempty,eqfield=Nowhere"`
	} `json:"nested"`
}

func TestMessagesNameOtherFieldsAsJSONDoes(t *testing.T) {
	const text = `{"pass":"12","user":"12","short":"12","min":2,"max":1,"each":[1,2],
		"periods":[{"from":"2026-01-02T00:00:00Z"},{"from":"2026-01-02T00:00:00Z","until":"2026-01-01T00:00:00Z"}],
		"nested":{"limit":2,"secret":"ab","hint":"b","gone":"x"}}`
	want := []payload.FieldError{
		{Field: "confirm", Rule: "eqfield", Message: "must be equal to pass"},
		{Field: "user", Rule: "nefield", Message: "must not be equal to pass"},
		{Field: "short", Rule: "ltfield", Message: "must be shorter than pass"},
		{Field: "max", Rule: "gtefield", Message: "must be at least min"},
		{Field: "each[1]", Rule: "ltefield", Message: "must be at most max"},
		{Field: "periods[1].until", Rule: "gtfield", Message: "must be later than from"},
		{Field: "nested.limit", Rule: "ltecsfield", Message: "must be at most max"},
		{Field: "nested.first", Rule: "eqcsfield", Message: "must be equal to each[0]"},
		{Field: "nested.secret", Rule: "fieldexcludes", Message: "does not satisfy fieldexcludes=hint"},
		{Field: "nested.gone", Rule: "eqfield", Message: "does not satisfy eqfield"},
	}
	wantFields(t, failure[signUp](t, payload.Invalid, text), want...)
	wantFields(t, failure[*signUp](t, payload.Invalid, text), want...)
	wantFields(t, failure[struct {
		signUp
		Extra signUp `json:"extra" validate:"-"`
	}](t, payload.Invalid, text), want...)
	wantFields(t, failure[map[string][]period](t, payload.Invalid, `{"a.b]":[{"from":"2026-01-02T00:00:00Z","until":"2026-01-01T00:00:00Z"}]}`),
		payload.FieldError{Field: "[a.b]][0].until", Rule: "gtfield", Message: "does not satisfy gtfield"})
}
