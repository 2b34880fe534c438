package memkv

import (
	"sync"
	"time"
)

// clock issues the revisions and times of a bucket, which both grow strictly.
type clock struct {
	mu       sync.Mutex
	revision uint64
	time     int64
}

// next returns the next revision and its time in Unix nanoseconds: now, or just after the last one if the system's
// clock has not advanced or was set back.
func (c *clock) next() (revision uint64, nanos int64) {
	now := time.Now().UnixNano()
	c.mu.Lock()
	c.revision++
	c.time = max(now, c.time+1)
	revision, nanos = c.revision, c.time
	c.mu.Unlock()
	return revision, nanos
}
