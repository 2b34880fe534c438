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
// Each case is a subtest with the name of its [Case], such as TestConformance/queue/group-order, and checks one rule. A case
// that fails says what it saw and states the rule. [Cases] lists them all, so that documentation can refer to them.
//
// # What is tested
//
// What every driver promises, and what this one claims beyond it: by [driver.Features], and by implementing
// [driver.DeadLetters], [driver.StatsReader], [driver.Updater], [driver.ChangeLog], [driver.WatchSyncer] and
// [driver.SubjectSyncer]. What is not claimed is skipped, and named in the reason. A driver that claims a feature is tested for it: Distributed runs the consumers, writers, watchers and
// subscribers of most cases on several instances, Durable closes an instance and opens the store again.
//
// What a driver may do in more than one way is not tested. Its own tests need only say what it promises beyond the
// contract, and what its store does when it fails.
//
// # Time
//
// Drivers within the process are tested in virtual time, in a bubble of testing/synctest: hours take milliseconds,
// and every delay is checked to a tenth of a second. A driver that waits on a mutex while a subscriber is slow does not let
// virtual time pass, and neither does one that polls without sleeping: the test then runs into the timeout of go test, whose
// dump shows where. Calls that never return are a deadlock, which synctest reports with a dump, after the case has.
//
// Drivers that wait for a network or a disk are tested in real time, see [Harness.Settle]. The suite polls for what should
// happen, and settles before it checks that nothing else does.
//
// # Benchmarks
//
// [BenchmarkQueue], [BenchmarkKV] and [BenchmarkBus] measure the same work over any driver. Compare within one run on one
// machine.
package drivertest
