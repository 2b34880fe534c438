package driver

import "context"

// Bus carries ephemeral events to all processes, at most once: who does not listen, misses them.
type Bus interface {
	// Send hands data to the current subscribers of the subject, in all processes. It may call those of this process
	// itself, and does not wait for others.
	Send(ctx context.Context, subject string, data []byte) error

	// Subscribe calls f for every event sent to the subject from its return on, one at a time and in the order of
	// each sender, until stop is called. f returns soon; one that is slow holds up nobody but the sender that runs it.
	// ctx is for the call itself. stop may be called several times; it returns when f does not run any more, unless f
	// itself calls it.
	Subscribe(ctx context.Context, subject string, f func(data []byte)) (stop func(), err error)
}
