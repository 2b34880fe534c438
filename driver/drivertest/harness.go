package drivertest

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/motia-go/motia/driver"
)

// Harness says how the suite opens a driver's store, and how time passes for the driver. Only Open is required.
type Harness struct {
	// Open opens the store of that name, and creates it empty if it does not exist. The suite uses a new name for
	// every case: letters, digits and hyphens, fit for a directory, a schema or a prefix. If the driver claims
	// Features.Distributed, the suite opens a name again while the first instance is open; if it claims
	// Features.Durable, after the first instance was closed. Otherwise each name is opened once, and Open may ignore
	// it. TestQueue needs only the Queue of the Backend, and so on. The suite closes what it opened; use tb.Cleanup
	// to remove anything else.
	Open func(tb testing.TB, store string) *driver.Backend

	// Settle returns when everything that can happen without time passing has happened. Nil is for drivers that run
	// within the process: every case then runs in a bubble of testing/synctest, in virtual time. Drivers that wait
	// for a network or a disk cannot run in a bubble; set a function that sleeps for a moment, such as 100
	// milliseconds.
	Settle func()

	// Unit is the length of delays, retries and bounds in the cases. Default: one second. In real time, choose it as
	// small as the driver's precision allows.
	Unit time.Duration

	// Lateness is how late something may happen. Default: a tenth of Unit in virtual time, otherwise half of it.
	Lateness time.Duration

	// Patience is how long the suite waits for something without a due time before it gives up. Default: 60 times
	// Unit.
	Patience time.Duration

	// DedupWindow is the deduplication window of the driver. Default: 2 minutes. If it is longer than Patience and
	// time is real, the case that waits for its end is skipped.
	DedupWindow time.Duration

	// Increments is how often each of 8 writers increments one number. Default: 10,000. Set a lower number for slow
	// drivers.
	Increments int

	// Messages is how many messages, writes or events a case under load makes. Default: 1,000.
	Messages int

	// Crash ends an instance as the death of its process would: nothing is flushed or released. If it is nil, the
	// cases that need it are skipped. The suite does not close a crashed instance.
	Crash func(*driver.Backend)

	// Parallel runs the cases in parallel. It is for drivers that mostly wait.
	Parallel bool
}

// The defaults of a Harness that do not depend on other fields.
const (
	defaultUnit        = time.Second
	defaultDedupWindow = 2 * time.Minute
	defaultIncrements  = 10_000
	defaultMessages    = 1000
	patienceUnits      = 60
)

func (h Harness) virtual() bool { return h.Settle == nil }

// withDefaults returns the harness with every default in place.
func (h Harness) withDefaults() Harness {
	if h.Unit <= 0 {
		h.Unit = defaultUnit
	}
	if h.Lateness <= 0 {
		h.Lateness = h.Unit / 2
		if h.virtual() {
			h.Lateness = h.Unit / 10
		}
	}
	if h.Patience <= 0 {
		h.Patience = patienceUnits * h.Unit
	}
	if h.DedupWindow <= 0 {
		h.DedupWindow = defaultDedupWindow
	}
	if h.Increments <= 0 {
		h.Increments = defaultIncrements
	}
	if h.Messages <= 0 {
		h.Messages = defaultMessages
	}
	return h
}

// settle waits as the harness says.
func (h Harness) settle() {
	if h.virtual() {
		synctest.Wait()
		return
	}
	h.Settle()
}
