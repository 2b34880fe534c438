package drivertest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/motia-go/motia/driver"
)

// changes is what a call of Changes handed over.
type changes struct {
	task *task
	mu   sync.Mutex
	list []driver.Change
}

func (c *changes) all() []driver.Change {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.list)
}

// String lists the records as "id:old>new". The text for a missing entry is empty.
func (c *changes) String() string {
	var words []string
	for _, r := range c.all() {
		words = append(words, fmt.Sprintf("%s:%s>%s", r.New.Key.ID, r.Old.Value, r.New.Value))
	}
	return strings.Join(words, " ")
}

func (x *trial) track() {
	x.must(x.backend.KV.(driver.ChangeLog).Track(x.ctx, bucket), "Track")
}

// changes begins to take over changes. f is called first, and a record for which it fails is not noted.
func (x *trial) changes(f func(driver.Change) error) *changes {
	return x.changesOn(x.backend, f)
}

func (x *trial) changesOn(b *driver.Backend, f func(driver.Change) error) *changes {
	c := &changes{}
	c.task = x.background("Changes", func(ctx context.Context) {
		err := b.KV.(driver.ChangeLog).Changes(ctx, bucket, func(_ context.Context, r driver.Change) error {
			if f != nil {
				if err := f(r); err != nil {
					return err
				}
			}
			c.mu.Lock()
			defer c.mu.Unlock()
			c.list = append(c.list, r)
			return nil
		})
		if err != nil {
			x.errorf("Changes returned %v", err)
		}
	})
	return c
}

// expectChanges waits for the records, and checks that no others follow.
func (x *trial) expectChanges(c *changes, want string) {
	n := len(strings.Fields(want))
	x.eventually(func() bool { return len(c.all()) >= n }, "fewer records than %s", want)
	x.settle()
	if got := c.String(); got != want {
		x.fatalf("the records are %s, want %s", got, want)
	}
}

func changeRecords(x *trial) {
	x.set("before", "1")
	x.track()
	x.track()
	header := driver.Header{TraceParent: "00-a-b-01", TraceState: "a=b", Step: "step", Hops: 3}
	_, first := x.put(at("a"), "1", driver.PutOptions{Header: header})
	c := x.changes(nil)
	_, second := x.put(at("a"), "2", driver.PutOptions{Expires: x.soon(1000)})
	x.delete("a")
	x.put(driver.Key{Bucket: "other", Scope: scope, ID: "a"}, "1", driver.PutOptions{})
	x.put(driver.Key{Bucket: bucket, Scope: "another", ID: "b"}, "1", driver.PutOptions{})
	x.eventually(func() bool { return len(c.all()) >= 4 }, "fewer than 4 records: %s", c)
	x.settle()
	all := c.all()
	var ofA []driver.Change
	for _, r := range all {
		if r.New.Key == at("a") {
			ofA = append(ofA, r)
		}
	}
	if len(all) != 4 || len(ofA) != 3 {
		x.fatalf("the records are %s, want 3 of a and 1 of b", c)
	}
	x.wantSame("the old entry of the first write", ofA[0].Old, driver.Entry{})
	x.wantSame("the new entry of the first write", ofA[0].New, first)
	x.wantSame("the old entry of the second write", ofA[1].Old, first)
	x.wantSame("the new entry of the second write", ofA[1].New, second)
	x.wantSame("the old entry of the deletion", ofA[2].Old, second)
	if deleted := ofA[2].New; !deleted.Deleted || deleted.Key != at("a") || deleted.Revision <= second.Revision || !deleted.Time.After(second.Time) {
		x.errorf("the new entry of the deletion is %+v", deleted)
	}
	if ofA[0].Header != header || ofA[1].Header != (driver.Header{}) {
		x.errorf("headers are %+v and %+v", ofA[0].Header, ofA[1].Header)
	}
}

func changeNothing(x *trial) {
	x.track()
	c := x.changes(nil)
	x.set("a", "1")
	x.set("a", "1")
	x.delete("none")
	_, _, err := x.backend.KV.Put(x.ctx, at("a"), []byte("x"), ifRevision(0))
	if !errors.Is(err, driver.ErrConflict) {
		x.errorf("Put: %v", err)
	}
	if u, ok := x.backend.KV.(driver.Updater); ok {
		same := func(old []byte) ([]byte, error) { return old, nil }
		if _, _, err := u.Update(x.ctx, at("a"), driver.Header{}, same); err != nil {
			x.errorf("Update: %v", err)
		}
	}
	x.set("a", "2")
	x.expectChanges(c, "a:>1 a:1>2")
}

func changeUpdate(x *trial) {
	x.track()
	c := x.changes(nil)
	header := driver.Header{Step: "step", Hops: 1}
	for range 3 {
		if _, _, err := x.backend.KV.(driver.Updater).Update(x.ctx, at("n"), header, increment); err != nil {
			x.errorf("Update: %v", err)
		}
	}
	x.expectChanges(c, "n:>1 n:1>2 n:2>3")
	for _, r := range c.all() {
		if r.Header != header {
			x.errorf("the header is %+v, want %+v", r.Header, header)
		}
	}
}

func changeExpiry(x *trial) {
	x.track()
	c := x.changes(nil)
	x.put(at("a"), "1", driver.PutOptions{Expires: x.soon(1)})
	x.pass(3)
	x.wantNone(at("a"))
	x.set("a", "2")
	x.expectChanges(c, "a:>1 a:>2")
}

func changesUntracked(x *trial) {
	x.set("a", "1")
	ctx, cancel := context.WithTimeout(x.ctx, x.units(2))
	defer cancel()
	err := x.backend.KV.(driver.ChangeLog).Changes(ctx, bucket, func(context.Context, driver.Change) error { return nil })
	if err == nil || ctx.Err() != nil {
		x.errorf("Changes of a bucket that is not tracked returned %v, want an error at once", err)
	}
}

// changesUnderLoad: the records of each key are a chain from nothing to the last value.
func changesUnderLoad(x *trial) {
	const keys = 10
	x.track()
	all := x.instances(2)
	c := x.changes(nil)
	var made atomic.Int64
	x.together(4, func(i int) {
		random := rand.New(rand.NewPCG(2, uint64(i)))
		for k := range max(x.h.Messages/4, 50) {
			id := strconv.Itoa(random.IntN(keys))
			options := driver.PutOptions{Delete: random.IntN(4) == 0}
			old, new, err := all[i%2].KV.Put(x.ctx, at(id), fmt.Append(nil, i, " ", k), options)
			if err != nil {
				x.errorf("Put: %v", err)
				return
			}
			if old.Revision != new.Revision {
				made.Add(1)
			}
		}
	})
	n := int(made.Load())
	x.eventually(func() bool { return len(c.all()) >= n }, "fewer records than %d writes", n)
	x.settle()
	last := make(map[string]driver.Entry)
	for _, r := range c.all() {
		id := r.New.Key.ID
		want := last[id]
		if want.Deleted {
			want = driver.Entry{}
		}
		if !sameEntry(r.Old, want) {
			x.errorf("a record of %s has the old entry %+v, want the new entry of the record before, %+v", id, r.Old, last[id])
		}
		if r.New.Revision <= last[id].Revision {
			x.errorf("a record of %s with revision %d comes after %d", id, r.New.Revision, last[id].Revision)
		}
		last[id] = r.New
	}
	if got := len(c.all()); got != n {
		x.errorf("%d writes made %d records", n, got)
	}
	for id, e := range last {
		if e.Deleted {
			x.wantNone(at(id))
		} else {
			got, _ := x.get(at(id))
			x.wantSame("the last record", e, got)
		}
	}
}

func changesAgain(x *trial) {
	x.track()
	var mu sync.Mutex
	tries := 0
	c := x.changes(func(r driver.Change) error {
		mu.Lock()
		defer mu.Unlock()
		if r.New.Key.ID == "fails" && tries < 3 {
			tries++
			return errors.New("broken")
		}
		return nil
	})
	for i := range 3 {
		x.set("fails", fmt.Sprint(i))
		x.set("works", fmt.Sprint(i))
	}
	x.eventually(func() bool { return len(c.all()) >= 6 }, "records are not handed over again after an error: %s", c)
	x.settle()
	var fails, works []string
	for _, word := range strings.Fields(c.String()) {
		if strings.HasPrefix(word, "fails") {
			fails = append(fails, word)
		} else {
			works = append(works, word)
		}
	}
	if got := strings.Join(fails, " "); got != "fails:>0 fails:0>1 fails:1>2" {
		x.errorf("the records of a key whose function failed are %s", got)
	}
	if got := strings.Join(works, " "); got != "works:>0 works:0>1 works:1>2" {
		x.errorf("the records of another key are %s", got)
	}
	mu.Lock()
	defer mu.Unlock()
	if tries != 3 {
		x.errorf("the function failed %d times, want 3", tries)
	}
}

func changesOthersGoOn(x *trial) {
	x.track()
	var fixed atomic.Bool
	c := x.changes(func(r driver.Change) error {
		if r.New.Key.ID == "fails" && !fixed.Load() {
			return errors.New("broken")
		}
		return nil
	})
	x.set("fails", "1")
	x.set("fails", "2")
	x.set("works", "1")
	x.set("works", "2")
	x.expectChanges(c, "works:>1 works:1>2")
	fixed.Store(true)
	x.expectChanges(c, "works:>1 works:1>2 fails:>1 fails:1>2")
}

func changesOneRunner(x *trial) {
	x.track()
	var running, total atomic.Int32
	n := int32(100)
	for _, b := range x.instances(3) {
		x.changesOn(b, func(driver.Change) error {
			if running.Add(1) != 1 {
				x.errorf("two runners were active for the bucket at once")
			}
			x.pass(0.001)
			running.Add(-1)
			total.Add(1)
			return nil
		})
	}
	for i := range n {
		x.set(fmt.Sprint(i%7), fmt.Sprint(i))
	}
	x.eventually(func() bool { return total.Load() >= n }, "fewer than %d records", n)
	x.settle()
	if got := total.Load(); got != n {
		x.errorf("%d records of %d writes were handed over", got, n)
	}
}

func changesResume(x *trial) {
	x.track()
	first := x.changes(nil)
	x.set("a", "1")
	x.expectChanges(first, "a:>1")
	x.stop(first.task)
	x.set("a", "2")
	x.set("a", "3")
	all := x.instances(2)
	second := x.changesOn(all[1], nil)
	x.expectChanges(second, "a:1>2 a:2>3")
	x.stop(second.task)
	// A record that has just failed is not lost when its runner ends.
	broken := x.changes(func(driver.Change) error { return errors.New("broken") })
	x.set("a", "4")
	x.settle()
	x.stop(broken.task)
	third := x.changes(nil)
	x.expectChanges(third, "a:3>4")
}

func changesDurable(x *trial) {
	x.track()
	x.set("a", "1")
	x.set("a", "2")
	x.close(x.backend)
	x.backend = x.open()
	x.track()
	c := x.changes(nil)
	x.set("a", "3")
	x.expectChanges(c, "a:>1 a:1>2 a:2>3")
}
