package motia

import (
	"context"
	"encoding/json"
	"iter"
	"reflect"

	"github.com/motia-go/motia/internal/payload"
	"github.com/motia-go/motia/internal/store"
	"github.com/motia-go/motia/internal/wire"
)

// Scope is a typed state scope, declared as a constant:
//
//	const Visits motia.Scope[Visit] = "page-visits"
//
// Its methods are those of [StateManager] for values of type T. They find the invocation through ctx, and return
// [ErrNoInvocation] if there is none.
type Scope[T any] string

// ChangeOf is the result of a write of a value of type T. It is the typed form of [Change].
type ChangeOf[T any] struct {
	Old Stored[T] `json:"old,omitzero"`
	New Stored[T] `json:"new,omitzero"`
	// Revision is that of the new value, or of the old one if the write changed nothing.
	Revision uint64 `json:"revision"`
}

// Stored is a stored value of type T, which Value decodes. The zero Stored means that there is none. As JSON it is
// the stored text, or null.
type Stored[T any] struct{ json json.RawMessage }

// Exists reports whether there is a value.
func (s Stored[T]) Exists() bool { return s.json != nil }

// Value decodes the value. It is the zero T if there is none.
func (s Stored[T]) Value() (T, error) {
	var v T
	if s.json == nil {
		return v, nil
	}
	err := payload.Load(s.json, &v)
	return v, err
}

// MarshalJSON returns the stored text, or null.
func (s Stored[T]) MarshalJSON() ([]byte, error) {
	if s.json == nil {
		return []byte("null"), nil
	}
	return s.json, nil
}

// Get returns the value and whether there is one.
func (s Scope[T]) Get(ctx context.Context, key string) (value T, found bool, err error) {
	value, revision, err := s.Load(ctx, key)
	return value, revision != 0, err
}

// Load is Get with the revision of the value, for [IfRevision]. The revision of a missing value is 0.
func (s Scope[T]) Load(ctx context.Context, key string) (value T, revision uint64, err error) {
	revision, err = s.in(ctx).load(key, &value)
	return value, revision, err
}

// Set stores the value.
func (s Scope[T]) Set(ctx context.Context, key string, value T, opts ...SetOption) (ChangeOf[T], error) {
	return changeOf[T](s.in(ctx).set(key, value, putOptions(opts)))
}

// Update applies the operations in order, all or none, as one atomic change. See [StateManager.Update].
func (s Scope[T]) Update(ctx context.Context, key string, ops ...UpdateOption) (ChangeOf[T], error) {
	return changeOf[T](s.in(ctx).update(key, ops))
}

// Modify reads the value, the zero T if there is none, and stores what change returns for it. If another write comes
// in between, Modify starts over, so change may be called several times. If change returns an error, nothing is
// stored and Modify returns the same error. A [TTL] is kept.
func (s Scope[T]) Modify(ctx context.Context, key string, change func(T) (T, error)) (ChangeOf[T], error) {
	return changeOf[T](modifyAs(s.in(ctx), key, change))
}

// Delete removes the value and returns it. With [IfRevision] it removes only that revision.
func (s Scope[T]) Delete(ctx context.Context, key string, condition ...RevisionOption) (old T, found bool, err error) {
	return deleteAs[T](s.in(ctx), key, condition)
}

// List returns the values, ordered by key. The slice is never nil.
func (s Scope[T]) List(ctx context.Context, opts ...ListOption) ([]T, error) {
	return listAs[T](s.in(ctx), opts)
}

// Item is a value with its key, or a stream item with its id.
type Item[T any] struct {
	Key      string
	Value    T
	Revision uint64
}

// All iterates over the keys and values, ordered by key. It reads in pages: a value that changes meanwhile may be
// seen before or after its change. A value that does not decode comes with an error, and the iteration goes on; an
// error of the backend ends it.
func (s Scope[T]) All(ctx context.Context, opts ...ListOption) iter.Seq2[Item[T], error] {
	return allAs[T](s.in(ctx), opts)
}

// ListOption is an option of All and List: [FromKey], [KeyPrefix] or [AtMost]. It cannot be implemented elsewhere.
// Keys are those of state values or the ids of stream items, ordered bytewise. A list reads no more from the backend
// than it returns; with KeyPrefix it may read as much again to find the end.
type ListOption interface{ applyList(*store.ListOptions) }

type listOption func(*store.ListOptions)

func (o listOption) applyList(l *store.ListOptions) { o(l) }

// FromKey starts a list at the key, or at the next one if it is missing. FromKey(last + "\x00") starts after last.
func FromKey(key string) ListOption {
	return listOption(func(l *store.ListOptions) { l.From = key })
}

// KeyPrefix narrows a list to the keys that begin with the prefix.
func KeyPrefix(prefix string) ListOption {
	return listOption(func(l *store.ListOptions) { l.Prefix = prefix })
}

// AtMost limits a list to n values. A negative n is an error.
func AtMost(n int) ListOption {
	return listOption(func(l *store.ListOptions) { l.Limit = &n })
}

func listing(opts []ListOption) store.ListOptions {
	if len(opts) == 0 {
		return store.ListOptions{}
	}
	var l store.ListOptions // on the heap
	for _, o := range opts {
		if o != nil {
			o.applyList(&l)
		}
	}
	return l
}

// Clear deletes every value that the scope holds when it is called, one by one.
func (s Scope[T]) Clear(ctx context.Context) error {
	return s.in(ctx).clear()
}

// Trigger is [State] narrowed to the scope; [App.Register] checks that T is the step's input type.
func (s Scope[T]) Trigger(opts ...TriggerOption) Trigger {
	name := string(s)
	return newTrigger(Trigger{kind: TriggerState, scope: &name, payload: reflect.TypeFor[T]()}, opts)
}

// in is the scope as the invocation that ctx belongs to sees it.
func (s Scope[T]) in(ctx context.Context) values {
	inv, err := invocationOf(ctx)
	if err != nil {
		return values{err: err}
	}
	return inv.values(ctx, wire.StateBucket, string(s))
}
