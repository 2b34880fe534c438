package motia_test

import (
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

// The snippets are whole files; each becomes a package of this module for as long as the test runs.
func TestTheSnippetsOfTheREADMECompileAndRun(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	snippets := goBlock.FindAllStringSubmatch(string(readme), -1)
	require.Len(t, snippets, 4)

	var packages []string
	for _, snippet := range snippets {
		dir, err := os.MkdirTemp("testdata", "readme-")
		require.NoError(t, err)
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		name := "main.go"
		if strings.Contains(snippet[1], "func Test") {
			name = "main_test.go"
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(snippet[1]), 0o600))
		packages = append(packages, "./"+dir)
	}

	output, err := exec.Command("go", append([]string{"test", "-v"}, packages...)...).CombinedOutput()
	require.NoError(t, err, "%s", output)
	require.Contains(t, string(output), "--- PASS: TestAReceiptGoesToTheCustomer")
	require.Contains(t, string(output), "--- PASS: TestAFailingChargeIsRetriedUntilItSucceeds")

	output, err = exec.Command("go", "run", packages[1]).Output()
	require.NoError(t, err)
	require.Equal(t, "sync  {0 map[]}\ncreate job-1 {3 map[part-0:true part-1:true part-2:true]}\n", string(output))
}
