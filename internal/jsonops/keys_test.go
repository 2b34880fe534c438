package jsonops_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia/internal/jsonops"
)

// hostileKeys are keys that a path syntax, an encoder or a comparison could trip over.
var hostileKeys = []string{
	"#", "*", "?", "@this", "@pretty:{}", "|", "a|b", "!", ":1", "~", "$", "..", ".", `\`, `\\`, `\.`, `a\`, `.a`, "-1", "0", "01", "2",
	`"`, `\"`, `"}`, "{", "[", "]", ",", ":", " ", "\t", "\x00", "\x1f", "\x7f", "\u2028", "é", "e\u0301", "日本", "😀", "\ufffd", "\xff",
	"\xff\xfe", "a\xc3", "<b>&</b>", "/", "null", "true", "__proto__", "a.b.c",
}

func TestEveryStringIsALegalKey(t *testing.T) {
	for _, key := range hostileKeys {
		path := jsonops.JoinPath("in", key)
		got, err := apply(t, `{"other":0}`, jsonops.Limits{},
			set(path, `1`), increment(path, `1`), set(jsonops.JoinPath("in", key+"x"), `0`), increment(path, `1`))
		require.NoError(t, err, "%q", key)
		want, err := json.Marshal(map[string]any{"in": map[string]any{key: 3, key + "x": 0}, "other": 0})
		require.NoError(t, err)
		assert.JSONEq(t, string(want), got, "%q", key)

		got, err = apply(t, got, jsonops.Limits{}, del(path), del(jsonops.JoinPath("in", key+"x")))
		require.NoError(t, err, "%q", key)
		assert.Equal(t, `{"other":0,"in":{}}`, got, "%q", key)
	}
}

func TestKeysMatchByTheirDecodedValue(t *testing.T) {
	checkRules(t, []rule{
		{"an escaped letter", `{"\u0061":1}`, list(set("a", `2`)), `{"\u0061":2}`, ""},
		{"an escaped slash", `{"a\/b":1}`, list(increment("a/b", `1`)), `{"a\/b":2}`, ""},
		{"a pair of surrogates", `{"\ud83d\ude00":1}`, list(set("😀", `2`)), `{"\ud83d\ude00":2}`, ""},
		{"a lone surrogate, which is U+FFFD", `{"\ud83d":1}`, list(set("\ufffd", `2`)), `{"\ud83d":2}`, ""},
		{"a byte that is not UTF-8, which is U+FFFD", "{\"\xff\":1}", list(set("\xfe", `2`)), "{\"\xff\":2}", ""},
		{"an escape in the text is not one in the path", `{"\\u0061":1}`, list(set(`\\u0061`, `2`)), `{"\\u0061":2}`, ""},
		{"a backslash", `{"a\\b":1,"a":0}`, list(set(`a\\b`, `2`)), `{"a\\b":2,"a":0}`, ""},
		{"an escaped quote does not end a key", `{"a\"":{"a":1},"a":5}`, list(set("a", `2`)), `{"a\"":{"a":1},"a":2}`, ""},
		{"an escaped backslash before the quote ends a key", `{"a\\":{"a":1},"a":5}`, list(set(`a\\.a`, `2`)), `{"a\\":{"a":2},"a":5}`, ""},
		{"an empty key", `{"":{"":1}}`, list(set("a..b", `1`), increment(".", `1`)), `{"":{"":2},"a":{"":{"b":1}}}`, ""},
		{"merging by decoded keys", `{"\u0061":1,"b":2}`, list(merge("", `{"a":3,"\u0062":4}`)), `{"\u0061":3,"b":4}`, ""},
		{"case matters", `{"A":1}`, list(set("a", `2`)), `{"A":1,"a":2}`, ""},
	})
}

func TestTheLastOfAKeyHeldTwiceCounts(t *testing.T) {
	checkRules(t, []rule{
		{"for set", `{"a":1,"b":0,"a":2}`, list(set("a", `3`)), `{"a":1,"b":0,"a":3}`, ""},
		{"for increment", `{"a":"x","a":2}`, list(increment("a", `1`)), `{"a":"x","a":3}`, ""},
		{"on the way", `{"a":1,"a":{"b":1}}`, list(set("a.b", `2`)), `{"a":1,"a":{"b":2}}`, ""},
		{"even if it is a scalar", `{"a":{"b":1},"a":1}`, list(set("a.b", `2`)), "", `path through a scalar: "a" is a number`},
	})
}

func TestBracketsAndCommasInStringsAreText(t *testing.T) {
	checkRules(t, []rule{
		{"in values", `{"a":"}],{[\"","b":1}`, list(set("b", `2`)), `{"a":"}],{[\"","b":2}`, ""},
		{"in nested values", `{"a":[{"x":"]}\\"},"\\\""],"b":1}`, list(set("b", `2`)), `{"a":[{"x":"]}\\"},"\\\""],"b":2}`, ""},
		{"in elements", `["a,b","]",3]`, list(set("2", `4`)), `["a,b","]",4]`, ""},
	})
}
