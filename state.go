package motia

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/wire"
	"github.com/motia-go/motia/internal/wrap"
)

// StateManager reads and writes JSON values by scope and key, from one invocation. Any string is a legal scope and key.
// [Scope] is its typed form. The zero value returns [ErrNoInvocation].
type StateManager struct{ inv *Invocation }

// Change is what a write did: the JSON before and after it, nil where there was no value. A stored null is the JSON
// null, not nil. The slices must not be changed.
type Change struct {
	Old json.RawMessage `json:"old,omitempty"`
	New json.RawMessage `json:"new,omitempty"`
	// Revision is that of the new value. It is the old one if the write changed nothing.
	Revision uint64 `json:"revision"`
}

// Get decodes the value into dest, a pointer, and reports whether there is one. A stored null is found.
func (s StateManager) Get(scope, key string, dest any) (found bool, err error) {
	if s.inv == nil {
		return false, ErrNoInvocation
	}
	value, found, err := s.inv.state(scope).get(s.inv.ctx, key)
	if !found {
		return false, err
	}
	return true, s.inv.state(scope).decode(key, value.Value, dest)
}

// Set stores value as JSON.
func (s StateManager) Set(scope, key string, value any, opts ...SetOption) (Change, error) {
	if s.inv == nil {
		return Change{}, ErrNoInvocation
	}
	return s.inv.state(scope).set(s.inv.ctx, key, value, opts)
}

// Update applies the operations in their order, all or none, as one atomic change. A missing value starts as {}. An
// operation that does not fit is *[UpdateError]. A time to live is kept.
func (s StateManager) Update(scope, key string, ops ...UpdateOp) (Change, error) {
	if s.inv == nil {
		return Change{}, ErrNoInvocation
	}
	return s.inv.state(scope).update(s.inv.ctx, key, ops)
}

// Delete removes the value and returns it, nil if there was none.
func (s StateManager) Delete(scope, key string) (old json.RawMessage, err error) {
	if s.inv == nil {
		return nil, ErrNoInvocation
	}
	change, err := s.inv.state(scope).delete(s.inv.ctx, key)
	return change.Old, err
}

// List returns the values of the scope, ordered by key: an empty slice where there are none, so that it encodes as [].
func (s StateManager) List(scope string) ([]json.RawMessage, error) {
	if s.inv == nil {
		return nil, ErrNoInvocation
	}
	return s.inv.state(scope).list(s.inv.ctx)
}

// Clear deletes every value that the scope holds when it is called, one after the other.
func (s StateManager) Clear(scope string) error {
	if s.inv == nil {
		return ErrNoInvocation
	}
	return s.inv.state(scope).clear(s.inv.ctx)
}

// Scopes returns the names of the scopes that hold values, ordered.
func (s StateManager) Scopes() ([]string, error) {
	if s.inv == nil {
		return nil, ErrNoInvocation
	}
	return s.inv.state("").scopes(s.inv.ctx)
}

// SetOption qualifies a Set. The options are [TTL] and [IfRevision]; it cannot be implemented elsewhere.
type SetOption interface{ applySet(*driver.PutOptions) }

type setOption func(*driver.PutOptions)

func (o setOption) applySet(p *driver.PutOptions) { o(p) }

// TTL makes the value cease to exist after d, at once if d is zero or less. Nothing fires when it does. Without TTL a value
// stays for good.
func TTL(d time.Duration) SetOption {
	return setOption(func(p *driver.PutOptions) { p.Expires = time.Now().Add(d) })
}

// IfRevision makes the write conditional: it returns [ErrConflict] unless the stored value has the revision, or does not
// exist where the revision is 0.
func IfRevision(revision uint64) SetOption {
	return setOption(func(p *driver.PutOptions) { p.IfRevision = &revision })
}

func (inv *Invocation) state(scope string) store {
	return store{inv: inv, bucket: wire.StateBucket, scope: scope}
}

// store is one scope of state, or one group of a stream, as one invocation sees it. It is shared by the typed and the
// untyped forms of both.
type store struct {
	inv           *Invocation
	bucket, scope string
}

// listPage is how many entries are read at once: few enough to hold no lock long, enough to need few round trips.
const listPage = 512

func (s store) get(ctx context.Context, key string) (entry driver.Entry, found bool, err error) {
	entry, err = s.inv.app.backend.KV.Get(ctx, s.key(key))
	switch {
	case err == nil:
		return entry, true, nil
	case errors.Is(err, driver.ErrNotFound):
		return driver.Entry{}, false, nil
	}
	return driver.Entry{}, false, s.wrap("get", key, err)
}

func (s store) set(ctx context.Context, key string, value any, opts []SetOption) (Change, error) {
	data, err := s.encode(value)
	if err != nil {
		return Change{}, s.wrap("set", key, err)
	}
	var options driver.PutOptions
	if len(opts) > 0 {
		options = putOptions(opts)
	}
	return s.put(ctx, "set", key, data, options)
}

func putOptions(opts []SetOption) driver.PutOptions {
	var p driver.PutOptions
	for _, o := range opts {
		if o != nil {
			o.applySet(&p)
		}
	}
	return p
}

func (s store) delete(ctx context.Context, key string) (Change, error) {
	return s.put(ctx, "delete", key, nil, driver.PutOptions{Delete: true})
}

func (s store) put(ctx context.Context, verb, key string, data []byte, options driver.PutOptions) (Change, error) {
	if s.inv.app.tracks(s.bucket) {
		options.Header = s.inv.header()
	}
	before, after, err := s.inv.app.backend.KV.Put(ctx, s.key(key), data, options)
	if err != nil {
		return Change{}, s.wrap(verb, key, err)
	}
	return Change{Old: before.Value, New: after.Value, Revision: after.Revision}, nil
}

func (s store) update(ctx context.Context, key string, ops []UpdateOp) (Change, error) {
	change := func(old []byte) ([]byte, error) { return applyOps(old, ops, s.inv.app.maxValueSize) }
	if updater, ok := s.inv.app.backend.KV.(driver.Updater); ok {
		before, after, err := updater.Update(ctx, s.key(key), s.header(), change)
		if err != nil {
			return Change{}, s.wrap("update", key, err)
		}
		return Change{Old: before.Value, New: after.Value, Revision: after.Revision}, nil
	}
	return s.modify(ctx, "update", key, change)
}

// modify reads, changes and writes until nobody else has written in between.
func (s store) modify(ctx context.Context, verb, key string, change func(old []byte) ([]byte, error)) (Change, error) {
	for attempt := 1; ; attempt++ {
		entry, _, err := s.get(ctx, key)
		if err != nil {
			return Change{}, err
		}
		data, err := change(entry.Value)
		if err != nil {
			return Change{}, s.wrap(verb, key, err)
		}
		result, err := s.put(ctx, verb, key, data, driver.PutOptions{IfRevision: &entry.Revision, Expires: entry.Expires})
		if !errors.Is(err, driver.ErrConflict) {
			return result, err
		}
		if err := pause(ctx, conflictBackoff.Delay(attempt)); err != nil {
			return Change{}, s.wrap(verb, key, err)
		}
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

// entries calls yield for every entry of the scope, ordered, until it returns false.
func (s store) entries(ctx context.Context, yield func(driver.Entry) bool) error {
	var after *string
	for {
		page, err := s.inv.app.backend.KV.List(ctx, s.bucket, s.scope, after, listPage)
		if err != nil {
			return wrap.Errorf(s.inv.app.closed(err), "list %s %q", s.bucket, s.scope)
		}
		for _, entry := range page {
			if !yield(entry) {
				return nil
			}
		}
		if len(page) < listPage {
			return nil
		}
		after = &page[len(page)-1].Key.ID
	}
}

func (s store) list(ctx context.Context) ([]json.RawMessage, error) {
	values := []json.RawMessage{}
	err := s.entries(ctx, func(e driver.Entry) bool {
		values = append(values, e.Value)
		return true
	})
	if err != nil {
		return nil, err
	}
	return values, nil
}

func (s store) clear(ctx context.Context) error {
	var failed error
	err := s.entries(ctx, func(e driver.Entry) bool {
		_, failed = s.delete(ctx, e.Key.ID)
		return failed == nil
	})
	return errors.Join(err, failed)
}

func (s store) scopes(ctx context.Context) ([]string, error) {
	names := []string{} // as JSON, none of them is [] and not null
	var after *string
	for {
		page, err := s.inv.app.backend.KV.Scopes(ctx, s.bucket, after, listPage)
		if err != nil {
			return nil, wrap.Errorf(s.inv.app.closed(err), "scopes of %s", s.bucket)
		}
		names = append(names, page...)
		if len(page) < listPage {
			return names, nil
		}
		after = &page[len(page)-1]
	}
}

func (s store) encode(value any) ([]byte, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	if limit := s.inv.app.maxValueSize; len(data) > limit {
		return nil, fmt.Errorf("%w: %d bytes, limit %d", ErrValueTooLarge, len(data), limit)
	}
	return data, nil
}

func (s store) decode(key string, data []byte, dest any) error {
	if err := json.Unmarshal(data, dest); err != nil {
		return s.wrap("get", key, err)
	}
	return nil
}

func (s store) key(id string) driver.Key {
	return driver.Key{Bucket: s.bucket, Scope: s.scope, ID: id}
}

// header is empty where nobody will read it.
func (s store) header() driver.Header {
	if !s.inv.app.tracks(s.bucket) {
		return driver.Header{}
	}
	return s.inv.header()
}

func (s store) wrap(verb, key string, err error) error {
	err = s.inv.app.closed(err)
	if s.inv.step == nil {
		return wrap.Errorf(err, "%s %s %q key %q", verb, s.bucket, s.scope, key)
	}
	return wrap.Errorf(err, "%s %s %q key %q from step %q", verb, s.bucket, s.scope, key, s.inv.Step)
}
