package memqueue

import (
	"context"
	"fmt"
	"sort"
	"strconv"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/wrap"
)

// deadLetters are the dead letters of one subscription, oldest first. Ids only grow, so the list is sorted, and a
// page can begin after an id that no longer exists. The zero deadLetters are empty.
type deadLetters struct {
	entries []deadEntry
	count   int // number of entries that are not gaps
	last    uint64
}

// deadEntry is a dead letter, or a gap where one was removed.
type deadEntry struct {
	id   uint64
	item *item
}

func (d *deadLetters) len() int { return d.count }

func (d *deadLetters) add(it *item) {
	d.last++
	d.count++
	d.entries = append(d.entries, deadEntry{id: d.last, item: it})
}

// take removes and returns the dead letter with the id, or returns nil.
func (d *deadLetters) take(id string) *item {
	n, err := strconv.ParseUint(id, 10, 64)
	if err != nil || formatDeadID(n) != id {
		return nil
	}
	i := sort.Search(len(d.entries), func(i int) bool { return d.entries[i].id >= n })
	if i == len(d.entries) || d.entries[i].id != n {
		return nil
	}
	it := d.entries[i].item
	if it == nil {
		return nil
	}
	d.entries[i].item = nil
	d.count--
	if len(d.entries) > 2*d.count+manyGaps {
		d.compact()
	}
	return it
}

// manyGaps is how many gaps there may be beyond one for each dead letter.
const manyGaps = 64

func (d *deadLetters) compact() {
	entries := make([]deadEntry, 0, d.count)
	for _, e := range d.entries {
		if e.item != nil {
			entries = append(entries, e)
		}
	}
	d.entries = entries
}

// list returns up to limit dead letters after the id, which may be any string.
func (d *deadLetters) list(after string, limit int) []driver.DeadLetter {
	from := sort.Search(len(d.entries), func(i int) bool { return formatDeadID(d.entries[i].id) > after })
	var letters []driver.DeadLetter
	for _, e := range d.entries[from:] {
		if len(letters) >= limit {
			break
		}
		if e.item != nil {
			letters = append(letters, e.letter())
		}
	}
	return letters
}

func (e deadEntry) letter() driver.DeadLetter {
	letter := driver.DeadLetter{
		DeadID:   formatDeadID(e.id),
		Enqueued: e.item.enqueued.time(),
		Attempts: append([]driver.Attempt(nil), e.item.history()...),
	}
	e.item.fill(&letter.Message, e.item.group, e.item.extra)
	letter.Died = letter.Attempts[len(letter.Attempts)-1].Ended // every dead letter has a failed attempt
	return letter
}

// formatDeadID formats ids so that they sort as strings in the order of the numbers.
func formatDeadID(id uint64) string { return fmt.Sprintf("%020d", id) }

// Dead implements [driver.DeadLetters].
func (q *Queue) Dead(ctx context.Context, subscription, after string, limit int) ([]driver.DeadLetter, error) {
	s, err := q.subscription(ctx, subscription)
	if err != nil {
		return nil, wrap.Errorf(err, "list dead letters of %q", subscription)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dead.list(after, limit), nil
}

// CountDead implements [driver.DeadLetters].
func (q *Queue) CountDead(ctx context.Context, subscription string) (int, error) {
	s, err := q.subscription(ctx, subscription)
	if err != nil {
		return 0, wrap.Errorf(err, "count dead letters of %q", subscription)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dead.len(), nil
}

// Redrive implements [driver.DeadLetters]. The messages go behind those that are already there, without a delay, and
// even if the subscription is full.
func (q *Queue) Redrive(ctx context.Context, subscription string, ids ...string) (int, error) {
	s, err := q.subscription(ctx, subscription)
	if err != nil {
		return 0, wrap.Errorf(err, "redrive dead letters of %q", subscription)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, id := range ids {
		if it := s.dead.take(id); it != nil {
			n++
			it.attempt = 0
			s.joinLocked(it)
		}
	}
	s.wakeLocked()
	return n, nil
}

// Discard implements [driver.DeadLetters].
func (q *Queue) Discard(ctx context.Context, subscription string, ids ...string) (int, error) {
	s, err := q.subscription(ctx, subscription)
	if err != nil {
		return 0, wrap.Errorf(err, "discard dead letters of %q", subscription)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, id := range ids {
		if s.dead.take(id) != nil {
			n++
		}
	}
	return n, nil
}

// Stats implements [driver.StatsReader].
func (q *Queue) Stats(ctx context.Context, subscription string) (driver.SubscriptionStats, error) {
	s, err := q.subscription(ctx, subscription)
	if err != nil {
		return driver.SubscriptionStats{}, wrap.Errorf(err, "stats of %q", subscription)
	}
	return s.stats(), nil
}
