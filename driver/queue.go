package driver

import (
	"context"
	"math"
	"math/rand/v2"
	"time"
)

// Queue delivers messages to subscriptions, at least once.
//
// A topic fans out: every subscription bound to it gets every message. Consumers of one subscription, in whatever
// process, compete for its messages.
//
// Order: while a message of a group is leased, waits for a retry or is ready, no later message of the same group is
// delivered to that subscription, on any machine. Groups are independent of each other and of messages without a group.
// A message with a delay joins its group when it falls due. There is no order among messages without a group unless the
// subscription is [SubscriptionConfig.Ordered].
type Queue interface {
	// Bind makes the subscription receive every message published to topic from its return on. It is idempotent; binding
	// again replaces the config. A subscription may be bound to several topics, with the same config.
	Bind(ctx context.Context, topic, subscription string, config SubscriptionConfig) error

	// Publish stores the messages, in their order, for every subscription bound to their topics. A message whose ID
	// was published to the same topic within the deduplication window is dropped without an error, also when the
	// queue is full. Publish returns ErrFull, and stores nothing, when a bounded subscription has no room for all of
	// them. Messages to a topic that nothing is bound to are dropped, and their IDs need not be remembered. The slice
	// stays the caller's.
	Publish(ctx context.Context, messages ...Message) error

	// Consume runs handle for up to options.Slots messages of the subscription at once, until options.Drain is closed
	// and the handlers that run by then have returned; then it returns nil. Messages that have not reached a handler
	// stay in the queue, unharmed. Contexts of handlers derive from ctx: when ctx ends they end, and Consume returns
	// an error without waiting for more than the handlers that heed it. Several calls for one subscription, in one or
	// more processes, share its messages. Fewer than one slot is an error.
	Consume(ctx context.Context, subscription string, options ConsumeOptions, handle Handler) error
}

// SubscriptionConfig is the policy of one subscription. It is data, so that all processes share it.
type SubscriptionConfig struct {
	// Retry applies to attempts that end with [OutcomeRetry] and to deliveries whose lease was lost.
	Retry RetryPolicy
	// Visibility bounds how long a handler may hold a message. When it has passed, the handler's context ends, the
	// attempt has failed, and the handler's result no longer counts. [Lease.Extend] moves the bound. Zero means no
	// bound. It says nothing about how soon a driver notices a dead process.
	Visibility time.Duration
	// Delay holds back every message for at least that long after it was published.
	Delay time.Duration
	// MaxPending bounds the messages that are accepted but not finished: ready, delayed, running and waiting for a retry.
	// Zero means no bound. Retries and redriven dead letters are never refused.
	MaxPending int
	// Ordered treats messages without a group as one group.
	Ordered bool
}

// RetryPolicy says how often and when a failed attempt is repeated: after the n-th failed attempt, at
// min(Base * Factor^(n-1), Cap), less a random part of up to Jitter (0 to 1) of it.
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
	// Expired, if not nil, is told of a delivery whose visibility bound has passed, so that it can be logged. It is called
	// on any goroutine, without locks, and returns soon.
	Expired func(delivery *Delivery)
}

// Handler handles one delivery and says what becomes of the message. Its context ends when the lease is lost or the
// context given to Consume ends, whichever is first; its deadline is the end of the visibility bound. It must not
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
	// Lease is the hold that the handler has on the message.
	Lease Lease
}

// Lease is a handler's hold on a message.
type Lease interface {
	// Extend sets the end of the visibility bound to d from now. It returns ErrLeaseLost when it came too late. Where
	// there is no bound it changes nothing.
	Extend(ctx context.Context, d time.Duration) error
}

// Outcome is what becomes of a message after an attempt.
type Outcome int

// The outcomes of an attempt.
const (
	// OutcomeDone removes the message.
	OutcomeDone Outcome = iota
	// OutcomeRetry repeats it by the subscription's retry policy.
	OutcomeRetry
	// OutcomeRetryAfter repeats it after Result.Delay, within the policy's number of retries.
	OutcomeRetryAfter
	// OutcomeDead makes it a dead letter at once.
	OutcomeDead
	// OutcomeRelease gives it back as if it had not been delivered: at the head of its group, without counting the attempt.
	OutcomeRelease
)

// Result is a handler's verdict on a message.
type Result struct {
	Outcome Outcome
	Delay   time.Duration // for OutcomeRetryAfter
	Error   string        // kept with the attempt, except for OutcomeDone and OutcomeRelease
}

// DeadLetters administers the messages that were given up. It is optional for a [Queue].
type DeadLetters interface {
	// Dead lists up to limit dead letters of the subscription, oldest first, beginning after the given id. A message is
	// there before the next of its group is delivered.
	Dead(ctx context.Context, subscription, after string, limit int) ([]DeadLetter, error)
	// CountDead returns how many there are: as many as Dead would list.
	CountDead(ctx context.Context, subscription string) (int, error)
	// Redrive moves the named dead letters back into the subscription, in the order given, with all attempts before
	// them and their history kept. Their Attempt begins at 1 again, and they are no duplicates of themselves. It returns
	// how many it moved; ids that do not exist are passed over.
	Redrive(ctx context.Context, subscription string, ids ...string) (int, error)
	// Discard removes the named dead letters for good and returns how many there were.
	Discard(ctx context.Context, subscription string, ids ...string) (int, error)
}

// DeadLetter is a message that was given up.
type DeadLetter struct {
	Message
	// DeadID identifies the dead letter within its subscription.
	DeadID   string
	Enqueued time.Time
	Died     time.Time
	// Attempts are all attempts, oldest first, also those before a redrive.
	Attempts []Attempt
}

// Attempt records one failed attempt.
type Attempt struct {
	Started time.Time
	Ended   time.Time
	Error   string
}

// StatsReader tells how much a subscription holds. It is optional for a [Queue].
type StatsReader interface {
	Stats(ctx context.Context, subscription string) (SubscriptionStats, error)
}

// SubscriptionStats counts the messages of a subscription at one moment.
type SubscriptionStats struct {
	Ready   int `json:"ready"`   // may be delivered now, or wait behind others of their group
	Delayed int `json:"delayed"` // wait for their time: delayed messages and retries
	Running int `json:"running"` // are with a handler
	Dead    int `json:"dead"`
}
