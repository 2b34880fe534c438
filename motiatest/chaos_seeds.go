package motiatest

import (
	"fmt"
	"runtime"
	"testing"
)

// Seeds runs a test n times as subtests, with the seeds from 1 to n, which are for [Chaos]. The subtests have their
// seed as their name, so that one of them runs again with
//
//	go test -run 'TestOrders/seed=17$'
//
// They run one at a time, and on one processor (runtime.GOMAXPROCS), so that in a bubble of testing/synctest things mostly
// happen in the same order again. The order in which goroutines run is Go's, not the seed's: under load, and with the race
// detector, which shuffles them, it may be another.
func Seeds(t *testing.T, n int, test func(t *testing.T, seed uint64)) {
	t.Helper()
	if n < 1 {
		t.Fatalf("motiatest: %d seeds test nothing", n)
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for seed := range uint64(n) {
		seed++
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { test(t, seed) })
	}
}
