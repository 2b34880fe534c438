package motia

import (
	"context"
	"encoding/json"
	"iter"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/wire"
)

// StateManager reads and writes JSON values by scope and key, on behalf of one invocation. Any string is a legal
// scope or key. [Scope] is the typed form. The methods of the zero value return [ErrNoInvocation].
//
// Its methods run with the context of the handler; With sets another one.
type StateManager struct{ at *bound }

// Change is the result of a write: the JSON before and after it, nil if there is no value. A stored null is the JSON
// null, not nil. The slices must not be modified.
type Change struct {
	Old json.RawMessage `json:"old,omitempty"`
	New json.RawMessage `json:"new,omitempty"`
	// Revision is that of the new value, or of the old one if the write changed nothing.
	Revision uint64 `json:"revision"`
}

// With returns a StateManager of the same invocation whose methods run with ctx, for example to have a deadline:
//
//	short, cancel := context.WithTimeout(ctx, time.Second)
//	defer cancel()
//	found, err := ctx.State.With(short).Get("orders", id, &order)
//
// ctx only bounds the calls. It usually derives from the context of the handler; if it does not, the calls go on when
// the context of the handler ends.
func (s StateManager) With(ctx context.Context) StateManager { return StateManager{s.at.with(ctx)} }

// Get decodes the value into dest, a pointer, and reports whether there is one; a stored null counts. If it does not
// decode, dest points to the zero value.
func (s StateManager) Get(scope, key string, dest any) (found bool, err error) {
	revision, err := s.Load(scope, key, dest)
	return revision != 0, err
}

// Load is Get with the revision of the value, for [IfRevision]. The revision of a missing value is 0.
func (s StateManager) Load(scope, key string, dest any) (revision uint64, err error) {
	return s.scope(scope).load(key, dest)
}

// Set stores value as JSON. Without a [TTL] it never expires.
func (s StateManager) Set(scope, key string, value any, opts ...SetOption) (Change, error) {
	return s.scope(scope).set(key, value, putOptions(opts))
}

// Update applies the operations in order, all or none, as one atomic change. A missing value starts as {}. An
// operation that does not fit the value is an *[UpdateError]. A [TTL] is kept. [IfRevision] makes the update
// conditional.
func (s StateManager) Update(scope, key string, ops ...UpdateOption) (Change, error) {
	return s.scope(scope).update(key, ops)
}

// Modify reads the value and stores what change returns for it, as JSON. old is nil if there is no value. If another
// write comes in between, Modify starts over, so change may be called several times. If change returns an error,
// nothing is stored and Modify returns the same error. A [TTL] is kept.
func (s StateManager) Modify(scope, key string, change func(old json.RawMessage) (value any, err error)) (Change, error) {
	return modifyAs(s.scope(scope), key, change)
}

// Delete removes the value and returns it, nil if there was none. With [IfRevision] it removes only that revision.
func (s StateManager) Delete(scope, key string, condition ...RevisionOption) (old json.RawMessage, err error) {
	return s.scope(scope).delete(key, condition)
}

// List returns the values of the scope, ordered by key. The slice is never nil: an empty one encodes as [].
func (s StateManager) List(scope string, opts ...ListOption) ([]json.RawMessage, error) {
	return s.scope(scope).list(opts)
}

// All iterates over the keys and values of the scope, ordered by key. See [Scope.All].
func (s StateManager) All(scope string, opts ...ListOption) iter.Seq2[Item[json.RawMessage], error] {
	return allAs[json.RawMessage](s.scope(scope), opts)
}

// Clear deletes every value that the scope holds when it is called, one by one.
func (s StateManager) Clear(scope string) error {
	return s.scope(scope).clear()
}

// Scopes returns the names of the scopes that hold values, sorted.
func (s StateManager) Scopes() ([]string, error) {
	return s.scope("").siblings()
}

func (s StateManager) scope(name string) values {
	if s.at == nil {
		return values{err: ErrNoInvocation}
	}
	return s.at.inv.values(s.at.ctx, wire.StateBucket, name)
}

// SetOption is an option of Set for state values: [TTL] or [IfRevision]. It cannot be implemented elsewhere.
type SetOption interface{ applySet(*driver.PutOptions) }

// TTL makes the value expire after d, or at once if d is zero or less. No trigger fires when a value expires.
func TTL(d time.Duration) TTLOption { return TTLOption{d, true} }

// TTLOption is what [TTL] returns. The zero value has no effect.
type TTLOption struct {
	d     time.Duration
	given bool
}

func (o TTLOption) applySet(p *driver.PutOptions) {
	if o.given {
		p.Expires = time.Now().Add(o.d)
	}
}

// IfRevision makes a write conditional: it succeeds only if the stored value has the revision, or, for revision 0, if
// there is no value. Otherwise it returns [ErrConflict]: nothing is stored, no trigger fires and no subscriber gets
// an event. Of several writers with the same revision one succeeds. To retry with the value that is stored by then,
// use Modify.
//
// Load, All and every write return the revision of a value. A key never has the same revision twice, not even after
// its value was deleted. If one call has several IfRevision, the last one counts.
func IfRevision(revision uint64) RevisionOption { return RevisionOption{revision} }

// RevisionOption is what [IfRevision] returns. The zero value is IfRevision(0).
type RevisionOption struct{ revision uint64 }

func (o RevisionOption) applySet(p *driver.PutOptions) { p.IfRevision = &o.revision }
func (o RevisionOption) applyUpdate(u *updating)       { u.condition = &o.revision }

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

// putIf returns the options of a write that has only conditions.
func putIf(conditions []RevisionOption) (p driver.PutOptions) {
	if n := len(conditions); n > 0 {
		p.IfRevision = &conditions[n-1].revision
	}
	return p
}
