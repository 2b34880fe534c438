// Package memkv is the in-memory [driver.KV], with its optional [driver.Updater], [driver.ChangeLog] and
// [driver.WatchSyncer].
//
// # Structure
//
// A bucket spreads its entries over shards by a hash of scope and id, so that the keys of one busy scope do not wait
// for each other. A shard's lock makes the writes to a key linearizable; revisions, change records and the events of
// watchers are assigned under it. Each scope keeps its entries in the order of their ids; only creating and removing
// an entry touches that order, overwriting does not. A scope exists as long as it has entries or watchers.
//
// Locks are taken in this order: shard, scope, scopes of the bucket; and below all of them, never two at once: clock,
// expiries, change log, mailbox. No lock is held while a watcher's or a change runner's function runs, nor while
// waiting. The function given to [KV.Update] runs under the lock of its shard.
//
// # Decisions beyond the contract
//
//   - A watcher's function runs on the goroutine of the writer if possible: with one writer it has run when Put
//     returns. See package mailbox. The writer must not hold a lock that the function needs.
//   - Watchers get an event with Deleted set for entries that expire. Expiry has its own revision and time, from when
//     the entry was removed. There is no change record for it.
//   - A value with an Expires in the past is written, with a revision, a change record and an event, and expires at
//     once.
//   - A nil value is stored as an empty one.
//   - When f of [KV.Changes] fails, only later records of that key wait.
//   - Buckets are never removed.
//   - Ids and names of scopes are copied when they are first seen, so that they do not keep larger strings alive.
package memkv
