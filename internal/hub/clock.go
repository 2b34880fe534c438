package hub

import "time"

// stamp returns a time for an event that happened at t: later than that of every earlier event of the stream.
func (st *Stream) stamp(t time.Time) time.Time {
	for {
		last := st.last.Load()
		next := max(t.UnixNano(), last+1)
		if st.last.CompareAndSwap(last, next) {
			return time.Unix(0, next)
		}
	}
}

// millisLocked returns the milliseconds for an event of an item that happened at t: later than those of the item's
// previous event, since clients ignore events that are not later.
func (h *hub) millisLocked(id string, t time.Time) int64 {
	item, known := h.items[id]
	if !known {
		item.millis = h.gone
	}
	item.millis = max(t.UnixMilli(), item.millis+1)
	if known {
		h.items[id] = item
	} else {
		h.gone = item.millis
	}
	h.latest = max(h.latest, item.millis) // a later sync of the group must not be older
	h.stream.issue(item.millis)
	return item.millis
}

// issue records that clients may have seen the milliseconds.
func (st *Stream) issue(millis int64) {
	for {
		issued := st.issued.Load()
		if millis <= issued || st.issued.CompareAndSwap(issued, millis) {
			return
		}
	}
}
