package motia

import (
	"context"
	"encoding/json"
	"iter"
	"reflect"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/payload"
)

// Scope is a typed state scope, declared as a constant:
//
//	const Visits motia.Scope[Visit] = "page-visits"
//
// Its methods find the invocation through ctx and return [ErrNoInvocation] outside of one. They do what those of
// [StateManager] do, with values of type T.
type Scope[T any] string

// ChangeOf is what a write did to a value of type T.
type ChangeOf[T any] struct {
	Old Stored[T] `json:"old,omitzero"`
	New Stored[T] `json:"new,omitzero"`
	// Revision is that of the new value. It is the old one if the write changed nothing.
	Revision uint64 `json:"revision"`
}

// Stored is a stored value of type T, decoded when asked for. The zero value is the absence of one. As JSON it is the
// stored text, or null.
type Stored[T any] struct{ json json.RawMessage }

// Exists reports whether there is a value.
func (s Stored[T]) Exists() bool { return s.json != nil }

// Value decodes the value. It is the zero T where there is none.
func (s Stored[T]) Value() (T, error) {
	var v T
	if s.json == nil {
		return v, nil
	}
	err := payload.Load(s.json, &v)
	return v, err
}

// MarshalJSON returns the stored text.
func (s Stored[T]) MarshalJSON() ([]byte, error) {
	if s.json == nil {
		return []byte("null"), nil
	}
	return s.json, nil
}

// Get returns the value and whether there is one.
func (s Scope[T]) Get(ctx context.Context, key string) (value T, found bool, err error) {
	inv, err := invocationOf(ctx)
	if err != nil {
		return value, false, err
	}
	found, err = inv.state(string(s)).get(ctx, key, &value)
	return value, found, err
}

// Load is Get with the revision of the value, for [IfRevision]. The revision of a missing value is 0.
func (s Scope[T]) Load(ctx context.Context, key string) (value T, revision uint64, err error) {
	inv, err := invocationOf(ctx)
	if err != nil {
		return value, 0, err
	}
	v := inv.state(string(s))
	entry, found, err := v.Get(ctx, key)
	if found {
		err = v.decode(key, entry.Value, &value)
	}
	return value, entry.Revision, err
}

// Set stores the value.
func (s Scope[T]) Set(ctx context.Context, key string, value T, opts ...SetOption) (ChangeOf[T], error) {
	inv, err := invocationOf(ctx)
	if err != nil {
		return ChangeOf[T]{}, err
	}
	return changeOf[T](inv.state(string(s)).set(ctx, key, value, opts))
}

// Update applies the operations in their order, all or none, as one atomic change.
func (s Scope[T]) Update(ctx context.Context, key string, ops ...UpdateOp) (ChangeOf[T], error) {
	inv, err := invocationOf(ctx)
	if err != nil {
		return ChangeOf[T]{}, err
	}
	return changeOf[T](inv.state(string(s)).update(ctx, key, ops))
}

// Modify reads the value, the zero T if there is none, and stores what change makes of it. When somebody else has
// written in between, it starts over, so change may be called several times. An error of change is returned as it is and
// nothing is stored. A time to live is kept.
func (s Scope[T]) Modify(ctx context.Context, key string, change func(T) (T, error)) (ChangeOf[T], error) {
	inv, err := invocationOf(ctx)
	if err != nil {
		return ChangeOf[T]{}, err
	}
	v := inv.state(string(s))
	var refused error // by change
	result, err := v.Modify(ctx, key, func(old []byte) ([]byte, error) {
		value, err := Stored[T]{old}.Value()
		if err != nil {
			return nil, err
		}
		if value, refused = change(value); refused != nil {
			return nil, refused
		}
		return v.encode(value)
	})
	if refused != nil {
		return ChangeOf[T]{}, refused
	}
	return changeOf[T](Change(result), err)
}

// Delete removes the value and returns it.
func (s Scope[T]) Delete(ctx context.Context, key string) (old T, found bool, err error) {
	inv, err := invocationOf(ctx)
	if err != nil {
		return old, false, err
	}
	return deleteAs[T](ctx, inv.state(string(s)), key)
}

// List returns the values, ordered by key: an empty slice where there are none.
func (s Scope[T]) List(ctx context.Context) ([]T, error) {
	inv, err := invocationOf(ctx)
	if err != nil {
		return nil, err
	}
	return listAs[T](ctx, inv.state(string(s)))
}

// Item is a value with its key.
type Item[T any] struct {
	Key      string
	Value    T
	Revision uint64
}

// All iterates over the keys and values, ordered by key. It reads in pages: a value that changes meanwhile may be
// seen before or after its change. A value that does not decode comes with its error, and the iteration may go on; an
// error of the backend is the last that comes.
func (s Scope[T]) All(ctx context.Context) iter.Seq2[Item[T], error] {
	return func(yield func(Item[T], error) bool) {
		inv, err := invocationOf(ctx)
		if err != nil {
			yield(Item[T]{}, err)
			return
		}
		v := inv.state(string(s))
		for entry, err := range v.All(ctx) {
			item := Item[T]{Key: entry.Key.ID, Revision: entry.Revision}
			if err == nil {
				err = v.decode(item.Key, entry.Value, &item.Value)
			}
			if !yield(item, err) {
				return
			}
		}
	}
}

// Clear deletes every value that the scope holds when it is called, one after the other.
func (s Scope[T]) Clear(ctx context.Context) error {
	inv, err := invocationOf(ctx)
	if err != nil {
		return err
	}
	return inv.state(string(s)).Clear(ctx)
}

// Trigger is [State] narrowed to the scope; [App.Register] checks that T is the step's input type.
func (s Scope[T]) Trigger(opts ...TriggerOption) Trigger {
	name := string(s)
	return newTrigger(Trigger{kind: TriggerState, scope: &name, payload: reflect.TypeFor[T]()}, opts)
}

func deleteAs[T any](ctx context.Context, v values, key string) (old T, found bool, err error) {
	change, err := v.Delete(ctx, key, driver.PutOptions{})
	if err != nil || change.Old == nil {
		return old, false, err
	}
	err = v.decode(key, change.Old, &old)
	return old, true, err
}

func listAs[T any](ctx context.Context, v values) ([]T, error) {
	list := []T{}
	for entry, err := range v.All(ctx) {
		var value T
		if err == nil {
			err = v.decode(entry.Key.ID, entry.Value, &value)
		}
		if err != nil {
			return nil, err
		}
		list = append(list, value)
	}
	return list, nil
}

func changeOf[T any](c Change, err error) (ChangeOf[T], error) {
	return ChangeOf[T]{Old: Stored[T]{c.Old}, New: Stored[T]{c.New}, Revision: c.Revision}, err
}
