package streamserver

import (
	"sync"

	"github.com/motia-go/motia/internal/hub"
)

// clients are the connected clients.
type clients struct {
	mu     sync.Mutex
	closed error // nil until close
	count  sync.WaitGroup
	boxes  map[*hub.Outbox]struct{}
}

// enter returns false after close. Otherwise leave must follow.
func (c *clients) enter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed == nil {
		c.count.Add(1)
	}
	return c.closed == nil
}

func (c *clients) leave() { c.count.Done() }

// add registers the outbox of a client, so that close ends it. drop must follow.
func (c *clients) add(box *hub.Outbox) {
	c.mu.Lock()
	closed := c.closed
	if closed == nil {
		if c.boxes == nil {
			c.boxes = make(map[*hub.Outbox]struct{})
		}
		c.boxes[box] = struct{}{}
	}
	c.mu.Unlock()
	if closed != nil {
		box.Fail(closed)
	}
}

func (c *clients) drop(box *hub.Outbox) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.boxes, box)
}

// close admits no more clients, and ends the connected ones with the error.
func (c *clients) close(err error) {
	c.mu.Lock()
	c.closed = err
	boxes := c.boxes
	c.boxes = nil
	c.mu.Unlock()
	for box := range boxes {
		box.Fail(err)
	}
}

// wait returns when all clients have left.
func (c *clients) wait() { c.count.Wait() }
