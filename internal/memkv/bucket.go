package memkv

import (
	"hash/maphash"
	"math/bits"
	"sync"
	"sync/atomic"
)

const (
	shardBits  = 6
	shardCount = 1 << shardBits
)

// bucket is one space of scopes, with its own revisions.
type bucket struct {
	name     string
	seed     maphash.Seed
	hashMask uint64 // all ones, except in tests of collisions
	expiries *expiries
	clock    clock
	log      atomic.Pointer[changeLog] // nil while the bucket is not tracked
	scopes   scopes
	shards   [shardCount]shard
}

func newBucket(name string, seed maphash.Seed, expiries *expiries) *bucket {
	return &bucket{name: name, seed: seed, hashMask: ^uint64(0), expiries: expiries, scopes: scopes{byName: make(map[string]*scope)}}
}

// hash spreads keys. Keys with the same hash are distinguished by their names.
func (b *bucket) hash(scope, id string) uint64 {
	const odd = 0x9e3779b97f4a7c15 // so that scope and id are not interchangeable
	return (bits.RotateLeft64(maphash.String(b.seed, scope), 32)*odd ^ maphash.String(b.seed, id)) & b.hashMask
}

// shardIndex takes the top bits, because maps use the lower ones.
func shardIndex(hash uint64) int { return int(hash >> (64 - shardBits)) }

func (b *bucket) shard(hash uint64) *shard { return &b.shards[shardIndex(hash)] }

// shard holds the records of some keys of a bucket, by the hash of the key; records of the same hash are chained.
type shard struct {
	mu      sync.RWMutex
	records map[uint64]*record
	_       [32]byte // fills the cache line, so that neighbours do not slow each other down
}

func (s *shard) findLocked(hash uint64, scope, id string) *record {
	r := s.records[hash]
	for r != nil && (r.id != id || r.scope.name != scope) {
		r = r.next
	}
	return r
}

func (s *shard) insertLocked(r *record) {
	if s.records == nil {
		s.records = make(map[uint64]*record)
	}
	r.next = s.records[r.hash]
	s.records[r.hash] = r
}

func (s *shard) removeLocked(removed *record) {
	first := s.records[removed.hash]
	switch {
	case first != removed:
		r := first
		for r.next != removed {
			r = r.next
		}
		r.next = removed.next
	case removed.next != nil:
		s.records[removed.hash] = removed.next
	default:
		delete(s.records, removed.hash)
	}
	removed.next = nil
}
