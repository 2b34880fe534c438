package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/motia-go/motia"
)

// transcript prints what the tour does and what the steps log. It is the same in every run: without times, with the
// records of one action sorted, and with the trace id of the action shown as "this".
type transcript struct {
	app  *motia.App
	out  io.Writer
	log  chan string
	errs []error

	actions int
	trace   atomic.Value // of the action, a string
}

func newTranscript(out io.Writer) *transcript {
	t := &transcript{out: out, log: make(chan string, 100)}
	t.trace.Store("")
	return t
}

// logger writes records as text to the log of the transcript.
func (t *transcript) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(t, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			switch {
			case a.Key == slog.TimeKey:
				return slog.Attr{}
			case a.Key == "trace_id" && a.Value.String() == t.trace.Load():
				return slog.String("trace_id", "this")
			case a.Key == "trace_id":
				return slog.String("trace_id", "other")
			}
			return a
		},
	}))
}

// Write receives one log record.
func (t *transcript) Write(line []byte) (int, error) {
	t.log <- strings.TrimSuffix(string(line), "\n")
	return len(line), nil
}

// noteRuns is a step middleware that logs every run of every step, whatever fired it.
func (t *transcript) noteRuns(ctx context.Context, inv *motia.Invocation, next motia.StepFunc) (motia.Response, error) {
	response, err := next(ctx)
	if err != nil {
		inv.Logger.InfoContext(ctx, "step failed", "error", err)
	} else {
		inv.Logger.InfoContext(ctx, "step ran")
	}
	return response, err
}

// patience is how long an action may take before the tour gives up.
const patience = 10 * time.Second

// logs waits for the log records of an action and prints them.
func (t *transcript) logs(count int) {
	lines := make([]string, 0, count)
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for len(lines) < count {
		select {
		case line := <-t.log:
			lines = append(lines, line)
		case <-timeout.C:
			t.errs = append(t.errs, fmt.Errorf("%d log records instead of %d", len(lines), count))
			count = 0
		}
	}
	slices.Sort(lines)
	for _, line := range lines {
		t.printf("  | %s", strings.Replace(line, "level=", "", 1))
	}
}

func (t *transcript) section(title string) { t.printf("\n== %s", title) }

// milliseconds are the times that steps of the tour store.
var milliseconds = regexp.MustCompile(`\d{12,}`)

func (t *transcript) printf(format string, args ...any) {
	text := milliseconds.ReplaceAllString(fmt.Sprintf(format, args...), "…")
	_, err := fmt.Fprintln(t.out, text)
	t.check(err)
}

// check remembers an error.
func (t *transcript) check(err error) {
	if err != nil {
		t.errs = append(t.errs, err)
	}
}

// finish returns the errors, including log records without an action.
func (t *transcript) finish() error {
	for len(t.log) > 0 {
		t.errs = append(t.errs, fmt.Errorf("unexpected log record %q", <-t.log))
	}
	return errors.Join(t.errs...)
}

// request serves a request with the app and prints the answer and the resulting log records. The request has its own
// trace, as if a client had begun it.
func (t *transcript) request(method, path, body string, records int) {
	traceID := t.newTrace()
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	req.Header.Set("Traceparent", "00-"+traceID+"-0123456789abcdef-01")
	answer := httptest.NewRecorder()
	t.app.ServeHTTP(answer, req)
	t.printf("%s", strings.TrimSpace(fmt.Sprintf("%s %s %s", method, path, body)))
	if answer.Header().Get("X-Trace-Id") != traceID {
		t.check(fmt.Errorf("%s %s: the answer has a different trace id", method, path))
	}
	text := strings.ReplaceAll(strings.TrimSpace(answer.Body.String()), traceID, "this")
	for line := range strings.SplitSeq(fmt.Sprintf("%d %s", answer.Code, text), "\n") {
		t.printf("  %s", line)
	}
	t.logs(records)
}

// newTrace begins a trace for the next action.
func (t *transcript) newTrace() string {
	t.actions++
	traceID := fmt.Sprintf("%032x", t.actions)
	t.trace.Store(traceID)
	return traceID
}

// host returns a context for code outside of steps, in a new trace.
func (t *transcript) host() context.Context {
	ctx := t.app.Context(context.Background())
	inv, _ := motia.FromContext(ctx)
	t.trace.Store(inv.TraceID)
	return ctx
}
