package motia

import (
	"context"
	"errors"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/membus"
	"github.com/motia-go/motia/internal/memkv"
	"github.com/motia-go/motia/internal/memqueue"
)

// MemoryOptions configure [InMemory]. The zero value consists of defaults.
type MemoryOptions struct {
	// DedupWindow is how long the ID of a message is remembered. Default: 2 minutes.
	DedupWindow time.Duration
}

// InMemory returns a new backend that keeps everything in memory: the default. What it holds ends with the process.
// Several apps of one process can share it, as several processes share a distributed one; the first that shuts down
// closes it.
func InMemory(opts *MemoryOptions) *driver.Backend {
	var o MemoryOptions
	if opts != nil {
		o = *opts
	}
	queue := memqueue.New(memqueue.Options{DedupWindow: o.DedupWindow})
	kv, bus := memkv.New(), membus.New()
	return &driver.Backend{
		Queue:    queue,
		KV:       kv,
		Bus:      bus,
		Features: driver.Features{AtomicPublish: true},
		Close: func(ctx context.Context) error {
			return errors.Join(queue.Close(ctx), kv.Close(ctx), bus.Close(ctx))
		},
	}
}
