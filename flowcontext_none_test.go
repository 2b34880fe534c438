package motia_test

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNoneForbidsEnqueueingAtCompileTime(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "build", "./testdata/none")
	cmd.Env = append(cmd.Environ(), "GOPROXY=off")
	out, err := cmd.CombinedOutput()
	require.Error(t, err, "it compiles")
	require.Contains(t, string(out), "none.go:12:71: cannot use order (variable of struct type Order) as motia.None value")
	require.Contains(t, string(out), "none.go:19:21: cannot use motia.Message[Order]")
	require.Contains(t, string(out), "as motia.Message[motia.None] value")
	require.NotContains(t, string(out), "proxy", "it is the compiler that complains")
}
