package memqueue

// delayHeap holds items until they are due, the earliest first. Items that are due at the same time are in the order
// in which they were published.
type delayHeap struct {
	entries []delayEntry
}

// delayEntry holds the moment beside the item, so that sifting touches no items.
type delayEntry struct {
	due  instant
	item *item
}

func (e delayEntry) before(other delayEntry) bool {
	if e.due != other.due {
		return e.due < other.due
	}
	return e.item.sequence < other.item.sequence
}

func (h *delayHeap) len() int { return len(h.entries) }

// next returns when the first item is due, or never.
func (h *delayHeap) next() instant {
	if len(h.entries) == 0 {
		return never
	}
	return h.entries[0].due
}

func (h *delayHeap) push(due instant, it *item) {
	h.entries = append(h.entries, delayEntry{due: due, item: it})
	e, i := h.entries[len(h.entries)-1], len(h.entries)-1
	for i > 0 {
		parent := (i - 1) / 2
		if !e.before(h.entries[parent]) {
			break
		}
		h.entries[i] = h.entries[parent]
		i = parent
	}
	h.entries[i] = e
}

// pop removes and returns the first item. The heap must not be empty.
func (h *delayHeap) pop() *item {
	first := h.entries[0].item
	n := len(h.entries) - 1
	e := h.entries[n]
	h.entries[n] = delayEntry{}
	h.entries = h.entries[:n]
	if n > 0 {
		h.sink(e)
	}
	if c := cap(h.entries); c > largeHeap && n < c/4 {
		h.entries = append(make([]delayEntry, 0, c/2), h.entries...)
	}
	return first
}

// sink puts e into the hole at the top.
func (h *delayHeap) sink(e delayEntry) {
	i := 0
	for {
		child := 2*i + 1
		if child >= len(h.entries) {
			break
		}
		if right := child + 1; right < len(h.entries) && h.entries[right].before(h.entries[child]) {
			child = right
		}
		if !h.entries[child].before(e) {
			break
		}
		h.entries[i] = h.entries[child]
		i = child
	}
	h.entries[i] = e
}

// largeHeap is the capacity above which a heap that is three quarters empty shrinks.
const largeHeap = 1024
