package main

import (
	"bufio"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A curl command of the README, with its body if there is one, its path, and the answer below it.
var shownCurl = regexp.MustCompile(`(?m)^curl (?:-N|--json '([^']*)') 'localhost:8080([^']*)'\n((?:#.*\n)+)`)

func TestTheCommandsOfTheREADMEGiveTheAnswersShown(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	commands := shownCurl.FindAllStringSubmatch(string(readme), -1)
	require.Len(t, commands, strings.Count(string(readme), "\ncurl "))
	b := serve(t)
	for _, command := range commands {
		body, path, answer := command[1], command[2], strings.Split(strings.TrimSuffix(command[3], "\n"), "\n")
		method := http.MethodPost
		if body == "" {
			method = http.MethodGet
		}
		lines := bufio.NewScanner(b.do(method, path, body).Body)
		for _, shown := range answer {
			shown = strings.TrimPrefix(strings.TrimPrefix(shown, "#"), " ")
			require.True(t, lines.Scan(), "%s\nends before %s", path, shown)
			pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(shown), "…", ".+") + "$"
			require.Regexp(t, pattern, lines.Text(), path)
		}
	}
}

func TestTheLinksOfTheREADMELeadSomewhere(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	links := regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(string(readme), -1)
	require.NotEmpty(t, links)
	for _, link := range links {
		_, err := os.Stat(link[1])
		require.NoError(t, err)
	}
	require.Contains(t, string(readme), "go run ./examples/board\n")
}
