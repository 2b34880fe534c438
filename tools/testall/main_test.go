package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// repository writes a module with one test into each directory, and returns the root. The test fails in directories
// whose names end in "bad".
func repository(t *testing.T, dirs ...string) string {
	t.Helper()
	root := t.TempDir()
	for _, dir := range dirs {
		path := filepath.Join(root, filepath.FromSlash(dir))
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
		body := ""
		if strings.HasSuffix(dir, "bad") {
			body = `t.Error("this one is bad")`
		}
		for name, text := range map[string]string{
			"go.mod":    "module example.com/m\n\ngo 1.26.0\n",
			"m_test.go": "package m\n\nimport \"testing\"\n\nfunc TestOf(t *testing.T) { " + body + " }\n",
		} {
			if err := os.WriteFile(filepath.Join(path, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return root
}

func TestEveryModuleIsTestedAlsoAfterOneHasFailed(t *testing.T) {
	var stdout, stderr strings.Builder
	err := testAll(repository(t, "a/bad", "a/deep/er", "b", "testdata/bad", ".git/bad", "_old/bad", "b/node_modules/bad"), []string{"-v"}, &stdout, &stderr)
	if want := "tests failed in a/bad"; err == nil || err.Error() != want {
		t.Errorf("got error %v, want %s", err, want)
	}
	out := stdout.String()
	if n := strings.Count(out, "--- PASS: TestOf"); n != 2 {
		t.Errorf("%d modules have passed, want 2:\n%s%s", n, out, stderr.String())
	}
	if n := strings.Count(out, "this one is bad"); n != 1 {
		t.Errorf("%d modules have failed, want 1:\n%s", n, out)
	}
}

func TestAllModulesMayPass(t *testing.T) {
	var stdout, stderr strings.Builder
	if err := testAll(repository(t, ".", "nested"), nil, &stdout, &stderr); err != nil {
		t.Errorf("%v:\n%s%s", err, stdout.String(), stderr.String())
	}
	for _, dir := range []string{".", "nested"} {
		if !strings.Contains(stdout.String(), "== go test ./... in "+dir+"\n") {
			t.Errorf("%s is not named:\n%s", dir, stdout.String())
		}
	}
}
