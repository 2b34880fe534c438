package drivertest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motia-go/motia/driver"
)

// Case is one case of the suite.
type Case struct {
	// Name is the name of its subtest, such as "queue/group-order".
	Name string
	// Rule is the sentence of the contract that it checks.
	Rule string
	// Needs are the abilities that a driver must claim for the case to apply to it, such as "Features.Durable" or
	// "driver.DeadLetters".
	Needs []string
}

// Cases returns all cases of the suite, in the order in which they run.
func Cases() []Case {
	var list []Case
	for _, c := range allCases() {
		list = append(list, c.Case)
	}
	return list
}

// ErrNotClaimed says that a case does not apply to a driver, because the driver does not claim an ability that the
// case needs.
var ErrNotClaimed = errors.New("not claimed by the driver")

// Check runs one case and returns what it found instead of failing t: nil if the driver keeps the rule, an error that
// wraps [ErrNotClaimed] if the rule does not apply to it, and otherwise all violations, joined. It is meant for tests
// with drivers that are broken on purpose.
func Check(t *testing.T, h Harness, name string) error {
	t.Helper()
	cases := allCases()
	i := slices.IndexFunc(cases, func(c testCase) bool { return c.Name == name })
	if i < 0 {
		t.Fatalf("drivertest: there is no case %q", name)
	}
	var mu sync.Mutex
	var violations []error
	missing := cases[i].try(t, h.withDefaults(), func(violation string) {
		mu.Lock()
		defer mu.Unlock()
		violations = append(violations, errors.New(violation))
	})
	mu.Lock()
	defer mu.Unlock()
	switch {
	case len(violations) > 0:
		return fmt.Errorf("%s: %s\n%w", name, cases[i].Rule, errors.Join(violations...))
	case missing != "":
		return fmt.Errorf("%s: %s: %w", name, missing, ErrNotClaimed)
	}
	return nil
}

// testCase is a case with its code.
type testCase struct {
	Case
	run func(*trial)
}

func allCases() []testCase { return slices.Concat(queueCases(), kvCases(), busCases()) }

// runCases runs cases of one interface as subtests.
func runCases(t *testing.T, cases []testCase, h Harness) {
	t.Helper()
	h = h.withDefaults()
	group, _, _ := strings.Cut(cases[0].Name, "/")
	t.Run(group, func(t *testing.T) {
		for _, c := range cases {
			_, name, _ := strings.Cut(c.Name, "/")
			t.Run(name, func(t *testing.T) {
				if h.Parallel {
					t.Parallel()
				}
				missing := c.try(t, h, func(violation string) { t.Error(violation) })
				if t.Failed() {
					t.Logf("the rule: %s", c.Rule)
				}
				if missing != "" {
					t.Skipf("%s is not claimed", missing)
				}
			})
		}
	})
}

// try runs the case on a fresh store and returns the first ability that it needs and the driver does not claim, if
// any.
func (c testCase) try(t *testing.T, h Harness, report func(violation string)) (missing string) {
	if !h.virtual() {
		return c.tryHere(t, h, report)
	}
	synctest.Test(t, func(t *testing.T) {
		var violated atomic.Bool
		missing = c.tryHere(t, h, func(violation string) {
			violated.Store(true)
			report(violation)
		})
		if violated.Load() {
			// Time stops when this function returns. Calls that were reported as late may still return until then.
			time.Sleep(linger * h.Patience)
		}
	})
	return missing
}

// linger is how many times its patience a failed case waits, in virtual time, for calls that have not returned.
const linger = 10

func (c testCase) tryHere(t *testing.T, h Harness, report func(violation string)) (missing string) {
	x := newTrial(t, h, report)
	defer x.end()
	x.backend = x.open()
	for _, need := range c.Needs {
		if !x.claimed(need) {
			return need
		}
	}
	// On a goroutine of its own, so that a fatal violation ends the case and not the test.
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		c.run(x)
	}()
	<-finished
	return ""
}

// What cases need.
const (
	needAtomic      = "Features.AtomicPublish"
	needDistributed = "Features.Distributed"
	needDurable     = "Features.Durable"
	needDead        = "driver.DeadLetters"
	needStats       = "driver.StatsReader"
	needUpdater     = "driver.Updater"
	needLog         = "driver.ChangeLog"
	needSyncer      = "driver.WatchSyncer"
	needBusSyncer   = "driver.SubjectSyncer"
	needClose       = "Backend.Close"
	needCrash       = "Harness.Crash"
	needWindow      = "Harness.DedupWindow within Harness.Patience"
)

// claimed reports whether the driver or the harness has the ability.
func (x *trial) claimed(need string) bool {
	b, ok := x.backend, false
	switch need {
	case needAtomic:
		ok = b.Features.AtomicPublish
	case needDistributed:
		ok = b.Features.Distributed
	case needDurable:
		ok = b.Features.Durable
	case needDead:
		_, ok = b.Queue.(driver.DeadLetters)
	case needStats:
		_, ok = b.Queue.(driver.StatsReader)
	case needUpdater:
		_, ok = b.KV.(driver.Updater)
	case needLog:
		_, ok = b.KV.(driver.ChangeLog)
	case needSyncer:
		_, ok = b.KV.(driver.WatchSyncer)
	case needBusSyncer:
		_, ok = b.Bus.(driver.SubjectSyncer)
	case needClose:
		ok = b.Close != nil
	case needCrash:
		ok = x.h.Crash != nil
	case needWindow:
		ok = x.h.virtual() || x.h.DedupWindow <= x.h.Patience
	}
	return ok
}
