package motiatest

import (
	"bytes"
	"context"
	"math/bits"
	"slices"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/wire"
)

// digest is a hash of the seed and of the operation that a decision is about.
type digest uint64

// about begins the digest of operations of one sort.
func (c *chaos) about(sort string) digest { return digest(mix(c.seed)).text(sort) }

const fnvPrime = 0x100000001b3

// text adds a string with its length, so that adjacent strings are not mixed up.
func (d digest) text(s string) digest {
	d = d.number(uint64(len(s)))
	for i := range len(s) {
		d = (d ^ digest(s[i])) * fnvPrime
	}
	return d
}

func (d digest) bytes(b []byte) digest {
	d = d.number(uint64(len(b)))
	for _, x := range b {
		d = (d ^ digest(x)) * fnvPrime
	}
	return d
}

func (d digest) number(n uint64) digest {
	return digest(mix(uint64(d) ^ bits.RotateLeft64(mix(n), 23)))
}

// message adds what identifies a message. For messages that package motia makes from changes that is only the topic
// and the group: their payload contains the values before and after, and so depends on the order of writes.
func (d digest) message(m *driver.Message) digest {
	d = d.text(m.Topic).text(m.Group)
	if _, ok := wire.UserTopic(m.Topic); !ok {
		return d
	}
	return d.bytes(m.Data)
}

// retryDelay is the delay of the policy, with a random part that the digest decides.
func (d digest) retryDelay(policy driver.RetryPolicy, attempt int) time.Duration {
	jitter := max(0, min(policy.Jitter, 1))
	policy.Jitter = 0
	delay := policy.Delay(attempt)
	return delay - time.Duration(float64(d.upTo(delay, crash))*jitter)
}

// timeless returns an event of a stream without its time, which differs in every run, and anything else unchanged.
func timeless(data []byte) []byte {
	if !bytes.HasPrefix(data, []byte(`{"type":"`)) {
		return data
	}
	before, rest, ok := bytes.Cut(data, []byte(`,"time":"`))
	if !ok || !bytes.Contains(before, []byte(`,"stream":"`)) {
		return data
	}
	_, after, _ := bytes.Cut(rest, []byte(`"`))
	return append(slices.Clip(before), after...)
}

// mix makes every bit of the result depend on every bit of x: the finalizer of SplitMix64.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// meet returns how often the digest has occurred before, and adds that number to the digest.
func (c *chaos) meet(d digest) (met digest, before uint32) {
	c.mu.Lock()
	before = c.seen[d]
	c.seen[d]++
	c.mu.Unlock()
	return d.number(uint64(before)), before
}

// strikes decides whether a fault of the kind happens to an operation.
func (c *chaos) strikes(d digest, k faultKind) bool {
	p := c.probability(k)
	const unit = 1 << 53 // the number of steps of a float64 from 0 to 1
	return p > 0 && float64(d.number(uint64(k))>>11) < p*unit
}

// half decides between the two forms of a fault.
func (d digest) half(k faultKind) bool { return d.number(uint64(k)).number(1)&1 == 0 }

// upTo decides how long a fault lasts: more than 0, and at most limit.
func (d digest) upTo(limit time.Duration, k faultKind) time.Duration {
	if limit <= 0 {
		return 0
	}
	return 1 + time.Duration(uint64(d.number(uint64(k)).number(2))%uint64(limit))
}

// pause waits for d, and returns false if the end of the context or of the intake cuts it short.
func pause(ctx context.Context, drain <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-drain:
	}
	return false
}
