package motia

import (
	"sync"

	"github.com/motia-go/motia/internal/hub"
)

// streamClients are the clients that are connected.
type streamClients struct {
	mu     sync.Mutex
	closed bool
	count  sync.WaitGroup
	boxes  map[*hub.Outbox]struct{}
}

// enter reports false after close; otherwise leave must follow.
func (c *streamClients) enter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.count.Add(1)
	}
	return !c.closed
}

func (c *streamClients) leave() { c.count.Done() }

// add makes close end the client. drop must follow.
func (c *streamClients) add(box *hub.Outbox) {
	c.mu.Lock()
	closed := c.closed
	if !closed {
		if c.boxes == nil {
			c.boxes = make(map[*hub.Outbox]struct{})
		}
		c.boxes[box] = struct{}{}
	}
	c.mu.Unlock()
	if closed {
		box.Fail(ErrShutdown)
	}
}

func (c *streamClients) drop(box *hub.Outbox) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.boxes, box)
}

// close lets no clients in any more, and tells those that are connected to go.
func (c *streamClients) close() {
	c.mu.Lock()
	c.closed = true
	boxes := c.boxes
	c.boxes = nil
	c.mu.Unlock()
	for box := range boxes {
		box.Fail(ErrShutdown)
	}
}

// wait returns when all have left.
func (c *streamClients) wait() { c.count.Wait() }
