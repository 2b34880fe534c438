package browsertest_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// client is an official stream client, in a browser or in Node, that the test controls; see js/control.js.
type client struct {
	t       *testing.T
	command func(text string)
	reports <-chan report // closed when the client has ended
	why     func() string // it has ended

	frames []frame           // all so far
	events []event           // that listeners were called with, so far
	state  map[string]string // of each subscription, as JSON
	closed int               // the code that the first connection ended with
}

type report struct {
	Frame  json.RawMessage
	As     string
	State  json.RawMessage
	Event  string
	Data   json.RawMessage
	Closed int
}

// frame is what the server has sent.
type frame struct {
	Timestamp  int64
	StreamName string
	GroupID    string
	ID         string
	Event      struct {
		Type  string
		Data  json.RawMessage
		Event struct {
			Type string
			Data json.RawMessage
		}
	}
}

// event is what a listener of a subscription got.
type event struct{ as, name, data string }

// say sends the client a command.
func (c *client) say(command map[string]any) {
	c.t.Helper()
	c.command(toJSON(c.t, command))
}

func (c *client) group(as, stream, group string) {
	c.t.Helper()
	c.say(map[string]any{"do": "group", "as": as, "stream": stream, "group": group})
}

func (c *client) item(as, stream, group, id string) {
	c.t.Helper()
	c.say(map[string]any{"do": "item", "as": as, "stream": stream, "group": group, "id": id})
}

// until reads reports until the condition holds.
func (c *client) until(what string, holds func() bool) {
	c.t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for !holds() {
		select {
		case r, ok := <-c.reports:
			if !ok {
				require.Fail(c.t, "the client has ended", "waiting for %s: %s", what, c.why())
			}
			c.take(r)
		case <-timeout.C:
			require.Fail(c.t, "gave up waiting", "for %s\nstate %v\nevents %v\nframes %s", what, c.state, c.events, c.frameText())
		}
	}
}

func (c *client) take(r report) {
	c.t.Helper()
	switch {
	case r.Frame != nil:
		var f frame
		require.NoError(c.t, json.Unmarshal(r.Frame, &f))
		c.frames = append(c.frames, f)
	case r.Event != "":
		c.events = append(c.events, event{r.As, r.Event, string(r.Data)})
	case r.As != "":
		c.state[r.As] = string(r.State)
	default:
		c.closed = r.Closed
	}
}

// untilState waits until the client holds the state, as JSON.
func (c *client) untilState(as, want string) {
	c.t.Helper()
	c.until(as+" = "+want, func() bool { return c.state[as] == want })
}

// untilFrames waits for a frame of each kind, and returns all that have come.
func (c *client) untilFrames(want ...string) {
	c.t.Helper()
	c.until("frames "+strings.Join(want, ", "), func() bool { return len(c.frames) >= len(want) })
	require.Equal(c.t, want, c.seen())
}

// seen describes the frames so far, without their timestamps, and clears them.
func (c *client) seen() []string {
	var seen []string
	for _, f := range c.frames {
		seen = append(seen, f.String())
	}
	c.frames = nil
	return seen
}

func (c *client) frameText() string { return strings.Join(c.seen(), "\n") }

func (f frame) String() string {
	room := f.GroupID
	if f.ID != "" {
		room += "/" + f.ID
	}
	if f.Event.Type == "event" {
		return fmt.Sprintf("%s %s %s", room, f.Event.Event.Type, f.Event.Event.Data)
	}
	return fmt.Sprintf("%s %s %s", room, f.Event.Type, f.Event.Data)
}

// startNodeClient runs the client for Node.
func startNodeClient(t *testing.T, _ string) *client {
	t.Helper()
	needPackages(t)
	cmd := exec.Command("node", "js/node.js")
	var problem strings.Builder
	cmd.Stderr = &problem
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	ended := make(chan struct{})
	reports := make(chan report, manyReports)
	go func() {
		defer close(ended)
		lines := bufio.NewScanner(stdout)
		lines.Buffer(nil, 16<<20)
		for lines.Scan() {
			reports <- reportOf(lines.Bytes())
		}
		_ = cmd.Wait()
		close(reports)
	}()
	t.Cleanup(func() {
		_ = stdin.Close() // it exits
		<-ended
		require.Empty(t, problem.String())
	})
	return &client{
		t:       t,
		command: func(text string) { _, _ = io.WriteString(stdin, text+"\n") },
		reports: reports,
		why:     func() string { <-ended; return problem.String() },
		state:   make(map[string]string),
	}
}

// startBrowserClient opens a page with the client for browsers. The site itself serves it, since WebSockets from
// pages of other sites are refused.
func startBrowserClient(t *testing.T, site string) *client {
	t.Helper()
	tab := newTab(t)
	called := chromedp.Events(tab.ctx, runtime.BindingCalled)
	tab.do(call(runtime.AddBinding, runtime.AddBindingParams{Name: "report"}))
	reports := make(chan report, manyReports)
	var work sync.WaitGroup
	work.Go(func() {
		defer close(reports)
		for call, err := range called {
			if err != nil {
				return
			}
			reports <- reportOf([]byte(call.Payload))
		}
	})
	t.Cleanup(func() {
		tab.close()
		work.Wait()
	})
	tab.do(chromedp.Navigate(site))
	return &client{
		t:       t,
		command: func(text string) { tab.do(chromedp.Evaluate[chromedp.Void]("client.command(" + text + ")")) },
		reports: reports,
		why:     func() string { return "the page is gone" },
		state:   make(map[string]string),
	}
}

// manyReports is more than any test makes, so that the client never waits for the test to read them.
const manyReports = 10000

func reportOf(text []byte) report {
	var r report
	if err := json.Unmarshal(text, &r); err != nil {
		return report{As: "malformed report", State: text}
	}
	return r
}

// bundle is the client for browsers as a script.
var bundle = sync.OnceValues(func() ([]byte, error) {
	return exec.Command("node_modules/.bin/esbuild", "js/browser.js", "--bundle", "--format=iife", "--global-name=client").Output()
})

// clientPage serves a page with the client for browsers.
func clientPage(t *testing.T) http.Handler {
	t.Helper()
	needPackages(t)
	script, err := bundle()
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `<!doctype html><link rel="icon" href="data:,"><script src="/client.js"></script>`)
	})
	mux.HandleFunc("GET /client.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = w.Write(script)
	})
	return mux
}
