package drivertest_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/memkv"
)

// Types of functions that methods take.
type (
	changeFunc = func(old []byte) ([]byte, error)
	recordFunc = func(context.Context, driver.Change) error
)

// kv is the in-memory KV with methods that can be replaced.
type kv struct {
	*memkv.KV
	get     func(ctx context.Context, key driver.Key) (driver.Entry, error)
	put     func(ctx context.Context, key driver.Key, value []byte, o driver.PutOptions) (old, new driver.Entry, err error)
	list    func(ctx context.Context, bucket, scope string, after *string, limit int) ([]driver.Entry, error)
	scopes  func(ctx context.Context, bucket string, after *string, limit int) ([]string, error)
	watch   func(ctx context.Context, bucket, scope string, f func(driver.Entry)) error
	update  func(ctx context.Context, key driver.Key, h driver.Header, change changeFunc) (old, new driver.Entry, err error)
	track   func(ctx context.Context, bucket string) error
	changes func(ctx context.Context, bucket string, f recordFunc) error
	sync    func(ctx context.Context, bucket, scope string) error
	close   func(context.Context) error
}

func newKV() *kv {
	k := memkv.New()
	return &kv{k, k.Get, k.Put, k.List, k.Scopes, k.Watch, k.Update, k.Track, k.Changes, k.SyncWatches, k.Close}
}

func (k *kv) Get(ctx context.Context, key driver.Key) (driver.Entry, error) { return k.get(ctx, key) }

func (k *kv) Put(ctx context.Context, key driver.Key, value []byte, o driver.PutOptions) (old, new driver.Entry, err error) {
	return k.put(ctx, key, value, o)
}

func (k *kv) List(ctx context.Context, bucket, scope string, after *string, limit int) ([]driver.Entry, error) {
	return k.list(ctx, bucket, scope, after, limit)
}

func (k *kv) Scopes(ctx context.Context, bucket string, after *string, limit int) ([]string, error) {
	return k.scopes(ctx, bucket, after, limit)
}

func (k *kv) Watch(ctx context.Context, bucket, scope string, f func(driver.Entry)) error {
	return k.watch(ctx, bucket, scope, f)
}

func (k *kv) Update(ctx context.Context, key driver.Key, h driver.Header, change func([]byte) ([]byte, error)) (old, new driver.Entry, err error) {
	return k.update(ctx, key, h, change)
}

func (k *kv) Track(ctx context.Context, bucket string) error { return k.track(ctx, bucket) }

func (k *kv) Changes(ctx context.Context, bucket string, f func(context.Context, driver.Change) error) error {
	return k.changes(ctx, bucket, f)
}

func (k *kv) SyncWatches(ctx context.Context, bucket, scope string) error {
	return k.sync(ctx, bucket, scope)
}

func (k *kv) backend() *driver.Backend { return &driver.Backend{KV: k, Close: k.close} }

// options changes the options of writes.
func (k *kv) options(f func(o *driver.PutOptions)) {
	k.put = func(ctx context.Context, key driver.Key, value []byte, o driver.PutOptions) (old, new driver.Entry, err error) {
		f(&o)
		return k.KV.Put(ctx, key, value, o)
	}
}

// keys changes keys, everywhere.
func (k *kv) keys(f func(key driver.Key) driver.Key) {
	k.get = func(ctx context.Context, key driver.Key) (driver.Entry, error) {
		entry, err := k.KV.Get(ctx, f(key))
		entry.Key = key
		return entry, err
	}
	k.put = func(ctx context.Context, key driver.Key, value []byte, o driver.PutOptions) (old, new driver.Entry, err error) {
		return k.KV.Put(ctx, f(key), value, o)
	}
	k.list = func(ctx context.Context, bucket, scope string, after *string, limit int) ([]driver.Entry, error) {
		key := f(driver.Key{Bucket: bucket, Scope: scope})
		return k.KV.List(ctx, key.Bucket, key.Scope, after, limit)
	}
	k.watch = func(ctx context.Context, bucket, scope string, told func(driver.Entry)) error {
		key := f(driver.Key{Bucket: bucket, Scope: scope})
		return k.KV.Watch(ctx, key.Bucket, key.Scope, told)
	}
}

// events changes what watchers see; f returns how often.
func (k *kv) events(f func(e *driver.Entry) int) {
	k.watch = func(ctx context.Context, bucket, scope string, told func(driver.Entry)) error {
		return k.KV.Watch(ctx, bucket, scope, func(e driver.Entry) {
			for range f(&e) {
				told(e)
			}
		})
	}
}

func brokenKVs() []broken {
	var list []broken
	add := func(fault, cases string, breaks func(k *kv)) {
		list = append(list, broken{fault, func(testing.TB, string) *driver.Backend {
			k := newKV()
			breaks(k)
			return k.backend()
		}, cases})
	}
	list = append(list, forgetful("kv", "read-your-writes watch-elsewhere durable changes-durable increments"))
	breakWrites(add)
	breakReads(add)
	breakWatch(add)
	breakSync(add)
	breakChanges(add)
	return list
}

type kvAdder = func(fault, cases string, breaks func(k *kv))

func breakWrites(add kvAdder) {
	add("never returns an old entry", "put-and-get delete", func(k *kv) {
		k.put = func(ctx context.Context, key driver.Key, value []byte, o driver.PutOptions) (old, new driver.Entry, err error) {
			_, new, err = k.KV.Put(ctx, key, value, o)
			return driver.Entry{}, new, err
		}
	})
	add("keeps deleted entries with an empty value", "delete watch", func(k *kv) {
		k.put = func(ctx context.Context, key driver.Key, value []byte, o driver.PutOptions) (old, new driver.Entry, err error) {
			if o.Delete {
				value, o.Delete = nil, false
			}
			return k.KV.Put(ctx, key, value, o)
		}
	})
	add("writes what is already stored", "no-change changes-of-nothing", func(k *kv) {
		k.put = func(ctx context.Context, key driver.Key, value []byte, o driver.PutOptions) (old, new driver.Entry, err error) {
			if _, err := k.KV.Get(ctx, key); err == nil && o.IfRevision == nil && !o.Delete {
				if _, _, err := k.KV.Put(ctx, key, append(value, 'x'), o); err != nil {
					return old, new, err
				}
			}
			return k.KV.Put(ctx, key, value, o)
		}
	})
	add("numbers the revisions of each key", "revisions revisions-under-load", func(k *kv) {
		var mu sync.Mutex
		revisions := make(map[driver.Key]uint64)
		k.put = func(ctx context.Context, key driver.Key, value []byte, o driver.PutOptions) (old, new driver.Entry, err error) {
			old, new, err = k.KV.Put(ctx, key, value, o)
			mu.Lock()
			defer mu.Unlock()
			revisions[key]++
			new.Revision = revisions[key]
			return old, new, err
		}
	})
	add("has a clock with whole seconds", "revisions revisions-under-load", func(k *kv) {
		k.put = func(ctx context.Context, key driver.Key, value []byte, o driver.PutOptions) (old, new driver.Entry, err error) {
			old, new, err = k.KV.Put(ctx, key, value, o)
			new.Time = new.Time.Truncate(time.Second)
			return old, new, err
		}
	})
	add("ignores IfRevision", "compare-and-set compare-and-delete conflict-first create-race increments lock lock-renewal expiry", func(k *kv) {
		k.options(func(o *driver.PutOptions) { o.IfRevision = nil })
	})
	add("deletes whatever the revision is", "compare-and-set compare-and-delete conflict-first", func(k *kv) {
		k.options(func(o *driver.PutOptions) {
			if o.Delete {
				o.IfRevision = nil
			}
		})
	})
	add("compares before it deletes, and not as one", "compare-and-delete", func(k *kv) {
		k.put = func(ctx context.Context, key driver.Key, value []byte, o driver.PutOptions) (old, new driver.Entry, err error) {
			if o.Delete && o.IfRevision != nil {
				entry, err := k.KV.Get(ctx, key)
				if err != nil && !errors.Is(err, driver.ErrNotFound) {
					return old, new, err
				}
				if entry.Revision != *o.IfRevision {
					return old, new, driver.ErrConflict
				}
				runtime.Gosched()
				o.IfRevision = nil
			}
			return k.KV.Put(ctx, key, value, o)
		}
	})
	add("reads, compares, and then writes", "create-race compare-and-delete increments", func(k *kv) {
		k.put = func(ctx context.Context, key driver.Key, value []byte, o driver.PutOptions) (old, new driver.Entry, err error) {
			if want := o.IfRevision; want != nil {
				entry, err := k.KV.Get(ctx, key)
				if err != nil && !errors.Is(err, driver.ErrNotFound) {
					return old, new, err
				}
				if entry.Revision != *want {
					return old, new, driver.ErrConflict
				}
				runtime.Gosched()
				o.IfRevision = nil
			}
			return k.KV.Put(ctx, key, value, o)
		}
	})
	add("looks for a change before the revision", "conflict-first", func(k *kv) {
		k.put = func(ctx context.Context, key driver.Key, value []byte, o driver.PutOptions) (old, new driver.Entry, err error) {
			if entry, err := k.KV.Get(ctx, key); err == nil && !o.Delete && bytes.Equal(entry.Value, value) && o.Expires.Equal(entry.Expires) {
				return entry, entry, nil
			}
			return k.KV.Put(ctx, key, value, o)
		}
	})
	add("never lets anything expire", "expiry expired-at-once lock lock-renewal changes-of-expiry", func(k *kv) {
		k.options(func(o *driver.PutOptions) { o.Expires = time.Time{} })
	})
	add("keeps the first expiry", "expiry lock-renewal", func(k *kv) {
		var mu sync.Mutex
		first := make(map[driver.Key]time.Time)
		k.put = func(ctx context.Context, key driver.Key, value []byte, o driver.PutOptions) (old, new driver.Entry, err error) {
			mu.Lock()
			defer mu.Unlock()
			if at, ok := first[key]; ok {
				o.Expires = at
			}
			first[key] = o.Expires
			return k.KV.Put(ctx, key, value, o)
		}
	})
	add("updates without a lock", "update-increments", func(k *kv) {
		k.update = func(ctx context.Context, key driver.Key, h driver.Header, change changeFunc) (old, new driver.Entry, err error) {
			entry, err := k.KV.Get(ctx, key)
			if err != nil && !errors.Is(err, driver.ErrNotFound) {
				return old, new, err
			}
			value, err := change(entry.Value)
			if err != nil {
				return old, new, err
			}
			runtime.Gosched()
			return k.KV.Put(ctx, key, value, driver.PutOptions{Header: h})
		}
	})
	add("forgets expiry and header on updates", "update update-expiry changes-of-updates", func(k *kv) {
		k.update = func(ctx context.Context, key driver.Key, _ driver.Header, change changeFunc) (old, new driver.Entry, err error) {
			entry, err := k.KV.Get(ctx, key)
			if err != nil && !errors.Is(err, driver.ErrNotFound) {
				return old, new, err
			}
			value, err := change(entry.Value)
			if err != nil {
				return old, new, err
			}
			return k.KV.Put(ctx, key, value, driver.PutOptions{})
		}
	})
	add("wraps the error of an update", "update", func(k *kv) {
		k.update = func(ctx context.Context, key driver.Key, h driver.Header, change changeFunc) (old, new driver.Entry, err error) {
			old, new, err = k.KV.Update(ctx, key, h, change)
			if err != nil {
				err = fmt.Errorf("update: %w", err)
			}
			return old, new, err
		}
	})
	add("does not tell keys apart by case", "names list watch-names", func(k *kv) {
		k.keys(func(key driver.Key) driver.Key {
			return driver.Key{Bucket: lowered(key.Bucket), Scope: lowered(key.Scope), ID: lowered(key.ID)}
		})
	})
	add("takes the first letter of a scope", "list-scope names", func(k *kv) {
		k.keys(func(key driver.Key) driver.Key {
			key.Scope = key.Scope[:min(len(key.Scope), 1)]
			return key
		})
	})
	add("joins the parts of a key", "joined-names", func(k *kv) {
		k.keys(func(key driver.Key) driver.Key {
			return driver.Key{ID: key.Bucket + "/" + key.Scope + "/" + key.ID}
		})
	})
	add("shortens names", "long-names", func(k *kv) {
		k.keys(func(key driver.Key) driver.Key {
			return driver.Key{Bucket: shortened(key.Bucket), Scope: shortened(key.Scope), ID: shortened(key.ID)}
		})
	})
	add("does not look at contexts", "context", func(k *kv) {
		k.get = func(_ context.Context, key driver.Key) (driver.Entry, error) {
			return k.KV.Get(context.Background(), key)
		}
	})
	add("still works after Close", "closed", func(k *kv) { k.close = noClose })
}

func breakReads(add kvAdder) {
	add("returns nil for an empty value", "values", func(k *kv) {
		k.get = func(ctx context.Context, key driver.Key) (driver.Entry, error) {
			entry, err := k.KV.Get(ctx, key)
			if len(entry.Value) == 0 {
				entry.Value = nil
			}
			return entry, err
		}
	})
	add("reads the previous value", "read-your-writes put-and-get", func(k *kv) {
		stale := make(map[driver.Key]driver.Entry)
		k.put = func(ctx context.Context, key driver.Key, value []byte, o driver.PutOptions) (old, new driver.Entry, err error) {
			old, new, err = k.KV.Put(ctx, key, value, o)
			stale[key] = old
			return old, new, err
		}
		k.get = func(_ context.Context, key driver.Key) (driver.Entry, error) {
			if entry := stale[key]; entry.Revision != 0 {
				return entry, nil
			}
			return driver.Entry{}, driver.ErrNotFound
		}
	})
	add("lists by letters", "list", func(k *kv) {
		k.list = func(ctx context.Context, bucket, scope string, after *string, limit int) ([]driver.Entry, error) {
			entries, err := k.KV.List(ctx, bucket, scope, after, limit)
			slices.SortStableFunc(entries, func(a, b driver.Entry) int {
				return cmp.Compare(strings.ToLower(a.Key.ID), strings.ToLower(b.Key.ID))
			})
			return entries, err
		}
	})
	add("takes an empty id for the start", "list scopes", func(k *kv) {
		start := func(after *string) *string {
			if after != nil && *after == "" {
				return nil
			}
			return after
		}
		k.list = func(ctx context.Context, bucket, scope string, after *string, limit int) ([]driver.Entry, error) {
			return k.KV.List(ctx, bucket, scope, start(after), limit)
		}
		k.scopes = func(ctx context.Context, bucket string, after *string, limit int) ([]string, error) {
			return k.KV.Scopes(ctx, bucket, start(after), limit)
		}
	})
	add("lists by position", "list-under-load", func(k *kv) {
		positions := make(map[string]int)
		k.list = func(ctx context.Context, bucket, scope string, after *string, limit int) ([]driver.Entry, error) {
			all, err := k.KV.List(ctx, bucket, scope, nil, 1000)
			from := 0
			if after != nil {
				from = positions[*after]
			}
			page := all[min(from, len(all)):min(from+limit, len(all))]
			if len(page) > 0 {
				positions[page[len(page)-1].Key.ID] = from + len(page)
			}
			return page, err
		}
	})
	add("lists scopes that are empty", "scopes expiry", func(k *kv) {
		seen := make(map[string]bool)
		k.put = func(ctx context.Context, key driver.Key, value []byte, o driver.PutOptions) (old, new driver.Entry, err error) {
			seen[key.Scope] = true
			return k.KV.Put(ctx, key, value, o)
		}
		k.scopes = func(_ context.Context, _ string, after *string, limit int) ([]string, error) {
			var names []string
			for name := range seen {
				if after == nil || name > *after {
					names = append(names, name)
				}
			}
			slices.Sort(names)
			return names[:min(limit, len(names))], nil
		}
	})
}
