// Package bench measures motia against the same work written by hand, and holds its budgets of allocations and memory.
// It consists of test files; what is not a benchmark runs with all other tests. BENCHMARKS.md has the results, and says
// how they are measured:
//
//	go test -run '^$' -bench '/^ratio$' -benchtime 1s -count 5 ./internal/bench
package bench
