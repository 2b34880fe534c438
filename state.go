package motia

import (
	"context"
	"encoding/json"
	"iter"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/wire"
)

// StateManager reads and writes JSON values by scope and key, from one invocation. Any string is a legal scope and key.
// [Scope] is its typed form. The zero value returns [ErrNoInvocation].
//
// Its calls end with the context of the handler. With gives them another one.
type StateManager struct{ at *bound }

// Change is what a write did: the JSON before and after it, nil where there was no value. A stored null is the JSON
// null, not nil. The slices must not be changed.
type Change struct {
	Old json.RawMessage `json:"old,omitempty"`
	New json.RawMessage `json:"new,omitempty"`
	// Revision is that of the new value. It is the old one if the write changed nothing.
	Revision uint64 `json:"revision"`
}

// With returns a StateManager of the same invocation whose calls run with ctx, so that they can have a deadline of their
// own:
//
//	short, cancel := context.WithTimeout(ctx, time.Second)
//	defer cancel()
//	found, err := ctx.State.With(short).Get("orders", id, &order)
//
// Only what bounds a call is taken from ctx, which usually derives from the context of the handler. If it does not, the
// end of the handler does not end the calls.
func (s StateManager) With(ctx context.Context) StateManager { return StateManager{s.at.with(ctx)} }

// Get decodes the value into dest, a pointer, and reports whether there is one. A stored null is found. If the value does
// not decode, dest points to the zero value.
func (s StateManager) Get(scope, key string, dest any) (found bool, err error) {
	revision, err := s.Load(scope, key, dest)
	return revision != 0, err
}

// Load is Get with the revision of the value, for [IfRevision]. The revision of a missing value is 0.
func (s StateManager) Load(scope, key string, dest any) (revision uint64, err error) {
	return s.scope(scope).load(key, dest)
}

// Set stores value as JSON. It is kept for good unless there is a [TTL].
func (s StateManager) Set(scope, key string, value any, opts ...SetOption) (Change, error) {
	return s.scope(scope).set(key, value, putOptions(opts))
}

// Update applies the operations in their order, all or none, as one atomic change. A missing value starts as {}. An
// operation that does not fit is *[UpdateError]. A time to live is kept. [IfRevision] among the operations makes the
// update conditional.
func (s StateManager) Update(scope, key string, ops ...UpdateOption) (Change, error) {
	return s.scope(scope).update(key, ops)
}

// Modify reads the value and stores what change makes of it, as JSON. old is nil if there is no value. When somebody else
// has written in between, it starts over, so change may be called several times. An error of change is returned as it is
// and nothing is stored. A time to live is kept.
func (s StateManager) Modify(scope, key string, change func(old json.RawMessage) (value any, err error)) (Change, error) {
	return modifyAs(s.scope(scope), key, change)
}

// Delete removes the value and returns it, nil if there was none. With [IfRevision] it removes only that revision.
func (s StateManager) Delete(scope, key string, condition ...RevisionOption) (old json.RawMessage, err error) {
	return s.scope(scope).delete(key, condition)
}

// List returns the values of the scope, ordered by key: an empty slice where there are none, so that it encodes as [].
func (s StateManager) List(scope string, opts ...ListOption) ([]json.RawMessage, error) {
	return s.scope(scope).list(opts)
}

// All iterates over the keys and values of the scope, ordered by key. See [Scope.All].
func (s StateManager) All(scope string, opts ...ListOption) iter.Seq2[Item[json.RawMessage], error] {
	return allAs[json.RawMessage](s.scope(scope), opts)
}

// Clear deletes every value that the scope holds when it is called, one after the other.
func (s StateManager) Clear(scope string) error {
	return s.scope(scope).clear()
}

// Scopes returns the names of the scopes that hold values, ordered.
func (s StateManager) Scopes() ([]string, error) {
	return s.scope("").siblings()
}

func (s StateManager) scope(name string) values {
	if s.at == nil {
		return values{err: ErrNoInvocation}
	}
	return s.at.inv.values(s.at.ctx, wire.StateBucket, name)
}

// SetOption qualifies a Set of a state value. The options are [TTL] and [IfRevision]; it cannot be implemented elsewhere.
type SetOption interface{ applySet(*driver.PutOptions) }

// TTL makes the value cease to exist after d, at once if d is zero or less. Nothing fires when it does. Without TTL a value
// stays for good.
func TTL(d time.Duration) TTLOption { return TTLOption{d} }

// TTLOption is what [TTL] returns.
type TTLOption struct{ d time.Duration }

func (o TTLOption) applySet(p *driver.PutOptions) { p.Expires = time.Now().Add(o.d) }

// IfRevision makes a write conditional: it happens only if the stored value has the revision, or does not exist where the
// revision is 0. Otherwise the write returns [ErrConflict], nothing is stored, no trigger fires and no subscriber is told.
// Of several writers with the same revision one succeeds. Where the others should try again, with what is stored by then,
// Modify does that.
//
// The revision of a value is in what its last write returned, and in what Load and All return. No revision is used twice for
// a key, not even after the value was deleted. If there are several IfRevision in one call, the last one counts.
func IfRevision(revision uint64) RevisionOption { return RevisionOption{revision} }

// RevisionOption is what [IfRevision] returns.
type RevisionOption struct{ revision uint64 }

func (o RevisionOption) applySet(p *driver.PutOptions) { p.IfRevision = &o.revision }

func putOptions(opts []SetOption) driver.PutOptions {
	if len(opts) == 0 {
		return driver.PutOptions{}
	}
	var p driver.PutOptions // on the heap
	for _, o := range opts {
		if o != nil {
			o.applySet(&p)
		}
	}
	return p
}

// putIf returns options of a write that has no others than conditions.
func putIf(conditions []RevisionOption) (p driver.PutOptions) {
	if n := len(conditions); n > 0 {
		p.IfRevision = &conditions[n-1].revision
	}
	return p
}
