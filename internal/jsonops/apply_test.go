package jsonops_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia/internal/jsonops"
)

// missing stands for a key that does not exist.
const missing = ""

func op(kind jsonops.Kind, path, value string) jsonops.Op {
	o := jsonops.Op{Kind: kind, Path: path}
	if value != "" {
		o.Value = json.RawMessage(value)
	}
	return o
}

func set(path, value string) jsonops.Op       { return op(jsonops.Set, path, value) }
func del(path string) jsonops.Op              { return op(jsonops.Delete, path, "") }
func increment(path, by string) jsonops.Op    { return op(jsonops.Increment, path, by) }
func decrement(path, by string) jsonops.Op    { return op(jsonops.Decrement, path, by) }
func merge(path, value string) jsonops.Op     { return op(jsonops.Merge, path, value) }
func appendOne(path, value string) jsonops.Op { return op(jsonops.Append, path, value) }

func appendAll(path string, values ...string) jsonops.Op {
	o := jsonops.Op{Kind: jsonops.Append, Path: path, Values: []json.RawMessage{}}
	for _, value := range values {
		o.Values = append(o.Values, json.RawMessage(value))
	}
	return o
}

// apply applies the operations and checks that doc is untouched by them, and stays so when the result is written to.
func apply(t *testing.T, doc string, limits jsonops.Limits, ops ...jsonops.Op) (string, error) {
	t.Helper()
	var before []byte
	if doc != missing {
		before = []byte(doc)
	}
	after, err := jsonops.Apply(before, ops, limits)
	result := string(after)
	assert.Equal(t, doc, string(before), "the document was written to")
	if err != nil {
		assert.Nil(t, after, "a result beside an error")
	} else if result != doc {
		clear(after)
		assert.Equal(t, doc, string(before), "the result shares memory with the document")
		assert.True(t, json.Valid([]byte(result)), "not valid JSON: %s", result)
	}
	return result, err
}

// rule is one row of the tables: the result of the operations, or the reason why the last of them fails.
type rule struct {
	sentence string
	doc      string
	ops      []jsonops.Op
	want     string
	reason   string
}

func checkRules(t *testing.T, rules []rule) {
	t.Helper()
	for _, r := range rules {
		t.Run(r.sentence, func(t *testing.T) {
			got, err := apply(t, r.doc, jsonops.Limits{}, r.ops...)
			if r.reason == "" {
				require.NoError(t, err)
				assert.Equal(t, r.want, got)
				return
			}
			last := len(r.ops) - 1
			assert.Equal(t, &jsonops.Error{
				Index: last, Op: r.ops[last].Kind, Path: r.ops[last].Path, Reason: r.reason,
			}, err)
		})
	}
}

func list(ops ...jsonops.Op) []jsonops.Op { return ops }

func TestSet(t *testing.T) {
	checkRules(t, []rule{
		{"replaces a member and leaves the rest as it stands", ` {"a": 1.50, "b":[ ] } `, list(set("a", `2`)), ` {"a": 2, "b":[ ] } `, ""},
		{"creates a member at the end", `{"a":1}`, list(set("b", `"x"`)), `{"a":1,"b":"x"}`, ""},
		{"creates the first member", `{ }`, list(set("a", `1`)), `{"a":1 }`, ""},
		{"creates missing objects along the path", `{"a":{}}`, list(set("a.b.c.d", `1`)), `{"a":{"b":{"c":{"d":1}}}}`, ""},
		{"creates an object for a number on a missing parent", `{}`, list(set("a.2.0", `1`)), `{"a":{"2":{"0":1}}}`, ""},
		{"starts a missing key as an object", missing, list(set("a.b", `1`)), `{"a":{"b":1}}`, ""},
		{"gives a missing key its whole value", missing, list(set("", `[1]`)), `[1]`, ""},
		{"replaces the whole value", `{"a":1}`, list(set("", `null`)), `null`, ""},
		{"replaces an element", `{"a":[1,2,3]}`, list(set("a.1", `{}`)), `{"a":[1,{},3]}`, ""},
		{"appends at the index after the last", `[1,2]`, list(set("2", `3`)), `[1,2,3]`, ""},
		{"appends to an empty array", `[ ]`, list(set("0", `3`)), `[3 ]`, ""},
		{"creates objects within an appended element", `[1]`, list(set("1.a.0", `3`)), `[1,{"a":{"0":3}}]`, ""},
		{"follows objects and arrays", `{"a":[{"b":[0,{"c":1}]}]}`, list(set("a.0.b.1.c", `2`)), `{"a":[{"b":[0,{"c":2}]}]}`, ""},
		{"takes a key of digits on an object", `{"a":{"0":1}}`, list(set("a.0", `2`)), `{"a":{"0":2}}`, ""},
		{"changes nothing when the value is the same", `{"a":1}`, list(set("a", `1`)), `{"a":1}`, ""},
		{"trims white space around the value", `{}`, list(set("a", " 1\n")), `{"a":1}`, ""},
		{"stores null as a value", `{}`, list(set("a", `null`)), `{"a":null}`, ""},
		{"refuses an index beyond the end", `{"a":[1,2]}`, list(set("a.3", `1`)), "", `index 3 is beyond the end of "a", an array of 2`},
		{"refuses an index too large for an int", `[]`, list(set("99999999999999999999", `1`)), "", `index 99999999999999999999 is beyond the end of the whole value, an array of 0`},
		{"refuses a name on an array", `{"a":[1]}`, list(set("a.x", `1`)), "", `"x" is not an index, but "a" is an array`},
		{"refuses a negative index", `[1]`, list(set("-1", `1`)), "", `"-1" is not an index, but the whole value is an array`},
		{"refuses an index with a leading zero", `[1]`, list(set("00", `1`)), "", `"00" is not an index, but the whole value is an array`},
		{"refuses an empty index", `{"a":[1]}`, list(set("a.", `1`)), "", `"" is not an index, but "a" is an array`},
		{"refuses a path through a string", `{"a":{"b":"x"}}`, list(set("a.b.c", `1`)), "", `path through a scalar: "a.b" is a string`},
		{"refuses a path through a number", `{"a":-1}`, list(set("a.b.c", `1`)), "", `path through a scalar: "a" is a number`},
		{"refuses a path through a boolean", `[true]`, list(set("0.b", `1`)), "", `path through a scalar: "0" is a boolean`},
		{"makes an object of a null on the way", `{"a":null,"z":0}`, list(set("a.b.c", `1`)), `{"a":{"b":{"c":1}},"z":0}`, ""},
		{"makes an object of a null in an array", `[null]`, list(set("0.b", `1`)), `[{"b":1}]`, ""},
		{"makes an object of a whole value that is null", ` null `, list(set("a", `1`)), ` {"a":1} `, ""},
		{"refuses to do without a value", `{}`, list(set("a", "")), "", `the value is missing`},
	})
}

func TestDelete(t *testing.T) {
	checkRules(t, []rule{
		{"removes the first member", `{ "a":1 , "b":2}`, list(del("a")), `{"b":2}`, ""},
		{"removes a member in the middle", `{"a":1, "b":2, "c":3}`, list(del("b")), `{"a":1, "c":3}`, ""},
		{"removes the last member", `{"a":1, "b":2 }`, list(del("b")), `{"a":1 }`, ""},
		{"removes the only member", `{ "a" : 1 }`, list(del("a")), `{ }`, ""},
		{"removes an element so that later ones move up", `{"a":[1,2,3]}`, list(del("a.0"), del("a.0")), `{"a":[3]}`, ""},
		{"removes the only element", `[[]]`, list(del("0")), `[]`, ""},
		{"removes all members of the name", `{"a":1,"a":2,"b":3,"\u0061":4,"c":5,"a":6}`, list(del("a")), `{"b":3,"c":5}`, ""},
		{"removes all members when they are all of the name", `{"a":1,"a":2}`, list(del("a")), `{}`, ""},
		{"leaves a missing member alone", `{"a": 1}`, list(del("b")), `{"a": 1}`, ""},
		{"leaves a missing element alone", `[1]`, list(del("1"), del("7"), del("7.a")), `[1]`, ""},
		{"leaves a missing parent alone", `{"a":{}}`, list(del("a.b.c"), del("x.y")), `{"a":{}}`, ""},
		{"starts a missing key as an object", missing, list(del("a")), `{}`, ""},
		{"refuses a path through a scalar", `{"a":1}`, list(del("a.b")), "", `path through a scalar: "a" is a number`},
		{"finds nothing in null", `{"a":null}`, list(del("a.b.c"), del("a.b")), `{"a":null}`, ""},
		{"deletes a null", `{"a":null}`, list(del("a")), `{}`, ""},
		{"refuses a name on an array", `[1]`, list(del("a")), "", `"a" is not an index, but the whole value is an array`},
		{"refuses to delete the whole value", `{}`, list(del("")), "", `cannot delete the whole value by an update; delete the key instead`},
	})
}

func TestMerge(t *testing.T) {
	checkRules(t, []rule{
		{"replaces and adds members", `{"a":1, "b":2}`, list(merge("", `{"c":3, "a":{"x":1}}`)), `{"a":{"x":1}, "b":2,"c":3}`, ""},
		{"is shallow", `{"a":{"x":1}}`, list(merge("", `{"a":{"y":2}}`)), `{"a":{"y":2}}`, ""},
		{"merges below a path", `{"a":{"x":1},"b":0}`, list(merge("a", `{"y":2}`)), `{"a":{"x":1,"y":2},"b":0}`, ""},
		{"merges into an element", `[{"x":1}]`, list(merge("0", `{"y":2}`)), `[{"x":1,"y":2}]`, ""},
		{"creates a missing target", `{}`, list(merge("a.b", `{"x":1}`)), `{"a":{"b":{"x":1}}}`, ""},
		{"creates a missing key", missing, list(merge("", `{"x":1}`)), `{"x":1}`, ""},
		{"merges into an empty object", `{"a":{ }}`, list(merge("a", `{"x":1,"y":2}`)), `{"a":{"x":1,"y":2 }}`, ""},
		{"creates a missing key from nothing", missing, list(merge("", `{}`)), `{}`, ""},
		{"changes nothing when there is nothing to merge", `{"a":1 }`, list(merge("", `{}`)), `{"a":1 }`, ""},
		{"takes the last of a member given twice", `{"a":0}`, list(merge("", `{"a":1,"b":2,"\u0061":3}`)), `{"a":3,"b":2}`, ""},
		{"leaves one of a member held twice", `{"a":0,"b":1,"\u0061":2,"c":3}`, list(merge("", `{"a":9}`)), `{"a":9,"b":1,"c":3}`, ""},
		{"refuses a value that is no object", `{}`, list(merge("", `[1]`)), "", `the value is an array, not an object`},
		{"refuses null as a value", `{}`, list(merge("", `null`)), "", `the value is null, not an object`},
		{"refuses a target that is no object", `{"a":"x"}`, list(merge("a", `{}`)), "", `the target is a string, not an object`},
		{"makes an object of null", `{"a":null}`, list(merge("a", `{"b":1}`)), `{"a":{"b":1}}`, ""},
	})
}

func TestAppend(t *testing.T) {
	checkRules(t, []rule{
		{"adds an element", `{"a":[1, 2 ]}`, list(appendOne("a", `[3]`)), `{"a":[1, 2 ,[3]]}`, ""},
		{"adds the first element", `{"a":[ ]}`, list(appendOne("a", `1`)), `{"a":[ 1]}`, ""},
		{"adds several elements", `[0]`, list(appendAll("", `1`, ` 2 `, `"x"`)), `[0,1,2,"x"]`, ""},
		{"creates a missing array", `{}`, list(appendAll("a.b", `1`, `2`)), `{"a":{"b":[1,2]}}`, ""},
		{"creates a missing key", missing, list(appendOne("", `1`)), `[1]`, ""},
		{"adds nothing when there is nothing to add", `[1]`, list(appendAll("")), `[1]`, ""},
		{"creates an array even if there is nothing to add", `{}`, list(appendAll("a")), `{"a":[]}`, ""},
		{"adds value before values", `[]`, list(jsonops.Op{Kind: jsonops.Append, Value: json.RawMessage(`1`), Values: []json.RawMessage{json.RawMessage(`2`)}}), `[1,2]`, ""},
		{"appends an array to an array of arrays", `[[1]]`, list(appendOne("1", `2`), appendOne("1", `3`)), `[[1],[2,3]]`, ""},
		{"refuses an object", `{"a":{}}`, list(appendOne("a", `1`)), "", `the target is an object, not an array`},
		{"refuses a string", `{"a":"x"}`, list(appendOne("a", `"y"`)), "", `the target is a string, not an array`},
		{"makes an array of null", `{"a":null}`, list(appendOne("a", `1`)), `{"a":[1]}`, ""},
		{"refuses to do without a value", `{}`, list(op(jsonops.Append, "a", "")), "", `the value is missing`},
		{"refuses to do without one of the values", `{}`, list(appendAll("a", `1`, "")), "", `the value is missing`},
	})
}

func TestAllOperationsOrNone(t *testing.T) {
	t.Run("each operation sees the result of the ones before", func(t *testing.T) {
		got, err := apply(t, `{"n":1}`, jsonops.Limits{},
			increment("n", `1`), set("list", `[]`), appendOne("list", `{"a":1}`), increment("list.0.a", `5`), merge("", `{"n":true}`), del("x"))
		require.NoError(t, err)
		assert.Equal(t, `{"n":true,"list":[{"a":6}]}`, got)
	})
	t.Run("an operation that fails undoes those before and stops those after", func(t *testing.T) {
		_, err := apply(t, `{"n":1}`, jsonops.Limits{}, set("a", `1`), increment("a.b", `1`), set("n.x", `1`))
		assert.Equal(t, &jsonops.Error{
			Index: 1, Op: jsonops.Increment, Path: "a.b", Reason: `path through a scalar: "a" is a number`,
		}, err)
		assert.EqualError(t, err, `operation 1, increment "a.b": path through a scalar: "a" is a number`)
	})
	t.Run("no operations change nothing", func(t *testing.T) {
		doc := []byte(`{"a":1}`)
		got, err := jsonops.Apply(doc, nil, jsonops.Limits{})
		require.NoError(t, err)
		assert.Same(t, &doc[0], &got[0])
	})
	t.Run("no operations make an object of a missing key", func(t *testing.T) {
		got, err := apply(t, missing, jsonops.Limits{})
		require.NoError(t, err)
		assert.Equal(t, `{}`, got)
	})
	t.Run("an operation of no kind is refused", func(t *testing.T) {
		_, err := apply(t, `{}`, jsonops.Limits{}, jsonops.Op{Kind: "rename", Value: json.RawMessage(`1`)})
		assert.EqualError(t, err, `operation 0, rename "": unknown operation "rename"`)
	})
	t.Run("the result does not refer to the values", func(t *testing.T) {
		value := []byte(`{"a":1}`)
		got, err := jsonops.Apply(nil, list(jsonops.Op{Kind: jsonops.Set, Value: value}), jsonops.Limits{})
		require.NoError(t, err)
		clear(value)
		assert.Equal(t, `{"a":1}`, string(got))
	})
	t.Run("a small result does not hold on to the memory of a large one in between", func(t *testing.T) {
		got, err := jsonops.Apply(nil, list(set("a", `"`+strings.Repeat("x", 100_000)+`"`), set("a", `1`), del("a")), jsonops.Limits{})
		require.NoError(t, err)
		assert.Equal(t, `{}`, string(got))
		assert.Less(t, cap(got), 4096)
	})
}
