package jsonops_test

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia/internal/jsonops"
)

// FuzzApply checks updates against the model, and that text that is not JSON causes at most an odd result.
func FuzzApply(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":"x"}],"n":41}`), []byte(`[{"type":"increment","path":"n","by":1},{"type":"set","path":"a.1.b","value":null}]`))
	f.Add([]byte(``), []byte(`[{"type":"merge","value":{"a":{}}},{"type":"append","path":"a.list","values":[1,2]}]`))
	f.Add([]byte(`{"a":1,"\u0061":2,"b":{"a\\":0}}`), []byte(`[{"type":"delete","path":"a"},{"type":"decrement","path":"b.a\\\\","value":18446744073709551615}]`))
	f.Add([]byte(`[[],{"":{}},"]"]`), []byte(`[{"type":"remove","path":"2"},{"type":"append","path":"0","value":[]},{"type":"set","path":"2","value":0}]`))
	f.Add([]byte(`{"n":9223372036854775807}`), []byte(`[{"type":"increment","path":"n","by":1},{"type":"increment","path":"n","by":0.5}]`))
	f.Add([]byte(`{"a":[}`), []byte(`[{"type":"set","path":"a.0","value":1}]`))
	f.Fuzz(func(t *testing.T, doc, text []byte) {
		var ops []jsonops.Op
		if json.Unmarshal(text, &ops) != nil {
			return
		}
		if len(doc) > 0 && !json.Valid(doc) {
			_, _ = jsonops.Apply(doc, ops, jsonops.Limits{})
			return
		}
		checkModel(t, doc, ops)
	})
}

// FuzzPath checks the syntax of paths against the model, and that JoinPath undoes SplitPath.
func FuzzPath(f *testing.F) {
	for _, path := range []string{"", "a.b.2", `a\.b`, `\\.\\`, `a\`, "..", `a\b`, "\xff.é", `\\\..`} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		want, wantErr := modelPath(path)
		got, err := jsonops.SplitPath(path, nil, len(path)+1)
		if wantErr != nil {
			require.Error(t, err)
			return
		}
		require.NoError(t, err)
		require.Equal(t, want, got)
		for _, component := range got {
			require.True(t, utf8.ValidString(component))
		}
		if utf8.ValidString(path) {
			require.Equal(t, path, jsonops.JoinPath(got...))
		}
		if len(got) > 0 {
			_, err = jsonops.SplitPath(path, nil, len(got))
			require.NoError(t, err)
			_, err = jsonops.SplitPath(path, nil, len(got)-1)
			require.Error(t, err)
		}
	})
}

// FuzzOpJSON checks that an operation that was read is written in a form that reads the same.
func FuzzOpJSON(f *testing.F) {
	for _, text := range []string{
		`{"type":"set","path":"a","value":1}`, `{"type":"remove","path":"a"}`, `{"type":"increment","path":"a","value":1,"by":2}`,
		`{"type":"merge","value":{"<":"&"}}`, `{"type":"append","value":null,"values":[ 1 , "\u2028" ]}`, `{"type":"append","values":[]}`, `null`,
		`{"type":"delete","path":null}`, `{"type":"decrement","path":"\ud800","by":-0.5e1}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var first, second jsonops.Op
		if json.Unmarshal(text, &first) != nil {
			require.Zero(t, first)
			return
		}
		written, err := json.Marshal(first)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(written, &second))
		again, err := json.Marshal(second)
		require.NoError(t, err)
		require.Equal(t, string(written), string(again))
		require.Equal(t, first.Kind, second.Kind)
		require.Equal(t, first.Path, second.Path)
		require.Equal(t, len(first.Values), len(second.Values))
	})
}
