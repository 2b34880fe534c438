package motia

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/inflight"
	"github.com/motia-go/motia/internal/logctx"
	"github.com/motia-go/motia/internal/membus"
	"github.com/motia-go/motia/internal/memkv"
	"github.com/motia-go/motia/internal/memqueue"
	"github.com/motia-go/motia/internal/payload"
	"github.com/motia-go/motia/internal/route"
	"github.com/motia-go/motia/internal/streamserver"
	"github.com/motia-go/motia/internal/wrap"
)

// Options configure an [App]. Zero fields have their defaults. [New] makes a copy: later changes have no effect.
type Options struct {
	// Logger gets the log records of the app and its steps. Default: [slog.Default] at the time of New.
	Logger *slog.Logger
	// Streams are the streams that steps may use. Default: none.
	Streams []StreamConfig
	// Backend holds the queues, the state and the streams. [App.Run] closes it at its end. Default: a new one from
	// [InMemory].
	Backend *driver.Backend
	// Queue has the app's defaults for the fields that the [QueueConfig] of a trigger leaves zero. Default: those of
	// QueueConfig.
	Queue QueueConfig
	// Location is the time zone of cron triggers that name no zone. Default: UTC.
	Location *time.Location
	// Middleware wraps all HTTP handling of the app, including requests that no route matches; the first is the
	// outermost. It does not wrap [App.StreamHandler]. Default: none.
	Middleware []func(http.Handler) http.Handler
	// StepMiddleware wraps the handler of every step, whatever the trigger; the first is the outermost. Default: none.
	StepMiddleware []StepMiddleware
	// Validator validates payloads before handlers run. Default: [NewValidator] without arguments, which reads
	// `validate` tags.
	Validator Validator
	// MaxBodySize limits request bodies that are decoded, in bytes. A larger one is answered with 413. Default: 1 MiB.
	MaxBodySize int64
	// MaxValueSize limits state values and stream items, in bytes of JSON; see [ErrValueTooLarge]. Default: 1 MiB.
	MaxValueSize int
	// StreamServer configures [App.StreamHandler]. Default: the defaults of StreamServerOptions.
	StreamServer StreamServerOptions
	// ShutdownTimeout is how long [App.Run] lets handlers finish after its context has ended, before it cancels their
	// contexts. Default: 30 s.
	ShutdownTimeout time.Duration
}

const (
	defaultMaxBodySize     = 1 << 20
	defaultMaxValueSize    = 1 << 20
	defaultShutdownTimeout = 30 * time.Second
)

// App is a set of steps and what they run on. Make one with [New]. Its methods may be called concurrently. One
// process can have several apps; they share nothing but the backend, if they are given the same one.
type App struct {
	backend         driver.Backend
	shared          bool // other apps or processes may use the backend
	logHandler      slog.Handler
	log             *slog.Logger
	queueDefaults   QueueConfig
	location        *time.Location
	middleware      []func(http.Handler) http.Handler
	stepMiddleware  []StepMiddleware
	validator       payload.Validator
	maxBodySize     int64
	maxValueSize    int
	shutdownTimeout time.Duration
	optionMistakes  []error

	streams      map[string]*stream          // fixed by New
	streamServer *streamserver.Server        // fixed by New
	handler      http.Handler                // serveRoutes within the middleware; fixed by New
	routes       atomic.Pointer[route.Table] // nil until the first request after a registration

	mu       sync.Mutex
	state    appState
	steps    []*Step
	bindings []*binding
	taken    *taken                          // by steps and bindings; nil if not known
	tracked  atomic.Pointer[map[string]bool] // buckets with a change log

	buffers  payload.Buffers                 // of bodies
	messages sync.Pool                       // *[1]driver.Message, for calls of Publish
	requests inflight.Gate                   // HTTP requests
	handlers atomic.Pointer[context.Context] // what queue handlers run in; nil before Run
}

type appState int

const (
	appIdle appState = iota
	appRunning
	appShutDown
)

// New returns an app without steps. Nil options mean defaults. [App.Register] reports mistakes in the options.
func New(opts *Options) *App {
	var o Options
	if opts != nil {
		o = *opts
	}
	a := &App{
		queueDefaults:   o.Queue,
		location:        cmp.Or(o.Location, time.UTC),
		middleware:      append([]func(http.Handler) http.Handler(nil), o.Middleware...),
		stepMiddleware:  append([]StepMiddleware(nil), o.StepMiddleware...),
		maxBodySize:     cmp.Or(o.MaxBodySize, defaultMaxBodySize),
		maxValueSize:    cmp.Or(o.MaxValueSize, defaultMaxValueSize),
		shutdownTimeout: cmp.Or(o.ShutdownTimeout, defaultShutdownTimeout),
	}
	if o.Backend != nil {
		a.backend, a.shared = *o.Backend, true
	} else {
		a.backend = *InMemory(nil)
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	a.logHandler = o.Logger.Handler()
	if h, ok := a.logHandler.(*logctx.Handler); ok { // it would add the attributes a second time
		a.logHandler = h.Plain()
	}
	a.log = slog.New(LogHandler(a.logHandler))
	a.tracked.Store(&map[string]bool{})
	a.declareStreams(o)
	a.checkOptions(o)
	a.setValidator(o.Validator)
	handler, err := wrapHTTP(a.middleware, http.HandlerFunc(a.serveRoutes))
	if err != nil {
		a.optionMistakes = append(a.optionMistakes, wrap.Errorf(err, "Options.Middleware"))
	}
	a.handler = handler
	return a
}

func (a *App) checkOptions(o Options) {
	for _, err := range o.Queue.validate() {
		a.optionMistakes = append(a.optionMistakes, wrap.Errorf(err, "Options.Queue"))
	}
	for _, negative := range []struct {
		name string
		is   bool
	}{
		{"MaxBodySize", o.MaxBodySize < 0},
		{"MaxValueSize", o.MaxValueSize < 0},
		{"ShutdownTimeout", o.ShutdownTimeout < 0},
	} {
		if negative.is {
			a.optionMistakes = append(a.optionMistakes, fmt.Errorf("motia: Options.%s is negative", negative.name))
		}
	}
	for i, m := range o.Middleware {
		if m == nil {
			a.optionMistakes = append(a.optionMistakes, fmt.Errorf("motia: Options.Middleware[%d] is nil", i))
		}
	}
	for i, m := range o.StepMiddleware {
		if m == nil {
			a.optionMistakes = append(a.optionMistakes, fmt.Errorf("motia: Options.StepMiddleware[%d] is nil", i))
		}
	}
	if a.backend.Queue == nil || a.backend.KV == nil || a.backend.Bus == nil {
		a.optionMistakes = append(a.optionMistakes, errors.New("motia: Options.Backend must have Queue, KV and Bus"))
	}
}

// tracks reports whether the headers of changes in the bucket may be read.
func (a *App) tracks(bucket string) bool {
	return a.shared || (*a.tracked.Load())[bucket]
}

// MemoryOptions configure [InMemory]. Zero fields have their defaults.
type MemoryOptions struct {
	// DedupWindow is how long a message with the ID of an earlier one is dropped. Default: 2 minutes.
	DedupWindow time.Duration
}

// InMemory returns a new backend that keeps everything in memory, the default. Everything is lost when the process
// ends. Several apps of one process can share it; the first that shuts down closes it.
func InMemory(opts *MemoryOptions) *driver.Backend {
	var o MemoryOptions
	if opts != nil {
		o = *opts
	}
	queue := memqueue.New(memqueue.Options{DedupWindow: o.DedupWindow})
	kv, bus := memkv.New(), membus.New()
	return &driver.Backend{
		Queue:    queue,
		KV:       kv,
		Bus:      bus,
		Features: driver.Features{AtomicPublish: true},
		Close: func(ctx context.Context) error {
			return errors.Join(queue.Close(ctx), kv.Close(ctx), bus.Close(ctx))
		},
	}
}
