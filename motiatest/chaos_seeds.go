package motiatest

import (
	"fmt"
	"runtime"
	"testing"
)

// Seeds runs a test n times as subtests, with the seeds from 1 to n, which are for [Chaos]. Each subtest is named
// after its seed, so that a single one can be repeated with
//
//	go test -run 'TestOrders/seed=17$'
//
// They run one at a time, and on one processor (runtime.GOMAXPROCS), so that in a bubble of testing/synctest the
// order of events is mostly the same again. The seed does not determine the order in which goroutines run: it may
// differ under load, and with the race detector, which shuffles them.
func Seeds(t *testing.T, n int, test func(t *testing.T, seed uint64)) {
	t.Helper()
	if n < 1 {
		t.Fatalf("motiatest: Seeds: n is %d, want at least 1", n)
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for seed := range uint64(n) {
		seed++
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { test(t, seed) })
	}
}
