// Command testall runs go test ./... in every module of the repository, with the given flags. In the root directory:
//
//	go -C tools run ./testall -race
//
// It exists because go test ./... silently skips nested modules. A workspace (go.work and go test work) would
// include them but give every module the highest version of a dependency that any of them requires, so that the
// library would no longer be tested with the versions in its own go.mod.
package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func main() {
	if err := testAll("..", os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "testall:", err)
		os.Exit(1)
	}
}

// testAll runs the tests of all modules at and below root, and continues when those of one fail.
func testAll(root string, flags []string, stdout, stderr io.Writer) error {
	dirs, err := modules(root)
	if err != nil {
		return err
	}
	var failed []string
	for _, dir := range dirs {
		name, err := filepath.Rel(root, dir)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		fmt.Fprintln(stdout, "== go test ./... in", name)
		cmd := exec.Command("go", append(append([]string{"test"}, flags...), "./...")...)
		cmd.Dir, cmd.Stdout, cmd.Stderr = dir, stdout, stderr
		if err := cmd.Run(); err != nil {
			failed = append(failed, name)
		}
	}
	if len(failed) > 0 {
		return errors.New("tests failed in " + strings.Join(failed, ", "))
	}
	return nil
}

// modules returns the directories at and below root that contain a module. As the go command does, it ignores
// testdata and the directories whose names begin with a dot or an underscore. It also ignores node_modules, which
// belongs to npm.
func modules(root string) ([]string, error) {
	var dirs []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		switch {
		case d.IsDir() && path != root && (name[0] == '.' || name[0] == '_' || name == "testdata" || name == "node_modules"):
			return filepath.SkipDir
		case name == "go.mod" && !d.IsDir():
			dirs = append(dirs, filepath.Dir(path))
		}
		return nil
	})
	return dirs, err
}
