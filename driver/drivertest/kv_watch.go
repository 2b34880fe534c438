package drivertest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/motia-go/motia/driver"
)

func watch(x *trial) {
	x.set("b", "1")
	x.set("a", "1")
	x.put(driver.Key{Bucket: bucket, Scope: "other", ID: "a"}, "1", driver.PutOptions{})
	w := x.watch(scope)
	snapshot := strings.Fields(w.String())
	slices.Sort(snapshot)
	if !slices.Equal(snapshot, []string{"a=1", "b=1", "|"}) || !strings.HasSuffix(w.String(), "|") {
		x.fatalf("the snapshot was %s, want a=1 b=1 |", w)
	}
	var want []string
	expect := func(event string) {
		want = append(want, event)
		n := 3 + len(want)
		x.eventually(func() bool { return len(w.all()) >= n }, "%s did not come: %s", event, w)
		if got := strings.Fields(w.String())[3:]; !slices.Equal(got, want) {
			x.fatalf("the events after the snapshot are %q, want %q", got, want)
		}
	}
	entry := x.set("a", "2")
	expect("a=2")
	x.wantSame("the event", w.all()[3], entry)
	x.put(driver.Key{Bucket: bucket, Scope: "other", ID: "a"}, "2", driver.PutOptions{})
	x.put(driver.Key{Bucket: "other", Scope: scope, ID: "a"}, "2", driver.PutOptions{})
	x.delete("a")
	expect("-a")
	deleted := w.all()[4]
	if deleted.Revision <= entry.Revision || !deleted.Time.After(entry.Time) || deleted.Key != at("a") {
		x.errorf("the event of the deletion of %+v is %+v", entry, deleted)
	}
	again := x.set("a", "3")
	expect("a=3")
	if again.Revision <= deleted.Revision || !again.Time.After(deleted.Time) {
		x.errorf("a deletion has revision %d and time %v, the next write %d and %v", deleted.Revision, deleted.Time, again.Revision, again.Time)
	}
	x.stop(w.task)
	n := len(w.all())
	x.set("a", "4")
	x.settle()
	if len(w.all()) != n {
		x.errorf("a watcher was called for a change after Watch had returned")
	}
}

func watchEmpty(x *trial) {
	w := x.watch(scope)
	x.set("a", "1")
	x.eventually(func() bool { return len(w.all()) > 1 }, "no event came for a write")
	x.delete("a")
	x.eventually(func() bool { return len(w.all()) > 2 }, "no event came for a deletion")
	x.set("a", "2")
	x.eventually(func() bool { return len(w.all()) > 3 }, "no event came for a write after a deletion")
	if got := w.String(); got != "| a=1 -a a=2" {
		x.errorf("a watcher of an empty scope saw %s, want | a=1 -a a=2", got)
	}
}

func watchElsewhere(x *trial) {
	all := x.instances(2)
	w := x.watch(scope)
	for i := range 20 {
		_, entry, err := all[1].KV.Put(x.ctx, at("a"), fmt.Append(nil, i), driver.PutOptions{})
		x.must(err, "Put")
		x.eventually(func() bool { return w.last()["a"].Revision == entry.Revision }, "a watcher did not see a write of another process: %s", w)
	}
}

// watchUnderLoad starts watchers while writers write, and compares what each watcher saw with what was written.
func watchUnderLoad(x *trial) {
	const keys, watchers = 20, 12
	all := x.instances(2)
	writes := max(x.h.Messages/2, 100)
	var mu sync.Mutex
	written := make(map[uint64]string) // by revision; the writer does not know those of deletions
	var writing sync.WaitGroup
	for i := range 4 {
		writing.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(i)))
			for k := range writes {
				id := strconv.Itoa(random.IntN(keys/4)*4 + i)
				options := driver.PutOptions{Delete: random.IntN(4) == 0}
				_, entry, err := all[i%2].KV.Put(x.ctx, at(id), fmt.Append(nil, i, " ", k), options)
				if err != nil {
					x.errorf("Put: %v", err)
					return
				}
				if entry.Revision != 0 {
					mu.Lock()
					written[entry.Revision] = id + "=" + string(entry.Value)
					mu.Unlock()
				}
			}
		})
	}
	var list []*watching
	for i := range watchers {
		list = append(list, x.watchOn(all[i%2], scope, func(driver.Entry) {}))
		x.eventually(list[i].live, "the snapshot of a watch did not end")
	}
	writing.Wait()
	// The writers may have ended before the watchers began, so write and delete once more while all are watching.
	_, late, err := x.backend.KV.Put(x.ctx, at("0"), []byte("late"), driver.PutOptions{})
	x.must(err, "Put")
	written[late.Revision] = "0=late"
	for i, w := range list {
		x.eventually(func() bool { return w.last()["0"].Revision == late.Revision }, "watcher %d did not see a late write", i)
	}
	_, _, err = x.backend.KV.Put(x.ctx, at("0"), nil, driver.PutOptions{Delete: true})
	x.must(err, "Put")
	final := make(map[string]uint64)
	entries, err := x.backend.KV.List(x.ctx, bucket, scope, nil, keys+1)
	x.must(err, "List")
	for _, e := range entries {
		final[e.Key.ID] = e.Revision
	}
	for i, w := range list {
		x.eventually(func() bool { return upToDate(w, final) }, "watcher %d did not see the last values", i)
	}
	x.settle()
	for i, w := range list {
		x.checkWatcher(i, w.all(), written)
	}
}

// upToDate reports whether the last events are exactly the current values.
func upToDate(w *watching, final map[string]uint64) bool {
	present := 0
	for id, e := range w.last() {
		if !e.Deleted {
			present++
			if final[id] != e.Revision {
				return false
			}
		}
	}
	return present == len(final)
}

// checkWatcher checks that a watcher saw only what was written, each write at most once, in the order of each key.
func (x *trial) checkWatcher(number int, events []driver.Entry, written map[uint64]string) {
	last := make(map[string]driver.Entry)
	live := false
	for _, e := range events {
		if e.Revision == 0 {
			if live {
				x.errorf("watcher %d: the snapshot ended twice", number)
			}
			live = true
			continue
		}
		before, again := last[e.Key.ID]
		if again && !live {
			x.errorf("watcher %d: %q is twice in the snapshot", number, e.Key.ID)
		}
		if e.Deleted && !live {
			x.errorf("watcher %d: a deletion is in the snapshot", number)
		}
		if e.Revision <= before.Revision {
			x.errorf("watcher %d: an event of %q with revision %d follows revision %d", number, e.Key.ID, e.Revision, before.Revision)
		}
		if e.Deleted && before.Deleted {
			x.errorf("watcher %d: %q was deleted twice", number, e.Key.ID)
		}
		if want := written[e.Revision]; !e.Deleted && want != e.Key.ID+"="+string(e.Value) {
			x.errorf("watcher %d: revision %d is %s=%s, but was written as %s", number, e.Revision, e.Key.ID, e.Value, want)
		}
		last[e.Key.ID] = e
	}
}

// watchSlow: the function of a watcher blocks. Its caller may be a writer, so that write may wait.
func watchSlow(x *trial) {
	gate := make(chan struct{})
	slow := x.watchOn(x.backend, scope, func(e driver.Entry) {
		if string(e.Value) == "slow" {
			x.hold(gate)
		}
	})
	x.eventually(slow.live, "the snapshot of a watch did not end")
	fast := x.watch(scope)
	x.background("Put", func(context.Context) {
		if _, _, err := x.backend.KV.Put(x.ctx, at("a"), []byte("slow"), driver.PutOptions{}); err != nil {
			x.errorf("Put: %v", err)
		}
	})
	x.eventually(func() bool { _, ok := x.get(at("a")); return ok }, "Get does not return the value that a slow watcher saw")
	x.settle()
	others := x.background("Put", func(context.Context) {
		for i := range 100 {
			for _, id := range []string{"a", "b", "c"} {
				if _, _, err := x.backend.KV.Put(x.ctx, at(id), fmt.Append(nil, i), driver.PutOptions{}); err != nil {
					x.errorf("Put: %v", err)
				}
			}
		}
	})
	if !x.await(others.done) {
		close(gate)
		x.fatalf("other writers wait for a slow watcher")
	}
	current := func(w *watching) func() bool {
		return func() bool {
			last := w.last()
			return string(last["a"].Value) == "99" && string(last["b"].Value) == "99" && string(last["c"].Value) == "99"
		}
	}
	x.eventually(current(fast), "another watcher waits for a slow one")
	close(gate)
	x.eventually(current(slow), "a slow watcher did not see the last values")
	g := make(map[string]uint64)
	for _, e := range slow.all() {
		if e.Revision != 0 && e.Revision <= g[e.Key.ID] {
			x.errorf("a slow watcher saw revision %d after %d", e.Revision, g[e.Key.ID])
		}
		g[e.Key.ID] = e.Revision
	}
}

func watchNames(x *trial) {
	var watchers []*watching
	names := strangeNames()
	for _, name := range names {
		watchers = append(watchers, x.watch(name))
	}
	for i, name := range names {
		x.put(driver.Key{Bucket: bucket, Scope: name, ID: name}, strconv.Itoa(i), driver.PutOptions{})
	}
	for i, w := range watchers {
		x.eventually(func() bool { return len(w.all()) > 1 }, "the watcher of scope %q saw nothing", names[i])
	}
	x.settle()
	for i, w := range watchers {
		events := w.all()
		if len(events) != 2 || string(events[1].Value) != strconv.Itoa(i) || events[1].Key.ID != names[i] {
			x.errorf("the watcher of scope %q saw %q, want one write", names[i], w)
		}
	}
}

func watchEnd(x *trial) {
	w := x.watchOn(x.backend, scope, func(driver.Entry) {})
	x.eventually(w.live, "the snapshot of a watch did not end")
	x.stop(w.task)
	w = x.watchOn(x.backend, "another", func(driver.Entry) {})
	x.eventually(w.live, "the snapshot of a watch did not end")
	x.set("a", "1")
	x.stop(w.task)
}
