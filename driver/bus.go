package driver

import "context"

// Bus carries ephemeral events to all processes, at most once: an event reaches only those that are subscribed when
// it is sent.
type Bus interface {
	// Send delivers data to the current subscribers of the subject, in all processes. It may call the subscribers of
	// its own process directly, and does not wait for those of others.
	Send(ctx context.Context, subject string, data []byte) error

	// Subscribe calls f for every event sent to the subject after Subscribe has returned, one at a time and in the
	// order of each sender, until stop is called. f returns soon; a slow f delays only the sender that runs it. ctx
	// is for the call itself. stop may be called several times; it returns when f is no longer running, unless f
	// itself calls it.
	Subscribe(ctx context.Context, subject string, f func(data []byte)) (stop func(), err error)
}

// SubjectSyncer waits until subscribers have received what was sent. It is optional for a [Bus]. Without it a
// subscriber of a stream may miss the last events that were sent before its end.
type SubjectSyncer interface {
	// SyncSubject returns nil once every earlier subscription to the subject on this Bus has received every event
	// that was sent on this Bus before: f has returned for it. Earlier means that Subscribe or Send returned before
	// this call. It does not wait for events that are sent later or by other processes, for lost events, for later
	// subscriptions or for other subjects.
	//
	// A subscription that is stopped meanwhile is no longer waited for, which is not an error. Without subscriptions
	// SyncSubject returns nil at once. It is called concurrently, for each subscriber that ends, usually with a
	// deadline of a second. f may take longer than that: when ctx ends first, SyncSubject returns an error that wraps
	// the context's. f does not call it. Senders do not wait for it.
	//
	// How to implement it: if Send puts events into a queue for each subscriber, wait until what is in the queues has
	// been handled. If events come back from a server, send a marker the same way after the events, and wait until it
	// has passed all subscribers.
	SyncSubject(ctx context.Context, subject string) error
}
