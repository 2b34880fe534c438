package motia

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/jsontext"
	"github.com/motia-go/motia/internal/payload"
	"github.com/motia-go/motia/internal/store"
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

// Get decodes the value into dest, a pointer, and reports whether there is one. A stored null is found. If the value does
// not decode, dest points to the zero value.
func (s StateManager) Get(scope, key string, dest any) (found bool, err error) {
	if s.inv == nil {
		return false, ErrNoInvocation
	}
	return s.inv.state(scope).get(s.inv.ctx, key, dest)
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
	change, err := s.inv.state(scope).Delete(s.inv.ctx, key, driver.PutOptions{})
	return change.Old, err
}

// List returns the values of the scope, ordered by key: an empty slice where there are none, so that it encodes as [].
func (s StateManager) List(scope string) ([]json.RawMessage, error) {
	if s.inv == nil {
		return nil, ErrNoInvocation
	}
	return s.inv.state(scope).List(s.inv.ctx)
}

// Clear deletes every value that the scope holds when it is called, one after the other.
func (s StateManager) Clear(scope string) error {
	if s.inv == nil {
		return ErrNoInvocation
	}
	return s.inv.state(scope).Clear(s.inv.ctx)
}

// Scopes returns the names of the scopes that hold values, ordered.
func (s StateManager) Scopes() ([]string, error) {
	if s.inv == nil {
		return nil, ErrNoInvocation
	}
	return s.inv.state("").Scopes(s.inv.ctx)
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

// values are one scope of state, or one group of a stream, as one invocation sees it. The typed and the untyped forms of
// both share it.
type values struct {
	store.Scope
	inv *Invocation
}

func (inv *Invocation) state(scope string) values { return inv.values(wire.StateBucket, scope) }

func (inv *Invocation) values(bucket, scope string) values {
	return values{store.Scope{KV: inv.app.backend.KV, Bucket: bucket, Name: scope, Caller: (*storeCaller)(inv)}, inv}
}

// storeCaller is an invocation as package store sees it.
type storeCaller Invocation

// Header is empty where nobody will read it.
func (c *storeCaller) Header(bucket string) driver.Header {
	if !c.app.tracks(bucket) {
		return driver.Header{}
	}
	return (*Invocation)(c).header()
}

func (c *storeCaller) Explain(err error, tried string) error {
	err = c.app.closed(err)
	if c.step == nil {
		return wrap.Errorf(err, "%s", tried)
	}
	return wrap.Errorf(err, "%s from step %q", tried, c.Step)
}

func (v values) get(ctx context.Context, key string, dest any) (found bool, err error) {
	entry, found, err := v.Get(ctx, key)
	if found {
		err = v.decode(key, entry.Value, dest)
	}
	return found, err
}

func (v values) set(ctx context.Context, key string, value any, opts []SetOption) (Change, error) {
	data, err := v.encode(value)
	if err != nil {
		return Change{}, v.Explain(err, "set", key)
	}
	var options driver.PutOptions
	if len(opts) > 0 {
		options = putOptions(opts)
	}
	change, err := v.Set(ctx, key, data, options)
	return Change(change), err
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

func (v values) update(ctx context.Context, key string, ops []UpdateOp) (Change, error) {
	change, err := v.Update(ctx, key, func(old []byte) ([]byte, error) { return applyOps(old, ops, v.inv.app.maxValueSize) })
	return Change(change), err
}

func (v values) encode(value any) ([]byte, error) {
	data, err := jsontext.Marshal(value)
	if err != nil {
		return nil, err
	}
	if limit := v.inv.app.maxValueSize; len(data) > limit {
		return nil, fmt.Errorf("%w: %d bytes, limit %d", ErrValueTooLarge, len(data), limit)
	}
	return data, nil
}

func (v values) decode(key string, data []byte, dest any) error {
	if err := payload.Load(data, dest); err != nil {
		return v.Explain(err, "get", key)
	}
	return nil
}
