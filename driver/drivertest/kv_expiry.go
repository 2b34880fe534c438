package drivertest

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/motia-go/motia/driver"
)

func expiry(x *trial) {
	w := x.watch(scope)
	expires := x.soon(2)
	_, first := x.put(at("a"), "1", driver.PutOptions{Expires: expires})
	if !first.Expires.Equal(expires) {
		x.errorf("Expires is %v, want %v", first.Expires, expires)
	}
	x.set("stays", "1")
	x.put(driver.Key{Bucket: bucket, Scope: "alone", ID: "a"}, "1", driver.PutOptions{Expires: expires})
	x.put(at("freed"), "1", driver.PutOptions{Expires: expires})
	x.put(at("freed"), "1", driver.PutOptions{})
	x.put(at("later"), "1", driver.PutOptions{Expires: expires})
	x.put(at("later"), "2", driver.PutOptions{Expires: x.soon(1000)})
	time.Sleep(time.Until(expires) - x.units(1))
	x.wantSame("the entry before its expiry", x.wantValue(at("a"), "1"), first)
	time.Sleep(time.Until(expires) + x.h.Lateness)
	x.wantNone(at("a"))
	x.wantList(scope, "freed", "later", "stays")
	x.wantList("alone")
	scopes, err := x.backend.KV.Scopes(x.ctx, bucket, nil, 10)
	x.must(err, "Scopes")
	if len(scopes) != 1 {
		x.errorf("scopes are %q, want only %q", scopes, scope)
	}
	x.putConflict("IfRevision with the revision of an expired entry", at("a"), "x", ifRevision(first.Revision))
	old, second := x.put(at("a"), "1", ifRevision(0))
	x.wantSame("the old entry after its expiry", old, driver.Entry{})
	if second.Revision <= first.Revision {
		x.errorf("a key that expired and was written again has revision %d, want more than %d", second.Revision, first.Revision)
	}
	x.eventually(func() bool { return w.last()["a"].Revision == second.Revision }, "a watcher did not see a write after an expiry: %s", w)
}

func expiredAtOnce(x *trial) {
	x.set("a", "1")
	x.put(at("a"), "2", driver.PutOptions{Expires: time.Now().Add(-time.Hour)})
	x.wantNone(at("a"))
	x.wantList(scope)
	old, _ := x.put(at("a"), "3", ifRevision(0))
	x.wantSame("the entry before", old, driver.Entry{})
	x.wantValue(at("a"), "3")
}

func updateKeepsExpiry(x *trial) {
	expires := x.soon(2)
	x.put(at("a"), "1", driver.PutOptions{Expires: expires})
	_, _, err := x.backend.KV.(driver.Updater).Update(x.ctx, at("a"), driver.Header{}, increment)
	x.must(err, "Update")
	x.wantValue(at("a"), "2")
	time.Sleep(time.Until(expires) + x.h.Lateness)
	x.wantNone(at("a"))
}

// lock: contenders take a lock by creating a key that expires. Some release it, some crash and let it expire.
func lock(x *trial) {
	const contenders, rounds = 4, 5
	all := x.instances(2)
	var holders, taken atomic.Int32
	start := time.Now()
	x.together(contenders, func(i int) {
		kv, key := all[i%2].KV, at("lock")
		for round := 0; round < rounds; {
			zero := uint64(0)
			until := time.Now().Add(x.units(2)).Truncate(time.Millisecond)
			_, held, err := kv.Put(x.ctx, key, fmt.Append(nil, "holder ", i), driver.PutOptions{IfRevision: &zero, Expires: until})
			if errors.Is(err, driver.ErrConflict) {
				if time.Since(start) > contenders*rounds*x.units(3)+x.h.Patience {
					x.errorf("the lock did not become free")
					return
				}
				x.pass(0.05)
				continue
			}
			if err != nil {
				x.errorf("Put: %v", err)
				return
			}
			if holders.Add(1) != 1 {
				x.errorf("two holders have the lock at once")
			}
			taken.Add(1)
			round++
			crashes := (i+round)%3 == 0
			if !crashes {
				x.pass(0.1)
			} else {
				time.Sleep(time.Until(until) - x.units(0.5)) // still held
			}
			holders.Add(-1)
			if !crashes {
				if _, _, err := kv.Put(x.ctx, key, nil, driver.PutOptions{IfRevision: &held.Revision, Delete: true}); err != nil {
					x.errorf("release: %v", err)
				}
			}
		}
	})
	if n := taken.Load(); n != contenders*rounds {
		x.errorf("the lock was taken %d times, want %d", n, contenders*rounds)
	}
}

func lockRenewal(x *trial) {
	zero := uint64(0)
	_, first := x.put(at("lock"), "a", driver.PutOptions{IfRevision: &zero, Expires: x.soon(2)})
	x.pass(1)
	_, second := x.put(at("lock"), "a", driver.PutOptions{IfRevision: &first.Revision, Expires: x.soon(2)})
	if second.Revision == first.Revision {
		x.errorf("a renewal did not change the revision")
	}
	x.pass(1.5) // the first lock would have expired
	x.putConflict("taking a renewed lock", at("lock"), "b", ifRevision(0))
	time.Sleep(time.Until(second.Expires) + x.h.Lateness)
	x.putConflict("renewing an expired lock", at("lock"), "a", ifRevision(second.Revision))
	x.put(at("lock"), "b", ifRevision(0))
	x.putConflict("renewing the lock of another", at("lock"), "a", ifRevision(second.Revision))
}
