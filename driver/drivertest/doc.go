// Package drivertest is the conformance suite for authors of drivers: it checks that a backend keeps the promises of
// package driver.
//
// A driver's test is a call for each interface that it implements:
//
//	func TestConformance(t *testing.T) {
//		h := drivertest.Harness{Open: open}
//		drivertest.TestQueue(t, h)
//		drivertest.TestKV(t, h)
//		drivertest.TestBus(t, h)
//	}
//
// Each case is a subtest with the name of its [Case], such as TestConformance/queue/group-order, and checks one rule.
// A case that fails says what it saw and states the rule. [Cases] lists all cases, so that documentation can refer to
// them.
//
// # What is tested
//
// The suite tests what every driver promises, and what the tested driver claims beyond that: by [driver.Features],
// and by implementing [driver.DeadLetters], [driver.StatsReader], [driver.Updater], [driver.ChangeLog],
// [driver.WatchSyncer] and [driver.SubjectSyncer]. Cases for other abilities are skipped, with the name of the
// ability as the reason. If a driver claims Distributed, the consumers, writers, watchers and subscribers of most
// cases run on several instances; if it claims Durable, cases close an instance and open the store again.
//
// Behaviour that the contract leaves open is not tested. A driver's own tests need to cover only what it promises
// beyond the contract, and failures of its store.
//
// # Time
//
// Drivers within the process are tested in virtual time, in a bubble of testing/synctest: hours take milliseconds,
// and every delay is checked to a tenth of a second. Virtual time stands still while a driver waits on a mutex for a
// slow subscriber, or polls without sleeping: the test then runs into the timeout of go test, whose dump shows where.
// Calls that never return are a deadlock, which synctest reports with a dump, after the report of the case.
//
// Drivers that wait for a network or a disk are tested in real time, see [Harness.Settle]. The suite polls for what
// should happen, and settles before it checks that nothing else happens.
//
// # Benchmarks
//
// [BenchmarkQueue], [BenchmarkKV] and [BenchmarkBus] measure the same work over any driver. Compare within one run on
// one machine.
package drivertest
