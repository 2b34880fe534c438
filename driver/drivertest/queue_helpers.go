package drivertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/motia-go/motia/driver"
)

// The names that most cases use.
const (
	topic = "orders"
	sub   = "ship"
)

// message returns a message for the usual topic.
func message(group, text string) driver.Message {
	return driver.Message{Topic: topic, Group: group, Data: []byte(text)}
}

// texts returns messages for the usual topic, without a group.
func texts(list ...string) []driver.Message {
	var messages []driver.Message
	for _, text := range list {
		messages = append(messages, message("", text))
	}
	return messages
}

// numbered returns n messages of a group: group/0, group/1 and so on.
func numbered(group string, n int) []driver.Message {
	var messages []driver.Message
	for i := range n {
		messages = append(messages, message(group, fmt.Sprintf("%s/%d", group, i)))
	}
	return messages
}

func (x *trial) bind(topic, subscription string, config driver.SubscriptionConfig) {
	x.must(x.backend.Queue.Bind(x.ctx, topic, subscription, config), "Bind(%.40q, %.40q)", topic, subscription)
}

func (x *trial) publish(messages ...driver.Message) {
	x.must(x.backend.Queue.Publish(x.ctx, messages...), "Publish")
}

// publishFull publishes messages that must be refused with ErrFull.
func (x *trial) publishFull(what string, messages ...driver.Message) {
	err := x.backend.Queue.Publish(x.ctx, messages...)
	if !errors.Is(err, driver.ErrFull) {
		x.errorf("publishing %s: Publish returned %v, want ErrFull", what, err)
	}
}

// consumer is one call of Consume.
type consumer struct {
	x     *trial
	task  *task
	drain func() // closes Drain
	err   error  // once the task is done
	ends  bool   // whether Consume must return an error
}

// consume consumes a subscription with the first instance until the case is over.
func (x *trial) consume(subscription string, slots int, handle driver.Handler) *consumer {
	return x.consumeOn(x.backend, subscription, slots, handle)
}

func (x *trial) consumeOn(b *driver.Backend, subscription string, slots int, handle driver.Handler) *consumer {
	drain := make(chan struct{})
	c := &consumer{x: x, drain: sync.OnceFunc(func() { close(drain) })}
	c.task = x.background("Consume", func(ctx context.Context) {
		c.err = b.Queue.Consume(ctx, subscription, driver.ConsumeOptions{Slots: slots, Drain: drain}, handle)
	})
	x.cleanup(func() { // runs before the cleanup of the task, which ends the context
		c.drain()
		if !x.await(c.task.done) {
			x.errorf("Consume has not returned %v after its drain", x.h.Patience)
		} else if c.err != nil && !c.ends {
			x.errorf("Consume returned %v after its drain", c.err)
		}
	})
	return c
}

// stop drains the consumer and waits for it.
func (c *consumer) stop() {
	c.drain()
	if !c.x.await(c.task.done) {
		c.x.fatalf("Consume has not returned %v after its drain", c.x.h.Patience)
	}
}

// sighting is one delivery as a handler saw it.
type sighting struct {
	text     string
	attempt  int
	sequence uint64
	at       time.Time
}

// journal records what handlers saw, in order.
type journal struct {
	mu   sync.Mutex
	list []sighting
}

// note notes a delivery.
func (j *journal) note(d *driver.Delivery) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.list = append(j.list, sighting{string(d.Data), d.Attempt, d.Sequence, time.Now()})
}

// done is a handler that notes its deliveries and returns OutcomeDone.
func (j *journal) done(_ context.Context, d *driver.Delivery) driver.Result {
	j.note(d)
	return driver.Result{}
}

func (j *journal) all() []sighting {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.list)
}

func (j *journal) len() int { return len(j.all()) }

// String lists the texts with the numbers of the attempts, such as "a1 b1 a2".
func (j *journal) String() string {
	var words []string
	for _, s := range j.all() {
		words = append(words, fmt.Sprint(s.text, s.attempt))
	}
	return strings.Join(words, " ")
}

// saw returns a condition: the text was delivered at least n times.
func (j *journal) saw(text string, n int) func() bool {
	return func() bool { return len(j.of(text)) >= n }
}

// of returns the sightings of one text.
func (j *journal) of(text string) []sighting {
	return slices.DeleteFunc(j.all(), func(s sighting) bool { return s.text != text })
}

// expect waits for as many deliveries as want has words, such as "a1 b1 a2", and compares them. It also checks that
// no others follow.
func (x *trial) expect(j *journal, want string) {
	n := len(strings.Fields(want))
	x.eventually(func() bool { return j.len() >= n }, "fewer than %d deliveries: got %q, want %q", n, j, want)
	x.settle()
	if got := j.String(); got != want {
		x.fatalf("got %q, want %q", got, want)
	}
}

// expectSorted is expect for deliveries in any order.
func (x *trial) expectSorted(j *journal, want string) {
	n := len(strings.Fields(want))
	x.eventually(func() bool { return j.len() >= n }, "fewer than %d deliveries: got %q, want %q in any order", n, j, want)
	x.settle()
	got, wanted := strings.Fields(j.String()), strings.Fields(want)
	slices.Sort(got)
	slices.Sort(wanted)
	if !slices.Equal(got, wanted) {
		x.fatalf("got %q, want %q in any order", got, wanted)
	}
}

// expectNone checks that nothing was delivered or is about to be.
func (x *trial) expectNone(j *journal, what string) {
	x.settle()
	if got := j.String(); got != "" {
		x.fatalf("%s: %q was delivered", what, got)
	}
}

// collect consumes what a subscription holds, at least n messages, and returns the texts, sorted.
func (x *trial) collect(subscription string, n int) []string {
	var j journal
	c := x.consume(subscription, 4, j.done)
	x.eventually(func() bool { return j.len() >= n }, "subscription %.40q delivered fewer than %d messages", subscription, n)
	x.settle()
	c.stop()
	var list []string
	for _, s := range j.all() {
		list = append(list, s.text)
	}
	slices.Sort(list)
	return list
}

// expectHeld consumes what a subscription holds and compares it with what it should hold.
func (x *trial) expectHeld(subscription string, want ...string) {
	slices.Sort(want)
	if got := x.collect(subscription, len(want)); !slices.Equal(got, want) {
		x.fatalf("subscription %.40q held %.200q, want %.200q", subscription, got, want)
	}
}

// retry is a policy with a constant pause, of the given number of units.
func (x *trial) retry(maxRetries int, units float64) driver.RetryPolicy {
	return driver.RetryPolicy{MaxRetries: maxRetries, Base: x.units(units)}
}
