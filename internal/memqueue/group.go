package memqueue

// group keeps the messages of one group of a subscription in order. It exists for its name as long as one of its
// messages, the head, is ready, runs or waits for a retry; the messages behind that one wait in the group.
type group struct {
	name string // empty for the one group of the messages without a group, in an ordered subscription
	// tail is the last waiting message, whose next is the first: a ring, which saves the second pointer.
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
	peak    int    // how large named has been
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
	// A map keeps its size for ever, so a large one is let go after the burst that it was made for.
	if len(gs.named) == 0 && gs.peak > largeMap {
		gs.named, gs.peak = nil, 0
	}
}

// largeMap is the number of entries from which an emptied map is not kept: below it, the memory is not worth the
// garbage of a new one.
const largeMap = 4096
