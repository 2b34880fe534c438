package payload_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia/internal/payload"
)

func TestABodyIsJSONByItsTypeItsSuffixOrWithoutAny(t *testing.T) {
	for _, header := range [][]string{
		nil, {""}, {"application/json"}, {"Application/JSON"}, {"application/json; charset=utf-8"}, {"application/vnd.acme.v1+json"},
	} {
		require.NoError(t, payload.CheckMediaType(header), header)
	}
	for _, header := range [][]string{
		{"text/plain"}, {"text/json"}, {"application/xml"}, {"application/jsonp"}, {"json"}, {"text/x+json"}, {"application/json", "text/plain"},
	} {
		require.Error(t, payload.CheckMediaType(header), header)
	}
}
