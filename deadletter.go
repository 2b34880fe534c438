package motia

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/jsontext"
	"github.com/motia-go/motia/internal/trace"
	"github.com/motia-go/motia/internal/wrap"
)

// DeadLetter is a message that was given up: its retries were used up, its payload was invalid, or its handler said so
// with [Permanent].
type DeadLetter struct {
	ID      string      `json:"id"` // unique within the app
	Step    string      `json:"step"`
	Trigger TriggerType `json:"trigger"`
	// Topic is that of a queue trigger; empty for others.
	Topic          string `json:"topic,omitempty"`
	MessageID      string `json:"messageId,omitempty"` // as given to Enqueue
	MessageGroupID string `json:"messageGroupId,omitempty"`
	TraceID        string `json:"traceId,omitempty"`
	// Payload is the message as it was enqueued; for other triggers a JSON description of the change, event or tick. What
	// is not JSON, because it came from elsewhere, is here as a JSON string.
	Payload json.RawMessage `json:"payload,omitempty"`
	// Header is what travelled with the message: trace context, sending step, hops.
	Header     driver.Header `json:"header"`
	EnqueuedAt time.Time     `json:"enqueuedAt"`
	DiedAt     time.Time     `json:"diedAt"`
	// Attempts are all failed attempts, oldest first, also those before a redrive. The last one's error is why it was
	// given up.
	Attempts []DeadLetterAttempt `json:"attempts"`
}

// DeadLetterAttempt is one failed attempt.
type DeadLetterAttempt struct {
	StartedAt time.Time `json:"startedAt"`
	EndedAt   time.Time `json:"endedAt"`
	Error     string    `json:"error"`
}

// DeadLetterQuery selects dead letters. The zero value selects all.
type DeadLetterQuery struct {
	Step  string // only those of this step; empty means all steps
	After string // only those after the one with this ID, which need not exist any more
	Limit int    // at most so many; zero means 100. Count, RedriveAll and DiscardAll ignore After and Limit.
}

// defaultDeadLetterLimit is a page that a person can look at.
const defaultDeadLetterLimit = 100

// DeadLetters administers the dead letters of an app's steps. See [App.DeadLetters].
type DeadLetters struct{ app *App }

// DeadLetters returns the administration of dead letters. It works before, during and after Run, as long as the
// backend is open.
func (a *App) DeadLetters() DeadLetters { return DeadLetters{a} }

// List returns the dead letters that the query selects, ordered by trigger, which is the same order each time, and
// oldest first. For the next page pass the ID of the last one as After.
func (d DeadLetters) List(ctx context.Context, q DeadLetterQuery) ([]DeadLetter, error) {
	limit := q.Limit
	if limit <= 0 {
		limit = defaultDeadLetterLimit
	}
	afterSubscription, after, err := splitDeadLetterID(q.After)
	if err != nil {
		return nil, err
	}
	found := []DeadLetter{} // as JSON, none of them is [] and not null
	err = d.each(ctx, q.Step, func(store driver.DeadLetters, b *binding) error {
		from := ""
		switch strings.Compare(b.subscription, afterSubscription) {
		case -1:
			return nil
		case 0:
			from = after
		}
		if len(found) == limit {
			return nil
		}
		page, err := store.Dead(ctx, b.subscription, from, limit-len(found))
		for i := range page {
			found = append(found, b.deadLetter(&page[i]))
		}
		return err
	})
	return found, err
}

// Count returns how many there are: as many as List would return page by page.
func (d DeadLetters) Count(ctx context.Context, q DeadLetterQuery) (int, error) {
	total := 0
	err := d.each(ctx, q.Step, func(store driver.DeadLetters, b *binding) error {
		n, err := store.CountDead(ctx, b.subscription)
		total += n
		return err
	})
	return total, err
}

// Redrive gives the dead letters back to their steps, with all attempts before them and their history kept. It returns
// [ErrDeadLetterNotFound] for ids that do not exist; the others are redriven.
func (d DeadLetters) Redrive(ctx context.Context, ids ...string) error {
	return d.move(ctx, ids, driver.DeadLetters.Redrive)
}

// Discard removes the dead letters for good. It returns [ErrDeadLetterNotFound] for ids that do not exist; the others are
// removed.
func (d DeadLetters) Discard(ctx context.Context, ids ...string) error {
	return d.move(ctx, ids, driver.DeadLetters.Discard)
}

// RedriveAll redrives the dead letters that exist when it is called, oldest first for each trigger, and
// returns how many.
func (d DeadLetters) RedriveAll(ctx context.Context, q DeadLetterQuery) (int, error) {
	return d.moveAll(ctx, q.Step, driver.DeadLetters.Redrive)
}

// DiscardAll discards the dead letters that exist when it is called, and returns how many.
func (d DeadLetters) DiscardAll(ctx context.Context, q DeadLetterQuery) (int, error) {
	return d.moveAll(ctx, q.Step, driver.DeadLetters.Discard)
}

// mover is driver.DeadLetters.Redrive or Discard.
type mover func(store driver.DeadLetters, ctx context.Context, subscription string, ids ...string) (int, error)

func (d DeadLetters) move(ctx context.Context, ids []string, move mover) error {
	wanted := make(map[string]bool, len(ids))
	bySubscription := make(map[string][]string) // in the order given
	for _, id := range ids {
		wanted[id] = true
		if subscription, rest, err := splitDeadLetterID(id); err == nil {
			bySubscription[subscription] = append(bySubscription[subscription], rest)
		}
	}
	missing := len(wanted)
	err := d.each(ctx, "", func(store driver.DeadLetters, b *binding) error {
		if len(bySubscription[b.subscription]) == 0 {
			return nil
		}
		n, err := move(store, ctx, b.subscription, bySubscription[b.subscription]...)
		missing -= n
		return err
	})
	if err == nil && missing > 0 {
		return fmt.Errorf("%w: %d of %d", ErrDeadLetterNotFound, missing, len(wanted))
	}
	return err
}

// letterPage is how many dead letters are read at once.
const letterPage = 512

func (d DeadLetters) moveAll(ctx context.Context, step string, move mover) (int, error) {
	total := 0
	err := d.each(ctx, step, func(store driver.DeadLetters, b *binding) error {
		// Collected first: one that dies again meanwhile must not be met a second time.
		var ids []string
		after := ""
		for {
			page, err := store.Dead(ctx, b.subscription, after, letterPage)
			if err != nil {
				return err
			}
			for _, letter := range page {
				ids = append(ids, letter.DeadID)
			}
			if len(page) < letterPage {
				break
			}
			after = ids[len(ids)-1]
		}
		if len(ids) == 0 {
			return nil
		}
		n, err := move(store, ctx, b.subscription, ids...)
		total += n
		return err
	})
	return total, err
}

// each visits the subscriptions of the step, or of all steps, ordered.
func (d DeadLetters) each(ctx context.Context, step string, visit func(driver.DeadLetters, *binding) error) error {
	store, ok := d.app.backend.Queue.(driver.DeadLetters)
	if !ok {
		return errors.New("motia: the backend does not administer dead letters")
	}
	d.app.mu.Lock()
	bindings := slices.Clone(d.app.bindings)
	d.app.mu.Unlock()
	slices.SortFunc(bindings, func(a, b *binding) int { return strings.Compare(a.subscription, b.subscription) })
	for _, b := range bindings {
		if b.trigger.kind == TriggerHTTP || step != "" && b.step.config.Name != step {
			continue
		}
		if err := visit(store, b); err != nil {
			return wrap.Errorf(d.app.closed(err), "dead letters of step %q", b.step.config.Name)
		}
	}
	return nil
}

func (b *binding) deadLetter(letter *driver.DeadLetter) DeadLetter {
	out := DeadLetter{
		ID:             b.subscription + ":" + letter.DeadID,
		Step:           b.step.config.Name,
		Trigger:        b.trigger.kind,
		Topic:          b.trigger.topic,
		MessageID:      letter.ID,
		MessageGroupID: letter.Group,
		Payload:        letter.Data,
		Header:         letter.Header,
		EnqueuedAt:     letter.Enqueued,
		DiedAt:         letter.Died,
		Attempts:       make([]DeadLetterAttempt, len(letter.Attempts)),
	}
	if parent, ok := trace.Parse(letter.Header.TraceParent); ok {
		out.TraceID = parent.TraceID
	}
	if !json.Valid(out.Payload) { // would keep the whole list from being encoded
		out.Payload, _ = jsontext.Marshal(string(letter.Data)) // a string always encodes
	}
	for i, a := range letter.Attempts {
		out.Attempts[i] = DeadLetterAttempt{StartedAt: a.Started, EndedAt: a.Ended, Error: a.Error}
	}
	return out
}

// splitDeadLetterID takes the ID of a dead letter apart. Subscriptions are escaped and hold no colon.
func splitDeadLetterID(id string) (subscription, rest string, err error) {
	if id == "" {
		return "", "", nil
	}
	subscription, rest, ok := strings.Cut(id, ":")
	if !ok {
		return "", "", fmt.Errorf("%w: malformed id %q", ErrDeadLetterNotFound, id)
	}
	return subscription, rest, nil
}
