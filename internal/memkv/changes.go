package memkv

import (
	"context"
	"fmt"
	"time"

	"github.com/motia-go/motia/driver"
)

// The pause before a failed record is handed over again doubles with every failed retry, from firstPause up to
// maxPause, and is reset when a retry succeeds. All failed keys share one pause and take turns, so that a full queue
// behind f is not tried in a tight loop for each of them.
const (
	firstPause = 10 * time.Millisecond
	maxPause   = time.Second
)

// Track begins to record every change in the bucket.
func (k *KV) Track(ctx context.Context, bucket string) error {
	if err := k.check(ctx); err != nil {
		return err
	}
	k.openBucket(bucket).log.CompareAndSwap(nil, newChangeLog())
	return nil
}

// Changes hands over the records of a tracked bucket in the order of their writes. Another call for the same bucket
// waits until this one has ended.
//
// A record for which f fails is handed over again after a pause, and later records of its key wait for it; other keys
// do not. When ctx ends, Changes returns nil after f has returned; the records that were not handed over are kept for
// the next call. It returns [driver.ErrClosed] when the store is closed.
func (k *KV) Changes(ctx context.Context, bucket string, f func(context.Context, driver.Change) error) error {
	if k.closed.Load() {
		return driver.ErrClosed
	}
	var log *changeLog
	if b := k.bucket(bucket); b != nil {
		log = b.log.Load()
	}
	if log == nil {
		return fmt.Errorf("changes of bucket %q: bucket is not tracked", bucket)
	}
	select {
	case log.running <- struct{}{}:
		defer func() { <-log.running }()
	case <-ctx.Done():
		return nil
	case <-k.done:
		return driver.ErrClosed
	}
	runner := changeRunner{log: log, closed: k.done, f: f}
	return runner.run(ctx)
}

// PendingChanges returns how many change records of all buckets have not been handed over yet, including those for
// which f is running.
func (k *KV) PendingChanges() int {
	sum := 0
	for _, b := range *k.buckets.Load() {
		if log := b.log.Load(); log != nil {
			sum += log.pending()
		}
	}
	return sum
}

// changeRunner is a call of Changes whose turn it is.
type changeRunner struct {
	log    *changeLog
	closed <-chan struct{}
	f      func(context.Context, driver.Change) error

	waiting bool          // a key waits for a retry
	pause   time.Duration // between the last try and the next; 0 means none
	retryAt time.Time     // when the pause ends
}

func (r *changeRunner) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.closed:
			return driver.ErrClosed
		default:
		}
		// Without a pause there is no need to look at the clock.
		change, parked, ok := r.log.take(r.pause == 0 || !time.Now().Before(r.retryAt))
		if !ok {
			r.wait(ctx)
			continue
		}
		failed := r.f(ctx, change) != nil
		wasWaiting := r.waiting
		r.waiting = r.log.settle(change, !failed)
		switch {
		case !failed && (parked || !r.waiting):
			r.pause = 0
		case failed && (parked || !wasWaiting): // otherwise the key joins those that wait
			r.pause = min(max(2*r.pause, firstPause), maxPause)
			r.retryAt = time.Now().Add(r.pause)
		}
	}
}

// wait returns when there may be something to hand over, or the runner must end.
func (r *changeRunner) wait(ctx context.Context) {
	var retry <-chan time.Time
	if r.waiting {
		timer := time.NewTimer(time.Until(r.retryAt))
		defer timer.Stop()
		retry = timer.C
	}
	select {
	case <-r.log.arrived:
	case <-retry:
	case <-ctx.Done():
	case <-r.closed:
	}
}
