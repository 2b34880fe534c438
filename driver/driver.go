// Package driver is the contract between motia and the stores behind it.
//
// It is for authors of backends. Most code should use package motia.
//
// A [Backend] bundles three primitives: a [Queue] of durable messages, a [KV] of versioned values and a [Bus] for
// ephemeral events. Everything else is written once, in the core above them. The core decides what should happen:
// which step runs, how many at once, what a handler's error means, how values are encoded. The driver is responsible
// for what is stored: durable order, leases, redelivery, dead letters, change records.
//
// # Rules for every method
//
//   - All methods may be called concurrently.
//   - Byte slices passed to a driver belong to the driver from then on, and those that it returns or passes on still
//     do: neither side modifies a slice that the other has seen.
//   - A method that returns nil has done its work as durably as the backend can.
//   - A method returns soon after its context ends, with an error that wraps the context's, unless it says otherwise.
//   - Any string is a legal topic, subscription, group, bucket, scope, key and id, even if it is empty, contains
//     slashes or NUL, or is not valid UTF-8. Two different names never collide. A driver may refuse a name that is
//     too long, with an error.
//   - After Close a method returns [ErrClosed].
//
// Further abilities are optional interfaces, found by assertion on the values in the Backend: [DeadLetters] and
// [StatsReader] on its Queue, [Updater], [ChangeLog] and [WatchSyncer] on its KV, [SubjectSyncer] on its Bus. Each
// says what is missing without it. An app whose triggers need a [ChangeLog] fails at registration if there is none.
package driver

import (
	"context"
	"errors"
)

// Errors that drivers return, alone or wrapped with %w. The core prefixes them with its own context, and removes the
// "motia: " that would then be in the middle.
var (
	// ErrFull says that a bounded subscription has no room for the messages. None of them was accepted.
	ErrFull = errors.New("motia: queue is full")
	// ErrNotFound says that a key or a dead letter does not exist.
	ErrNotFound = errors.New("motia: not found")
	// ErrConflict says that a compare-and-set found a different revision from the one it was given.
	ErrConflict = errors.New("motia: revision conflict")
	// ErrClosed says that the backend was closed.
	ErrClosed = errors.New("motia: backend is closed")
	// ErrLeaseLost says that a delivery has outlived its lease: by now it belongs to another worker, or to nobody.
	ErrLeaseLost = errors.New("motia: lease is lost")
)

// Backend is one store: its three primitives, the promises they keep, and how to close them.
type Backend struct {
	Queue Queue
	KV    KV
	Bus   Bus
	// Features says which promises the backend keeps beyond the contract.
	Features Features
	// Close releases the backend. Consumers, watchers and change runners have usually ended before it is called;
	// those that have not ended do so with it. It returns soon after its context ends. Nil means that there is
	// nothing to close.
	Close func(ctx context.Context) error
}

// Features are the promises that not every store can keep. The zero value promises none of them.
type Features struct {
	// Durable says that accepted messages and values survive the end of the process.
	Durable bool
	// Distributed says that several processes may share the backend.
	Distributed bool
	// AtomicPublish says that one call of Publish is accepted or refused as a whole, also across topics.
	AtomicPublish bool
}

// Header travels beside a payload, in messages and in change records. Encode it with encoding/json: fields may be
// added in later versions.
type Header struct {
	// TraceParent is a W3C Trace Context traceparent, or empty.
	TraceParent string `json:"traceparent,omitempty"`
	// TraceState is the tracestate that came with it, or empty.
	TraceState string `json:"tracestate,omitempty"`
	// Step is the step that sent the message or wrote the value, or empty for host code.
	Step string `json:"step,omitempty"`
	// Hops counts the state and stream triggers in the chain of invocations that led here.
	Hops int `json:"hops,omitempty"`
}
