package driver

import (
	"context"
	"math"
	"math/rand/v2"
	"time"
)

// Queue delivers messages to subscriptions, at least once.
//
// A topic fans out: every subscription bound to it gets every message. The consumers of one subscription, in all
// processes, compete for its messages.
//
// Order: while a message of a group is leased, waits for a retry or is ready, no later message of that group is
// delivered to that subscription, on any machine. Groups are independent of each other and of messages without a
// group. A delayed message joins its group when it is due. There is no order among messages without a group
// unless the subscription is [SubscriptionConfig.Ordered].
type Queue interface {
	// Bind makes the subscription receive every message that is published to topic after Bind has returned. It is
	// idempotent; binding again replaces the config. A subscription may be bound to several topics, with the same
	// config.
	Bind(ctx context.Context, topic, subscription string, config SubscriptionConfig) error

	// Publish stores the messages, in their order, for every subscription bound to their topics. A message whose ID
	// was published to the same topic within the deduplication window is dropped without an error, also when the
	// queue is full. Publish returns ErrFull, and stores nothing, when a bounded subscription has no room for all of
	// them. Messages to a topic without subscriptions are dropped, and their IDs need not be remembered. The slice of
	// messages still belongs to the caller.
	Publish(ctx context.Context, messages ...Message) error

	// Consume runs handle for up to options.Slots messages of the subscription at once. When options.Drain is closed
	// it waits for the handlers that are running and returns nil. Messages that have not reached a handler stay in
	// the queue, unharmed. Contexts of handlers derive from ctx: when ctx ends they end, and Consume returns an
	// error; it waits only for handlers that return because of it. Several calls for one subscription, in one or more
	// processes, share its messages. Fewer than one slot is an error.
	Consume(ctx context.Context, subscription string, options ConsumeOptions, handle Handler) error
}

// SubscriptionConfig is the policy of one subscription. It is data, so that all processes share it.
type SubscriptionConfig struct {
	// Retry applies to attempts that end with [OutcomeRetry] and to deliveries that lost their lease.
	Retry RetryPolicy
	// Visibility bounds how long a handler may hold a message. After that, the handler's context ends, the attempt
	// has failed, and the handler's result no longer counts. [Lease.Extend] moves the bound. Zero means no bound. It
	// does not say how soon a driver notices a dead process.
	Visibility time.Duration
	// Delay holds back every message for at least that long after it was published.
	Delay time.Duration
	// MaxPending bounds the messages that are accepted but not finished: ready, delayed, running and waiting for a
	// retry. Zero means no bound. Retries and redriven dead letters are always accepted.
	MaxPending int
	// Ordered treats messages without a group as one group.
	Ordered bool
}

// RetryPolicy says how often and when a failed attempt is retried. The pause after the n-th failed attempt is
// min(Base * Factor^(n-1), Cap), minus a random part of up to Jitter (0 to 1) of it.
type RetryPolicy struct {
	MaxRetries int // attempts after the first; when they are used up the message becomes a dead letter
	Base       time.Duration
	Cap        time.Duration // zero means no cap
	Factor     float64       // zero means 1
	Jitter     float64
}

// Delay returns the pause after the given number of failed attempts, at least 1.
func (p RetryPolicy) Delay(attempt int) time.Duration {
	if p.Base <= 0 {
		return 0
	}
	factor := p.Factor
	if !(factor > 0) {
		factor = 1
	}
	delay := float64(p.Base) * math.Pow(factor, float64(attempt-1))
	if p.Cap > 0 {
		delay = min(delay, float64(p.Cap))
	}
	if jitter := min(p.Jitter, 1); jitter > 0 {
		delay -= delay * jitter * rand.Float64()
	}
	if !(delay < math.MaxInt64) { // too large for a Duration
		return math.MaxInt64
	}
	return time.Duration(delay)
}

// Message is what is published.
type Message struct {
	Topic     string
	ID        string    // for deduplication; empty means none
	Group     string    // order within the group; empty means no group
	NotBefore time.Time // zero means now
	Header    Header
	Data      []byte
}

// ConsumeOptions says how a subscription is consumed.
type ConsumeOptions struct {
	// Slots is the number of handlers that may run at once. At least 1.
	Slots int
	// Drain, once closed, ends the intake. Nil means never.
	Drain <-chan struct{}
	// Expired, if not nil, is called for a delivery whose visibility bound has passed, so that it can be logged. It
	// is called on any goroutine, with no locks held, and returns soon.
	Expired func(delivery *Delivery)
}

// Handler handles one delivery and decides what happens to the message. Its context ends when the lease is lost or
// the context given to Consume ends, whichever is first; its deadline is the end of the visibility bound. It must not
// keep the delivery after it has returned. Drivers need not guard against panics: the core does.
type Handler func(ctx context.Context, delivery *Delivery) Result

// Delivery is one attempt to handle a message.
type Delivery struct {
	Message
	// Sequence identifies the message within its subscription, and stays the same through its attempts.
	Sequence uint64
	// Attempt is 1 on the first delivery. It counts failed and lost attempts, not released ones.
	Attempt int
	// Enqueued is when the message was published.
	Enqueued time.Time
	// Lease is the handler's hold on the message.
	Lease Lease
}

// Lease is a handler's hold on a message.
type Lease interface {
	// Extend sets the end of the visibility bound to d from now. It returns ErrLeaseLost if it is too late. If there
	// is no bound it does nothing.
	Extend(ctx context.Context, d time.Duration) error
}

// Outcome is what happens to a message after an attempt.
type Outcome int

// The outcomes of an attempt.
const (
	// OutcomeDone removes the message.
	OutcomeDone Outcome = iota
	// OutcomeRetry retries it by the subscription's retry policy.
	OutcomeRetry
	// OutcomeRetryAfter retries it after Result.Delay, within the policy's number of retries.
	OutcomeRetryAfter
	// OutcomeDead makes it a dead letter at once.
	OutcomeDead
	// OutcomeRelease returns it as if it had not been delivered: at the head of its group, without counting the
	// attempt.
	OutcomeRelease
)

// Result is a handler's verdict on a message.
type Result struct {
	Outcome Outcome
	Delay   time.Duration // for OutcomeRetryAfter
	Error   string        // recorded with the attempt, except for OutcomeDone and OutcomeRelease
}

// DeadLetters manages the dead letters of subscriptions: messages that are no longer retried. It is optional for a
// [Queue].
type DeadLetters interface {
	// Dead lists up to limit dead letters of the subscription, oldest first, beginning after the given id. A message
	// is listed before the next one of its group is delivered.
	Dead(ctx context.Context, subscription, after string, limit int) ([]DeadLetter, error)
	// CountDead returns how many dead letters there are: as many as Dead would list.
	CountDead(ctx context.Context, subscription string) (int, error)
	// Redrive moves the named dead letters back into the subscription, in the order given, with all attempts ahead of
	// them again and their history kept. Their Attempt begins at 1 again, and deduplication does not drop them. It
	// returns how many it moved; ids that do not exist are skipped.
	Redrive(ctx context.Context, subscription string, ids ...string) (int, error)
	// Discard deletes the named dead letters and returns how many of them existed.
	Discard(ctx context.Context, subscription string, ids ...string) (int, error)
}

// DeadLetter is a message that is no longer retried.
type DeadLetter struct {
	Message
	// DeadID identifies the dead letter within its subscription.
	DeadID   string
	Enqueued time.Time
	Died     time.Time
	// Attempts are all attempts, oldest first, including those before a redrive.
	Attempts []Attempt
}

// Attempt records one failed attempt.
type Attempt struct {
	Started time.Time
	Ended   time.Time
	Error   string
}

// StatsReader reports how much a subscription holds. It is optional for a [Queue].
type StatsReader interface {
	Stats(ctx context.Context, subscription string) (SubscriptionStats, error)
}

// SubscriptionStats counts the messages of a subscription at one moment.
type SubscriptionStats struct {
	Ready   int `json:"ready"`   // may be delivered now, or wait behind others of their group
	Delayed int `json:"delayed"` // not yet due: delayed messages and retries
	Running int `json:"running"` // are with a handler
	Dead    int `json:"dead"`
}
