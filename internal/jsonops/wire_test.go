package jsonops_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia/internal/jsonops"
)

func TestOpFromJSON(t *testing.T) {
	for _, c := range []struct {
		sentence, text string
		want           jsonops.Op
	}{
		{"set", `{"type":"set","path":"a","value":{"x":1}}`, set("a", `{"x":1}`)},
		{"set to null", `{"type":"set","path":"a","value":null}`, set("a", `null`)},
		{"set of the whole value", `{"type":"set","path":"","value":1}`, set("", `1`)},
		{"delete", `{"type":"delete","path":"a"}`, del("a")},
		{"remove is delete", `{"type":"remove","path":"a"}`, del("a")},
		{"delete ignores a value", `{"type":"delete","path":"a","value":1}`, del("a")},
		{"increment by", `{"type":"increment","path":"a","by":2}`, increment("a", `2`)},
		{"increment with a value", `{"type":"increment","path":"a","value":2}`, increment("a", `2`)},
		{"by goes before value", `{"type":"increment","path":"a","value":2,"by":3}`, increment("a", `3`)},
		{"decrement by", `{"type":"decrement","path":"a","by":1.5}`, decrement("a", `1.5`)},
		{"decrement with a value, all digits kept", `{"type":"decrement","path":"a","value":18446744073709551615}`, decrement("a", `18446744073709551615`)},
		{"merge", `{"type":"merge","path":"a","value":{}}`, merge("a", `{}`)},
		{"merge into the whole value", `{"type":"merge","value":{}}`, merge("", `{}`)},
		{"append", `{"type":"append","path":"a","value":[1]}`, appendOne("a", `[1]`)},
		{"append to the whole value", `{"type":"append","path":null,"value":1}`, appendOne("", `1`)},
		{"append of several values", `{"type":"append","path":"a","values":[1,null]}`, appendAll("a", `1`, `null`)},
		{"append of no values", `{"type":"append","path":"a","values":[]}`, appendAll("a")},
		{"members that mean nothing are ignored", `{"type":"set","path":"a","value":1,"comment":[{}],"by":2}`, set("a", `1`)},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			got := jsonops.Op{Kind: "old", Path: "old", Values: []json.RawMessage{}}
			require.NoError(t, json.Unmarshal([]byte(c.text), &got))
			assert.Equal(t, c.want, got)
		})
	}
}

func TestOpFromJSONRefuses(t *testing.T) {
	for _, c := range []struct{ sentence, text, want string }{
		{"an unknown type", `{"type":"rename","path":"a"}`, `unknown operation "rename"`},
		{"a type in other letters", `{"type":"Set","path":"a","value":1}`, `unknown operation "Set"`},
		{"no type", `{"path":"a","value":1}`, `operation without "type"`},
		{"set without a path", `{"type":"set","value":1}`, `operation "set" without "path"`},
		{"set without a value", `{"type":"set","path":"a"}`, `operation "set" without "value"`},
		{"remove without a path", `{"type":"remove"}`, `operation "remove" without "path"`},
		{"increment without a path", `{"type":"increment","by":1}`, `operation "increment" without "path"`},
		{"increment without a number", `{"type":"increment","path":"a"}`, `operation "increment" without "by" or "value"`},
		{"decrement without a number", `{"type":"decrement","path":"a"}`, `operation "decrement" without "by" or "value"`},
		{"merge without a value", `{"type":"merge","path":"a"}`, `operation "merge" without "value"`},
		{"append without a value", `{"type":"append","path":"a"}`, `operation "append" without "value" or "values"`},
		{"append of null for several values", `{"type":"append","values":null}`, `operation "append" without "value" or "values"`},
		{"null", `null`, `an operation is an object, not null`},
		{"a list", `[]`, `an operation is an object, not an array`},
		{"a path that is no string", `{"type":"set","path":["a"],"value":1}`, `operation: "path" is an array, not a string`},
		{"a type that is no string", `{"type":5,"path":"a"}`, `operation: "type" is a number, not a string`},
		{"values that are no array", `{"type":"append","values":{"a":1}}`, `operation: "values" is an object, not an array`},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			var got jsonops.Op
			assert.EqualError(t, json.Unmarshal([]byte(c.text), &got), c.want)
			assert.Zero(t, got)
		})
	}
}

func TestOpFromTextThatIsNotJSON(t *testing.T) {
	assert.EqualError(t, new(jsonops.Op).UnmarshalJSON([]byte(`{"type":`)), "operation is not JSON")
}

func TestOpToJSON(t *testing.T) {
	for _, c := range []struct {
		op   jsonops.Op
		want string
	}{
		{set("a.b", `1`), `{"type":"set","path":"a.b","value":1}`},
		{set("", `null`), `{"type":"set","path":"","value":null}`},
		{del("a"), `{"type":"delete","path":"a"}`},
		{increment("a", `1`), `{"type":"increment","path":"a","by":1}`},
		{decrement("a", `1`), `{"type":"decrement","path":"a","by":1}`},
		{merge("", `{}`), `{"type":"merge","path":"","value":{}}`},
		{appendOne("a", `1`), `{"type":"append","path":"a","value":1}`},
		{appendAll("a", `1`, `2`), `{"type":"append","path":"a","values":[1,2]}`},
		{appendAll("a"), `{"type":"append","path":"a","values":[]}`},
	} {
		got, err := json.Marshal(c.op)
		require.NoError(t, err)
		assert.Equal(t, c.want, string(got))
		var back jsonops.Op
		require.NoError(t, json.Unmarshal(got, &back))
		assert.Equal(t, c.op, back)
	}
	for _, bad := range []jsonops.Op{{}, {Kind: "rename"}, {Kind: jsonops.Set, Path: "a"}, {Kind: jsonops.Append, Path: "a"}} {
		_, err := json.Marshal(bad)
		assert.Error(t, err, "%+v", bad)
	}
}
