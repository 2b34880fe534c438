package jsonops_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia/internal/jsonops"
)

func TestDepthLimit(t *testing.T) {
	deep := func(n int) string { return strings.TrimSuffix(strings.Repeat("a.", n), ".") }

	_, err := apply(t, `{}`, jsonops.Limits{}, set(deep(32), `1`))
	assert.NoError(t, err)
	_, err = apply(t, `{}`, jsonops.Limits{}, set(deep(33), `1`))
	assert.EqualError(t, err, fmt.Sprintf(`operation 0, set "%s": the path has more than 32 components`, deep(33)))

	_, err = apply(t, `{}`, jsonops.Limits{Depth: 2}, set("a.b", `1`), del("a.b.c"))
	assert.EqualError(t, err, `operation 1, delete "a.b.c": the path has more than 2 components`)
	got, err := apply(t, missing, jsonops.Limits{Depth: 40}, set(deep(40), `1`))
	require.NoError(t, err)
	assert.Equal(t, strings.Repeat(`{"a":`, 40)+"1"+strings.Repeat("}", 40), got)
}

func TestSizeLimit(t *testing.T) {
	t.Run("holds for the result, to the byte", func(t *testing.T) {
		got, err := apply(t, `{}`, jsonops.Limits{Size: 7}, set("a", `1`))
		require.NoError(t, err)
		assert.Equal(t, `{"a":1}`, got)
		_, err = apply(t, `{}`, jsonops.Limits{Size: 6}, set("a", `1`))
		assert.EqualError(t, err, `operation 0, set "a": the result has 7 bytes, more than 6`)
	})
	t.Run("is 1 MiB unless given", func(t *testing.T) {
		fits := `"` + strings.Repeat("x", 1<<20-2) + `"`
		_, err := apply(t, missing, jsonops.Limits{}, set("", fits))
		assert.NoError(t, err)
		_, err = apply(t, missing, jsonops.Limits{}, set("", fits+" "), set("a", `1`))
		assert.Error(t, err)
		_, err = apply(t, `[]`, jsonops.Limits{}, appendOne("", fits))
		assert.EqualError(t, err, `operation 0, append "": the result has 1048578 bytes, more than 1048576`)
	})
	t.Run("does not hold in between", func(t *testing.T) {
		_, err := apply(t, `{"old":"xxxx"}`, jsonops.Limits{Size: 14}, set("new", `"xxxx"`), del("old"))
		assert.NoError(t, err)
	})
	t.Run("is blamed on the operation that exceeded it for good", func(t *testing.T) {
		_, err := apply(t, `{}`, jsonops.Limits{Size: 10}, set("a", `"xxxxx"`), del("a"), set("b", `"xxxxx"`), set("c", `1`))
		var failed *jsonops.Error
		require.ErrorAs(t, err, &failed)
		assert.Equal(t, 2, failed.Index)
		assert.Equal(t, "b", failed.Path)
	})
	t.Run("does not hold for what is not written", func(t *testing.T) {
		_, err := apply(t, `{"a":"xxxxxxxx"}`, jsonops.Limits{Size: 5}, set("a", `"xxxxxxxx"`))
		assert.NoError(t, err)
	})
}

// encoding/json reads no value that is nested more than 10000 deep, so none may be stored. That includes values that
// would exceed the limit within a message about the change or in a list.
func TestNestingStaysReadable(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

	got, err := apply(t, `{}`, jsonops.Limits{}, set("a.b", nested(9987)))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal([]byte(`[{"new":`+got+`}]`), new(any)))
	for _, tooDeep := range []jsonops.Op{
		set("a.b", nested(9988)), appendOne("a.b", nested(9988)), appendAll("a.b", nested(9988)), merge("a.b", `{"x":`+nested(9987)+`}`),
	} {
		_, err = apply(t, `{}`, jsonops.Limits{}, tooDeep)
		var failed *jsonops.Error
		require.ErrorAs(t, err, &failed)
		assert.Equal(t, "the value is nested more than 9987 deep", failed.Reason)
	}
	_, err = apply(t, `{}`, jsonops.Limits{}, set("a", `"`+nested(9988)+`"`))
	assert.NoError(t, err, "brackets in a string do not nest")
}
