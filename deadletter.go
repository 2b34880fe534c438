package motia

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/deadletters"
	"github.com/motia-go/motia/internal/jsontext"
	"github.com/motia-go/motia/internal/trace"
	"github.com/motia-go/motia/internal/wrap"
)

// DeadLetter is a message that is no longer retried: it has no attempts left, its payload is invalid, or its handler
// returned a [Permanent] error.
type DeadLetter struct {
	ID      string      `json:"id"` // unique within the app
	Step    string      `json:"step"`
	Trigger TriggerType `json:"trigger"`
	// Topic is the topic of a queue trigger; empty for others.
	Topic          string `json:"topic,omitempty"`
	MessageID      string `json:"messageId,omitempty"` // as given to Enqueue
	MessageGroupID string `json:"messageGroupId,omitempty"`
	TraceID        string `json:"traceId,omitempty"`
	// Payload is the message as it was enqueued, or for other triggers a JSON description of the change, event or tick.
	// A payload that is not JSON, from another program, is a JSON string here.
	Payload json.RawMessage `json:"payload,omitempty"`
	// Header is the header of the message: trace context, sending step, hops.
	Header     driver.Header `json:"header"`
	EnqueuedAt time.Time     `json:"enqueuedAt"`
	DiedAt     time.Time     `json:"diedAt"`
	// Attempts are all failed attempts, oldest first, including those before a redrive. The error of the last one is why
	// the message is a dead letter.
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
	After string // only those after the one with this ID, which may no longer exist
	Limit int    // how many at most; zero means 100. Count, RedriveAll and DiscardAll ignore After and Limit.
}

// defaultDeadLetterLimit is a page that a person can read.
const defaultDeadLetterLimit = 100

// DeadLetters manages the dead letters of an app's steps. See [App.DeadLetters].
type DeadLetters struct{ app *App }

// DeadLetters returns the dead letters of the app, before, during and after Run, as long as the backend is open.
func (a *App) DeadLetters() DeadLetters { return DeadLetters{a} }

// List returns the dead letters that the query selects, ordered by trigger, always in the same order, and then oldest
// first. For the next page, pass the ID of the last one as After.
func (d DeadLetters) List(ctx context.Context, q DeadLetterQuery) ([]DeadLetter, error) {
	list, bindings, err := d.of(q.Step)
	if err != nil {
		return nil, err
	}
	if q.Limit <= 0 {
		q.Limit = defaultDeadLetterLimit
	}
	page, err := list.Page(ctx, q.After, q.Limit)
	if errors.Is(err, deadletters.ErrMalformedID) {
		err = fmt.Errorf("%w: malformed id %q", ErrDeadLetterNotFound, q.After)
	}
	letters := make([]DeadLetter, len(page)) // never nil: an empty list encodes as []
	for i := range page {
		letters[i] = bindings[page[i].Subscription].deadLetter(&page[i])
	}
	return letters, err
}

// Count returns how many dead letters List would return over all pages.
func (d DeadLetters) Count(ctx context.Context, q DeadLetterQuery) (int, error) {
	list, _, err := d.of(q.Step)
	if err != nil {
		return 0, err
	}
	return list.Count(ctx)
}

// Redrive returns the dead letters to their queues, with all attempts ahead of them again and their history kept. It
// returns [ErrDeadLetterNotFound] if some ids do not exist; the others are redriven.
func (d DeadLetters) Redrive(ctx context.Context, ids ...string) error {
	return d.move(ctx, driver.DeadLetters.Redrive, ids)
}

// Discard deletes the dead letters permanently. It returns [ErrDeadLetterNotFound] if some ids do not exist; the
// others are deleted.
func (d DeadLetters) Discard(ctx context.Context, ids ...string) error {
	return d.move(ctx, driver.DeadLetters.Discard, ids)
}

func (d DeadLetters) move(ctx context.Context, move deadletters.Mover, ids []string) error {
	list, _, err := d.of("")
	if err != nil {
		return err
	}
	wanted, found, err := list.Move(ctx, move, ids...)
	if err == nil && found < wanted {
		return fmt.Errorf("%w: %d of %d ids", ErrDeadLetterNotFound, wanted-found, wanted)
	}
	return err
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

func (d DeadLetters) moveAll(ctx context.Context, step string, move deadletters.Mover) (int, error) {
	list, _, err := d.of(step)
	if err != nil {
		return 0, err
	}
	return list.MoveAll(ctx, move)
}

// of returns the dead letters of the step, or of all steps, and the bindings by subscription.
func (d DeadLetters) of(step string) (deadletters.List, map[string]*binding, error) {
	store, ok := d.app.backend.Queue.(driver.DeadLetters)
	if !ok {
		return deadletters.List{}, nil, errors.New("motia: backend does not support managing dead letters")
	}
	d.app.mu.Lock()
	defer d.app.mu.Unlock()
	bindings := make(map[string]*binding)
	for _, b := range d.app.bindings {
		if b.trigger.kind != TriggerHTTP && (step == "" || b.step.config.Name == step) {
			bindings[b.subscription] = b
		}
	}
	return deadletters.List{
		Store:         store,
		Subscriptions: slices.Sorted(maps.Keys(bindings)),
		Explain: func(subscription string, err error) error {
			return wrap.Errorf(d.app.closed(err), "dead letters of step %q", bindings[subscription].step.config.Name)
		},
	}, bindings, nil
}

func (b *binding) deadLetter(letter *deadletters.Letter) DeadLetter {
	out := DeadLetter{
		ID:             letter.ID,
		Step:           b.step.config.Name,
		Trigger:        b.trigger.kind,
		Topic:          b.trigger.topic,
		MessageID:      letter.Message.ID,
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
	if !json.Valid(out.Payload) { // otherwise the whole list would not encode
		out.Payload, _ = jsontext.Marshal(string(letter.Data)) // a string always encodes
	}
	for i, a := range letter.Attempts {
		out.Attempts[i] = DeadLetterAttempt{StartedAt: a.Started, EndedAt: a.Ended, Error: a.Error}
	}
	return out
}
