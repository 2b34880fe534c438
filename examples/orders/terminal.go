package main

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
)

// terminal stands for a payment provider that declines some charges. Which ones follows from the seed, the order and
// the attempt, so that a run can be repeated whatever the order in which things happen.
type terminal struct {
	failRate float64
	seed     uint64
}

var errDeclined = errors.New("card declined")

// charge asks for the money. Its log records name the step, the attempt and the trace that ctx belongs to: see
// motia.LogHandler.
func (t terminal) charge(ctx context.Context, orderID string, earlierAttempts int) error {
	if t.declines(orderID, earlierAttempts) {
		return errDeclined
	}
	slog.InfoContext(ctx, "card charged", "order", orderID)
	return nil
}

func (t terminal) declines(orderID string, earlierAttempts int) bool {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%d %s", earlierAttempts, orderID) // a hash takes everything
	return rand.New(rand.NewPCG(t.seed, h.Sum64())).Float64() < t.failRate
}
