package motia_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

// logInStep runs f in a queue step on the second attempt and returns what the handler made of the messages that begin
// with "test".
func logInStep(t *testing.T, wrap func(slog.Handler) slog.Handler, f func(ctx *queueCtx, app *slog.Logger)) (lines []string, trace string) {
	t.Helper()
	log := new(testkit.Log)
	logger := slog.New(wrap(slog.NewJSONHandler(log, nil)))
	synctest.Test(t, func(t *testing.T) {
		app, _ := testkit.NewApp(t, &motia.Options{Logger: logger}, queueStep("s", "t", func(ctx *queueCtx, _ string) error {
			if ctx.Trigger.Attempt == 1 {
				return motia.RetryAfter(0, errBoom)
			}
			trace = ctx.TraceID
			f(ctx, logger)
			return nil
		}))
		testkit.Start(t, app)
		queueSend(t, app, "t", "")
		synctest.Wait()
	})
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, `"msg":"test`) {
			_, line, _ = strings.Cut(line, `"msg":`)
			lines = append(lines, strings.ReplaceAll(strings.TrimSuffix(line, "}\n"), trace, "TRACE"))
		}
	}
	return lines, trace
}

func logPlain(h slog.Handler) slog.Handler { return h }

const logAttrs = `"trace_id":"TRACE","step":"s","trigger":"queue","attempt":2`

func TestTheContextsLoggerAddsWhereItIs(t *testing.T) {
	for name, wrap := range map[string]func(slog.Handler) slog.Handler{"plain": logPlain, "wrapped already": motia.LogHandler} {
		t.Run(name, func(t *testing.T) {
			lines, _ := logInStep(t, wrap, func(ctx *queueCtx, _ *slog.Logger) {
				ctx.Logger.Info("test", "a", 1)
				ctx.Logger.InfoContext(ctx, "test", "a", 1)
				ctx.Logger.With("b", 2).InfoContext(ctx, "test", "a", 1)
				ctx.Logger.WithGroup("g").With("b", 2).InfoContext(ctx, "test", "a", 1)
				ctx.Logger.WithGroup("").Info("test")
				ctx.Logger.Debug("test: below the level")
			})
			require.Equal(t, []string{
				`"test","a":1,` + logAttrs,
				`"test","a":1,` + logAttrs,
				`"test",` + logAttrs + `,"b":2,"a":1`,
				`"test",` + logAttrs + `,"g":{"b":2,"a":1}`,
				`"test",` + logAttrs,
			}, lines)
		})
	}
}

func TestLogHandlerFindsTheInvocationInTheContext(t *testing.T) {
	lines, _ := logInStep(t, motia.LogHandler, func(ctx *queueCtx, app *slog.Logger) {
		derived, cancel := context.WithCancel(ctx)
		defer cancel()
		app.InfoContext(derived, "test", "a", 1)
		app.With("b", 2).InfoContext(derived, "test", "a", 1)
		app.WithGroup("g").With("b", 2).WithGroup("h").InfoContext(derived, "test", "a", 1)
		app.InfoContext(context.Background(), "test", "a", 1)
		app.With("b", 2).Info("test")
		app.DebugContext(ctx, "test: below the level")
		app.InfoContext(ctx, "test", "a", 1, "b", 2, "c", 3, "d", 4, "e", 5, "f", 6)
	})
	require.Equal(t, []string{
		`"test","a":1,` + logAttrs,
		`"test",` + logAttrs + `,"b":2,"a":1`,
		`"test",` + logAttrs + `,"g":{"b":2,"h":{"a":1}}`,
		`"test","a":1`,
		`"test","b":2`,
		`"test","a":1,"b":2,"c":3,"d":4,"e":5,"f":6,` + logAttrs,
	}, lines)
}

func TestWrappingALogHandlerAgainAddsNothing(t *testing.T) {
	lines, _ := logInStep(t, func(h slog.Handler) slog.Handler { return motia.LogHandler(motia.LogHandler(h)) }, func(ctx *queueCtx, app *slog.Logger) {
		slog.New(motia.LogHandler(app.Handler())).InfoContext(ctx, "test")
	})
	require.Equal(t, []string{`"test",` + logAttrs}, lines)
}

func TestAttributesOfTheAppsLoggerAreKept(t *testing.T) {
	for name, wrap := range map[string]func(slog.Handler) slog.Handler{"plain": logPlain, "wrapped": motia.LogHandler} {
		t.Run(name, func(t *testing.T) {
			lines, _ := logInStep(t, func(h slog.Handler) slog.Handler {
				return wrap(h).WithAttrs([]slog.Attr{slog.String("service", "shop")})
			}, func(ctx *queueCtx, _ *slog.Logger) { ctx.Logger.Info("test") })
			require.Equal(t, []string{`"test","service":"shop",` + logAttrs}, lines)
		})
	}
}

func TestHostCodeLogsItsTraceIDOnly(t *testing.T) {
	var out bytes.Buffer
	logger := slog.New(motia.LogHandler(slog.NewJSONHandler(&out, nil)))
	ctx := motia.New(&motia.Options{Logger: logger}).Context(t.Context())
	inv, _ := motia.FromContext(ctx)
	logger.InfoContext(ctx, "hello")
	var record map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &record))
	require.Equal(t, inv.TraceID, record["trace_id"])
	require.NotContains(t, record, "step")
}

func TestTwoHandlersThatShareARecordDoNotDisturbEachOther(t *testing.T) {
	var one, two bytes.Buffer
	a, b := motia.LogHandler(slog.NewJSONHandler(&one, nil)), slog.NewJSONHandler(&two, nil)
	both := logFanOut{a, b, a}
	ctx := motia.New(nil).Context(t.Context())
	for n := range 40 { // some numbers of attributes leave room for more in memory that the copies of a record share
		attrs := make([]slog.Attr, n)
		for i := range attrs {
			attrs[i] = slog.Int("a", i)
		}
		slog.New(both).LogAttrs(ctx, slog.LevelInfo, "test", attrs...)
	}
	require.NotContains(t, one.String()+two.String(), "!BUG")
	require.NotContains(t, two.String(), "trace_id")
	require.Equal(t, 2*40, strings.Count(one.String(), "trace_id"))
}

// logFanOut hands the same record to several handlers, without a clone.
type logFanOut []slog.Handler

func (f logFanOut) Enabled(context.Context, slog.Level) bool { return true }
func (f logFanOut) WithAttrs([]slog.Attr) slog.Handler       { return f }
func (f logFanOut) WithGroup(string) slog.Handler            { return f }
func (f logFanOut) Handle(ctx context.Context, r slog.Record) error {
	for _, h := range f {
		if err := h.Handle(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

func TestTheLoggerMayBeUsedConcurrently(t *testing.T) {
	lines, _ := logInStep(t, motia.LogHandler, func(ctx *queueCtx, app *slog.Logger) {
		shared := app.With("shared", true)
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				ctx.Logger.With("i", i).Info("test")
				shared.With("i", i).InfoContext(ctx, "test")
			})
		}
		wg.Wait()
	})
	var want []string
	for i := range 20 {
		want = append(want, fmt.Sprintf(`"test",%s,"i":%d`, logAttrs, i), fmt.Sprintf(`"test",%s,"shared":true,"i":%d`, logAttrs, i))
	}
	require.ElementsMatch(t, want, lines)
}
