package browsertest_test

import (
	"context"
	"encoding/json"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// workDir is a directory for files that tests make and share.
var workDir string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "browsertest-")
	if err != nil {
		panic(err)
	}
	workDir = dir
	code := m.Run()
	chromium.end()
	_ = os.RemoveAll(workDir)
	os.Exit(code)
}

// chromium is one headless browser for all tests, started by the first test that needs it.
var chromium browser

type browser struct {
	mu   sync.Mutex
	ctx  context.Context // of the browser; nil before it is started
	stop func()
}

func (b *browser) start(t *testing.T) context.Context {
	t.Helper()
	path := needChromium(t)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ctx != nil {
		return b.ctx
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true), // would contact Google's hosts
		chromedp.WindowSize(width, height),
	)
	allocator, stopAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, stop := chromedp.NewContext(allocator)
	require.NoError(t, chromedp.Do(ctx), "start %s", path)
	b.ctx, b.stop = ctx, func() { stop(); stopAllocator() }
	return ctx
}

func (b *browser) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stop != nil {
		b.stop()
	}
}

// The size of a page.
const width, height = 1280, 800

// tab is a page in the browser. An uncaught exception in it fails the test.
type tab struct {
	t     *testing.T
	ctx   context.Context
	close func()
}

func newTab(t *testing.T) *tab {
	t.Helper()
	ctx, closeTab := chromedp.NewContext(chromium.start(t))
	tab := &tab{t: t, ctx: ctx}
	var watching sync.WaitGroup
	tab.close = sync.OnceFunc(func() { closeTab(); watching.Wait() })
	t.Cleanup(tab.close)
	require.NoError(t, chromedp.Do(ctx)) // makes the page, which lives as long as this context
	tab.do(
		chromedp.EmulateViewport(width, height),
		// All pages behave as if they were visible.
		call(emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}),
	)
	messages := chromedp.Console(ctx)
	watching.Go(func() {
		for message, err := range messages {
			if err != nil {
				return
			}
			if message.IsException() {
				t.Errorf("exception in the page: %s", message)
			}
		}
	})
	return tab
}

// do runs the actions.
func (tab *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	require.NoError(tab.t, chromedp.Do(ctx, actions...))
}

// call is a command of the DevTools protocol as an action.
func call[P, R any](command cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, command, params)
		return err
	})
}

// before runs the script in the page before its own.
func (tab *tab) before(script string) {
	tab.t.Helper()
	tab.do(call(page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script}))
}

// value evaluates a JavaScript expression.
func value[T any](tab *tab, expression string) T {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	require.NoError(tab.t, err, expression)
	return v
}

// wait waits until a JavaScript expression has the wanted value, both as JSON.
func (tab *tab) wait(want any, expression string) {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	wanted := toJSON(tab.t, want)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	last := ""
	for {
		got, err := chromedp.Run(ctx, chromedp.Evaluate[string]("JSON.stringify("+expression+")"))
		switch {
		case err == nil && got == wanted:
			return
		case ctx.Err() != nil:
			require.Fail(tab.t, "the value is not as wanted", "%s\nis     %s\nwanted %s", expression, last, wanted)
		case err != nil: // perhaps it does not exist yet
			last = err.Error()
		default:
			last = got
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

func toJSON(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	require.NoError(t, err)
	return string(text)
}
