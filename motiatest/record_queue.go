package motiatest

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/trace"
	"github.com/motia-go/motia/internal/wire"
)

// backend returns the backend with everything that passes through it recorded.
func (r *recorder) backend(inner *driver.Backend) *driver.Backend {
	outer := *inner
	if inner.Queue == nil || inner.KV == nil || inner.Bus == nil {
		return &outer // motia.New reports the error
	}
	outer.Queue, outer.KV, outer.Bus = r.queue(inner.Queue), r.kv(inner.KV), r.bus(inner.Bus)
	if late, ok := inner.Queue.(interface{ onAcknowledge(f func()) }); ok {
		late.onAcknowledge(r.bump)
	}
	return &outer
}

// subscription is what the recorder knows about a subscription.
type subscription struct {
	id, step   string
	kind       motia.TriggerType
	trigger    string // the description of the motia.Trigger
	expression string // of a schedule
	topics     []string
	maxRetries int
}

// newSubscription returns what the id says, which does not include the step if the trigger has a name; see complete.
func newSubscription(id string) *subscription {
	step, kind := wire.StepAndKind(id)
	return &subscription{id: id, step: step, kind: motia.TriggerType(kind), trigger: kind}
}

// complete adds what the registered steps say about their subscriptions.
func complete(subscriptions []*subscription, steps []motia.Step) {
	byID := make(map[string]*subscription)
	for _, s := range subscriptions {
		byID[s.id] = s
	}
	for _, step := range steps {
		config := step.Config()
		for _, t := range config.Triggers {
			spec := t.Spec()
			id := wire.Subscription{
				Step: config.Name, Kind: string(spec.Type), Name: spec.Name,
				Topic:      spec.Topic,
				Expression: spec.Expression, Zone: spec.Zone,
				Scope: spec.Scope, Key: spec.Key,
				Stream: spec.Stream, Group: spec.Group, Item: spec.Item,
			}
			if s := byID[id.ID()]; s != nil {
				s.step, s.trigger, s.expression = config.Name, t.String(), spec.Expression
			}
		}
	}
}

// queue records messages and deliveries.
type queue struct {
	driver.Queue
	rec *recorder
}

func (r *recorder) queue(inner driver.Queue) driver.Queue {
	q := &queue{inner, r}
	letters, administers := inner.(driver.DeadLetters)
	stats, counts := inner.(driver.StatsReader)
	switch {
	case administers && counts:
		return struct {
			*queue
			driver.DeadLetters
			driver.StatsReader
		}{q, letters, stats}
	case administers:
		return struct {
			*queue
			driver.DeadLetters
		}{q, letters}
	case counts:
		return struct {
			*queue
			driver.StatsReader
		}{q, stats}
	}
	return q
}

func (q *queue) Bind(ctx context.Context, topic, id string, config driver.SubscriptionConfig) error {
	q.rec.bind(topic, id, config)
	return q.Queue.Bind(ctx, topic, id, config)
}

func (r *recorder) bind(topic, id string, config driver.SubscriptionConfig) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.subscriptions[id]
	if s == nil {
		s = newSubscription(id)
		r.subscriptions[id] = s
	}
	s.topics = append(s.topics, topic)
	s.maxRetries = config.Retry.MaxRetries
}

// complete must be called when the steps are registered.
func (r *recorder) complete(steps []motia.Step) {
	r.mu.Lock()
	defer r.mu.Unlock()
	complete(slices.Collect(maps.Values(r.subscriptions)), steps)
}

func (q *queue) Publish(ctx context.Context, messages ...driver.Message) error {
	r := q.rec
	var added []*event
	r.mu.Lock()
	for i := range messages {
		m := &messages[i]
		var e *event
		if topic, ok := wire.UserTopic(m.Topic); ok {
			e = r.addLocked(spanOf(ctx), Event{Kind: KindEnqueue, TraceID: traceID(m.Header), Topic: topic, MessageID: m.ID,
				MessageGroupID: m.Group, Delay: r.delay(m.NotBefore), Data: m.Data})
			e.open = true
			added = append(added, e)
		} else {
			e = r.sent[string(m.Data)] // nil for the others
		}
		if e != nil {
			r.causes[m.Header.TraceParent] = append(r.causes[m.Header.TraceParent], e)
		}
	}
	r.mu.Unlock()
	err := q.Queue.Publish(ctx, messages...)
	if err != nil {
		r.spend() // a message that is offered again and again must count as well
	}
	for _, e := range added {
		var complete func(*Event)
		if err == nil || lostAnswer(err) != nil {
			complete = func(*Event) {}
		}
		r.settle(e, complete)
	}
	r.bump()
	return err
}

func (q *queue) Consume(ctx context.Context, id string, options driver.ConsumeOptions, handle driver.Handler) error {
	return q.Queue.Consume(ctx, id, options, func(ctx context.Context, d *driver.Delivery) driver.Result {
		return q.rec.deliver(ctx, id, d, handle)
	})
}

// deliver records a delivery.
func (r *recorder) deliver(ctx context.Context, id string, d *driver.Delivery, handle driver.Handler) driver.Result {
	if !r.spend() { // Idle is about to give up
		<-r.released
		return driver.Result{Outcome: driver.OutcomeRelease}
	}
	r.mu.Lock()
	sub := r.subscriptions[id]
	cause := r.causeLocked(sub, d)
	r.mu.Unlock()
	s := &span{subscription: sub, delivery: delivery{id, d.Sequence}, cause: cause}
	return r.run(ctx, s, d, handle)
}

// run runs a handler of deliveries within a span.
func (r *recorder) run(ctx context.Context, s *span, d *driver.Delivery, handle driver.Handler) driver.Result {
	r.begin(s, Event{Kind: KindStart, Step: s.subscription.step, Attempt: d.Attempt, Trigger: s.subscription.trigger,
		TraceID: traceID(d.Header), Data: d.Data})
	returned := false
	defer func() {
		if !returned { // because of runtime.Goexit: package motia recovers from panics
			r.mu.Lock()
			r.exited = s.subscription.step
			r.mu.Unlock()
			r.end(s, Event{Outcome: OutcomeFailed, Err: "the handler ended its goroutine"})
		}
	}()
	stop := context.AfterFunc(ctx, r.bump) // since the end of the lease changes what is pending
	result := handle(withSpan(ctx, s), d)
	stop()
	returned = true
	r.end(s, s.outcome(ctx, d, result, r.wasCalled(s)))
	return result
}

func (r *recorder) wasCalled(s *span) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return s.called
}

// outcome says how a delivery ended.
func (s *span) outcome(ctx context.Context, d *driver.Delivery, result driver.Result, called bool) Event {
	e := Event{Outcome: OutcomeDone, Err: result.Error}
	failed := OutcomeRetried
	if d.Attempt > s.subscription.maxRetries {
		failed = OutcomeDeadLettered
	}
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		e.Outcome, e.Err = failed, "visibility timeout expired" // whatever the handler returned
	case result.Outcome == driver.OutcomeRelease:
		e.Outcome = OutcomeReleased
	case result.Outcome == driver.OutcomeDead:
		e.Outcome = OutcomeDeadLettered
	case result.Outcome == driver.OutcomeRetry || result.Outcome == driver.OutcomeRetryAfter:
		e.Outcome = failed
	case !called:
		e.Outcome = OutcomeSkipped
	}
	return e
}

// causeLocked finds the event that led to the message.
func (r *recorder) causeLocked(sub *subscription, d *driver.Delivery) *event {
	key := delivery{sub.id, d.Sequence}
	if e := r.deliveries[key]; e != nil {
		return e
	}
	like := likeness(sub, d)
	// An event that has settled is a better guess than one that has not. The last guesses are those that have already
	// led to a message: then this message is a duplicate.
	for _, guess := range []struct{ open, used bool }{{false, false}, {true, false}, {false, true}, {true, true}} {
		for _, e := range r.causes[d.Header.TraceParent] {
			if e.void || e.open != guess.open || e.used[sub.id] != guess.used || !like(e) {
				continue
			}
			if e.used == nil {
				e.used = make(map[string]bool)
			}
			e.used[sub.id] = true
			r.deliveries[key] = e
			return e
		}
	}
	return nil
}

// likeness returns a function that reports whether an event can have led to the message.
func likeness(sub *subscription, d *driver.Delivery) func(*event) bool {
	switch sub.kind {
	case motia.TriggerQueue:
		topic, _ := wire.UserTopic(d.Topic)
		return func(e *event) bool {
			return e.Kind == KindEnqueue && e.Topic == topic && e.MessageGroupID == d.Group && e.MessageID == d.ID && bytes.Equal(e.Data, d.Data)
		}
	case motia.TriggerState:
		c, _ := wire.DecodeStateChange(d.Data) // a message that does not decode matches no event
		return func(e *event) bool {
			return e.Kind == KindState && e.Scope == c.Scope && e.Key == c.Key && (e.open || e.Change == c.Type)
		}
	case motia.TriggerStream:
		c, _ := wire.DecodeStreamEvent(d.Data)
		return func(e *event) bool {
			return e.Kind == KindStream && e.Stream == c.Stream && e.GroupID == c.Group && e.ItemID == c.Item && (e.open || e.Change == c.Type)
		}
	}
	return func(*event) bool { return false } // a schedule
}

// traceID returns the trace id in a header, if there is one.
func traceID(h driver.Header) string {
	parent, _ := trace.Parse(h.TraceParent)
	return parent.TraceID
}

// delay returns how long a message is held back. In real time a part of the delay has already passed, so the rest is
// rounded up to a round figure.
func (r *recorder) delay(notBefore time.Time) time.Duration {
	if notBefore.IsZero() {
		return 0
	}
	left := time.Until(notBefore)
	if r.bubble || left%time.Millisecond == 0 {
		return left
	}
	for _, unit := range []time.Duration{time.Hour, time.Minute, time.Second, 100 * time.Millisecond, 10 * time.Millisecond, time.Millisecond} {
		if round := (left + unit - 1).Truncate(unit); round-left <= min(left/20, 100*time.Millisecond) {
			return round
		}
	}
	return left
}
