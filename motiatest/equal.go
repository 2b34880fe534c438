package motiatest

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/motia-go/motia/internal/jsontext"
)

// Equal fails the test, and shows the difference, unless want and got are the same JSON. Both are encoded, except
// that a string, a []byte or a *bytes.Buffer that holds JSON is used as it is, so that want may be written as JSON
// and got may be the body of a response. The order of members does not matter. Numbers are compared by their digits.
func Equal(t TB, want, got any) bool {
	t.Helper()
	wanted, err := normal(want)
	if err != nil {
		t.Errorf("motiatest: want cannot be encoded as JSON: %v", err)
		return false
	}
	gotten, err := normal(got)
	if err != nil {
		t.Errorf("motiatest: got cannot be encoded as JSON: %v", err)
		return false
	}
	if wanted == gotten {
		return true
	}
	t.Errorf("not equal (- expected, + got):\n%s", diff(wanted, gotten))
	return false
}

// normal returns the value as indented JSON with sorted members.
func normal(v any) (string, error) {
	var text []byte
	switch v := v.(type) {
	case string:
		text = []byte(v)
	case []byte:
		text = v
	case json.RawMessage:
		text = v
	case fmt.Stringer:
		if buffer, ok := v.(*bytes.Buffer); ok {
			text = buffer.Bytes()
		}
	}
	if text == nil || !json.Valid(text) {
		if text != nil {
			v = string(text)
		}
		encoded, err := jsontext.Marshal(v)
		if err != nil {
			return "", err
		}
		text = encoded
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber() // keeps large integers exact
	var plain any
	if err := decoder.Decode(&plain); err != nil {
		return "", err
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(plain) // sorts members
	return out.String(), err
}
