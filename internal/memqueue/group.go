package memqueue

// group keeps the messages of one group of a subscription in order. It is active, and found by its name, as long as
// one of its messages, the head, is ready, runs or waits for a retry; the messages behind the head wait in the group.
type group struct {
	name string // empty for the messages without a group, which are one group in an ordered subscription
	// tail is the last waiting message. Its next is the first one: a ring needs no second pointer.
	tail *item
}

func (g *group) push(it *item) {
	if g.tail == nil {
		it.next = it
	} else {
		it.next = g.tail.next
		g.tail.next = it
	}
	g.tail = it
}

// pop removes and returns the first waiting message, or nil.
func (g *group) pop() *item {
	if g.tail == nil {
		return nil
	}
	it := g.tail.next
	if it == g.tail {
		g.tail = nil
	} else {
		g.tail.next = it.next
	}
	it.next = nil
	return it
}

// groups are the active groups of a subscription by name. The zero groups are empty.
type groups struct {
	named   map[string]*group
	ordered *group // the group of messages without a group
	peak    int    // the largest size of named so far
}

func (gs *groups) get(name string) *group {
	if name == "" {
		return gs.ordered
	}
	return gs.named[name]
}

func (gs *groups) add(g *group) {
	if g.name == "" {
		gs.ordered = g
		return
	}
	if gs.named == nil {
		gs.named = make(map[string]*group)
	}
	gs.named[g.name] = g
	gs.peak = max(gs.peak, len(gs.named))
}

func (gs *groups) remove(g *group) {
	if g.name == "" {
		gs.ordered = nil
		return
	}
	delete(gs.named, g.name)
	// A map never shrinks, so a large one is dropped after the burst that it was made for.
	if len(gs.named) == 0 && gs.peak > largeMap {
		gs.named, gs.peak = nil, 0
	}
}

// largeMap is the number of entries above which an emptied map is not kept. The memory of a smaller one is not worth
// the garbage of a new map.
const largeMap = 4096
