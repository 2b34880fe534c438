package motia

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/relay"
	"github.com/motia-go/motia/internal/tick"
	"github.com/motia-go/motia/internal/webserver"
	"github.com/motia-go/motia/internal/wire"
	"github.com/motia-go/motia/internal/wrap"
)

// graceAfterCancel is how long Run waits for handlers after it has cancelled their contexts, and for the driver to
// return their messages to the queues. It is longer than the second that a driver itself may wait. Run does not wait
// longer for handlers that ignore their context: nothing can stop them.
const graceAfterCancel = 2 * time.Second

// Run runs the steps until ctx ends, and then shuts down:
//
//   - It accepts no more messages, ticks and requests, and ends all subscriptions to streams.
//   - Running handlers have up to [Options.ShutdownTimeout] to finish.
//   - Then it cancels the contexts of those that still run, returns their messages to the queues without counting the
//     attempt, and waits up to 2 seconds more for them to return.
//   - It closes the backend.
//
// Run returns nil if all handlers finished in time, *[ShutdownError] if it had to cancel some, or the error of the
// backend that made it stop. An app runs once: a second call returns [ErrRunning] or [ErrShutdown].
func (a *App) Run(ctx context.Context) error { return a.run(ctx, nil) }

// ListenAndServe is [App.Run] with an HTTP server for the app and its streams on the TCP address, for example
// ":8080". After ctx has ended, it stops listening and lets running requests finish within the same timeout.
func (a *App) ListenAndServe(ctx context.Context, addr string) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("motia: %w", err)
	}
	return a.Serve(ctx, listener)
}

// Serve is [App.ListenAndServe] on an existing listener, which it closes.
func (a *App) Serve(ctx context.Context, listener net.Listener) error {
	return a.run(ctx, listener)
}

func (a *App) run(ctx context.Context, listener net.Listener) error {
	if err := a.start(listener != nil); err != nil {
		if listener != nil {
			_ = listener.Close() // nothing was served
		}
		return err
	}
	r := &runner{app: a}
	r.intake, r.stop = context.WithCancel(ctx)
	defer r.stop()
	// Handlers outlive ctx: they have the shutdown timeout.
	r.handlers, r.cancelHandlers = context.WithCancelCause(context.WithoutCancel(ctx))
	defer r.cancelHandlers(nil)
	a.handlers.Store(&r.handlers)

	notes, mistakes := a.Validate()
	if mistakes != nil {
		notes = append(notes, strings.Split(mistakes.Error(), "\n")...)
	}
	for _, note := range notes {
		a.log.WarnContext(ctx, "flow graph: "+strings.TrimPrefix(note, "motia: "))
	}
	attrs := []any{"steps", len(a.steps), "triggers", len(a.bindings)}
	r.startConsumers()
	r.startRelays(r.intake)
	r.startSchedules()
	if listener != nil {
		r.startServer(listener)
		attrs = append(attrs, "address", listener.Addr().String())
	}
	a.log.InfoContext(ctx, "running", attrs...)
	<-r.intake.Done()
	return r.shutDown(context.WithoutCancel(ctx))
}

// runner is one run of an app: the owner of its goroutines.
type runner struct {
	app            *App
	intake         context.Context // its end begins the shutdown
	stop           context.CancelFunc
	handlers       context.Context // what handlers run in
	cancelHandlers context.CancelCauseFunc
	server         *webserver.Server // nil without a listener

	work       sync.WaitGroup // consumers, schedules, server
	relays     sync.WaitGroup // they outlive the work
	stopRelays context.CancelFunc

	mu     sync.Mutex
	failed error // the error that made the app stop
}

func (r *runner) startConsumers() {
	for _, b := range r.app.bindings {
		if b.trigger.kind == TriggerHTTP {
			continue
		}
		r.goWork("consume for step "+b.step.config.Name, func() error {
			return r.app.backend.Queue.Consume(r.handlers, b.subscription, driver.ConsumeOptions{
				Slots: b.queue.Concurrency, Drain: r.intake.Done(), Expired: b.expired,
			}, b.deliver)
		})
	}
}

// startRelays turns changes into messages as long as handlers run: what they write must not be lost.
func (r *runner) startRelays(ctx context.Context) {
	ctx, r.stopRelays = context.WithCancel(context.WithoutCancel(ctx))
	for bucket := range *r.app.tracked.Load() {
		c := relay.Config{
			Bucket:  bucket,
			Changes: r.app.backend.KV.(driver.ChangeLog).Changes,
			Publish: r.app.backend.Queue.Publish,
			Log:     r.app.log,
		}
		r.relays.Go(func() { r.ended("changes of "+bucket, relay.Run(ctx, c)) })
	}
}

func (r *runner) startSchedules() {
	c := tick.Config{Publish: r.app.backend.Queue.Publish, Log: r.app.log}
	for _, b := range r.app.bindings {
		if b.trigger.kind == TriggerCron {
			c.Schedules = append(c.Schedules, tick.Schedule{
				Times: b.schedule,
				Topic: wire.CronTopic(b.subscription),
				Attrs: []any{"step", b.step.config.Name, "trigger", b.trigger.String()},
			})
		}
	}
	r.work.Go(func() { tick.Run(r.intake, c) })
}

func (r *runner) startServer(listener net.Listener) {
	r.server = webserver.New(webserver.Config{
		Handler: r.app.streamServer.Mount(r.app),
		Context: context.WithValue(r.handlers, servedKey{}, true),
		Log:     r.app.logHandler,
	})
	r.goWork("serve", func() error { return r.server.Serve(listener) })
}

// goWork runs f, which the shutdown waits for.
func (r *runner) goWork(what string, f func() error) {
	r.work.Go(func() { r.ended(what, f()) })
}

// ended records the end of a piece of work. An error before handlers are cancelled begins the shutdown.
func (r *runner) ended(what string, err error) {
	if err == nil || r.handlers.Err() != nil {
		return
	}
	r.mu.Lock()
	if r.failed == nil {
		r.failed = wrap.Errorf(err, "%s", what)
	}
	r.mu.Unlock()
	r.stop()
}

func (r *runner) failure() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

// shutDown ends everything in order; the intake has ended.
func (r *runner) shutDown(ctx context.Context) error {
	a := r.app
	a.log.InfoContext(ctx, "shutting down", "timeout", a.shutdownTimeout)
	requests := a.requests.Close()
	if r.server != nil {
		r.server.Drain()
	}
	a.endStreams() // which may take a second; handlers that follow streams would not end otherwise
	finished := make(chan struct{})
	go func() { // ends when the handlers do
		defer close(finished)
		<-requests
		r.work.Wait()
		a.streamServer.Wait()
	}()
	inTime := within(a.shutdownTimeout, finished)
	var late error
	if !inTime {
		if running := a.running(); len(running) > 0 {
			late = &ShutdownError{Timeout: a.shutdownTimeout, Running: running}
		}
		r.cancelHandlers(ErrShutdown)
		inTime = within(graceAfterCancel, finished)
	}
	if r.server != nil {
		r.server.Close(inTime)
	}
	r.stopRelays()
	r.relays.Wait()
	a.logLeft(ctx)
	return errors.Join(r.failure(), late, a.close(ctx))
}

// within reports whether the channel is closed before d has passed.
func within(d time.Duration, closed <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-closed:
		return true
	case <-timer.C:
		return false
	}
}

// running returns the names of the steps that run, one for each invocation.
func (a *App) running() []string {
	var names []string
	for _, b := range a.bindings {
		for range b.inFlight.Load() {
			names = append(names, b.step.config.Name)
		}
	}
	slices.Sort(names)
	return names
}

// logLeft logs how many messages stay in the queues.
func (a *App) logLeft(ctx context.Context) {
	stats, ok := a.backend.Queue.(driver.StatsReader)
	if !ok {
		return
	}
	message := "messages are left in the queue"
	if !a.backend.Features.Durable {
		message = "messages are lost: the backend is not durable"
	}
	for _, b := range a.bindings {
		if b.trigger.kind == TriggerHTTP {
			continue
		}
		s, err := stats.Stats(ctx, b.subscription)
		if err == nil && s.Ready+s.Delayed+s.Running > 0 {
			a.log.WarnContext(ctx, message, "step", b.step.config.Name, "trigger", b.trigger.String(),
				"ready", s.Ready, "delayed", s.Delayed, "running", s.Running)
		}
	}
}

// start moves the app from idle to running, with a server or without.
func (a *App) start(server bool) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.state == appRunning:
		return ErrRunning
	case a.state == appShutDown:
		return ErrShutdown
	case len(a.optionMistakes) > 0:
		return errors.Join(a.optionMistakes...)
	}
	if server {
		if err := a.checkStreamPath(); err != nil {
			return err
		}
	}
	a.state = appRunning
	return nil
}

// close closes the backend, which only handlers that ignore their context still use.
func (a *App) close(ctx context.Context) error {
	a.mu.Lock()
	a.state = appShutDown
	a.mu.Unlock()
	if a.backend.Close == nil {
		return nil
	}
	if err := a.backend.Close(ctx); err != nil {
		return wrap.Errorf(err, "close backend")
	}
	return nil
}

// closed returns ErrShutdown in place of the error of a backend that the app has closed.
func (a *App) closed(err error) error {
	if !errors.Is(err, driver.ErrClosed) {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.state == appShutDown {
		return ErrShutdown
	}
	return err
}

// cutOff reports whether the shutdown has cancelled handlers.
func (a *App) cutOff() bool {
	ctx := a.handlers.Load()
	return ctx != nil && (*ctx).Err() != nil
}
