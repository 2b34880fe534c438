package main

import (
	"bufio"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// The commands in the READMEs give the answers shown below them. Those of one README are run in order, against one
// service, which is started with the flags in the README.
func TestTheCommandsOfTheREADMEsGiveTheAnswersShown(t *testing.T) {
	for _, readme := range []struct {
		file  string
		fence string // that the blocks begin with
		least int    // commands in it
	}{
		{"README.md", "```sh", 10},
		{"../../README.md", "```sh orders", 1},
	} {
		t.Run(readme.file, func(t *testing.T) {
			text, err := os.ReadFile(readme.file)
			require.NoError(t, err)
			session := readSession(t, string(text), readme.fence)
			require.GreaterOrEqual(t, len(session.steps), readme.least)
			synctest.Test(t, func(t *testing.T) { session.run(t) })
		})
	}
}

// session is what the reader of a README types.
type session struct {
	flags []string // of go run ./examples/orders
	steps []sessionStep
}

// sessionStep is a curl command with the answer shown, or a pause.
type sessionStep struct {
	line    int
	pause   time.Duration
	request curlRequest
	answer  string
}

// readSession collects the commands of all blocks with the fence.
func readSession(t *testing.T, text, fence string) session {
	t.Helper()
	var s session
	started, within, command := false, false, ""
	for number, line := range lines(text) {
		switch {
		case !within:
			within = line == fence
		case line == "```":
			within = false
		case strings.HasPrefix(line, "#"):
			require.NotEmpty(t, s.steps, "line %d: an answer without a command", number)
			last := &s.steps[len(s.steps)-1]
			last.answer += strings.TrimPrefix(strings.TrimPrefix(line, "#"), " ") + "\n"
		default:
			words, complete := shellWords(command + line)
			if !complete {
				command += line + "\n"
				continue
			}
			command = ""
			switch {
			case len(words) == 0:
			case strings.HasPrefix(line, "go run ./examples/orders") || strings.HasPrefix(line, "go run github.com/motia-go/motia/examples/orders@"):
				require.False(t, started, "line %d: started twice", number)
				started = true
				s.flags = words[3:]
			case words[0] == "sleep":
				pause, err := time.ParseDuration(words[1] + "s")
				require.NoError(t, err, "line %d", number)
				s.steps = append(s.steps, sessionStep{line: number, pause: pause})
			case words[0] == "curl":
				request, err := parseCurl(words[1:])
				require.NoError(t, err, "line %d", number)
				s.steps = append(s.steps, sessionStep{line: number, request: request})
			case words[0] == "go": // other tests run what else the README says
			default:
				require.Fail(t, "unknown command", "line %d: %s", number, line)
			}
		}
	}
	require.Empty(t, command, "a quote is not closed")
	return s
}

// lines numbers the lines from 1.
func lines(text string) func(yield func(int, string) bool) {
	return func(yield func(int, string) bool) {
		scanner := bufio.NewScanner(strings.NewReader(text))
		for number := 1; scanner.Scan(); number++ {
			if !yield(number, scanner.Text()) {
				return
			}
		}
	}
}

func (s session) run(t *testing.T) {
	shop := openShop(t, s.flags)
	for _, step := range s.steps {
		if step.pause > 0 {
			time.Sleep(step.pause)
			continue
		}
		r := step.request
		require.Equal(t, "localhost:8080", r.host, "line %d", step.line)
		res, body := shop.send(r)
		if res.Header.Get("Content-Type") == "text/event-stream" {
			require.NoError(t, matchLines(step.answer, body), "line %d\n%s", step.line, body)
			continue
		}
		require.NoError(t, matchJSON(step.answer, body), "line %d\n%s", step.line, body)
	}
	require.NoError(t, shop.stop())
}
