package motia_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// goBlock is a fenced Go snippet: a whole file.
var goBlock = regexp.MustCompile("(?ms)^```go\n(.*?)^```$")

// The snippets are whole files. Each becomes a package of a module of its own, which has this one in place of the released
// motia: they import what users can import.
func TestTheSnippetsOfTheREADMECompileAndRun(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	snippets := goBlock.FindAllStringSubmatch(string(readme), -1)
	require.Len(t, snippets, 4)
	dir := readmeModule(t)
	var packages []string
	for i, snippet := range snippets {
		name := "main.go"
		if strings.Contains(snippet[1], "func Test") {
			name = "main_test.go"
		}
		packages = append(packages, fmt.Sprint("./snippet", i))
		require.NoError(t, os.Mkdir(filepath.Join(dir, packages[i]), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, packages[i], name), []byte(snippet[1]), 0o600))
	}

	output, err := exec.Command("go", append([]string{"-C", dir, "test", "-v"}, packages...)...).CombinedOutput()
	require.NoError(t, err, "%s", output)
	require.Contains(t, string(output), "--- PASS: TestAReceiptGoesToTheCustomer")
	require.Contains(t, string(output), "--- PASS: TestAFailingChargeIsRetriedUntilItSucceeds")

	output, err = exec.Command("go", "-C", dir, "run", packages[1]).Output()
	require.NoError(t, err)
	require.Equal(t, "sync  {0 map[]}\ncreate job-1 {3 map[part-0:true part-1:true part-2:true]}\n", string(output))
}

// readmeModule returns the directory of an empty module that requires what this one requires, and this one.
func readmeModule(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	here, err := os.Getwd()
	require.NoError(t, err)
	required, err := os.ReadFile("go.mod")
	require.NoError(t, err)
	text, ok := strings.CutPrefix(string(required), "module "+module+"\n")
	require.True(t, ok)
	text = fmt.Sprintf("module readme\n%s\nrequire %s v0.0.0\n\nreplace %s => %q\n", text, module, module, here)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte(text), 0o600))
	sums, err := os.ReadFile("go.sum")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.sum"), sums, 0o600))
	return dir
}
