package drivertest_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/driver/drivertest"
)

// shared opens in-memory stores that several instances share and that outlive each of them, like the store of a
// server.
func shared() func(testing.TB, string) *driver.Backend {
	var mu sync.Mutex
	stores := make(map[string]*driver.Backend)
	return func(_ testing.TB, store string) *driver.Backend {
		mu.Lock()
		defer mu.Unlock()
		if stores[store] == nil {
			b := motia.InMemory(nil)
			b.Features.Distributed, b.Features.Durable, b.Close = true, true, nil
			stores[store] = b
		}
		return stores[store]
	}
}

// The clock of the bubble stands in for a real one: the suite does not know that it is in one.
func TestDriversInRealTime(t *testing.T) {
	for _, c := range drivertest.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				err := drivertest.Check(t, drivertest.Harness{
					Open:       shared(),
					Settle:     func() { time.Sleep(20 * time.Millisecond) },
					Increments: 100,
					Messages:   200,
					Crash:      func(*driver.Backend) {},
				}, c.Name)
				if unclaimed := errors.Is(err, drivertest.ErrNotClaimed); unclaimed {
					if name := strings.Join(c.Needs, " "); name != "Backend.Close" && !strings.Contains(name, "DedupWindow") {
						t.Error(err)
					}
				} else if err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestDriversThatClaimEverything(t *testing.T) {
	h := harness(shared())
	drivertest.TestQueue(t, h)
	drivertest.TestKV(t, h)
	drivertest.TestBus(t, h)
}

func TestCasesAreListed(t *testing.T) {
	names, rules := make(map[string]bool), make(map[string]bool)
	for _, c := range drivertest.Cases() {
		if names[c.Name] {
			t.Errorf("there are two cases %s", c.Name)
		}
		// Subtests must be found under the name that documentation uses.
		if strings.ContainsAny(c.Name, " \t") || strings.Count(c.Name, "/") != 1 {
			t.Errorf("case %q has a name that does not work as the name of a subtest", c.Name)
		}
		if !strings.HasSuffix(c.Rule, ".") || rules[c.Rule] && !strings.Contains(c.Name, "long-") && !strings.Contains(c.Name, "closed") {
			t.Errorf("the rule of %s is not a sentence, or is the rule of another case: %s", c.Name, c.Rule)
		}
		names[c.Name], rules[c.Rule] = true, true
	}
	if len(names) < 100 {
		t.Errorf("%d cases", len(names))
	}
}

func TestWhatIsNotClaimedIsNamed(t *testing.T) {
	h := drivertest.Harness{Open: func(testing.TB, string) *driver.Backend {
		b := sound("queue")
		b.Queue, b.Close = struct{ driver.Queue }{b.Queue}, nil
		b.Features = driver.Features{}
		return b
	}}
	for name, need := range map[string]string{
		"queue/dead-count":     "driver.DeadLetters",
		"queue/stats":          "driver.StatsReader",
		"queue/atomic-publish": "Features.AtomicPublish",
		"queue/durable":        "Features.Durable",
		"queue/crash":          "Features.Distributed",
		"queue/closed":         "Backend.Close",
		"kv/watch-sync":        "driver.WatchSyncer",
		"bus/sync":             "driver.SubjectSyncer",
	} {
		err := drivertest.Check(t, h, name)
		if !errors.Is(err, drivertest.ErrNotClaimed) || !strings.Contains(err.Error(), need) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func BenchmarkInMemory(b *testing.B) {
	h := drivertest.Harness{Open: func(testing.TB, string) *driver.Backend { return motia.InMemory(nil) }}
	drivertest.BenchmarkQueue(b, h)
	drivertest.BenchmarkKV(b, h)
	drivertest.BenchmarkBus(b, h)
}
