package drivertest

import (
	"cmp"
	"slices"
	"testing"

	"github.com/motia-go/motia/driver"
)

// TestKV runs the cases of [driver.KV] and, if they are implemented, [driver.Updater], [driver.ChangeLog] and
// [driver.WatchSyncer].
func TestKV(t *testing.T, h Harness) {
	t.Helper()
	runCases(t, kvCases(), h)
}

func sortByRevision(entries []driver.Entry) {
	slices.SortFunc(entries, func(a, b driver.Entry) int { return cmp.Compare(a.Revision, b.Revision) })
}

func kvCases() []testCase {
	return []testCase{
		{Case{"kv/put-and-get", "Put returns the entries before and after, Get the current one. For an entry that does not exist, Put returns the zero Entry and Get ErrNotFound.", nil}, putAndGet},
		{Case{"kv/values", "A value may hold any bytes, or none, which is not the same as no entry; later writes do not change what a reader holds.", nil}, values},
		{Case{"kv/delete", "A deleted key does not exist, and deleting a missing one changes nothing.", nil}, deleteKey},
		{Case{"kv/no-change", "Writing the bytes that are stored with the same expiry changes nothing: the revision stays the same and no watcher is called.", nil}, noChange},
		{Case{"kv/revisions", "Revision and Time grow strictly with every write to the bucket, across keys, scopes, deletions and instances.", nil}, revisionsGrow},
		{Case{"kv/revisions-under-load", "Concurrent writes to a bucket have different revisions, and their times are in the same order.", nil}, revisionsUnderLoad},
		{Case{"kv/read-your-writes", "A read that begins after a write has returned sees it, in every instance.", nil}, readYourWrites},

		{Case{"kv/compare-and-set", "A write with IfRevision succeeds only if the entry has that revision, or does not exist if it is 0; a conflict writes nothing.", nil}, compareAndSet},
		{Case{"kv/conflict-first", "IfRevision is checked before anything else, even if the write would change nothing.", nil}, conflictComesFirst},
		{Case{"kv/create-race", "If several writers create a key with IfRevision 0 at once, one succeeds and the others get ErrConflict.", nil}, createRace},
		{Case{"kv/compare-and-delete", "IfRevision holds for deletions as well: only that revision is deleted. If several writers delete or overwrite it at once, one succeeds.", nil}, compareAndDelete},
		{Case{"kv/increments", "8 writers that increment a number by compare-and-set lose no increment.", nil}, incrementsByCAS},
		{Case{"kv/update", "Update writes what its function returns for the current value, which is nil if there is none. It keeps the expiry, and returns an error of the function unchanged.", []string{needUpdater}}, update},
		{Case{"kv/update-increments", "8 writers that increment a number by Update lose no increment.", []string{needUpdater}}, incrementsByUpdate},

		{Case{"kv/expiry", "An entry exists until it expires; after that, neither Get nor List nor Scopes nor IfRevision finds it. A later write changes or removes the expiry.", nil}, expiry},
		{Case{"kv/expired-at-once", "A value that is written with an expiry in the past replaces the previous one and expires at once.", nil}, expiredAtOnce},
		{Case{"kv/update-expiry", "Update does not change when an entry expires.", []string{needUpdater}}, updateKeepsExpiry},
		{Case{"kv/lock", "A key that is created with IfRevision 0 and expires is a lock: only one holds it, and it is free after a release or after its expiry.", nil}, lock},
		{Case{"kv/lock-renewal", "A lock is renewed by compare-and-set, which fails if it has expired or has another holder.", nil}, lockRenewal},

		{Case{"kv/list", "List returns entries ordered by id bytewise, in pages that begin after an id, whether it exists or not.", nil}, listOrder},
		{Case{"kv/list-scope", "List returns the entries of its scope and bucket only.", nil}, listScope},
		{Case{"kv/list-under-load", "Entries that are there all the time are listed once and in order, whatever else comes and goes.", nil}, listUnderLoad},
		{Case{"kv/scopes", "Scopes returns the scopes of the bucket that hold entries, ordered bytewise, in pages.", nil}, scopesList},

		{Case{"kv/watch", "Watch reports the entries of a scope, the end of this snapshot, and then every change of this scope only, with its revision and time, until its context ends.", nil}, watch},
		{Case{"kv/watch-empty", "A scope may be watched before it holds anything, and after it was emptied.", nil}, watchEmpty},
		{Case{"kv/watch-elsewhere", "A watcher sees the writes of all processes.", nil}, watchElsewhere},
		{Case{"kv/watch-under-load", "Between snapshot and changes nothing is lost or repeated; the events of a key are in order, and the last one is never omitted.", nil}, watchUnderLoad},
		{Case{"kv/watch-slow", "A slow watcher delays neither other writers nor other watchers, and eventually sees the last value of every key.", nil}, watchSlow},
		{Case{"kv/watch-names", "Any string is a legal scope to watch, and no two collide.", nil}, watchNames},
		{Case{"kv/watch-end", "Watch returns soon after its context has ended.", nil}, watchEnd},
		{Case{"kv/watch-sync", "When SyncWatches returns, every watcher of the scope has seen every write that returned before the call, in whatever process, however busy the watchers are.", []string{needSyncer}}, watchSync},
		{Case{"kv/watch-sync-overlap", "Each of several concurrent calls of SyncWatches waits for the writes that had returned when it was called, and not for later ones.", []string{needSyncer}}, watchSyncOverlap},
		{Case{"kv/watch-sync-snapshot", "SyncWatches waits for a watch that is still in its snapshot, and for the writes after it.", []string{needSyncer}}, watchSyncSnapshot},
		{Case{"kv/watch-sync-others", "SyncWatches does not wait for watchers of other scopes, and returns at once if nobody watches.", []string{needSyncer}}, watchSyncOthers},
		{Case{"kv/watch-sync-end", "SyncWatches returns when a watch that it waits for ends. If its context ends first, it returns an error that wraps the context's, and the watch continues.", []string{needSyncer}}, watchSyncEnd},

		{Case{"kv/changes", "Every write to a tracked bucket makes a record with the entries before and after and the header; writes before Track and to other buckets do not.", []string{needLog}}, changeRecords},
		{Case{"kv/changes-of-nothing", "A write that changes nothing, or is refused, makes no record.", []string{needLog}}, changeNothing},
		{Case{"kv/changes-of-updates", "Update makes a record for each change, with its header.", []string{needLog, needUpdater}}, changeUpdate},
		{Case{"kv/changes-of-expiry", "An expiry makes no record, and the record of the next write to the key has no old entry.", []string{needLog}}, changeExpiry},
		{Case{"kv/changes-untracked", "Changes of a bucket that is not tracked returns an error.", []string{needLog}}, changesUntracked},
		{Case{"kv/changes-under-load", "The records of a key are handed over in the order of the writes, without a gap.", []string{needLog}}, changesUnderLoad},
		{Case{"kv/changes-again", "A record for which the function fails is handed over again, before later records of its key.", []string{needLog}}, changesAgain},
		{Case{"kv/changes-others-go-on", "While the records of one key fail, those of other keys are handed over.", []string{needLog}}, changesOthersGoOn},
		{Case{"kv/changes-one-runner", "Only one runner at a time receives the records of a bucket, in all processes.", []string{needLog}}, changesOneRunner},
		{Case{"kv/changes-resume", "Records that were not handed over when Changes ended are handed over by the next call.", []string{needLog}}, changesResume},
		{Case{"kv/changes-durable", "Records survive the end of the process.", []string{needLog, needDurable}}, changesDurable},

		{Case{"kv/names", "Any string is a legal bucket, scope and id, and no two collide.", nil}, kvStrangeNames},
		{Case{"kv/joined-names", "Keys do not collide when bucket, scope and id are joined.", nil}, kvJoinedNames},
		{Case{"kv/long-names", "A name of 64 KiB is refused with an error, or works like any other.", nil}, kvLongNames},
		{Case{"kv/context", "A method whose context has ended returns an error that wraps the context's; Watch returns nil.", nil}, kvContext},
		{Case{"kv/closed", "After Close the methods return ErrClosed.", []string{needClose}}, kvClosed},
		{Case{"kv/durable", "Values survive the end of the process, with revision, time and expiry, and revisions continue to grow.", []string{needDurable}}, durableKV},
	}
}
