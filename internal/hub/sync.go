package hub

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/wire"
	"github.com/motia-go/motia/internal/wrap"
)

const (
	// joinTimeout is how long a subscriber waits for its hub to catch up: longer than a burst of writes takes, and short
	// enough for somebody to wait for the answer.
	joinTimeout = 10 * time.Second
	// endTimeout is how long the end of a subscriber waits for the events before it.
	endTimeout = time.Second
)

// catchUp returns when the hub has seen every write to the group that had returned before. The watch of a busy group is
// behind the writers, who do not wait for it. It returns nil at once if the backend cannot tell.
func (h *hub) catchUp(ctx context.Context) error {
	syncer, ok := h.stream.KV.(driver.WatchSyncer)
	if !ok {
		return nil
	}
	if h.members != nil {
		if err := syncer.SyncWatches(ctx, wire.PresenceBucket(h.stream.Name), h.group); err != nil {
			return err
		}
	}
	return syncer.SyncWatches(ctx, wire.StreamBucket(h.stream.Name), h.group)
}

// catchUpToEnd is catchUp for the end of subscribers, which also get the events that were sent in this process before.
func (h *hub) catchUpToEnd(ctx context.Context) error {
	if syncer, ok := h.stream.Bus.(driver.SubjectSyncer); ok {
		if err := syncer.SyncSubject(ctx, wire.StreamSubject(h.stream.Name, h.group)); err != nil {
			return err
		}
	}
	return h.catchUp(ctx)
}

// catchUpToJoin is catchUp for a subscriber that is to get a snapshot.
func (h *hub) catchUpToJoin(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	err := h.catchUp(limited)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.failed != nil {
		return h.failed
	}
	return wrap.Errorf(err, "follow stream %q: wait for its latest writes", h.stream.Name)
}

// Finish is Close after the events of every write that had returned before, and those that were sent in this process before,
// where the backend can tell which these are. If they do not come within a second it closes without them.
func (s *Subscriber) Finish(err error) {
	ctx, cancel := context.WithTimeout(context.Background(), endTimeout)
	defer cancel()
	s.hub.mu.Lock()
	closed := s.closed
	if !closed {
		s.end = &ending{hasten: cancel}
	}
	s.hub.mu.Unlock()
	if closed {
		return
	}
	late := s.hub.catchUpToEnd(ctx)
	if s.hub.remove(s, err) {
		s.hub.release()
		if late != nil {
			s.hub.stream.Log.Warn("subscription ends without the latest events", "stream", s.hub.stream.Name, "group", s.hub.group, "error", late)
		}
	}
}

// finishAll ends the hubs with the error. Subscribers within the process get the events before the end, as from Finish;
// clients on the network are told to go before that, and need none.
func finishAll(hubs []*hub, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), endTimeout)
	defer cancel()
	var ending sync.WaitGroup
	for _, h := range hubs {
		ending.Go(func() {
			if h.followedHere() {
				_ = h.catchUpToEnd(ctx) // it ends in any case
			}
			h.end(err)
		})
	}
	ending.Wait()
}

// followedHere reports whether somebody within the process follows the group or an item of it.
func (h *hub) followedHere() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	here := func(s *Subscriber) bool { return s.seat == nil }
	for _, list := range h.byItem {
		if slices.ContainsFunc(list, here) {
			return true
		}
	}
	return slices.ContainsFunc(h.all, here)
}
