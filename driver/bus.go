package driver

import "context"

// Bus carries ephemeral events to all processes, at most once: an event reaches only those who are
// subscribed when it is sent.
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

// SubjectSyncer waits until subscribers have been told of what was sent. It is optional for a [Bus]. Without it a subscriber
// of a stream may miss the last sent events before its end.
type SubjectSyncer interface {
	// SyncSubject returns nil when every subscription to the subject on this Bus, whose Subscribe had returned before, has
	// been told of every event whose Send on this Bus had returned before: f has returned for it. Events that were sent in
	// other processes or later, later subscriptions and those to other subjects are not waited for, nor are events that are
	// lost.
	//
	// A subscription that is stopped meanwhile is no longer waited for, and is no error. Without any SyncSubject returns nil
	// at once. It is called concurrently, for each subscriber that ends, usually with a deadline of a second. f may take
	// longer than that: when ctx ends first, SyncSubject returns an error that wraps the context's. f does not call it. Senders
	// do not wait for it.
	//
	// How to do it: where Send puts events into a queue for each subscriber, wait for what is in the queues. Where events
	// come back from a server, send a mark the same way, after the events, and wait for it to pass all subscribers.
	SyncSubject(ctx context.Context, subject string) error
}
