package hub

import (
	"cmp"
	"crypto/rand"
	"slices"
	"strconv"
	"strings"
	"time"
)

// History limits the events that a group keeps for clients that lose their connection and come back. Zero fields have
// their defaults.
type History struct {
	Events int           // if it is negative, none are kept
	Age    time.Duration // of the events, and how long a hub lingers without subscribers
}

const (
	defaultHistoryEvents = 256
	defaultHistoryAge    = 2 * time.Minute
)

// history holds the latest events of a hub. It is guarded by the hub's lock, except epoch, which never changes.
type history struct {
	History
	epoch  string // distinguishes the ids of this hub from those of hubs in other processes or at other times
	since  int64  // in Unix nanoseconds; every event after this time is in events
	events []*Event
}

// keepHistoryLocked begins to keep the history, if it is not kept already.
func (h *hub) keepHistoryLocked() {
	if h.history == nil {
		h.lingers.Store(true)
		h.synced, h.resynced, h.listed = nil, nil, nil // they are older than the history
		h.history = &history{History: h.stream.History, epoch: rand.Text()[:10], since: h.stream.stamp(time.Now()).UnixNano()}
	}
}

func (y *history) add(event *Event) {
	y.events = append(y.events, event)
	y.trim(event.Time)
}

// trim drops events that are too many or too old.
func (y *history) trim(now time.Time) {
	drop := max(0, len(y.events)-max(0, y.Events))
	for drop < len(y.events) && now.Sub(y.events[drop].Time) > y.Age {
		drop++
	}
	if drop > 0 {
		y.since = y.events[drop-1].Time.UnixNano()
		clear(y.events[:drop])
		y.events = y.events[drop:]
	}
}

// eventID is the id of an event, as clients send it back in Last-Event-ID.
func (e *Event) eventID() string {
	return e.hub.history.epoch + "-" + strconv.FormatInt(e.Time.UnixNano(), 36)
}

// missedLocked returns the events for s after the one with the id, if the history goes back that far.
func (h *hub) missedLocked(s *Subscriber, after string) ([]*Event, bool) {
	if h.history == nil {
		return nil, false
	}
	epoch, at, _ := strings.Cut(after, "-")
	last, err := strconv.ParseInt(at, 36, 64)
	if err != nil || epoch != h.history.epoch || last > h.stream.last.Load() { // also for an id that was never sent
		return nil, false
	}
	h.history.trim(time.Now())
	if last < h.history.since {
		return nil, false
	}
	from, _ := slices.BinarySearchFunc(h.history.events, last+1, func(e *Event, t int64) int { return cmp.Compare(e.Time.UnixNano(), t) })
	var missed []*Event
	for _, e := range h.history.events[from:] {
		if s.wants(e) {
			missed = append(missed, e)
		}
	}
	return missed, true
}
