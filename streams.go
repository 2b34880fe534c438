package motia

import (
	"cmp"
	"context"
	"encoding/json"
	"iter"
	"reflect"
	"slices"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/jsontext"
	"github.com/motia-go/motia/internal/payload"
	"github.com/motia-go/motia/internal/wire"
	"github.com/motia-go/motia/internal/wrap"
)

// Streams reads and writes the declared streams, on behalf of one invocation. [StreamName] is the typed form. The
// methods of a handle from the zero value return [ErrNoInvocation].
//
// The methods of its handles run with the context of the handler; With sets another one.
type Streams struct{ at *bound }

// With returns Streams of the same invocation whose handles run with ctx. See [StateManager.With].
func (s Streams) With(ctx context.Context) Streams { return Streams{s.at.with(ctx)} }

// Get returns a handle on the stream. If the stream is not declared in [Options.Streams], every method of the handle
// returns *[UndeclaredStreamError].
func (s Streams) Get(name string) StreamHandle { return StreamHandle{s.at, name} }

// StreamHandle reads and writes one stream: JSON items by group and id. Subscribers see every change. Any string is a
// legal group or id. [StreamName] is the typed form.
type StreamHandle struct {
	at   *bound
	name string
}

// Get decodes the item into dest, a pointer, and reports whether there is one.
func (h StreamHandle) Get(group, id string, dest any) (found bool, err error) {
	revision, err := h.Load(group, id, dest)
	return revision != 0, err
}

// Load is Get with the revision of the item, for [IfRevision]. The revision of a missing item is 0.
func (h StreamHandle) Load(group, id string, dest any) (revision uint64, err error) {
	return h.group(group).load(id, dest)
}

// Set stores the item; subscribers see a create or an update. Storing an item unchanged does nothing. There is no
// [TTL], because subscribers would not be told when an item expires: delete the item instead.
func (h StreamHandle) Set(group, id string, value any, condition ...RevisionOption) (Change, error) {
	return h.group(group).set(id, value, putIf(condition))
}

// Update applies the operations to the item, all or none, as one atomic change. See [StateManager.Update].
func (h StreamHandle) Update(group, id string, ops ...UpdateOption) (Change, error) {
	return h.group(group).update(id, ops)
}

// Modify reads the item and stores what change returns for it. See [StateManager.Modify].
func (h StreamHandle) Modify(group, id string, change func(old json.RawMessage) (value any, err error)) (Change, error) {
	return modifyAs(h.group(group), id, change)
}

// Delete removes the item and returns it, nil if there was none. With [IfRevision] it removes only that revision.
func (h StreamHandle) Delete(group, id string, condition ...RevisionOption) (old json.RawMessage, err error) {
	return h.group(group).delete(id, condition)
}

// List returns the items of the group, ordered by id. The slice is never nil.
func (h StreamHandle) List(group string, opts ...ListOption) ([]json.RawMessage, error) {
	return h.group(group).list(opts)
}

// All iterates over the items of the group and their ids, ordered by id. See [Scope.All].
func (h StreamHandle) All(group string, opts ...ListOption) iter.Seq2[Item[json.RawMessage], error] {
	return allAs[json.RawMessage](h.group(group), opts)
}

// Groups returns the names of the groups that hold items, sorted.
func (h StreamHandle) Groups() ([]string, error) {
	return h.group("").siblings()
}

// Send sends an ephemeral event to the subscribers of an item, or of a whole group if id is empty. It is not stored:
// later subscribers do not get it. Stream triggers fire.
func (h StreamHandle) Send(group, id, event string, data any) error {
	return h.group(group).send(h.name, id, event, data)
}

// Subscribe is [StreamName.Subscribe] with items as JSON, which all subscribers share and must not modify.
func (h StreamHandle) Subscribe(ctx context.Context, group string, opts ...SubscribeOption) (*Subscription[json.RawMessage], error) {
	return subscribe[json.RawMessage](ctx, h.group(group), h.name, opts)
}

func (h StreamHandle) group(name string) values {
	if h.at == nil {
		return values{err: ErrNoInvocation}
	}
	return h.at.inv.streamGroup(h.at.ctx, h.name, name)
}

func (inv *Invocation) streamGroup(ctx context.Context, stream, group string) values {
	s, ok := inv.app.streams[stream]
	if !ok {
		return values{err: inv.app.undeclaredStream(stream)}
	}
	return inv.values(ctx, s.bucket, group)
}

// send sends an event to the subscribers and to the stream triggers.
func (v values) send(stream, id, name string, data any) error {
	if v.err != nil {
		return v.err
	}
	if err := v.publish(wire.StreamEvent{Type: wire.StreamSent, Stream: stream, Group: v.Name, Item: id, Time: time.Now(), Name: name}, data); err != nil {
		return wrap.Errorf(v.inv.app.closed(err), "send %q to stream %q", name, stream)
	}
	return nil
}

func (v values) publish(event wire.StreamEvent, data any) (err error) {
	if event.Payload, err = jsontext.Marshal(data); err != nil {
		return err
	}
	text, err := event.Encode()
	if err != nil {
		return err
	}
	app := v.inv.app
	if err := app.backend.Bus.Send(v.ctx, wire.StreamSubject(event.Stream, event.Group), text); err != nil || !app.tracks(v.Bucket) {
		return err // or no trigger listens
	}
	header := v.inv.header()
	header.Hops++
	return app.backend.Queue.Publish(v.ctx, driver.Message{
		Topic: wire.StreamTopic(event.Stream), Group: wire.JoinNames(event.Group, event.Item), Header: header, Data: text,
	})
}

// StreamName is a typed stream name, declared as a constant:
//
//	const Documents motia.StreamName[Document] = "documents"
//
// Its methods are those of [StreamHandle] for items of type T. They find the invocation through ctx, and return
// [ErrNoInvocation] if there is none. The stream itself is declared in [Options.Streams].
type StreamName[T any] string

// Get returns the item and whether there is one.
func (s StreamName[T]) Get(ctx context.Context, group, id string) (item T, found bool, err error) {
	item, revision, err := s.Load(ctx, group, id)
	return item, revision != 0, err
}

// Load is Get with the revision of the item, for [IfRevision]. The revision of a missing item is 0.
func (s StreamName[T]) Load(ctx context.Context, group, id string) (item T, revision uint64, err error) {
	revision, err = s.group(ctx, group).load(id, &item)
	return item, revision, err
}

// Set stores the item; subscribers see a create or an update. Storing an item unchanged does nothing. There is no
// [TTL], because subscribers would not be told when an item expires: delete the item instead.
func (s StreamName[T]) Set(ctx context.Context, group, id string, item T, condition ...RevisionOption) (ChangeOf[T], error) {
	return changeOf[T](s.group(ctx, group).set(id, item, putIf(condition)))
}

// Update applies the operations to the item, all or none, as one atomic change. See [StateManager.Update].
func (s StreamName[T]) Update(ctx context.Context, group, id string, ops ...UpdateOption) (ChangeOf[T], error) {
	return changeOf[T](s.group(ctx, group).update(id, ops))
}

// Modify reads the item, the zero T if there is none, and stores what change returns for it. See [Scope.Modify].
func (s StreamName[T]) Modify(ctx context.Context, group, id string, change func(T) (T, error)) (ChangeOf[T], error) {
	return changeOf[T](modifyAs(s.group(ctx, group), id, change))
}

// Delete removes the item and returns it. With [IfRevision] it removes only that revision.
func (s StreamName[T]) Delete(ctx context.Context, group, id string, condition ...RevisionOption) (old T, found bool, err error) {
	return deleteAs[T](s.group(ctx, group), id, condition)
}

// List returns the items of the group, ordered by id. The slice is never nil.
func (s StreamName[T]) List(ctx context.Context, group string, opts ...ListOption) ([]T, error) {
	return listAs[T](s.group(ctx, group), opts)
}

// All iterates over the items of the group and their ids, ordered by id. See [Scope.All].
func (s StreamName[T]) All(ctx context.Context, group string, opts ...ListOption) iter.Seq2[Item[T], error] {
	return allAs[T](s.group(ctx, group), opts)
}

// Groups returns the names of the groups that hold items, sorted.
func (s StreamName[T]) Groups(ctx context.Context) ([]string, error) {
	return s.group(ctx, "").siblings()
}

// Send sends an ephemeral event to the subscribers of an item, or of a whole group if id is empty. See
// [StreamHandle.Send].
func (s StreamName[T]) Send(ctx context.Context, group, id, event string, data any) error {
	return s.group(ctx, group).send(string(s), id, event, data)
}

// Members returns the members that are present in the group, ordered by ID.
func (s StreamName[T]) Members(ctx context.Context, group string) ([]Member, error) {
	present := s.group(ctx, group)
	present.Bucket = wire.PresenceBucket(string(s))
	values, err := present.list(nil)
	if err != nil {
		return nil, err
	}
	members := make([]Member, 0, len(values))
	for _, value := range values {
		var m Member
		if err := payload.Load(value, &m); err != nil {
			return nil, wrap.Errorf(err, "members of stream %q", string(s))
		}
		members = append(members, m)
	}
	slices.SortFunc(members, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
	return slices.CompactFunc(members, func(a, b Member) bool { return a.ID == b.ID }), nil
}

// Subscribe follows a group, or one item of it with [ForItem], until ctx ends or the subscription is closed. The
// first event is a snapshot (sync) that holds every write which returned before the call, whoever made it. Then comes
// every later event, with nothing lost or doubled in between. A subscriber that is too slow for its buffer misses
// events and gets a new snapshot (resync) in their place. The subscription is active when Subscribe returns.
//
// When ctx ends or the app shuts down, the subscription still gets the events of writes that returned before, and the
// events that were sent in this process before. Then it ends.
//
// In a busy group, events lag behind the writers, who never wait for subscribers. Subscribe waits until the events
// have caught up, and returns an error if that takes more than 10 seconds; at its end, a subscription waits a second
// at most. Backends without [driver.WatchSyncer] and [driver.SubjectSyncer] cannot wait: a snapshot may lack the
// latest writes, which then come as events, and the last events before the end may be missing.
//
// The stored changes of an item come in order, and so do the events of one sender; there is no order between the two.
func (s StreamName[T]) Subscribe(ctx context.Context, group string, opts ...SubscribeOption) (*Subscription[T], error) {
	return subscribe[T](ctx, s.group(ctx, group), string(s), opts)
}

// Trigger is [Stream] for the stream; [App.Register] checks that T is the step's input type.
func (s StreamName[T]) Trigger(opts ...TriggerOption) Trigger {
	return newTrigger(Trigger{kind: TriggerStream, stream: string(s), payload: reflect.TypeFor[T]()}, opts)
}

func (s StreamName[T]) group(ctx context.Context, name string) values {
	inv, err := invocationOf(ctx)
	if err != nil {
		return values{err: err}
	}
	return inv.streamGroup(ctx, string(s), name)
}
