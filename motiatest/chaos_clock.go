package motiatest

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/motia-go/motia/driver"
)

// How far the clock of the store is off depends on what a time is about, and not on when it is read, so an entry has
// the same time for all readers. A time in the future that the store waits for is moved when it is written, and moved
// back when it is read. By a correct clock it is then late.

// enqueuedOff returns how far the publishing time of a message is off.
func (c *chaos) enqueuedOff(m *driver.Message) time.Duration {
	d := c.about("enqueued").text(m.Topic).text(m.Group).bytes(timeless(m.Data))
	if !c.strikes(d, clockJump) {
		return 0
	}
	off := d.upTo(c.faults.MaxJump, clockJump)
	if d.half(clockJump) {
		off = -off
	}
	return off
}

// dueOff returns how late delayed messages of a group are. It is the same for all messages of the group, so that they
// keep their order.
func (c *chaos) dueOff(group string) time.Duration {
	return c.lateness(c.about("due").text(group))
}

// expiresOff returns how late values of a key expire.
func (c *chaos) expiresOff(key driver.Key) time.Duration {
	return c.lateness(c.about("expires").text(key.Bucket).text(key.Scope).text(key.ID))
}

func (c *chaos) lateness(d digest) time.Duration {
	if !c.strikes(d, clockJump) {
		return 0
	}
	return d.upTo(c.faults.MaxJump, clockJump)
}

// bucketClock says how far the times of a bucket's entries are off. It jumps at some revisions, and only forward: a
// clock that is set back would not be visible, since times must grow strictly.
type bucketClock struct {
	jumps []clockStep

	mu   sync.Mutex
	next int // the first jump that was not noted yet
}

type clockStep struct {
	from uint64 // revision
	off  time.Duration
	by   time.Duration
}

// bucketJumps is how often the clock of a bucket may jump. The later ones are further apart.
const bucketJumps = 8

func (c *chaos) bucketClock(bucket string) *bucketClock {
	if known, ok := c.clocks.Load(bucket); ok {
		return known.(*bucketClock)
	}
	made := new(bucketClock)
	d := c.about("clock").text(bucket)
	random := rand.New(rand.NewPCG(c.seed, uint64(d)))
	limit := c.faults.MaxJump
	var off time.Duration
	revision := uint64(1)
	for i := range uint64(bucketJumps) {
		d = d.number(i)
		if c.strikes(d, clockJump) {
			by := d.upTo((limit-off)/2, clockJump) // leaves room for later ones
			if i == 0 && d.half(clockJump) {
				by = -by
			}
			off += by
			made.jumps = append(made.jumps, clockStep{revision, off, by})
		}
		revision += 1 + random.Uint64N(4<<i)
	}
	known, _ := c.clocks.LoadOrStore(bucket, made)
	return known.(*bucketClock)
}

// at returns how far the time of a revision is off.
func (b *bucketClock) at(c *chaos, bucket string, revision uint64) (off time.Duration) {
	reached := 0
	for _, jump := range b.jumps {
		if jump.from > revision {
			break
		}
		reached++
		off = jump.off
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for ; b.next < reached; b.next++ {
		c.note(fault{kind: clockJump, what: "clock jumps", where: "bucket " + bucket, by: b.jumps[b.next].by})
	}
	return off
}

// entry returns an entry of the store with the times of its wrong clock.
func (c *chaos) entry(e driver.Entry) driver.Entry {
	if e.Revision == 0 || !c.can(clockJump) {
		return e
	}
	e.Time = e.Time.Add(c.bucketClock(e.Key.Bucket).at(c, e.Key.Bucket, e.Revision))
	if !e.Expires.IsZero() {
		e.Expires = e.Expires.Add(-c.expiresOff(e.Key))
	}
	return e
}
