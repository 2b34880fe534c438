package motiatest

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// recorder records events. An event is added before it takes effect, so that its effects come after it. If it has no
// effect it becomes void.
type recorder struct {
	bubble   bool
	activity atomic.Uint64
	active   chan struct{} // has a token when there was activity
	released chan struct{} // closed when the app stops
	logging  chan struct{} // closed when the first record is logged

	// pendingChanges counts the changes that have not reached their triggers; nil if the store does not know.
	pendingChanges func() int

	mu            sync.Mutex
	events        []*event
	running       map[*span]bool
	subscriptions map[string]*subscription
	causes        map[string][]*event // by the traceparent they were sent with
	sent          map[string]*event   // stream events, by their text
	deliveries    map[delivery]*event // the causes found so far
	idling        bool                // Idle is waiting
	spent         int                 // invocations since then
	exited        string              // a step whose handler ended its goroutine
	releasing     sync.Once
	starting      sync.Once
}

// event is an Event under construction; all of it is guarded by recorder.mu.
type event struct {
	Event
	void bool
	open bool            // it is not known yet whether it takes effect
	used map[string]bool // by subscription: a delivery that it led to is known
}

// delivery identifies a message in a subscription.
type delivery struct {
	subscription string
	sequence     uint64
}

// span is one invocation, or one request. Fields that are not marked as fixed are guarded by recorder.mu.
type span struct {
	id           int             // fixed
	delivery     delivery        // fixed; zero for requests
	subscription *subscription   // fixed; nil for requests
	capture      func(err error) // fixed; gets the error of the handler, may be nil
	request      string          // fixed: "POST /orders"
	cause        *event
	start        *event
	called       bool // the handler was called
	returned     bool
	answered     bool // the response has begun
}

func newRecorder(bubble bool) *recorder {
	return &recorder{
		bubble:        bubble,
		active:        make(chan struct{}, 1),
		released:      make(chan struct{}),
		logging:       make(chan struct{}),
		running:       make(map[*span]bool),
		subscriptions: make(map[string]*subscription),
		causes:        make(map[string][]*event),
		sent:          make(map[string]*event),
		deliveries:    make(map[delivery]*event),
	}
}

// release lets deliveries that the recorder holds back return.
func (r *recorder) release() { r.releasing.Do(func() { close(r.released) }) }

// bump notes activity.
func (r *recorder) bump() {
	r.activity.Add(1)
	select {
	case r.active <- struct{}{}:
	default:
	}
}

type spanKey struct{}

func withSpan(ctx context.Context, s *span) context.Context {
	return context.WithValue(ctx, spanKey{}, s)
}

func spanOf(ctx context.Context) *span {
	s, _ := ctx.Value(spanKey{}).(*span)
	return s
}

// addLocked adds an event of a span, which is nil for the test.
func (r *recorder) addLocked(s *span, e Event) *event {
	e.Time, e.seq, e.span = time.Now(), len(r.events)+1, s
	if s != nil && s.start != nil {
		e.Step, e.Attempt = s.start.Step, s.start.Attempt
		e.TraceID = cmp.Or(e.TraceID, s.start.TraceID)
	}
	added := &event{Event: e}
	r.events = append(r.events, added)
	return added
}

// settle completes an event, or makes it void if complete is nil.
func (r *recorder) settle(e *event, complete func(*Event)) {
	r.mu.Lock()
	e.open, e.void = false, complete == nil
	if complete != nil {
		complete(&e.Event)
	}
	r.mu.Unlock()
	r.bump()
}

// begin opens a span with its start event.
func (r *recorder) begin(s *span, start Event) *span {
	r.mu.Lock()
	s.id = len(r.events) + 1
	s.start = r.addLocked(s, start)
	r.running[s] = true
	r.mu.Unlock()
	r.bump()
	return s
}

// end closes a span.
func (r *recorder) end(s *span, end Event) {
	r.mu.Lock()
	end.Kind = KindEnd
	r.addLocked(s, end)
	delete(r.running, s)
	r.mu.Unlock()
	r.bump()
}

// all returns a copy of the events of a span, or of all events if the span is nil.
func (r *recorder) all(of *span) Events {
	r.mu.Lock()
	defer r.mu.Unlock()
	found := make(Events, 0, len(r.events))
	for _, e := range r.events {
		if !e.void && !e.open && (of == nil || e.span == of) {
			found = append(found, e.Event)
		}
	}
	return found
}

// runningLocked describes the running spans, oldest first, except requests that are being answered, since they may
// stream forever.
func (r *recorder) runningLocked() []string {
	var spans []*span
	for s := range r.running {
		if !s.answered {
			spans = append(spans, s)
		}
	}
	slices.SortFunc(spans, func(a, b *span) int { return a.id - b.id })
	var names []string
	for _, s := range spans {
		names = append(names, "running since "+s.start.Time.UTC().Format(time.RFC3339Nano)+": "+s.name())
	}
	return names
}

// name describes the span for a sentence; recorder.mu is held.
func (s *span) name() string {
	if s.request != "" {
		return "request " + s.request
	}
	return "step " + s.start.Step + " (" + s.start.Trigger + ")"
}
