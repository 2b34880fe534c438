package payload_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/motia-go/motia/internal/payload"
)

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		"", " ", "null", goodOrder, goodOrder[:100], `{"items":[{"qty":"x"}]}`, `{"customer":{"address":{"zip":5}}}`,
		`{"prices":{"EUR":"x","":1}}`, `[[[[1,"\"]",{}]]]]`, `{"a":1,"a":{"b":[1e999]}}`, "\"\xff\"", "\uFEFF{}", `{"int8":300}`,
		`{"custom":{"values":[1,"2"]}}`, `{"at":"x"}`, `{"quoted":5}`, `{"times":[{"b":{"from":"now"}}]}`, "tru", "-", "1.",
		strings.Repeat("[", 200), `{"byNumber":{"x":""}}`, `{"pair":[1,2,"3"],"int":"x"}`, `{"value":1,"next":[{"next":[{"value":[]}]}]}`,
	} {
		f.Add([]byte(seed))
	}
	orders, plain, trees := codec[Order](f), codec[everything](f), codec[branch](f)
	lists, anything, raw := codec[map[string][]*Item](f), codec[any](f), codec[json.RawMessage](f)
	f.Fuzz(func(t *testing.T, data []byte) {
		agrees(t, orders, data)
		agrees(t, plain, data)
		agrees(t, trees, data)
		agrees(t, lists, data)
		agrees(t, anything, data)
		agrees(t, raw, data)
	})
}

// agrees compares the codec with json.Unmarshal.
func agrees[T any](t *testing.T, c *payload.Codec[T], data []byte) {
	t.Helper()
	var want T
	wantErr := json.Unmarshal(data, &want)
	got, err := c.Decode(data)
	e, _ := errors.AsType[*payload.Error](err)
	switch {
	case err == nil:
		if wantErr != nil || !utf8.Valid(data) {
			t.Fatalf("decoded %q, but json.Unmarshal says %v", data, wantErr)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("decoded %q to %+v, want %+v", data, got, want)
		}
		return
	case e == nil:
		t.Fatalf("decoding %q gives an error of type %T: %v", data, err, err)
	case !utf8.Valid(data):
		if e.Kind != payload.Malformed {
			t.Fatalf("%q is not UTF-8, but the error is %v", data, err)
		}
	case !json.Valid(data):
		if e.Kind != payload.Malformed {
			t.Fatalf("%q is not JSON, but the error is %v", data, err)
		}
	case wantErr != nil:
		if e.Kind != payload.WrongType {
			t.Fatalf("json.Unmarshal says %v about %q, but the error is %v", wantErr, data, err)
		}
	case e.Kind == payload.WrongType && judgedAsTheStrictestDoes(data):
	case e.Kind != payload.Invalid || !c.Validates():
		t.Fatalf("json.Unmarshal decodes %q, but the error is %v", data, err)
	}
	if len(e.Fields) == 0 || len(e.Fields) > payload.MaxFields || !utf8.ValidString(e.Error()) {
		t.Fatalf("decoding %q gives %d fields and the text %q", data, len(e.Fields), e)
	}
	if p := e.Position; e.Kind == payload.Malformed && (p.Offset < 0 || p.Offset > len(data) || p.Line < 1 || p.Column < 1) {
		t.Fatalf("%q is malformed at %+v", data, p)
	}
}

// judgedAsTheStrictestDoes reports whether the text has one of the members of everything on which Go releases
// disagree.
func judgedAsTheStrictestDoes(data []byte) bool {
	var members map[string]json.RawMessage
	_ = json.Unmarshal(data, &members)
	for name := range members {
		if strings.EqualFold(name, "quoted") || strings.EqualFold(name, "byNumber") {
			return true
		}
	}
	return false
}
