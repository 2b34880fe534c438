package motia

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/jsontext"
	"github.com/motia-go/motia/internal/wire"
	"github.com/motia-go/motia/internal/wrap"
)

// Message is a message for [FlowContext.Enqueue] and [EnqueueAll]. [Topic.Message] makes typed ones.
type Message[T any] struct {
	Topic string
	Data  T // encoded as JSON before Enqueue returns
	// MessageGroupID names the group. Each subscribed step handles the messages of a group strictly one at a time and in
	// order. Empty means no group.
	MessageGroupID string
	// Delay is the minimum time before the message is delivered.
	Delay time.Duration
	// ID is for deduplication: the message is dropped without an error if one with the same ID was enqueued to the topic
	// within the last 2 minutes (see [MemoryOptions]). Empty means no deduplication.
	ID string
}

// Enqueue sends the messages atomically: all or none. A topic that is not in the step's [StepConfig.Enqueues] is an
// *[UndeclaredTopicError]. If Enqueue returns nil, every subscribed step gets the messages, at least once. They are
// not validated here, but by the steps that consume them. Several messages need a backend that can enqueue them
// atomically, as the one in memory can; others return [ErrNotAtomic].
//
// The typed forms are [Topic.Enqueue] for one message and [EnqueueAll] for several. They do not depend on TEnqueue.
func (c *FlowContext[E, T]) Enqueue(messages ...Message[E]) error {
	inv := c.inv
	if inv == nil {
		return ErrNoInvocation
	}
	if _, none := any((*E)(nil)).(*None); none && len(messages) > 0 { // a Message[None] without data does compile
		return inv.enqueueError(messages[0].Topic, errors.New("the step's TEnqueue is None"))
	}
	return enqueueAll(c, inv, messages)
}

// EnqueueAll sends messages of several types atomically, all or none, from the invocation that ctx belongs to:
//
//	err := motia.EnqueueAll(ctx, OrderCreated.Message(order), SendEmail.Message(email))
//
// It is the typed form of [FlowContext.Enqueue] and returns the same errors, and [ErrNoInvocation] outside of an
// invocation.
func EnqueueAll(ctx context.Context, messages ...Message[any]) error {
	inv, err := invocationOf(ctx)
	if err != nil {
		return err
	}
	return enqueueAll(ctx, inv, messages)
}

func enqueueAll[E any](ctx context.Context, inv *Invocation, messages []Message[E]) error {
	if len(messages) == 0 {
		return nil
	}
	if len(messages) > 1 && !inv.app.backend.Features.AtomicPublish {
		return inv.enqueueError(messages[0].Topic, ErrNotAtomic)
	}
	out := make([]driver.Message, len(messages))
	for i := range messages {
		m := &messages[i]
		err := inv.message(&out[i], m.Topic, m.Data, enqueuing{group: m.MessageGroupID, delay: m.Delay, id: m.ID})
		if err != nil {
			return err
		}
	}
	return inv.publish(ctx, out)
}

// Topic is a typed topic name, declared as a constant:
//
//	const OrderCreated motia.Topic[Order] = "order-created"
type Topic[T any] string

// Enqueue sends data to the topic from the invocation that ctx belongs to. It is the typed form of
// [FlowContext.Enqueue] and returns the same errors, and [ErrNoInvocation] outside of an invocation.
func (t Topic[T]) Enqueue(ctx context.Context, data T, opts ...EnqueueOption) error {
	inv, err := invocationOf(ctx)
	if err != nil {
		return err
	}
	var options enqueuing
	if len(opts) > 0 {
		options = enqueueOptions(opts)
	}
	one, _ := inv.app.messages.Get().(*[1]driver.Message)
	if one == nil {
		one = new([1]driver.Message)
	}
	err = inv.message(&one[0], string(t), data, options)
	if err == nil {
		err = inv.publish(ctx, one[:])
	}
	*one = [1]driver.Message{} // the array is reused, what it refers to is not
	inv.app.messages.Put(one)
	return err
}

// Message returns a message for [EnqueueAll], which sends several messages of different types atomically:
//
//	err := motia.EnqueueAll(ctx, OrderCreated.Message(order), SendEmail.Message(email))
func (t Topic[T]) Message(data T, opts ...EnqueueOption) Message[any] {
	o := enqueueOptions(opts)
	return Message[any]{Topic: string(t), Data: data, MessageGroupID: o.group, Delay: o.delay, ID: o.id}
}

// Trigger is [Queue] for the topic; [App.Register] checks that T is the step's input type.
func (t Topic[T]) Trigger(opts ...TriggerOption) Trigger {
	return newTrigger(Trigger{kind: TriggerQueue, topic: string(t), payload: reflect.TypeFor[T]()}, opts)
}

func (t Topic[T]) topic() string { return string(t) }

// Topics returns the names of typed topics for [StepConfig.Enqueues]. Nil becomes an empty name, which Register
// refuses.
func Topics(topics ...interface{ topic() string }) []string {
	names := make([]string, len(topics))
	for i, t := range topics {
		if t != nil {
			names[i] = t.topic()
		}
	}
	return names
}

// EnqueueOption is an option of a message: [InGroup], [After] or [WithID]. It cannot be implemented elsewhere.
type EnqueueOption interface{ applyEnqueue(*enqueuing) }

type enqueuing struct {
	group string
	delay time.Duration
	id    string
}

type enqueueOption func(*enqueuing)

func (o enqueueOption) applyEnqueue(m *enqueuing) { o(m) }

func enqueueOptions(opts []EnqueueOption) enqueuing {
	var m enqueuing
	for _, o := range opts {
		if o != nil {
			o.applyEnqueue(&m)
		}
	}
	return m
}

// After delays the message by at least d.
func After(d time.Duration) EnqueueOption {
	return enqueueOption(func(m *enqueuing) { m.delay = d })
}

// WithID sets the ID of the message, see [Message].
func WithID(id string) EnqueueOption {
	return enqueueOption(func(m *enqueuing) { m.id = id })
}

// message checks and encodes one message of the invocation.
func (inv *Invocation) message(m *driver.Message, topic string, data any, o enqueuing) error {
	if err := inv.checkTopic(topic); err != nil {
		return err
	}
	if o.delay < 0 {
		return inv.enqueueError(topic, fmt.Errorf("delay is negative: %v", o.delay))
	}
	encoded, err := jsontext.Marshal(data)
	if err != nil {
		return inv.enqueueError(topic, err)
	}
	*m = driver.Message{Topic: wire.QueueTopic(topic), ID: o.id, Group: o.group, Header: inv.header(), Data: encoded}
	if o.delay > 0 {
		m.NotBefore = time.Now().Add(o.delay)
	}
	return nil
}

// checkTopic refuses topics that the step has not declared. Host code may enqueue to any topic.
func (inv *Invocation) checkTopic(topic string) error {
	if inv.step == nil {
		if topic == "" {
			return fmt.Errorf("motia: enqueue: topic is empty")
		}
		return nil
	}
	if declared := inv.step.config.Enqueues; !slices.Contains(declared, topic) {
		return &UndeclaredTopicError{Step: inv.Step, Topic: topic, Declared: slices.Clone(declared)}
	}
	return nil
}

func (inv *Invocation) publish(ctx context.Context, messages []driver.Message) error {
	if err := inv.app.backend.Queue.Publish(ctx, messages...); err != nil {
		topics := make([]string, len(messages))
		for i, m := range messages {
			topics[i], _ = wire.UserTopic(m.Topic)
		}
		slices.Sort(topics)
		return inv.enqueueError(strings.Join(slices.Compact(topics), ", "), inv.app.closed(err))
	}
	return nil
}

func (inv *Invocation) enqueueError(topics string, err error) error {
	if inv.step == nil {
		return wrap.Errorf(err, "enqueue %q", topics)
	}
	return wrap.Errorf(err, "enqueue %q from step %q", topics, inv.Step)
}
