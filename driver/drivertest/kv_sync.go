package drivertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/motia-go/motia/driver"
)

// sync calls SyncWatches on an instance, with the patience of the suite.
func (x *trial) sync(b *driver.Backend, scope string) error {
	ctx, cancel := context.WithTimeout(x.ctx, x.h.Patience)
	defer cancel()
	return b.KV.(driver.WatchSyncer).SyncWatches(ctx, bucket, scope)
}

// told reports whether a watcher has seen a write, or a later one to the same key.
func (w *watching) told(e driver.Entry) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.list, func(other driver.Entry) bool { return other.Key == e.Key && other.Revision >= e.Revision })
}

// watchSync has watchers that take a little time for each event, and writers that keep them busy, so that they lag.
func watchSync(x *trial) {
	const watchers, busy = 3, 3
	all := x.instances(2)
	var list []*watching
	for i := range watchers {
		w := x.watchOn(all[i%2], scope, func(e driver.Entry) {
			if e.Revision != 0 {
				x.pass(0.002)
			}
		})
		x.eventually(w.live, "the snapshot of a watch did not end")
		list = append(list, w)
	}
	var writing sync.WaitGroup
	var enough atomic.Bool
	defer writing.Wait()
	defer enough.Store(true)
	for i := range busy {
		writing.Go(func() {
			for n := 0; !enough.Load(); n++ {
				if _, _, err := all[i%2].KV.Put(x.ctx, at(fmt.Sprint("busy", i)), fmt.Append(nil, n), driver.PutOptions{}); err != nil {
					x.errorf("Put: %v", err)
					return
				}
				x.pass(0.02) // slower than a watcher, which otherwise would never catch up
			}
		})
	}
	// One at a time, and then several at once, as when subscribers join.
	var asking sync.WaitGroup
	for i, callers := range []int{1, 4} {
		for c := range callers {
			asking.Go(func() {
				id := fmt.Sprint("mine", i, c)
				for n := range max(x.h.Messages/20, 10) {
					x.pass(0.003)
					from, to := (c+n)%2, (c+n/2)%2
					_, entry, err := all[from].KV.Put(x.ctx, at(id), fmt.Append(nil, n), driver.PutOptions{})
					if err != nil {
						x.errorf("Put: %v", err)
						return
					}
					if err := x.sync(all[to], scope); err != nil {
						x.errorf("SyncWatches returned %v", err)
						return
					}
					for k, w := range list {
						if k%2 == to && !w.told(entry) {
							x.errorf("SyncWatches returned before watcher %d had seen revision %d, which was written earlier", k, entry.Revision)
							return
						}
					}
				}
			})
		}
		asking.Wait()
	}
}

// watchSyncOverlap blocks a watcher at each of two writes, and calls SyncWatches after each write.
func watchSyncOverlap(x *trial) {
	gates := map[string]chan struct{}{"a": make(chan struct{}), "b": make(chan struct{})}
	reached := make(chan struct{})
	w := x.watchOn(x.backend, scope, func(e driver.Entry) {
		if e.Key.ID == "a" {
			close(reached)
		}
		if gate := gates[e.Key.ID]; gate != nil {
			x.hold(gate)
		}
	})
	x.eventually(w.live, "the snapshot of a watch did not end")
	x.background("Put", func(context.Context) { // which may be the one that runs f
		if _, _, err := x.backend.KV.Put(x.ctx, at("a"), []byte("1"), driver.PutOptions{}); err != nil {
			x.errorf("Put: %v", err)
		}
	})
	if !x.await(reached) {
		x.fatalf("a watcher did not see a write")
	}
	var second atomic.Bool
	x.eventually(func() bool { _, ok := x.get(at("a")); return ok }, "Get does not return the value that a watcher saw")
	first := x.background("SyncWatches", func(context.Context) {
		if err := x.sync(x.backend, scope); err != nil {
			x.errorf("SyncWatches returned %v", err)
		}
	})
	x.settle()
	x.set("b", "1")
	later := x.background("SyncWatches", func(context.Context) {
		if err := x.sync(x.backend, scope); err != nil {
			x.errorf("SyncWatches returned %v", err)
		}
		second.Store(true)
	})
	x.settle()
	close(gates["a"])
	if !x.await(first.done) {
		x.errorf("SyncWatches waits for a later write")
	}
	x.pass(1)
	if second.Load() {
		x.errorf("a call of SyncWatches returned together with an earlier one, before the watcher had seen the write between the two")
	}
	close(gates["b"])
	if !x.await(later.done) {
		x.fatalf("SyncWatches did not return when the watcher continued")
	}
}

func watchSyncSnapshot(x *trial) {
	first := x.set("a", "1")
	gate, reached := make(chan struct{}), make(chan struct{})
	var once sync.Once
	w := x.watchOn(x.backend, scope, func(driver.Entry) {
		once.Do(func() { close(reached) })
		x.hold(gate)
	})
	if !x.await(reached) {
		x.fatalf("a watcher did not get its snapshot")
	}
	later := x.set("b", "1")
	var returned atomic.Bool
	waiting := x.background("SyncWatches", func(context.Context) {
		if err := x.sync(x.backend, scope); err != nil {
			x.errorf("SyncWatches returned %v", err)
		}
		returned.Store(true)
		if !w.told(first) || !w.live() || !w.told(later) {
			x.errorf("SyncWatches returned when a watcher in its snapshot had seen only %q of a=1 | b=1", w)
		}
	})
	x.pass(1)
	if returned.Load() {
		x.errorf("SyncWatches does not wait for the snapshot of a watch")
	}
	close(gate)
	if !x.await(waiting.done) {
		x.fatalf("SyncWatches did not return when the watcher continued")
	}
}

func watchSyncOthers(x *trial) {
	if err := x.sync(x.backend, scope); err != nil {
		x.errorf("SyncWatches without watchers returned %v", err)
	}
	gate, reached := make(chan struct{}), make(chan struct{})
	var once sync.Once
	x.watchOn(x.backend, "other", func(driver.Entry) {
		once.Do(func() { close(reached) })
		x.hold(gate)
	})
	defer close(gate)
	if !x.await(reached) {
		x.fatalf("a watcher did not get its snapshot")
	}
	w := x.watch(scope)
	entry := x.set("a", "1")
	waiting := x.background("SyncWatches", func(context.Context) {
		if err := x.sync(x.backend, scope); err != nil {
			x.errorf("SyncWatches returned %v, although only a watcher of another scope was slow", err)
		}
	})
	if !x.await(waiting.done) {
		x.fatalf("SyncWatches waits for a watcher of another scope")
	}
	if !w.told(entry) {
		x.errorf("SyncWatches returned before the watcher had seen %+v", entry)
	}
}

func watchSyncEnd(x *trial) {
	gate, reached := make(chan struct{}), make(chan struct{})
	var once sync.Once
	w := x.watchOn(x.backend, scope, func(e driver.Entry) {
		if e.Revision != 0 {
			once.Do(func() { close(reached) })
			x.hold(gate)
		}
	})
	x.eventually(w.live, "the snapshot of a watch did not end")
	x.background("Put", func(context.Context) { // which may be the one that runs f
		if _, _, err := x.backend.KV.Put(x.ctx, at("a"), []byte("1"), driver.PutOptions{}); err != nil {
			x.errorf("Put: %v", err)
		}
	})
	if !x.await(reached) {
		x.fatalf("a watcher did not see a write")
	}
	x.set("b", "1")

	ctx, cancel := context.WithTimeout(x.ctx, x.units(1))
	defer cancel()
	var err error
	limited := x.background("SyncWatches", func(context.Context) { err = x.backend.KV.(driver.WatchSyncer).SyncWatches(ctx, bucket, scope) })
	if !x.await(limited.done) {
		x.fatalf("SyncWatches has not returned %v after its context has ended", x.h.Patience)
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		x.errorf("SyncWatches returned %v when its context ended, want an error that wraps the context's", err)
	}

	waiting := x.background("SyncWatches", func(context.Context) {
		if err := x.sync(x.backend, scope); err != nil {
			x.errorf("SyncWatches returned %v when the watch that it waited for ended", err)
		}
	})
	x.settle()
	w.task.cancel()
	x.settle()
	close(gate)
	if !x.await(w.task.done) {
		x.fatalf("Watch has not returned %v after its context has ended", x.h.Patience)
	}
	if !x.await(waiting.done) {
		x.fatalf("SyncWatches waits for a watch that has ended")
	}
}
