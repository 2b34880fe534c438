package memqueue

import (
	"context"
	"slices"
	"time"

	"github.com/motia-go/motia/driver"
)

// Publish implements [driver.Queue]. One call is accepted or refused as a whole.
func (q *Queue) Publish(ctx context.Context, messages ...driver.Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if q.closed.Load() {
		return driver.ErrClosed
	}
	now := time.Now()
	topics := q.topicsNow()
	if len(messages) == 1 && messages[0].ID == "" {
		m := &messages[0]
		t := topics[m.Topic]
		if t == nil {
			return nil
		}
		if subs := *t.subs.Load(); len(subs) == 1 {
			return subs[0].publish(newItem(t, m, now), m, now)
		}
	}
	b, ok := q.batches.Get().(*batch)
	if !ok {
		b = &batch{}
	}
	b.window, b.now, b.moment = q.window, now, q.clock.instant(now)
	err := b.publish(topics, messages)
	if b.reset() {
		q.batches.Put(b)
	}
	return err
}

// batch is a call of Publish with several messages, subscriptions or ids. It locks the topics whose ids it must
// check, then the subscriptions, both in the order of their indexes, and only then decides.
type batch struct {
	window time.Duration
	now    time.Time
	moment instant
	topics []*topic // topics of messages with ids; locked
	ids    []topicID
	plan   []placement
	subs   []share // locked; until then one entry for each placement
}

// reset empties the batch, so that it keeps nothing alive, and reports whether it is small enough to be kept.
func (b *batch) reset() bool {
	clear(b.topics)
	clear(b.ids)
	clear(b.plan)
	clear(b.subs[:cap(b.subs)])
	b.topics, b.ids, b.plan, b.subs = b.topics[:0], b.ids[:0], b.plan[:0], b.subs[:0]
	return max(cap(b.plan), cap(b.topics)) <= largeBatch
}

// largeBatch is the capacity above which a batch is not kept: 24 KiB of placements.
const largeBatch = 1024

// topicID is an id that will be remembered.
type topicID struct {
	topic *topic
	id    string
}

// placement is a message that will go into a subscription.
type placement struct {
	sub     *subscription
	item    *item
	message *driver.Message
}

// share is the number of messages of a batch that go into a subscription.
type share struct {
	sub      *subscription
	messages int
}

func (b *batch) publish(topics map[string]*topic, messages []driver.Message) error {
	b.lockTopics(topics, messages)
	defer b.unlockTopics()
	b.makePlan(topics, messages)
	b.lockSubscriptions()
	defer b.unlockSubscriptions()
	for _, s := range b.subs {
		if err := s.sub.refuseLocked(s.messages); err != nil {
			return err
		}
	}
	for _, p := range b.plan {
		p.sub.acceptLocked(p.item, p.message, b.now)
	}
	for _, s := range b.subs {
		s.sub.wakeLocked()
	}
	for _, id := range b.ids {
		id.topic.dedup.remember(id.id, b.moment.add(b.window), b.moment)
	}
	return nil
}

func (b *batch) lockTopics(topics map[string]*topic, messages []driver.Message) {
	for i := range messages {
		if m := &messages[i]; m.ID != "" {
			if t := topics[m.Topic]; t != nil {
				b.topics = append(b.topics, t)
			}
		}
	}
	slices.SortFunc(b.topics, func(a, b *topic) int { return a.index - b.index })
	b.topics = slices.Compact(b.topics)
	for _, t := range b.topics {
		t.dedup.Lock()
	}
}

func (b *batch) unlockTopics() {
	for _, t := range b.topics {
		t.dedup.Unlock()
	}
}

// makePlan drops messages that were published before, or twice in this call, and makes the items of the others.
func (b *batch) makePlan(topics map[string]*topic, messages []driver.Message) {
	var seen map[topicID]bool
	for i := range messages {
		m := &messages[i]
		t := topics[m.Topic]
		if t == nil {
			continue
		}
		if m.ID != "" {
			id := topicID{t, m.ID}
			if seen[id] || t.dedup.has(m.ID, b.moment) {
				continue
			}
			if len(messages) > 1 {
				if seen == nil {
					seen = make(map[topicID]bool)
				}
				seen[id] = true
			}
			b.ids = append(b.ids, id)
		}
		for _, s := range *t.subs.Load() {
			b.plan = append(b.plan, placement{s, newItem(t, m, b.now), m})
		}
	}
}

// lockSubscriptions locks each subscription of the plan once, and counts its messages.
func (b *batch) lockSubscriptions() {
	for _, p := range b.plan {
		b.subs = append(b.subs, share{p.sub, 1})
	}
	slices.SortFunc(b.subs, func(a, b share) int { return byIndex(a.sub, b.sub) })
	n := 0
	for _, s := range b.subs {
		if n > 0 && b.subs[n-1].sub == s.sub {
			b.subs[n-1].messages++
			continue
		}
		b.subs[n] = s
		n++
	}
	b.subs = b.subs[:n]
	for _, s := range b.subs {
		s.sub.mu.Lock()
	}
}

func (b *batch) unlockSubscriptions() {
	for _, s := range b.subs {
		s.sub.mu.Unlock()
	}
}
