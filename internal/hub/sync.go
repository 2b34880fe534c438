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
	// joinTimeout is how long a new subscriber waits for its hub to catch up: longer than a burst of writes takes,
	// and short enough for a client to wait for.
	joinTimeout = 10 * time.Second
	// endTimeout is how long the end of a subscriber waits for earlier events.
	endTimeout = time.Second
)

// catchUp returns when the hub has seen every write to the group that returned before the call. Without it the hub of
// a busy group may lag, since writers do not wait for watches. It returns nil at once if the backend is not a
// [driver.WatchSyncer].
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

// catchUpToEnd is catchUp for the end of subscribers. It also waits for events that were sent earlier in this
// process.
func (h *hub) catchUpToEnd(ctx context.Context) error {
	if syncer, ok := h.stream.Bus.(driver.SubjectSyncer); ok {
		if err := syncer.SyncSubject(ctx, wire.StreamSubject(h.stream.Name, h.group)); err != nil {
			return err
		}
	}
	return h.catchUp(ctx)
}

// catchUpToJoin is catchUp for a subscriber that is about to get a snapshot.
func (h *hub) catchUpToJoin(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	forget := context.AfterFunc(h.ended, cancel)
	defer forget()
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

// Finish is Close after the subscriber has received the events of every write that returned before the call, and
// those that were sent before in this process, if the backend can wait for them. If they do not arrive within a
// second it closes without them.
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
			s.hub.stream.Log.Warn("subscription ended without its latest events", "stream", s.hub.stream.Name, "group", s.hub.group, "error", late)
		}
	}
}

// finishAll ends the hubs with the error. Subscribers within the process get the earlier events first, as with
// Finish. Clients on the network do not need them: they were told to leave before.
func finishAll(hubs []*hub, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), endTimeout)
	defer cancel()
	var ending sync.WaitGroup
	for _, h := range hubs {
		ending.Go(func() {
			if h.followedHere() {
				_ = h.catchUpToEnd(ctx) // the hub ends in any case
			}
			h.end(err)
		})
	}
	ending.Wait()
}

// followedHere reports whether the hub has subscribers within the process.
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
