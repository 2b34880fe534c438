package browsertest_test

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience is how long a test waits for something that should happen at once, or after the two seconds in which the
// clients reconnect. A busy machine needs less.
const patience = 25 * time.Second

// missing skips a test that cannot run here, or makes it fail if MOTIA_BROWSER is set, as in .ci/run.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("MOTIA_BROWSER") == "required" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// needChromium returns the program.
func needChromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing(t, "no chromium in PATH: apt-get install -y --no-install-recommends chromium")
	return ""
}

// needPackages makes sure that the packages of package.json are installed, and Node to run them.
func needPackages(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		missing(t, "no node in PATH: install Node.js 20 or later")
	}
	for _, dir := range []string{"esbuild", "@motiadev/stream-client-node", "@motiadev/stream-client-browser"} {
		if _, err := os.Stat("node_modules/" + dir); err != nil {
			missing(t, "no node_modules/"+dir+": run npm ci in browsertest")
		}
	}
}

func TestThatSomethingIsMissingFailsWhereItIsRequired(t *testing.T) {
	for _, required := range []bool{false, true} {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestTheOfficialClients|^TestTwoWindows", "-test.v")
		cmd.Env = []string{"PATH=/nowhere", "HOME=" + t.TempDir()}
		if required {
			cmd.Env = append(cmd.Env, "MOTIA_BROWSER=required")
		}
		output, err := cmd.CombinedOutput()
		if required {
			require.Error(t, err)
			require.Contains(t, string(output), "--- FAIL: TestTwoWindows")
		} else {
			require.NoError(t, err, "%s", output)
			require.Contains(t, string(output), "--- SKIP: TestTwoWindows")
		}
		require.Contains(t, string(output), "apt-get install -y --no-install-recommends chromium")
		require.Contains(t, string(output), "install Node.js")
	}
}
