package motiatest_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryExportedSymbolIsDocumented(t *testing.T) {
	paths, err := filepath.Glob("*.go")
	require.NoError(t, err)
	seen := 0
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		require.NoError(t, err)
		for _, decl := range file.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && d.Recv == nil {
					seen++
					require.NotEmpty(t, d.Doc.Text(), d.Name.Name)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if s, ok := spec.(*ast.TypeSpec); ok && s.Name.IsExported() {
						seen++
						require.NotEmpty(t, d.Doc.Text()+s.Doc.Text(), s.Name.Name)
					}
				}
			}
		}
	}
	require.Greater(t, seen, 15)
}

func TestUsersOfTheKitDoNotGetItsTestDependencies(t *testing.T) {
	deps, err := exec.Command("go", "list", "-deps", ".").Output()
	require.NoError(t, err)
	require.Contains(t, string(deps), "github.com/motia-go/motia/driver")
	require.NotContains(t, string(deps), "testify")
}
