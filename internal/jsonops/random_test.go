package jsonops_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
	"github.com/tidwall/sjson"

	"github.com/motia-go/motia/internal/jsonops"
)

// generator makes documents and operations from few keys, so that they often meet.
type generator struct{ *rand.Rand }

var (
	someKeys    = []string{"a", "b", "a.b", "", "0", "1", "2", `\`, `"`, "é", "\ufffd", "\x01", "<"}
	sameKeys    = map[string][]string{"a": {`"\u0061"`}, "é": {`"\u00e9"`, `"\u00E9"`}, "\ufffd": {"\"\xff\"", `"\ud800"`}, "<": {`"<"`}}
	someNumbers = []string{
		"0", "-0", "1", "-1", "7", "1.5", "-2.25", "1e3", "0.1", "1e-9", "1e300", "9007199254740993", "9223372036854775807",
		"9223372036854775808", "-9223372036854775808", "18446744073709551615", "-18446744073709551615", "18446744073709551616", "1e400",
	}
)

func pick[T any](g generator, from []T) T { return from[g.IntN(len(from))] }

func (g generator) space() string {
	if g.IntN(4) > 0 {
		return ""
	}
	return pick(g, []string{" ", "\n", "\t \r"})
}

func (g generator) key() string {
	key := pick(g, someKeys)
	if spellings := sameKeys[key]; spellings != nil && g.IntN(2) == 0 {
		return pick(g, spellings)
	}
	text, err := json.Marshal(key)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func (g generator) value(depth int) string {
	kind := g.IntN(10)
	if depth == 0 {
		kind = g.IntN(4)
	}
	var b strings.Builder
	b.WriteString(g.space())
	switch {
	case kind == 0:
		b.WriteString(pick(g, []string{"null", "true", "false"}))
	case kind == 1:
		b.WriteString(pick(g, []string{`""`, `"x"`, `"}]"`, `"\""`, `"\\"`, `"{[\\\",:"`, `"é"`}))
	case kind < 4:
		b.WriteString(pick(g, someNumbers))
	case kind < 8:
		b.WriteByte('{')
		for i := range g.IntN(5) {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(g.space() + g.key() + g.space() + ":" + g.value(depth-1))
		}
		b.WriteString(g.space() + "}")
	default:
		b.WriteByte('[')
		for i := range g.IntN(4) {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(g.value(depth - 1))
		}
		b.WriteString(g.space() + "]")
	}
	b.WriteString(g.space())
	return b.String()
}

func (g generator) op() jsonops.Op {
	kinds := []jsonops.Kind{jsonops.Set, jsonops.Delete, jsonops.Increment, jsonops.Decrement, jsonops.Merge, jsonops.Append}
	path := make([]string, g.IntN(4))
	for i := range path {
		path[i] = pick(g, someKeys)
	}
	o := jsonops.Op{Kind: pick(g, kinds), Path: jsonops.JoinPath(path...)}
	switch o.Kind {
	case jsonops.Delete:
		return o
	case jsonops.Increment, jsonops.Decrement:
		o.Value = json.RawMessage(pick(g, someNumbers))
		return o
	case jsonops.Append:
		o.Values = []json.RawMessage{}
		for range g.IntN(3) {
			o.Values = append(o.Values, json.RawMessage(g.value(1)))
		}
	}
	o.Value = json.RawMessage(g.value(2))
	if o.Kind == jsonops.Merge {
		for tries := 0; tries < 10 && bytes.TrimSpace(o.Value)[0] != '{'; tries++ {
			o.Value = json.RawMessage(g.value(2))
		}
	}
	return o
}

func TestRandomUpdatesAgreeWithTheModel(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(1, 2))}
	applied := 0
	for range 20_000 {
		var doc []byte
		if g.IntN(10) > 0 {
			doc = []byte(g.value(4))
		}
		ops := make([]jsonops.Op, 1+g.IntN(3))
		for i := range ops {
			ops[i] = g.op()
		}
		if checkModel(t, doc, ops) {
			applied++
		}
	}
	require.Greater(t, applied, 4_000, "too few of the updates fit")
}

// checkModel applies the operations both ways and reports whether they succeed.
func checkModel(t *testing.T, doc []byte, ops []jsonops.Op) bool {
	t.Helper()
	before := bytes.Clone(doc)
	got, err := jsonops.Apply(doc, ops, jsonops.Limits{})
	require.True(t, bytes.Equal(before, doc), "document written to: %q %+v", before, ops)

	want, wantErr := applyModel(doc, ops, 32)
	if wantErr != nil {
		require.Errorf(t, err, "doc %q, ops %s: got %q", doc, spell(ops), got)
		require.IsType(t, (*jsonops.Error)(nil), err)
		require.Nil(t, got)
		return false
	}
	require.NoErrorf(t, err, "doc %q, ops %s", doc, spell(ops))
	require.Truef(t, json.Valid(got), "doc %q, ops %s: %q is not valid", doc, spell(ops), got)
	require.Truef(t, same(want, decode(got)), "doc %q, ops %s: got %q, want %v", doc, spell(ops), got, want)
	return true
}

func spell(ops []jsonops.Op) string {
	text, err := json.Marshal(ops)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// For paths that mean the same in sjson, it must have the same result.
func TestPlainPathsAgreeWithSjson(t *testing.T) {
	doc := []byte(`{"user":{"name":"Ann","tags":["x","y"],"age":30},"list":[{"a":1},{"a":2}],"n":null}`)
	for _, path := range []string{"user.name", "user.tags.0", "list.1.a", "n", "new", "user.new", "new.a.b", "list.0.new.b"} {
		want, err := sjson.SetRawBytes(doc, path, []byte(`{"z":[1]}`))
		require.NoError(t, err)
		got, err := jsonops.Apply(doc, list(set(path, `{"z":[1]}`)), jsonops.Limits{})
		require.NoError(t, err)
		require.JSONEq(t, string(want), string(got), path)
		require.Equal(t, `{"z":[1]}`, gjson.GetBytes(got, path).Raw, path)

		want, err = sjson.DeleteBytes(doc, path)
		require.NoError(t, err)
		got, err = jsonops.Apply(doc, list(del(path)), jsonops.Limits{})
		require.NoError(t, err)
		require.JSONEq(t, string(want), string(got), path)
	}
}
