package motia_test

import (
	"bytes"
	"flag"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia/driver/drivertest"
)

// publicPackages are the folders of the packages that others import.
var publicPackages = []string{".", "driver", "driver/drivertest", "motiatest", "streamclient"}

var update = flag.Bool("update", false, "rewrite testdata/api.golden")

// A change of the exported API is a visible change of the golden file.
func TestTheExportedAPIIsAsAgreed(t *testing.T) {
	var api string
	for _, dir := range publicPackages {
		api += "// " + dir + "\n\n" + exported(t, dir) + "\n"
	}
	golden := filepath.Join("testdata", "api.golden")
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(api), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	agreed, actual := strings.Split(string(want), "\n\n"), strings.Split(api, "\n\n")
	hint := "run go test -run TestTheExportedAPIIsAsAgreed -update . if this is on purpose"
	require.Empty(t, without(actual, agreed), "new: %s", hint)
	require.Empty(t, without(agreed, actual), "gone: %s", hint)
}

// without returns what is in a and not in b.
func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

func TestEveryExportedSymbolIsDocumented(t *testing.T) {
	for _, dir := range publicPackages {
		for _, file := range parse(t, dir, parser.ParseComments) {
			for _, decl := range file.Decls {
				switch d := decl.(type) {
				case *ast.FuncDecl:
					// Error and Unwrap say what the interface says.
					if name := d.Name.Name; exportedReceiver(d) && name != "Error" && name != "Unwrap" {
						require.NotEmpty(t, d.Doc.Text(), "func %s", d.Name)
					}
				case *ast.GenDecl:
					for _, spec := range d.Specs {
						switch s := spec.(type) {
						case *ast.TypeSpec:
							require.True(t, !s.Name.IsExported() || d.Doc.Text()+s.Doc.Text() != "", "type %s", s.Name)
						case *ast.ValueSpec:
							require.True(t, !s.Names[0].IsExported() || d.Doc.Text()+s.Doc.Text() != "", "value %s", s.Names[0])
						}
					}
				}
			}
		}
	}
}

// guarantee is a guarantee in docs/guarantees.md, and the lines about what holds it.
var guarantee = regexp.MustCompile(`(?m)^- (.+)\n((?:  - .+\n)+)`)

// testNames and caseNames find what is named there.
var (
	testNames = regexp.MustCompile(`\bTest[A-Z]\w+`)
	caseNames = regexp.MustCompile(`\b(queue|kv|bus)/[a-z-]+`)
)

func TestEveryGuaranteeNamesTestsAndConformanceCasesThatExist(t *testing.T) {
	source, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	_, text, _ := strings.Cut(strings.ReplaceAll(string(source), "\n//", "\n"), "# Guarantees")
	text, _, _ = strings.Cut(text, "# Errors")
	var promised []string
	for _, item := range strings.Split(text, "  - ")[1:] {
		item, _, _ = strings.Cut(item, "\n\n")
		promised = append(promised, plain(strings.Join(strings.Fields(item), " ")))
	}
	require.Greater(t, len(promised), 10)

	var defined []string
	require.NoError(t, filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, match := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(string(source), -1) {
			defined = append(defined, match[1])
		}
		return err
	}))
	cases := make(map[string]bool)
	for _, c := range drivertest.Cases() {
		cases[c.Name] = true
	}
	table, err := os.ReadFile(filepath.Join("docs", "guarantees.md"))
	require.NoError(t, err)
	var held []string
	for _, entry := range guarantee.FindAllStringSubmatch(string(table), -1) {
		held = append(held, plain(entry[1]))
		tests, named := testNames.FindAllString(entry[2], -1), caseNames.FindAllString(entry[2], -1)
		excepted := strings.Contains(entry[2], "it says what is not promised")
		require.NotEqual(t, excepted, len(tests)+len(named) > 0, entry[1])
		for _, name := range tests {
			require.Contains(t, defined, name)
		}
		for _, name := range named {
			require.True(t, cases[name], "there is no case %s", name)
		}
	}
	require.Equal(t, promised, held, "the guarantees of the package documentation, and those of docs/guarantees.md")
}

// plain is the text without the marks of links and code.
func plain(text string) string { return strings.NewReplacer("[", "", "]", "", "`", "").Replace(text) }

// exported prints the exported declarations of a package, sorted, without bodies and comments.
func exported(t *testing.T, dir string) string {
	t.Helper()
	var decls []string
	add := func(node any) {
		var b bytes.Buffer
		require.NoError(t, printer.Fprint(&b, token.NewFileSet(), node))
		decls = append(decls, b.String())
	}
	for _, file := range parse(t, dir, parser.SkipObjectResolution) {
		for _, decl := range file.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if exportedReceiver(d) {
					d.Body = nil
					add(d)
				}
			case *ast.GenDecl:
				if d.Tok == token.IMPORT {
					continue
				}
				add(d)
			}
		}
	}
	slices.Sort(decls)
	return "package " + dir + "\n\n" + strings.Join(decls, "\n\n") + "\n"
}

// parse returns the files of a package with what is not exported left out.
func parse(t *testing.T, dir string, mode parser.Mode) []*ast.File {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	var files []*ast.File
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, mode)
		require.NoError(t, err)
		if ast.FileExports(file) {
			files = append(files, file)
		}
	}
	require.NotEmpty(t, files)
	return files
}

func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	receiver := d.Recv.List[0].Type
	if star, ok := receiver.(*ast.StarExpr); ok {
		receiver = star.X
	}
	switch generic := receiver.(type) {
	case *ast.IndexExpr:
		receiver = generic.X
	case *ast.IndexListExpr:
		receiver = generic.X
	}
	name, ok := receiver.(*ast.Ident)
	return ok && name.IsExported()
}
