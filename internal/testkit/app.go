// Package testkit is shared by the tests of several packages. Only tests may import it.
package testkit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
)

// NewApp returns an app with the steps registered, whose log goes to the returned Log unless the options have a
// logger.
func NewApp(t testing.TB, opts *motia.Options, steps ...motia.Step) (*motia.App, *Log) {
	t.Helper()
	var o motia.Options
	if opts != nil {
		o = *opts
	}
	log := new(Log)
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	app := motia.New(&o)
	require.NoError(t, app.Register(steps...))
	return app, log
}

// Start runs the app until the test ends, or until stop is called. stop returns the result of Run.
func Start(t testing.TB, app *motia.App) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- app.Run(ctx) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() { _ = stop() }) // tests that care call stop themselves
	return stop
}

// ShutDown shuts down an app that has not run, so that hubs that linger for clients end.
func ShutDown(t testing.TB, app *motia.App) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := app.Run(ctx); !errors.Is(err, motia.ErrShutdown) { // the app has already run
		require.NoError(t, err)
	}
}

// Log keeps log records as lines of JSON.
type Log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer for a slog.JSONHandler.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// String returns everything that was logged.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// Records returns the records with the message, decoded.
func (l *Log) Records(t testing.TB, message string) []map[string]any {
	t.Helper()
	var found []map[string]any
	for line := range strings.Lines(l.String()) {
		var record map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &record))
		if record["msg"] == message {
			found = append(found, record)
		}
	}
	return found
}
