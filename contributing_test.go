package motia_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/motia-go/motia"

// room is a row of the table of rooms: a package, what it does, and what it imports from this module.
var room = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| .+ \\| (.*?) ?\\|$")

func TestTheRoomsImportWhatContributingSays(t *testing.T) {
	text, err := os.ReadFile("CONTRIBUTING.md")
	require.NoError(t, err)
	said := make(map[string]string)
	for _, row := range room.FindAllStringSubmatch(string(text), -1) {
		said[row[1]] = row[2]
	}
	output, err := exec.Command("go", "list", "-f", "{{.ImportPath}} {{join .Imports \" \"}}", "./...").Output()
	require.NoError(t, err)
	for line := range strings.Lines(string(output)) {
		var names []string
		for _, path := range strings.Fields(line) {
			if rest, ok := strings.CutPrefix(path, module); ok {
				names = append(names, strings.TrimPrefix("."+rest, "./"))
			}
		}
		name, imports := names[0], names[1:]
		for _, onlyForTests := range []string{"internal/testkit", "internal/bench"} {
			assert.NotContains(t, imports, onlyForTests, "%s imports what is only for tests", name)
		}
		if strings.HasPrefix(name, "examples/") {
			continue
		}
		want, known := said[name]
		delete(said, name)
		if !assert.True(t, known, "CONTRIBUTING.md has no row for package %s", name) {
			continue
		}
		if strings.HasPrefix(name, "internal/") && name != "internal/testkit" {
			assert.NotContains(t, imports, ".", "%s imports the root", name)
		}
		if name != "." { // whose row names no packages below internal
			assert.Equal(t, want, quoted(imports), "what %s imports", name)
		}
	}
	assert.Empty(t, said, "rows without a package")
}

func quoted(names []string) string {
	slices.Sort(names)
	for i := range names {
		names[i] = "`" + names[i] + "`"
	}
	return strings.Join(names, " ")
}

// stop is a function and the file it is in, as the ways name them.
var stop = regexp.MustCompile("`([a-z/]+\\.go)` `([A-Za-z.]+)`")

func TestTheFunctionsThatContributingNamesAreThere(t *testing.T) {
	text, err := os.ReadFile("CONTRIBUTING.md")
	require.NoError(t, err)
	stops := stop.FindAllStringSubmatch(string(text), -1)
	require.NotEmpty(t, stops)
	for _, s := range stops {
		file, err := parser.ParseFile(token.NewFileSet(), s[1], nil, parser.SkipObjectResolution)
		if !assert.NoError(t, err) {
			continue
		}
		var names []string
		for _, declaration := range file.Decls {
			if f, ok := declaration.(*ast.FuncDecl); ok {
				names = append(names, receiver(f)+f.Name.Name)
			}
		}
		assert.Contains(t, names, s[2], s[1])
	}
}

// receiver is the type that f is a method of, with a dot behind it; empty if f is no method.
func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	t := f.Recv.List[0].Type
	if pointer, ok := t.(*ast.StarExpr); ok {
		t = pointer.X
	}
	switch generic := t.(type) {
	case *ast.IndexExpr:
		t = generic.X
	case *ast.IndexListExpr:
		t = generic.X
	}
	return t.(*ast.Ident).Name + "."
}
