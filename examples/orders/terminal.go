package main

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"sync"
)

// terminal stands for a payment provider that declines some charges. Which ones follows from the seed, the order and
// the attempt, so that a run can be repeated whatever the order in which things happen.
type terminal struct {
	failRate float64
	seed     uint64
	charged  *memory
}

var errDeclined = errors.New("card declined")

// charge asks for the money. The order is the idempotency key: what is charged already, is not charged again. So the step may come to know
// of it late. Its log records name the step, the attempt and the trace that ctx belongs to: see
// motia.LogHandler.
func (t terminal) charge(ctx context.Context, orderID string, amount int64, earlierAttempts int) error {
	if t.declines(orderID, earlierAttempts) {
		return errDeclined
	}
	if t.charged.first(orderID) {
		slog.InfoContext(ctx, "card charged", "order", orderID, "amount", amount)
	}
	return nil
}

func (t terminal) declines(orderID string, earlierAttempts int) bool {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%d %s", earlierAttempts, orderID) // a hash takes everything
	return rand.New(rand.NewPCG(t.seed, h.Sum64())).Float64() < t.failRate
}

// memory is what a provider outside of the service remembers: the keys of the requests that it has carried out.
type memory struct{ keys sync.Map }

// first reports whether the key is new, and remembers it.
func (m *memory) first(key string) bool {
	_, known := m.keys.LoadOrStore(key, true)
	return !known
}
