package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"strings"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/wire"
)

// page is how many entries or names are read at once: few enough that no lock is held for long, and enough that few
// round trips are needed.
const page = 512

// firstPage is how many entries are read first if a prefix may end the list early. Each further page is twice as
// large, so that at most as many entries are read needlessly as are wanted, plus firstPage.
const firstPage = 16

// ListOptions select the entries of a scope to list. The zero value means all.
type ListOptions struct {
	// From is the first key that may be listed. It need not exist.
	From string
	// Prefix is the prefix of the keys to list.
	Prefix string
	// Limit, if not nil, is how many entries are listed at most.
	Limit *int
}

// All iterates over the entries of the scope, ordered by key. It reads in pages, so an entry that is written
// meanwhile may appear in either version. An error ends the iteration.
func (s Scope) All(ctx context.Context, options ListOptions) iter.Seq2[driver.Entry, error] {
	return func(yield func(driver.Entry, error) bool) { s.all(ctx, options, yield) }
}

func (s Scope) all(ctx context.Context, options ListOptions, yield func(driver.Entry, error) bool) {
	fail := func(err error) {
		yield(driver.Entry{}, s.Caller.Explain(err, "list "+wire.Describe(s.Bucket, s.Name, nil)))
	}
	left := math.MaxInt
	if options.Limit != nil {
		left = *options.Limit
	}
	if left < 0 {
		fail(fmt.Errorf("limit %d is negative", left))
		return
	}
	// Sorted, all keys with a prefix are adjacent, and the prefix itself would be the first of them. So if From is
	// greater than Prefix and does not have it, no key after From does.
	start := max(options.From, options.Prefix)
	if left == 0 || !strings.HasPrefix(start, options.Prefix) {
		return
	}

	after, first, err := s.before(ctx, start)
	if err != nil {
		fail(err)
		return
	}
	if first != nil {
		if !yield(*first, nil) {
			return
		}
		left--
	}
	size := page
	if options.Prefix != "" {
		size = firstPage
	}
	for left > 0 {
		want := min(size, left)
		entries, err := s.KV.List(ctx, s.Bucket, s.Name, after, want)
		if err != nil {
			fail(err)
			return
		}
		for _, entry := range entries {
			if !strings.HasPrefix(entry.Key.ID, options.Prefix) || !yield(entry, nil) {
				return
			}
		}
		if len(entries) < want {
			return
		}
		left -= want
		after = &entries[want-1].Key.ID
		size = min(2*size, page)
	}
}

// before returns the key to give to the driver's List so that the listed keys begin with start, since List begins
// after the given key. If start ends in a zero byte, the key just before it is start without that byte. Otherwise no
// string is just before start: then before returns start and the entry of start itself, if there is one.
func (s Scope) before(ctx context.Context, start string) (after *string, entry *driver.Entry, err error) {
	if start == "" {
		return nil, nil, nil
	}
	if shorter, ok := strings.CutSuffix(start, "\x00"); ok {
		return &shorter, nil, nil
	}
	found, err := s.KV.Get(ctx, s.key(start))
	if errors.Is(err, driver.ErrNotFound) {
		return &start, nil, nil
	}
	return &start, &found, err
}

// List returns the values of the scope, ordered by key, or an empty slice if there are none.
func (s Scope) List(ctx context.Context, options ListOptions) ([]json.RawMessage, error) {
	values := []json.RawMessage{}
	for entry, err := range s.All(ctx, options) {
		if err != nil {
			return nil, err
		}
		values = append(values, entry.Value)
	}
	return values, nil
}

// Clear deletes the values of the scope one after the other, and stops if one cannot be deleted.
func (s Scope) Clear(ctx context.Context) error {
	for entry, err := range s.All(ctx, ListOptions{}) {
		if err == nil {
			_, err = s.Delete(ctx, entry.Key.ID, driver.PutOptions{})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Scopes returns the names of all scopes of the bucket that hold values, ordered, or an empty slice if there are
// none.
func (s Scope) Scopes(ctx context.Context) ([]string, error) {
	names := []string{}
	var after *string
	for {
		some, err := s.KV.Scopes(ctx, s.Bucket, after, page)
		if err != nil {
			return nil, s.Caller.Explain(err, "list "+wire.DescribeScopes(s.Bucket))
		}
		names = append(names, some...)
		if len(some) < page {
			return names, nil
		}
		after = &some[len(some)-1]
	}
}
