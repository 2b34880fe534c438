// Package store reads and writes the values of one scope of a [driver.KV]: get, set, delete, atomic update, list and
// clear.
//
// Values are JSON texts, which the package does not decode.
package store

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/wire"
)

// Scope is one scope of a bucket, used by one caller. Making one allocates nothing.
type Scope struct {
	KV     driver.KV
	Bucket string
	Name   string
	Caller Caller
}

// Caller is the one on whose behalf values are read and written. It is an interface, since a pair of functions would
// be allocated with every Scope.
type Caller interface {
	// Header returns the header of a write to the bucket. It may be empty if nobody reads the changes of the bucket.
	Header(bucket string) driver.Header
	// Explain returns an error that wraps err and says what was tried, such as `set state "orders" key "o-1"`.
	Explain(err error, tried string) error
}

// Change is the result of a write: the values before and after it, nil if there was none.
type Change struct {
	Old, New json.RawMessage
	Revision uint64 // of the new value; the old one if the write changed nothing
}

// Get returns the value of a key and whether there is one.
func (s Scope) Get(ctx context.Context, key string) (entry driver.Entry, found bool, err error) {
	entry, err = s.KV.Get(ctx, s.key(key))
	switch {
	case err == nil:
		return entry, true, nil
	case errors.Is(err, driver.ErrNotFound):
		return driver.Entry{}, false, nil
	}
	return driver.Entry{}, false, s.Explain(err, "get", key)
}

// Set stores a value. The header of the write is the caller's.
func (s Scope) Set(ctx context.Context, key string, value []byte, options driver.PutOptions) (Change, error) {
	change, err := s.put(ctx, key, value, options)
	if err != nil {
		return Change{}, s.Explain(err, "set", key)
	}
	return change, nil
}

// Delete removes a value. The header of the write is the caller's.
func (s Scope) Delete(ctx context.Context, key string, options driver.PutOptions) (Change, error) {
	options.Delete = true
	change, err := s.put(ctx, key, nil, options)
	if err != nil {
		return Change{}, s.Explain(err, "delete", key)
	}
	return change, nil
}

// put writes, and returns the error of the backend unchanged.
func (s Scope) put(ctx context.Context, key string, value []byte, options driver.PutOptions) (Change, error) {
	options.Header = s.Caller.Header(s.Bucket)
	before, after, err := s.KV.Put(ctx, s.key(key), value, options)
	if err != nil {
		return Change{}, err
	}
	return Change{Old: before.Value, New: after.Value, Revision: after.Revision}, nil
}

// Update atomically replaces a value by the result of change, which gets nil if there is no value. The expiry is
// kept. change may be called several times, possibly under a lock of the backend. If it returns an error, nothing is
// stored and Update returns an error that wraps it.
//
// If ifRevision is not nil, the value must have that revision, or not exist if it is 0. Otherwise Update returns
// driver.ErrConflict without retrying, since only the caller knows what to do then.
func (s Scope) Update(ctx context.Context, key string, ifRevision *uint64, change func(old []byte) ([]byte, error)) (Change, error) {
	if ifRevision != nil {
		return s.updateIf(ctx, key, *ifRevision, change)
	}
	updater, ok := s.KV.(driver.Updater)
	if !ok {
		return s.modify(ctx, "update", key, change)
	}
	before, after, err := updater.Update(ctx, s.key(key), s.Caller.Header(s.Bucket), change)
	if err != nil {
		return Change{}, s.Explain(err, "update", key)
	}
	return Change{Old: before.Value, New: after.Value, Revision: after.Revision}, nil
}

func (s Scope) updateIf(ctx context.Context, key string, revision uint64, change func(old []byte) ([]byte, error)) (Change, error) {
	entry, _, err := s.Get(ctx, key)
	if err != nil {
		return Change{}, err
	}
	if entry.Revision != revision {
		return Change{}, s.Explain(driver.ErrConflict, "update", key)
	}
	value, err := change(entry.Value)
	if err != nil {
		return Change{}, s.Explain(err, "update", key)
	}
	result, err := s.put(ctx, key, value, driver.PutOptions{IfRevision: &revision, Expires: entry.Expires})
	if err != nil {
		return Change{}, s.Explain(err, "update", key)
	}
	return result, nil
}

// Modify is Update for a change that may be slow: no lock is held while it runs.
func (s Scope) Modify(ctx context.Context, key string, change func(old []byte) ([]byte, error)) (Change, error) {
	return s.modify(ctx, "modify", key, change)
}

// modify reads, changes and writes, and repeats that until nobody else has written in between.
func (s Scope) modify(ctx context.Context, verb, key string, change func(old []byte) ([]byte, error)) (Change, error) {
	for attempt := 1; ; attempt++ {
		entry, _, err := s.Get(ctx, key)
		if err != nil {
			return Change{}, err
		}
		value, err := change(entry.Value)
		if err != nil {
			return Change{}, s.Explain(err, verb, key)
		}
		result, err := s.put(ctx, key, value, driver.PutOptions{IfRevision: &entry.Revision, Expires: entry.Expires})
		if errors.Is(err, driver.ErrConflict) {
			if err = pause(ctx, conflictBackoff.Delay(attempt)); err == nil {
				continue
			}
		}
		if err != nil {
			return Change{}, s.Explain(err, verb, key)
		}
		return result, nil
	}
}

// conflictBackoff spreads writers that contend for one key.
var conflictBackoff = driver.RetryPolicy{Base: 50 * time.Microsecond, Cap: 10 * time.Millisecond, Factor: 2, Jitter: 1}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

func (s Scope) key(id string) driver.Key {
	return driver.Key{Bucket: s.Bucket, Scope: s.Name, ID: id}
}

// Explain returns an error that wraps err and says in the caller's words what was tried with a key.
func (s Scope) Explain(err error, verb, key string) error {
	return s.Caller.Explain(err, verb+" "+wire.Describe(s.Bucket, s.Name, &key))
}
