package memkv

import (
	"context"
	"hash/maphash"
	"maps"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/motia-go/motia/driver"
)

// KV is a [driver.KV] within one process. Create it with [New].
type KV struct {
	seed     maphash.Seed
	expiries *expiries
	closed   atomic.Bool
	done     chan struct{} // closed by Close

	mu      sync.Mutex // for adding to buckets
	buckets atomic.Pointer[map[string]*bucket]
}

var (
	_ driver.KV          = (*KV)(nil)
	_ driver.Updater     = (*KV)(nil)
	_ driver.ChangeLog   = (*KV)(nil)
	_ driver.WatchSyncer = (*KV)(nil)
)

// New returns an empty store.
func New() *KV {
	k := &KV{seed: maphash.MakeSeed(), expiries: newExpiries(), done: make(chan struct{})}
	k.buckets.Store(&map[string]*bucket{})
	return k
}

// Close ends watchers and change runners and stops the expiry of entries. It waits until ctx ends for an expiry that
// is under way. After that other methods return [driver.ErrClosed], and Close returns nil.
func (k *KV) Close(ctx context.Context) error {
	if k.closed.Swap(true) {
		return nil
	}
	close(k.done)
	return k.expiries.close(ctx)
}

// check returns an error if the store is closed or ctx has ended.
func (k *KV) check(ctx context.Context) error {
	if k.closed.Load() {
		return driver.ErrClosed
	}
	return ctx.Err()
}

// bucket returns the bucket of that name, or nil if there is none.
func (k *KV) bucket(name string) *bucket { return (*k.buckets.Load())[name] }

// openBucket returns the bucket of that name and creates it if necessary.
func (k *KV) openBucket(name string) *bucket {
	if b := k.bucket(name); b != nil {
		return b
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	old := *k.buckets.Load()
	if b := old[name]; b != nil {
		return b
	}
	b := newBucket(strings.Clone(name), k.seed, k.expiries)
	buckets := maps.Clone(old)
	buckets[b.name] = b
	k.buckets.Store(&buckets)
	return b
}
