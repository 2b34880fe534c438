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

// Faults say how often a [Chaos] backend does what, as probabilities from 0 to 1, and for how long. What is zero does
// not happen.
//
// The moderate amounts that nil stands for are:
//
//	motiatest.Faults{
//		Duplicates: 0.05, Crashes: 0.05, Reordering: 0.1, SlowAcks: 0.1, SlowSubscribers: 0.1, FailedWrites: 0.03, ClockJumps: 0.1,
//		MaxDelay: 50 * time.Millisecond, MaxJump: 2 * time.Second,
//	}
type Faults struct {
	// Duplicates stores a message twice, one right behind the other, and hands over a change of state or of a stream
	// item twice. Deduplication drops those that have an ID, and ticks.
	Duplicates float64
	// Crashes lets a worker die, before its handler has begun or after it has returned, so that its result is lost.
	// The message comes again as after a lost lease: the attempt counts. The last attempt never crashes, nor is a
	// message saved from being dead-lettered at once: crashes alone make no dead letters. So a step without retries,
	// as cron triggers are by default, never crashes; in production its message would be a dead letter. No worker
	// dies between two writes of a handler: FailedWrites cuts it off there.
	Crashes float64
	// Reordering lets a message wait before its handler begins, or step back after that, so that others overtake it.
	// Those of its group do not.
	Reordering float64
	// SlowAcks lets time pass between the return of a handler and its effect, within the visibility timeout.
	SlowAcks float64
	// SlowSubscribers lets subscribers to streams learn late what has happened. They may miss values that were
	// overwritten by then.
	SlowSubscribers float64
	// FailedWrites lets messages, values and sent events fail with [ErrChaos], before or after they were stored: who
	// gets the error cannot know.
	FailedWrites float64
	// ClockJumps sets the clock of the store wrong. Its times are off, and what waits for a time (delays, times to
	// live) waits longer, never shorter.
	ClockJumps float64

	// MaxDelay bounds each wait that comes of Reordering, SlowAcks and SlowSubscribers.
	MaxDelay time.Duration
	// MaxJump bounds how far the clock is off, in either direction.
	MaxJump time.Duration
}

// moderate is what nil Faults stand for. It is all in the documentation of Faults.
func moderate() *Faults {
	return &Faults{
		Duplicates: 0.05, Crashes: 0.05, Reordering: 0.1, SlowAcks: 0.1, SlowSubscribers: 0.1, FailedWrites: 0.03, ClockJumps: 0.1,
		MaxDelay: 50 * time.Millisecond, MaxJump: 2 * time.Second,
	}
}

// ErrChaos is what writes return that a [Chaos] backend lets fail.
var ErrChaos = errors.New("motiatest: chaos")

// Chaos returns a backend in memory that does what distributed ones do on a bad day: see [Faults]; nil means moderate
// amounts of all of them. It breaks no promise of package driver: messages come at least once, the order within
// groups holds, nothing is lost, and only what has used up its attempts becomes a dead letter. An app that does not
// survive it would not survive production either.
//
//	app := motiatest.Run(t, &motia.Options{Backend: motiatest.Chaos(t, 42, nil)}, steps...)
//
// The same seed does the same to the same things. Whether something happens to a message depends on the seed, the
// subscription, topic, group, payload and attempt, and on how many times this very thing was there before; to a value, or
// the message to a trigger on it, on its key and that number. So a payload with something random in it, like an id or a
// time, meets other faults in each run; and of several that are alike side by side it may be another that is hit,
// depending on which comes first. See [Seeds] for how to keep that the same, too, mostly.
//
// When the test fails, its log says which seed it was, how to run it again and what was done to whom.
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

// chaos is what the parts of the backend have in common.
type chaos struct {
	seed   uint64
	faults Faults
	closed atomic.Bool
	clocks sync.Map // by bucket: *bucketClock

	mu sync.Mutex
	// acknowledged are called before the result of a handler is handed back.
	acknowledged []func()
	seen         map[digest]uint32 // how many times
	counts       [faultKinds]int
	sum          uint64  // of the hashes of all faults, so that it does not depend on their order
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
	faultKinds // how many there are
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
		needs string // what bounds it
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
			mistakes = append(mistakes, fmt.Errorf("%s is %v: a probability is from 0 to 1", "Faults."+p.name, p.value))
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
	// written says that only the answer was lost. For values these are the entries before and after; who gets the
	// error cannot see them, but the recorder does.
	written  bool
	old, new driver.Entry
}

func (e *chaosError) Error() string {
	if e.written {
		return ErrChaos.Error() + ": " + e.what + ": the answer was lost"
	}
	return ErrChaos.Error() + ": " + e.what + ": the store did not take it"
}

func (e *chaosError) Unwrap() error { return ErrChaos }

// lostAnswer returns the error of a write that was made nonetheless, or nil.
func lostAnswer(err error) *chaosError {
	var failed *chaosError
	if errors.As(err, &failed) && failed.written {
		return failed
	}
	return nil
}
