package motiatest

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/motia-go/motia"
)

// TB is the part of testing.TB that the kit needs. A *testing.T implements it, and so does an *[App]: with an App,
// [NewContext] and [Invoke] work within that app, with its state and streams.
type TB interface {
	Helper()
	Name() string
	Failed() bool
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	FailNow()
	Cleanup(f func())
}

// App is a running app whose events are recorded. Make one with [Run] or [RunApp]. Its methods end the test when they
// fail, so call them only on the goroutine of the test.
type App struct {
	TB
	*motia.App

	options motia.Options
	rec     *recorder
	ctx     context.Context
	cancel  context.CancelFunc
	stop    func() error
	stopped bool
	bubble  bool
}

// Run starts an app with the steps. It is stopped when the test ends. Nil options mean defaults: everything is in
// memory, and log records go only to the recorder.
func Run(t TB, opts *motia.Options, steps ...motia.Step) *App {
	t.Helper()
	var given motia.Options
	if opts != nil {
		given = *opts
	}
	return RunApp(t, func(o *motia.Options) (*motia.App, error) {
		app := motia.New(o)
		return app, app.Register(steps...)
	}, given)
}

// RunApp is [Run] for a program that makes its app itself. The function gets options that record events, which are
// based on the given options, if any. It may add to them, but must keep their Backend, Logger, Middleware and
// StepMiddleware.
func RunApp(t TB, newApp func(opts *motia.Options) (*motia.App, error), given ...motia.Options) *App {
	t.Helper()
	a := &App{TB: t}
	if len(given) > 0 {
		a.options = given[0]
	}
	a.bubble = settle()
	a.rec = newRecorder(a.bubble)
	a.record()
	app, err := newApp(&a.options)
	if err != nil {
		t.Fatalf("motiatest: the app is not valid:\n%v", err)
		return nil
	}
	a.App = app
	a.rec.complete(app.Steps())
	a.ctx, a.cancel = context.WithCancel(context.Background())
	a.start()
	return a
}

// record makes the options record events.
func (a *App) record() {
	o := &a.options
	if o.Backend == nil {
		o.Backend = motia.InMemory(nil)
	}
	o.Backend = a.rec.backend(o.Backend)
	var next slog.Handler
	if o.Logger != nil {
		next = o.Logger.Handler()
	}
	o.Logger = slog.New(newLogHandler(a.rec, next))
	o.Middleware = append([]func(http.Handler) http.Handler{a.rec.middleware}, o.Middleware...)
	o.StepMiddleware = append([]motia.StepMiddleware{a.rec.stepMiddleware}, o.StepMiddleware...)
}

func (a *App) start() {
	ended := make(chan error, 1)
	go func() { ended <- a.App.Run(a.ctx) }()
	a.stop = sync.OnceValue(func() error {
		a.cancel()
		a.rec.release()
		return <-ended
	})
	a.Cleanup(func() {
		a.Helper()
		if err := a.stop(); err != nil && !a.stopped {
			a.Errorf("motiatest: the app did not stop properly: %v", err)
		}
		if a.Failed() {
			a.Logf("what happened:\n%s", a.Events())
		}
	})
	// An app logs that it starts. A request before that would not be cut off by a shutdown.
	patience := time.NewTimer(realPatience)
	defer patience.Stop()
	select {
	case <-a.rec.logging:
	case <-patience.C:
		a.Fatalf("motiatest: the app did not start, or does not log: it must use the options that it is given")
	}
}

// Stop stops the app as the end of its context would, waits for it and returns what [motia.App.Run] returned. If the
// test does not call Stop, its end stops the app, and the test fails if that returns an error.
func (a *App) Stop() error {
	a.stopped = true
	return a.stop()
}

// Events returns everything that has happened so far, in order.
func (a *App) Events() Events { return a.rec.all(nil) }
