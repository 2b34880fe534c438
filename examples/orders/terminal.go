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

// terminal stands for a payment provider that declines some charges. The seed, the order and the attempt determine
// which ones, so a run can be repeated, whatever the order of events.
type terminal struct {
	failRate float64
	seed     uint64
	charged  *memory
}

var errDeclined = errors.New("card declined")

// charge asks for the money. The order is the idempotency key: an order is not charged twice, even if the step did
// not get the first answer. Its log records name the step, the attempt and the trace of ctx: see motia.LogHandler.
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
	_, _ = fmt.Fprintf(h, "%d %s", earlierAttempts, orderID) // a hash never fails
	return rand.New(rand.NewPCG(t.seed, h.Sum64())).Float64() < t.failRate
}

// memory holds the keys of the requests that a provider outside of the service has carried out.
type memory struct{ keys sync.Map }

// first reports whether the key is new, and remembers it.
func (m *memory) first(key string) bool {
	_, known := m.keys.LoadOrStore(key, true)
	return !known
}
