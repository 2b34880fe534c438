// Package deadletters manages the dead letters of several subscriptions of a queue as one list.
//
// The list is ordered by subscription, and within a subscription from the oldest to the newest.
package deadletters

import (
	"context"
	"errors"
	"strings"

	"github.com/motia-go/motia/driver"
)

// ErrMalformedID says that an id does not have the form of the ids from [List.Page].
var ErrMalformedID = errors.New("malformed id")

// List lists the dead letters of some subscriptions.
type List struct {
	Store driver.DeadLetters
	// Subscriptions are sorted, and none of them contains a colon.
	Subscriptions []string
	// Explain adds context to an error of the store.
	Explain func(subscription string, err error) error
}

// Letter is a dead letter in a list.
type Letter struct {
	driver.DeadLetter
	ID           string // unique in the list
	Subscription string
}

// Page returns at most limit letters, beginning after the given id, or from the start if it is empty. The letter with
// that id need not exist.
func (l List) Page(ctx context.Context, after string, limit int) ([]Letter, error) {
	var page []Letter
	passed, from, ok := strings.Cut(after, ":")
	if after != "" && !ok {
		return nil, ErrMalformedID
	}
	err := l.each(func(subscription string) error {
		if subscription < passed || len(page) == limit {
			return nil
		}
		if subscription > passed {
			from = ""
		}
		letters, err := l.Store.Dead(ctx, subscription, from, limit-len(page))
		for _, letter := range letters {
			page = append(page, Letter{letter, subscription + ":" + letter.DeadID, subscription})
		}
		return err
	})
	return page, err
}

// Count returns how many letters there are.
func (l List) Count(ctx context.Context) (total int, err error) {
	err = l.each(func(subscription string) error {
		n, err := l.Store.CountDead(ctx, subscription)
		total += n
		return err
	})
	return total, err
}

// Mover is [driver.DeadLetters.Redrive] or [driver.DeadLetters.Discard].
type Mover func(store driver.DeadLetters, ctx context.Context, subscription string, ids ...string) (int, error)

// Move moves the letters with the ids, in the given order within each subscription. It returns the number of
// different ids and of letters that it found.
func (l List) Move(ctx context.Context, move Mover, ids ...string) (wanted, found int, err error) {
	seen := make(map[string]bool, len(ids))
	of := make(map[string][]string)
	for _, id := range ids {
		seen[id] = true
		if subscription, rest, ok := strings.Cut(id, ":"); ok {
			of[subscription] = append(of[subscription], rest)
		}
	}
	err = l.each(func(subscription string) error {
		if len(of[subscription]) == 0 {
			return nil
		}
		n, err := move(l.Store, ctx, subscription, of[subscription]...)
		found += n
		return err
	})
	return len(seen), found, err
}

// pageSize is how many letters are read at once.
const pageSize = 512

// MoveAll moves the letters that exist when it is called, and returns how many it moved.
func (l List) MoveAll(ctx context.Context, move Mover) (total int, err error) {
	err = l.each(func(subscription string) error {
		// Collect the ids first: a letter that dies again meanwhile must not be moved a second time.
		var ids []string
		after := ""
		for {
			page, err := l.Store.Dead(ctx, subscription, after, pageSize)
			if err != nil {
				return err
			}
			for _, letter := range page {
				ids = append(ids, letter.DeadID)
			}
			if len(page) < pageSize {
				break
			}
			after = ids[len(ids)-1]
		}
		if len(ids) == 0 {
			return nil
		}
		n, err := move(l.Store, ctx, subscription, ids...)
		total += n
		return err
	})
	return total, err
}

// each visits the subscriptions until a visit fails.
func (l List) each(visit func(subscription string) error) error {
	for _, subscription := range l.Subscriptions {
		if err := visit(subscription); err != nil {
			return l.Explain(subscription, err)
		}
	}
	return nil
}
