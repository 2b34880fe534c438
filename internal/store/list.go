package store

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"

	"github.com/motia-go/motia/driver"
)

// page is how many entries or names are read at once: few enough that no lock is held for long, enough that few round
// trips are needed.
const page = 512

// All iterates over the entries of the scope, ordered by key. It reads in pages, so an entry that is written meanwhile may
// come in either version. An error ends the iteration.
func (s Scope) All(ctx context.Context) iter.Seq2[driver.Entry, error] {
	return func(yield func(driver.Entry, error) bool) { s.all(ctx, yield) }
}

func (s Scope) all(ctx context.Context, yield func(driver.Entry, error) bool) {
	var after *string
	for {
		entries, err := s.KV.List(ctx, s.Bucket, s.Name, after, page)
		if err != nil {
			yield(driver.Entry{}, s.Caller.Explain(err, fmt.Sprintf("list %s %q", s.Bucket, s.Name)))
			return
		}
		for _, entry := range entries {
			if !yield(entry, nil) {
				return
			}
		}
		if len(entries) < page {
			return
		}
		after = &entries[len(entries)-1].Key.ID
	}
}

// List returns the values of the scope, ordered by key: an empty slice where there are none.
func (s Scope) List(ctx context.Context) ([]json.RawMessage, error) {
	values := []json.RawMessage{}
	for entry, err := range s.All(ctx) {
		if err != nil {
			return nil, err
		}
		values = append(values, entry.Value)
	}
	return values, nil
}

// Clear deletes the values of the scope one after the other, until one cannot be deleted.
func (s Scope) Clear(ctx context.Context) error {
	for entry, err := range s.All(ctx) {
		if err == nil {
			_, err = s.Delete(ctx, entry.Key.ID, driver.PutOptions{})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Scopes returns the names of all scopes of the bucket that hold values, ordered: an empty slice where there are none.
func (s Scope) Scopes(ctx context.Context) ([]string, error) {
	names := []string{}
	var after *string
	for {
		some, err := s.KV.Scopes(ctx, s.Bucket, after, page)
		if err != nil {
			return nil, s.Caller.Explain(err, "list scopes of "+s.Bucket)
		}
		names = append(names, some...)
		if len(some) < page {
			return names, nil
		}
		after = &some[len(some)-1]
	}
}
