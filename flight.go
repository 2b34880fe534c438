package motia

import (
	"context"
	"sync/atomic"
)

// flight counts what is under way, and can be closed to more. The zero value is open.
type flight struct {
	count  atomic.Int64
	closed atomic.Pointer[chan struct{}] // signalled when the last one leaves
}

// enter reports false if the flight is closed; otherwise leave must follow.
func (f *flight) enter() bool {
	f.count.Add(1)
	if f.closed.Load() != nil {
		f.leave()
		return false
	}
	return true
}

func (f *flight) leave() {
	if f.count.Add(-1) > 0 {
		return
	}
	if empty := f.closed.Load(); empty != nil {
		select {
		case *empty <- struct{}{}:
		default: // the signal is there already
		}
	}
}

// close lets nobody in any more.
func (f *flight) close() {
	empty := make(chan struct{}, 1)
	if f.closed.CompareAndSwap(nil, &empty) && f.count.Load() == 0 {
		empty <- struct{}{}
	}
}

// wait returns when a closed flight is empty, or ctx ends.
func (f *flight) wait(ctx context.Context) {
	empty := *f.closed.Load()
	for f.count.Load() > 0 {
		select {
		case <-empty:
		case <-ctx.Done():
			return
		}
	}
}
