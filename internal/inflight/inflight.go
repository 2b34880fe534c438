// Package inflight counts running work, so that a shutdown can refuse new work and wait for the rest.
package inflight

import (
	"sync"
	"sync/atomic"
)

// Gate admits work until it is closed, and counts the work that is inside. The zero value is open. Its methods may be
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

// Leave ends the work that Enter admitted.
func (g *Gate) Leave() {
	if g.inside.Add(-1) == 0 {
		g.settle()
	}
}

// settle is called when the gate has just been empty. Other work may have entered since, before the gate was closed,
// so only the work that is inside now counts.
func (g *Gate) settle() {
	if c := g.closed.Load(); c != nil && g.inside.Load() == 0 {
		c.left()
	}
}

// Close makes Enter return false. It returns a channel, the same for all calls, that is closed when all work has
// left.
func (g *Gate) Close() <-chan struct{} {
	g.closed.CompareAndSwap(nil, &closed{empty: make(chan struct{})})
	// From here on no work enters. So if the gate is empty at any time after this, it stays empty.
	g.settle()
	return g.closed.Load().empty
}

func (c *closed) left() { c.once.Do(func() { close(c.empty) }) }
