package main

import (
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the output shown in the README")

// shown is the output in the README.
var shown = regexp.MustCompile("(?s)```text\n.*?\n```")

func TestTheTourPrintsWhatItsREADMEShows(t *testing.T) {
	var out strings.Builder
	synctest.Test(t, func(t *testing.T) {
		require.NoError(t, run(&out))
	})
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	want := "```text\n" + strings.TrimSpace(out.String()) + "\n```"
	if *update {
		require.NoError(t, os.WriteFile("README.md", shown.ReplaceAllLiteral(readme, []byte(want)), 0o600))
		return
	}
	require.Equal(t, want, string(shown.Find(readme)), "go test ./examples/tour -update rewrites it")
}
