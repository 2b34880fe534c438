package memkv

import "slices"

// Sizes of the chunks of an ordered set. Inserting moves half a chunk on average, so it should be small; the list of
// chunks moves whenever a chunk is split, so there should be few. With 128 both stay small up to a million items.
const (
	maxChunk   = 128
	mergeChunk = maxChunk / 2 // neighbours that fit into this are merged
	minShrink  = 32           // shorter arrays are not worth shrinking
)

// ordered is a set of items in the bytewise order of their names: a list of sorted chunks. The zero value is empty.
// Adding and removing cost O(log n), reading in order costs O(log n + items read). It is not safe for concurrent use.
type ordered[T any] struct {
	chunks []chunk[T] // none is empty
	count  int
}

// chunk is a run of items. Names are stored beside their values, so that a search follows no pointers except to the
// names.
type chunk[T any] struct {
	bound string // not less than any name in the chunk, less than any in the next
	items []item[T]
}

type item[T any] struct {
	name  string
	value T
}

// add adds a value under a name that the set does not hold.
func (o *ordered[T]) add(name string, value T) {
	o.count++
	added := item[T]{name, value}
	c, i := o.locate(name)
	if c == len(o.chunks) { // after all others: fill the last chunk to its end, since ids often ascend
		if c == 0 || len(o.chunks[c-1].items) == maxChunk {
			o.chunks = append(o.chunks, chunk[T]{name, []item[T]{added}})
		} else {
			last := &o.chunks[c-1]
			last.bound, last.items = name, append(last.items, added)
		}
		return
	}
	if len(o.chunks[c].items) == maxChunk {
		o.split(c)
		if i >= maxChunk/2 { // also if it is between the halves, since it is beyond the bound of the left one
			c, i = c+1, i-maxChunk/2
		}
	}
	o.chunks[c].items = slices.Insert(o.chunks[c].items, i, added)
}

// split divides a full chunk in two.
func (o *ordered[T]) split(c int) {
	left := &o.chunks[c]
	right := chunk[T]{left.bound, append(make([]item[T], 0, maxChunk), left.items[maxChunk/2:]...)}
	clear(left.items[maxChunk/2:])
	left.items = left.items[:maxChunk/2]
	left.bound = left.items[maxChunk/2-1].name
	o.chunks = slices.Insert(o.chunks, c+1, right)
}

// remove removes a name that the set holds.
func (o *ordered[T]) remove(name string) {
	c, i := o.locate(name)
	o.count--
	items := slices.Delete(o.chunks[c].items, i, i+1)
	if cap(items) > minShrink && len(items) <= cap(items)/4 {
		items = append(make([]item[T], 0, cap(items)/2), items...)
	}
	o.chunks[c].items = items
	switch {
	case len(items) == 0:
		o.chunks = slices.Delete(o.chunks, c, c+1)
	case len(items) > maxChunk/4:
	case c+1 < len(o.chunks) && len(items)+len(o.chunks[c+1].items) <= mergeChunk:
		o.merge(c)
	case c > 0 && len(o.chunks[c-1].items)+len(items) <= mergeChunk:
		o.merge(c - 1)
	}
}

// merge joins the chunk with the next one.
func (o *ordered[T]) merge(c int) {
	o.chunks[c].items = append(o.chunks[c].items, o.chunks[c+1].items...)
	o.chunks[c].bound = o.chunks[c+1].bound
	o.chunks = slices.Delete(o.chunks, c+1, c+2)
}

// after returns up to limit values whose names are greater than the name, or from the start if it is nil.
func (o *ordered[T]) after(name *string, limit int) []T {
	limit = min(limit, o.count)
	if limit <= 0 {
		return nil
	}
	c, i := 0, 0
	if name != nil {
		c, i = o.locate(*name)
		if c < len(o.chunks) && i < len(o.chunks[c].items) && o.chunks[c].items[i].name == *name {
			i++
		}
	}
	values := make([]T, 0, limit)
	for ; c < len(o.chunks); c, i = c+1, 0 {
		for _, item := range o.chunks[c].items[i:] {
			if len(values) == limit {
				return values
			}
			values = append(values, item.value)
		}
	}
	return values
}

// locate returns the place for the name: chunk c, where the items before i have smaller names and those from i on do
// not. If the name is beyond all chunks, c is the number of chunks.
func (o *ordered[T]) locate(name string) (c, i int) {
	if n := len(o.chunks); n == 0 || o.chunks[n-1].bound < name {
		return n, 0
	}
	low, high := 0, len(o.chunks)-1 // the chunk is in [low, high]
	for low < high {
		middle := int(uint(low+high) / 2)
		if o.chunks[middle].bound < name {
			low = middle + 1
		} else {
			high = middle
		}
	}
	c = low
	items := o.chunks[c].items
	low, high = 0, len(items)
	for low < high {
		middle := int(uint(low+high) / 2)
		if items[middle].name < name {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return c, low
}
