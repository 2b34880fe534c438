package motia

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/jsontext"
	"github.com/motia-go/motia/internal/payload"
	"github.com/motia-go/motia/internal/store"
	"github.com/motia-go/motia/internal/wrap"
)

// bound is an invocation with the context that its untyped calls run with.
type bound struct {
	inv *Invocation
	ctx context.Context
}

func (b *bound) with(ctx context.Context) *bound {
	if b == nil {
		return nil
	}
	return &bound{b.inv, ctx}
}

// values reads and writes one scope of state, or one group of a stream, in one call on behalf of an invocation. The
// typed and the untyped forms of both share it. If err is not nil, every method returns it.
type values struct {
	store.Scope
	inv *Invocation
	ctx context.Context // of the call
	err error
}

func (inv *Invocation) values(ctx context.Context, bucket, scope string) values {
	caller := (*storeCaller)(inv)
	return values{Scope: store.Scope{KV: inv.app.backend.KV, Bucket: bucket, Name: scope, Caller: caller}, inv: inv, ctx: ctx}
}

// storeCaller is an invocation as package store sees it.
type storeCaller Invocation

// Header returns an empty header if nobody will read it.
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

// load decodes the value into dest, if there is one. The revision is 0 if there is none.
func (v values) load(key string, dest any) (revision uint64, err error) {
	if v.err != nil {
		return 0, v.err
	}
	entry, found, err := v.Get(v.ctx, key)
	if found {
		err = v.decode(key, entry.Value, dest)
	}
	return entry.Revision, err
}

func (v values) set(key string, value any, options driver.PutOptions) (Change, error) {
	if v.err != nil {
		return Change{}, v.err
	}
	data, err := v.encode(value)
	if err != nil {
		return Change{}, v.Explain(err, "set", key)
	}
	change, err := v.Set(v.ctx, key, data, options)
	return Change(change), err
}

func (v values) update(key string, options []UpdateOption) (Change, error) {
	if v.err != nil {
		return Change{}, v.err
	}
	u, limit := newUpdating(options), v.inv.app.maxValueSize
	change, err := v.Update(v.ctx, key, u.condition, func(old []byte) ([]byte, error) { return applyOps(old, u.ops, limit) })
	return Change(change), err
}

func (v values) delete(key string, conditions []RevisionOption) (old json.RawMessage, err error) {
	if v.err != nil {
		return nil, v.err
	}
	change, err := v.Delete(v.ctx, key, putIf(conditions))
	return change.Old, err
}

func (v values) list(options []ListOption) ([]json.RawMessage, error) {
	if v.err != nil {
		return nil, v.err
	}
	return v.List(v.ctx, listing(options))
}

func (v values) clear() error {
	if v.err != nil {
		return v.err
	}
	return v.Clear(v.ctx)
}

// siblings returns the names of all scopes of the bucket.
func (v values) siblings() ([]string, error) {
	if v.err != nil {
		return nil, v.err
	}
	return v.Scopes(v.ctx)
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

// modifyAs stores what change returns for the value, the zero T if there is none. Errors of change are not wrapped.
func modifyAs[T, U any](v values, key string, change func(T) (U, error)) (Change, error) {
	if v.err != nil {
		return Change{}, v.err
	}
	var refused error // by change
	result, err := v.Modify(v.ctx, key, func(old []byte) ([]byte, error) {
		value, err := Stored[T]{old}.Value()
		if err != nil {
			return nil, err
		}
		changed, err := change(value)
		if refused = err; err != nil {
			return nil, err
		}
		return v.encode(changed)
	})
	if refused != nil {
		return Change{}, refused
	}
	return Change(result), err
}

func deleteAs[T any](v values, key string, conditions []RevisionOption) (old T, found bool, err error) {
	text, err := v.delete(key, conditions)
	if err != nil || text == nil {
		return old, false, err
	}
	err = v.decode(key, text, &old)
	return old, true, err
}

func allAs[T any](v values, options []ListOption) iter.Seq2[Item[T], error] {
	return func(yield func(Item[T], error) bool) {
		if v.err != nil {
			yield(Item[T]{}, v.err)
			return
		}
		for entry, err := range v.All(v.ctx, listing(options)) {
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

func listAs[T any](v values, options []ListOption) ([]T, error) {
	list := []T{}
	for item, err := range allAs[T](v, options) {
		if err != nil {
			return nil, err
		}
		list = append(list, item.Value)
	}
	return list, nil
}

func changeOf[T any](c Change, err error) (ChangeOf[T], error) {
	return ChangeOf[T]{Old: Stored[T]{c.Old}, New: Stored[T]{c.New}, Revision: c.Revision}, err
}
