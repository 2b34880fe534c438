package motia

import (
	"cmp"
	"crypto/rand"
	"slices"
	"strconv"
	"strings"
	"time"
)

// StreamHistory bounds the events that a stream keeps for clients of server-sent events that lose their connection, in
// memory, for each group that has such clients: one that comes back in time gets what it missed, any other a resync.
type StreamHistory struct {
	// Events is how many events are kept. Default: 256; negative means none.
	Events int
	// Age is how long they are kept, and how long a group without clients is followed for those that come back; no more
	// than 1,000 such groups are. Default: 2 minutes.
	Age time.Duration
}

const (
	defaultHistoryEvents = 256
	defaultHistoryAge    = 2 * time.Minute
)

func (c StreamHistory) withDefaults() StreamHistory {
	if c.Events == 0 {
		c.Events = defaultHistoryEvents
	}
	if c.Age == 0 {
		c.Age = defaultHistoryAge
	}
	return c
}

// history is the latest events of a hub. The hub's lock guards it, but for epoch, which never changes.
type history struct {
	StreamHistory
	epoch  string // tells the ids of this hub from those of others, in other processes or at other times
	since  int64  // every event after this time is there, in Unix nanoseconds
	events []*hubEvent
}

// keepHistoryLocked begins to keep the history, if there is none.
func (h *hub) keepHistoryLocked() {
	if h.history == nil {
		h.lingers.Store(true)
		h.synced, h.resynced, h.listed = nil, nil, nil // they are older than the history
		h.history = &history{StreamHistory: h.hubs.stream.history, epoch: rand.Text()[:10], since: h.hubs.stamp(time.Now()).UnixNano()}
	}
}

func (y *history) add(event *hubEvent) {
	y.events = append(y.events, event)
	y.trim(event.time)
}

// trim drops what is too much or too old.
func (y *history) trim(now time.Time) {
	drop := max(0, len(y.events)-max(0, y.Events))
	for drop < len(y.events) && now.Sub(y.events[drop].time) > y.Age {
		drop++
	}
	if drop > 0 {
		y.since = y.events[drop-1].time.UnixNano()
		clear(y.events[:drop])
		y.events = y.events[drop:]
	}
}

// eventID is the id of an event, as clients send it back in Last-Event-ID.
func (e *hubEvent) eventID() string {
	return e.hub.history.epoch + "-" + strconv.FormatInt(e.time.UnixNano(), 36)
}

// missedLocked returns the events for s after the one with the id, if the history reaches back to it.
func (h *hub) missedLocked(s *subscriber, after string) ([]*hubEvent, bool) {
	if h.history == nil {
		return nil, false
	}
	epoch, at, _ := strings.Cut(after, "-")
	last, err := strconv.ParseInt(at, 36, 64)
	if err != nil || epoch != h.history.epoch || last > h.hubs.last.Load() { // the last is no id that was ever given out
		return nil, false
	}
	h.history.trim(time.Now())
	if last < h.history.since {
		return nil, false
	}
	from, _ := slices.BinarySearchFunc(h.history.events, last+1, func(e *hubEvent, t int64) int { return cmp.Compare(e.time.UnixNano(), t) })
	var missed []*hubEvent
	for _, e := range h.history.events[from:] {
		if s.wants(e) {
			missed = append(missed, e)
		}
	}
	return missed, true
}
