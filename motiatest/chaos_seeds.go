package motiatest

import (
	"fmt"
	"testing"
)

// Seeds runs a test n times as subtests, with the seeds from 1 to n, which are for [Chaos]. The subtests have their seed as their name, so that one
// of them runs again with
//
//	go test -run 'TestOrders/seed=17$'
func Seeds(t *testing.T, n int, test func(t *testing.T, seed uint64)) {
	t.Helper()
	if n < 1 {
		t.Fatalf("motiatest: %d seeds test nothing", n)
	}
	for seed := range uint64(n) {
		seed++
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { test(t, seed) })
	}
}
