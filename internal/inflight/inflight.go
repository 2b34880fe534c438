// Package inflight counts what is under way, so that a shutdown can let it finish and take nothing new.
package inflight

import (
	"sync"
	"sync/atomic"
)

// Gate lets work in and counts it until it leaves, until the gate is closed. The zero value is open. Its methods may be
// called concurrently; Enter and Leave neither allocate nor block.
type Gate struct {
	inside atomic.Int64
	closed atomic.Pointer[closed] // nil while the gate is open
}

type closed struct {
	once  sync.Once
	empty chan struct{}
}

// Enter reports whether the gate is open. If it is, Leave must follow; if it is not, Leave must not be called.
func (g *Gate) Enter() bool {
	g.inside.Add(1)
	if g.closed.Load() != nil {
		g.Leave()
		return false
	}
	return true
}

// Leave ends what Enter began.
func (g *Gate) Leave() {
	if g.inside.Add(-1) > 0 {
		return
	}
	if c := g.closed.Load(); c != nil {
		c.left()
	}
}

// Close lets nothing more in. The channel it returns, the same for all calls, is closed when everything that was let in
// has left.
func (g *Gate) Close() <-chan struct{} {
	g.closed.CompareAndSwap(nil, &closed{empty: make(chan struct{})})
	c := g.closed.Load()
	// From here on, whoever enters is turned away. So if nobody is inside at any time after this, nobody ever will be.
	if g.inside.Load() == 0 {
		c.left()
	}
	return c.empty
}

func (c *closed) left() { c.once.Do(func() { close(c.empty) }) }
