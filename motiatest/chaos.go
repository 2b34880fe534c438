package motiatest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/driver"
)

// Faults say how often each fault of a [Chaos] backend happens, as a probability from 0 to 1, and how long it lasts.
// Faults that are zero do not happen.
//
// Nil means these moderate amounts:
//
//	motiatest.Faults{
//		Duplicates: 0.05, Crashes: 0.05, Reordering: 0.1, SlowAcks: 0.1, SlowSubscribers: 0.1, FailedWrites: 0.03, ClockJumps: 0.1,
//		MaxDelay: 50 * time.Millisecond, MaxJump: 2 * time.Second,
//	}
type Faults struct {
	// Duplicates stores messages twice, one right behind the other, and hands over changes of state or of stream
	// items twice. Deduplication drops duplicates that have an ID, and those of ticks.
	Duplicates float64
	// Crashes makes workers die before their handler has begun or after it has returned, so that its result is lost.
	// The message is delivered again as after a lost lease: the attempt counts. The last attempt never crashes, so
	// crashes alone make no dead letters, and they do not keep a handler from making its message a dead letter at
	// once. So a step without retries, such as a cron trigger by default, never crashes; in production its message
	// would be a dead letter. No worker dies between two writes of a handler; for that there is FailedWrites.
	Crashes float64
	// Reordering makes messages wait before their handler begins, or releases them after the wait, so that others
	// overtake them. Messages of the same group do not.
	Reordering float64
	// SlowAcks delays the acknowledgement after a handler has returned, within the visibility timeout.
	SlowAcks float64
	// SlowSubscribers delays events to subscribers of streams. They may miss values that are overwritten by then.
	SlowSubscribers float64
	// FailedWrites makes writes of messages, values and sent events fail with [ErrChaos], before or after they were
	// stored, which the writer cannot know.
	FailedWrites float64
	// ClockJumps makes the clock of the store wrong. Its times are off, and waits for a time (delays, times to live)
	// are longer, never shorter.
	ClockJumps float64

	// MaxDelay bounds each delay caused by Reordering, SlowAcks and SlowSubscribers.
	MaxDelay time.Duration
	// MaxJump bounds how far the clock is off, in either direction.
	MaxJump time.Duration
}

// moderate returns the Faults for nil. The documentation of Faults lists them.
func moderate() *Faults {
	return &Faults{
		Duplicates: 0.05, Crashes: 0.05, Reordering: 0.1, SlowAcks: 0.1, SlowSubscribers: 0.1, FailedWrites: 0.03, ClockJumps: 0.1,
		MaxDelay: 50 * time.Millisecond, MaxJump: 2 * time.Second,
	}
}

// ErrChaos is in the chain of errors of writes that a [Chaos] backend makes fail.
var ErrChaos = errors.New("motiatest: chaos")

// Chaos returns an in-memory backend with the [Faults] that distributed ones have on a bad day; nil means moderate
// amounts of all of them. It breaks no promise of package driver: messages are delivered at least once, the order
// within groups holds, nothing is lost, and only messages that have used up their attempts become dead letters. An
// app that does not survive it would not survive production either.
//
//	app := motiatest.Run(t, &motia.Options{Backend: motiatest.Chaos(t, 42, nil)}, steps...)
//
// The same seed causes the same faults for the same operations. Whether a fault happens to a message depends on the
// seed, the subscription, topic, group, payload and attempt, and on how often exactly this has occurred before. For a
// value, or the message to a trigger on it, it depends on the seed, the key and that number. So a payload with
// something random in it, such as an id or a time, gets different faults in each run. If several equal operations run
// concurrently, the fault hits the one that comes first. See [Seeds] for how to repeat that as well in most cases.
//
// When the test fails, its log contains the seed, the command to run it again and the faults that happened.
func Chaos(t TB, seed uint64, faults *Faults) *driver.Backend {
	t.Helper()
	if faults == nil {
		faults = moderate()
	}
	if err := faults.check(); err != nil {
		t.Fatalf("motiatest: chaos:\n%v", err)
		return nil
	}
	c := &chaos{seed: seed, faults: *faults, seen: make(map[digest]uint32)}
	t.Cleanup(func() {
		t.Helper()
		if t.Failed() {
			t.Logf("%s", c.report(t.Name()))
		}
	})
	inner := motia.InMemory(nil)
	outer := *inner
	bus := &chaosBus{memoryBus: inner.Bus.(memoryBus), chaos: c, lines: make(map[*line[[]byte]]string)}
	outer.Queue = &chaosQueue{memoryQueue: inner.Queue.(memoryQueue), chaos: c}
	outer.KV = &chaosKV{memoryKV: inner.KV.(memoryKV), chaos: c, lines: make(map[*line[driver.Entry]]watched)}
	outer.Bus = bus
	outer.Close = func(ctx context.Context) error {
		c.closed.Store(true)
		return errors.Join(inner.Close(ctx), bus.close(ctx))
	}
	return &outer
}

// chaos is shared by the parts of the backend.
type chaos struct {
	seed   uint64
	faults Faults
	closed atomic.Bool
	clocks sync.Map // by bucket: *bucketClock

	mu sync.Mutex
	// acknowledged are called before the result of a handler is returned to the queue.
	acknowledged []func()
	seen         map[digest]uint32 // how many times each digest has occurred
	counts       [faultKinds]int
	sum          uint64  // the sum of the hashes of all faults, which does not depend on their order
	last         []fault // a ring of the last faults
	next         int     // in the ring
}

// faultKind is a kind of fault.
type faultKind int

const (
	duplicate faultKind = iota
	crash
	reordering
	slowAck
	slowSubscriber
	failedWrite
	clockJump
	faultKinds // the number of kinds
)

// probability returns how often faults of the kind happen.
func (c *chaos) probability(k faultKind) float64 {
	f := &c.faults
	return [faultKinds]float64{f.Duplicates, f.Crashes, f.Reordering, f.SlowAcks, f.SlowSubscribers, f.FailedWrites, f.ClockJumps}[k]
}

// can reports whether faults of one of the kinds can happen.
func (c *chaos) can(kinds ...faultKind) bool {
	for _, k := range kinds {
		if c.probability(k) > 0 {
			return true
		}
	}
	return false
}

// check returns what is wrong with the faults.
func (f *Faults) check() error {
	var mistakes []error
	for _, p := range []struct {
		name  string
		value float64
		needs string // the field that bounds it
		bound time.Duration
	}{
		{"Duplicates", f.Duplicates, "", 0},
		{"Crashes", f.Crashes, "", 0},
		{"Reordering", f.Reordering, "MaxDelay", f.MaxDelay},
		{"SlowAcks", f.SlowAcks, "MaxDelay", f.MaxDelay},
		{"SlowSubscribers", f.SlowSubscribers, "MaxDelay", f.MaxDelay},
		{"FailedWrites", f.FailedWrites, "", 0},
		{"ClockJumps", f.ClockJumps, "MaxJump", f.MaxJump},
	} {
		switch {
		case !(p.value >= 0 && p.value <= 1): // also NaN
			mistakes = append(mistakes, fmt.Errorf("%s is %v: must be from 0 to 1", "Faults."+p.name, p.value))
		case p.value > 0 && p.needs != "" && p.bound == 0:
			mistakes = append(mistakes, fmt.Errorf("%s is %v, but %s is 0", "Faults."+p.name, p.value, "Faults."+p.needs))
		}
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"MaxDelay", f.MaxDelay}, {"MaxJump", f.MaxJump}} {
		if d.value < 0 {
			mistakes = append(mistakes, fmt.Errorf("%s is negative: %v", "Faults."+d.name, d.value))
		}
	}
	return errors.Join(mistakes...)
}

// chaosError is the error of a write that was made to fail.
type chaosError struct {
	what string
	// written says that only the answer was lost. For values, old and new are the entries before and after. The
	// receiver of the error cannot see them, but the recorder can.
	written  bool
	old, new driver.Entry
}

func (e *chaosError) Error() string {
	if e.written {
		return ErrChaos.Error() + ": " + e.what + ": the answer was lost"
	}
	return ErrChaos.Error() + ": " + e.what + ": refused"
}

func (e *chaosError) Unwrap() error { return ErrChaos }

// lostAnswer returns the error if it is of a write that was made nonetheless, otherwise nil.
func lostAnswer(err error) *chaosError {
	var failed *chaosError
	if errors.As(err, &failed) && failed.written {
		return failed
	}
	return nil
}
