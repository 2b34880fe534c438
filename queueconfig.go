package motia

import (
	"cmp"
	"fmt"
	"time"

	"github.com/motia-go/motia/driver"
)

// QueueConfig is the delivery policy of a trigger. It is a [TriggerOption]; [Options.Queue] sets it for all triggers
// of an app. A zero field means the app's value, or else the default named here. It applies to queue, state, stream
// and cron triggers, which all use queues. In the JSON of a [TriggerSpec] its durations are nanoseconds.
type QueueConfig struct {
	// Type is [QueueStandard] or [QueueFIFO]. Default: QueueStandard.
	Type QueueType `json:"type,omitempty"`
	// MaxAttempts is the number of attempts, including the first, after which a message becomes a dead letter. 1 means
	// no retries. Default: 4, or 1 for cron triggers.
	MaxAttempts int `json:"maxAttempts,omitempty"`
	// VisibilityTimeout limits an attempt. It is the deadline of the handler's context. When it expires, the attempt has
	// failed, whether or not the handler has returned. [FlowContext.ExtendVisibility] extends it. Default: 15 minutes.
	VisibilityTimeout time.Duration `json:"visibilityTimeout,omitempty"`
	// Delay is the minimum time before each message is delivered. Default: 0.
	Delay time.Duration `json:"delay,omitempty"`
	// Concurrency is how many messages this process handles at the same time. Default: 10. For cron triggers it is
	// always 1, except with [OverlapAllow].
	Concurrency int `json:"concurrency,omitempty"`
	// MaxPending limits the messages that are enqueued but not finished, including running ones; Enqueue returns
	// [ErrQueueFull] beyond it. It is for queue triggers only. Default: no limit.
	MaxPending int `json:"maxPending,omitempty"`
	// Backoff returns how long to wait after the given number of failed attempts, at least 1. It may be called
	// concurrently. Default: [ExponentialBackoff] from 1 s to 5 minutes, which always applies to attempts that exceed
	// their visibility timeout.
	Backoff func(attempt int) time.Duration `json:"-"`
}

// QueueType says which messages of a queue are ordered.
type QueueType string

// The types of queues.
const (
	QueueStandard QueueType = "standard" // messages of one group are in order
	QueueFIFO     QueueType = "fifo"     // messages without a group are in order as well, as if they had one
)

// The defaults of QueueConfig.
const (
	defaultMaxAttempts = 4
	defaultVisibility  = 15 * time.Minute
	defaultConcurrency = 10
	defaultBackoffBase = time.Second
	defaultBackoffCap  = 5 * time.Minute
	defaultFactor      = 2
	defaultJitter      = 0.2 // spreads a burst of failures and keeps the backoff recognisable
)

func (c QueueConfig) applyTrigger(t *Trigger) {
	if t.kind == TriggerHTTP {
		t.mistakef("QueueConfig is not an option of http triggers")
	}
	if c.MaxPending != 0 && t.kind != TriggerQueue {
		t.mistakef("MaxPending is for queue triggers only")
	}
	t.mistakes = append(t.mistakes, c.validate()...)
	t.queue = c.or(t.queue)
}

func (c QueueConfig) validate() []error {
	var mistakes []error
	for _, field := range []struct {
		name  string
		value int64
	}{
		{"MaxAttempts", int64(c.MaxAttempts)},
		{"VisibilityTimeout", int64(c.VisibilityTimeout)},
		{"Delay", int64(c.Delay)},
		{"Concurrency", int64(c.Concurrency)},
		{"MaxPending", int64(c.MaxPending)},
	} {
		if field.value < 0 {
			mistakes = append(mistakes, fmt.Errorf("QueueConfig.%s is negative: %d", field.name, field.value))
		}
	}
	switch c.Type {
	case "", QueueStandard, QueueFIFO:
	default:
		mistakes = append(mistakes, fmt.Errorf("unknown queue type %q", string(c.Type)))
	}
	return mistakes
}

// or fills the zero fields of c from defaults.
func (c QueueConfig) or(defaults QueueConfig) QueueConfig {
	c.Type = cmp.Or(c.Type, defaults.Type)
	c.MaxAttempts = cmp.Or(c.MaxAttempts, defaults.MaxAttempts)
	c.VisibilityTimeout = cmp.Or(c.VisibilityTimeout, defaults.VisibilityTimeout)
	c.Delay = cmp.Or(c.Delay, defaults.Delay)
	c.Concurrency = cmp.Or(c.Concurrency, defaults.Concurrency)
	c.MaxPending = cmp.Or(c.MaxPending, defaults.MaxPending)
	if c.Backoff == nil {
		c.Backoff = defaults.Backoff
	}
	return c
}

// resolve applies the app's and the library's defaults for a trigger.
func (t *Trigger) resolve(app QueueConfig) QueueConfig {
	if t.kind != TriggerQueue {
		app.MaxPending = 0
	}
	library := QueueConfig{
		Type:              QueueStandard,
		MaxAttempts:       defaultMaxAttempts,
		VisibilityTimeout: defaultVisibility,
		Concurrency:       defaultConcurrency,
	}
	if t.kind == TriggerCron {
		// The app's defaults are meant for messages. A failed tick need not be retried: the next one comes.
		app.MaxAttempts, app.Delay, app.Type = 1, 0, ""
	}
	c := t.queue.or(app).or(library)
	if t.kind == TriggerCron && t.overlap != OverlapAllow {
		// Ordered, because only the queue knows what runs in other processes.
		c.Type, c.Concurrency, c.MaxPending = QueueFIFO, 1, 1
		if t.overlap == OverlapQueue {
			c.MaxPending = 2
		}
	}
	return c
}

// subscription is the part of the policy that the driver applies.
func (c QueueConfig) subscription() driver.SubscriptionConfig {
	return driver.SubscriptionConfig{
		Retry: driver.RetryPolicy{
			MaxRetries: c.MaxAttempts - 1,
			Base:       defaultBackoffBase,
			Cap:        defaultBackoffCap,
			Factor:     defaultFactor,
			Jitter:     defaultJitter,
		},
		Visibility: c.VisibilityTimeout,
		Delay:      c.Delay,
		MaxPending: c.MaxPending,
		Ordered:    c.Type == QueueFIFO,
	}
}

// ExponentialBackoff returns a function for [QueueConfig.Backoff]: base after the first failed attempt, doubled after
// each further one, at most limit, and minus a random part of up to a fifth.
func ExponentialBackoff(base, limit time.Duration) func(attempt int) time.Duration {
	policy := driver.RetryPolicy{Base: base, Cap: limit, Factor: defaultFactor, Jitter: defaultJitter}
	return policy.Delay
}
