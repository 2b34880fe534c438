package drivertest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/driver/drivertest"
)

// broken is a driver with one fault, and the cases that must find it.
type broken struct {
	fault string
	open  func(testing.TB, string) *driver.Backend
	cases string // names without the interface, separated by spaces
}

// forgetful is a driver that claims to be durable and distributed, but gives every instance a separate store.
func forgetful(suite, cases string) broken {
	return broken{"claims to be durable and distributed, and is neither", func(testing.TB, string) *driver.Backend {
		b := sound(suite)
		b.Features.Durable, b.Features.Distributed = true, true
		return b
	}, cases}
}

// sound returns an unchanged in-memory driver.
func sound(suite string) *driver.Backend {
	switch suite {
	case "queue":
		return newQueue().backend()
	case "kv":
		return newKV().backend()
	}
	return newBus().backend()
}

func allBroken() map[string][]broken {
	return map[string][]broken{"queue": brokenQueues(), "kv": brokenKVs(), "bus": brokenBuses()}
}

func harness(open func(testing.TB, string) *driver.Backend) drivertest.Harness {
	return drivertest.Harness{Open: open, Increments: 500, Messages: 400, Crash: func(*driver.Backend) {}}
}

func TestBrokenDriversFailTheNamedCases(t *testing.T) {
	rules := make(map[string]string)
	for _, c := range drivertest.Cases() {
		rules[c.Name] = c.Rule
	}
	for suite, drivers := range allBroken() {
		for _, b := range drivers {
			for _, name := range strings.Fields(b.cases) {
				name = suite + "/" + name
				t.Run(name+": "+b.fault, func(t *testing.T) {
					err := drivertest.Check(t, harness(b.open), name)
					if err == nil || errors.Is(err, drivertest.ErrNotClaimed) {
						t.Fatalf("%s: %v", name, err)
					}
					if !strings.Contains(err.Error(), rules[name]) {
						t.Errorf("the error does not state the rule: %v", err)
					}
					t.Log(err)
				})
			}
		}
	}
}

// A case that no driver fails proves nothing.
func TestEveryCaseFailsForSomeDriver(t *testing.T) {
	found := make(map[string]bool)
	for suite, drivers := range allBroken() {
		for _, b := range drivers {
			for _, name := range strings.Fields(b.cases) {
				found[suite+"/"+name] = true
			}
		}
	}
	for _, c := range drivertest.Cases() {
		if !found[c.Name] {
			t.Errorf("no broken driver fails %s", c.Name)
		}
	}
}

// ages is longer than the suite has patience for, and still ends.
const ages = 90 * time.Second

// lowered returns a name in lower case, like a store that does not distinguish case.
func lowered(name string) string { return strings.ToLower(name) }

// shortened keeps the first KiB of a name.
func shortened(name string) string { return name[:min(len(name), 1024)] }

// channelLock is a lock that a bubble of testing/synctest can wait for.
type channelLock chan struct{}

func (l channelLock) with(f func()) {
	l <- struct{}{}
	defer func() { <-l }()
	f()
}

// patient returns a Close that takes its time.
func patient(end func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		time.Sleep(ages)
		return end(ctx)
	}
}

func noClose(context.Context) error { return nil }

func reversed[T any](list []T) []T {
	list = slices.Clone(list)
	slices.Reverse(list)
	return list
}
