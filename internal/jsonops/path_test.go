package jsonops_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia/internal/jsonops"
)

func TestSplitPath(t *testing.T) {
	for _, c := range []struct {
		sentence, path string
		want           []string
	}{
		{"the empty path has no components", "", nil},
		{"a path without dots is one component", "a", []string{"a"}},
		{"dots separate components", "a.b.2.c", []string{"a", "b", "2", "c"}},
		{"components may be empty", ".a..b.", []string{"", "a", "", "b", ""}},
		{"an escaped dot is literal", `a\.b.c\.`, []string{"a.b", "c."}},
		{"an escaped backslash is literal", `a\\.b\\\.c`, []string{`a\`, `b\.c`}},
		{"no other character is special", `a|b.#.*?.@x:"`, []string{"a|b", "#", "*?", `@x:"`}},
		{"bytes that are not UTF-8 become U+FFFD, one by one", "a\xff\xfe.\xc3", []string{"a\ufffd\ufffd", "\ufffd"}},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			got, err := jsonops.SplitPath(c.path, nil, 32)
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}
	t.Run("components are appended", func(t *testing.T) {
		got, err := jsonops.SplitPath("b", []string{"a"}, 1)
		require.NoError(t, err)
		assert.Equal(t, []string{"a", "b"}, got)
	})
}

func TestSplitPathRefuses(t *testing.T) {
	for _, c := range []struct{ sentence, path, want string }{
		{"a lone backslash at the end", `a.b\`, `the path ends in a lone backslash`},
		{"a lone backslash after an escaped one", `\\\`, `the path ends in a lone backslash`},
		{"a backslash before another character", `a\*`, `the path has a backslash before '*'; only \. and \\ are escapes`},
		{"more components than the limit", `a.b.c.d`, `the path has more than 3 components`},
		{"more components than the limit, with escapes", `\..b.c.`, `the path has more than 3 components`},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			_, err := jsonops.SplitPath(c.path, nil, 3)
			assert.EqualError(t, err, c.want)
		})
	}
}

func TestJoinPath(t *testing.T) {
	assert.Equal(t, "", jsonops.JoinPath())
	assert.Equal(t, `a\.b.c\\.`, jsonops.JoinPath("a.b", `c\`, ""))
}
