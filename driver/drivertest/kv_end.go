package drivertest

import (
	"context"
	"errors"

	"github.com/motia-go/motia/driver"
)

func kvContext(x *trial) {
	x.set("a", "1")
	ctx, cancel := context.WithCancel(x.ctx)
	cancel()
	kv := x.backend.KV
	errs := map[string]error{}
	_, errs["Get"] = kv.Get(ctx, at("a"))
	_, _, errs["Put"] = kv.Put(ctx, at("b"), nil, driver.PutOptions{})
	_, errs["List"] = kv.List(ctx, bucket, scope, nil, 1)
	_, errs["Scopes"] = kv.Scopes(ctx, bucket, nil, 1)
	if u, ok := kv.(driver.Updater); ok {
		_, _, errs["Update"] = u.Update(ctx, at("b"), driver.Header{}, increment)
	}
	if l, ok := kv.(driver.ChangeLog); ok {
		errs["Track"] = l.Track(ctx, bucket)
	}
	if s, ok := kv.(driver.WatchSyncer); ok {
		errs["SyncWatches"] = s.SyncWatches(ctx, bucket, scope)
	}
	for method, err := range errs {
		if !errors.Is(err, context.Canceled) {
			x.errorf("%s with an ended context returned %v, want an error that wraps the context's", method, err)
		}
	}
	if err := kv.Watch(ctx, bucket, scope, func(driver.Entry) {}); err != nil {
		x.errorf("Watch with an ended context returned %v", err)
	}
}

func kvClosed(x *trial) {
	x.set("a", "1")
	kv := x.backend.KV
	x.close(x.backend)
	ctx, cancel := context.WithTimeout(x.ctx, x.h.Patience)
	defer cancel()
	errs := map[string]error{"Watch": kv.Watch(ctx, bucket, scope, func(driver.Entry) {})}
	_, errs["Get"] = kv.Get(ctx, at("a"))
	_, _, errs["Put"] = kv.Put(ctx, at("b"), nil, driver.PutOptions{})
	_, errs["List"] = kv.List(ctx, bucket, scope, nil, 1)
	_, errs["Scopes"] = kv.Scopes(ctx, bucket, nil, 1)
	if u, ok := kv.(driver.Updater); ok {
		_, _, errs["Update"] = u.Update(ctx, at("b"), driver.Header{}, increment)
	}
	if l, ok := kv.(driver.ChangeLog); ok {
		errs["Track"] = l.Track(ctx, bucket)
		errs["Changes"] = l.Changes(ctx, bucket, func(context.Context, driver.Change) error { return nil })
	}
	if s, ok := kv.(driver.WatchSyncer); ok {
		errs["SyncWatches"] = s.SyncWatches(ctx, bucket, scope)
	}
	x.expectClosed(errs)
}

func durableKV(x *trial) {
	expires := x.soon(1000)
	first := x.set("a", "1")
	_, second := x.put(at("b"), "2", driver.PutOptions{Expires: expires})
	x.set("c", "3")
	x.delete("c")
	x.close(x.backend)
	x.backend = x.open()
	x.wantSame("the entry after a restart", x.wantValue(at("a"), "1"), first)
	x.wantSame("the entry after a restart", x.wantValue(at("b"), "2"), second)
	x.wantList(scope, "a", "b")
	g := grows{x: x, last: second}
	g.next("the entry after a restart", x.set("a", "2"))
}
