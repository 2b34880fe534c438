// Package bench compares motia with the same work written by hand, and checks its budgets of allocations and memory.
// It consists of test files; those that are not benchmarks run with all other tests. BENCHMARKS.md has the results,
// and says how they are measured:
//
//	go test -run '^$' -bench '/^ratio$' -benchtime 1s -count 5 ./internal/bench
package bench
