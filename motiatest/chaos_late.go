package motiatest

import (
	"context"
	"sync"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/mailbox"
)

// chaosBus is the bus of a Chaos backend.
type chaosBus struct {
	memoryBus
	*chaos

	mu    sync.Mutex
	lines map[*line[[]byte]]string // by subscription: the subject
}

// memoryBus is the interface of the Bus of [motia.InMemory].
type memoryBus interface {
	driver.Bus
	driver.SubjectSyncer
}

func (b *chaosBus) Send(ctx context.Context, subject string, data []byte) error {
	if !b.can(failedWrite) || ctx.Err() != nil || b.closed.Load() {
		return b.memoryBus.Send(ctx, subject, data)
	}
	d, _ := b.meet(b.about("send").text(subject).bytes(timeless(data)))
	fails := b.strikes(d, failedWrite)
	if fails && d.half(failedWrite) {
		return b.fails("send to "+subject, "send refused", "subject "+subject, data)
	}
	if err := b.memoryBus.Send(ctx, subject, data); err != nil || !fails {
		return err
	}
	failed := b.fails("send to "+subject, "answer to send lost", "subject "+subject, data)
	failed.written = true
	return failed
}

func (b *chaosBus) Subscribe(ctx context.Context, subject string, f func(data []byte)) (stop func(), err error) {
	if !b.can(slowSubscriber) {
		return b.memoryBus.Subscribe(ctx, subject, f)
	}
	l := newLine(f)
	unsubscribe, err := b.memoryBus.Subscribe(ctx, subject, func(data []byte) {
		l.push(waiting[[]byte]{item: data, due: b.lateBy(b.about("event").text(subject).bytes(timeless(data)), "subject "+subject, data)})
	})
	if err != nil {
		l.stop()
		return nil, err
	}
	b.mu.Lock()
	b.lines[l] = subject
	b.mu.Unlock()
	return func() {
		unsubscribe()
		l.stop()
		b.mu.Lock()
		delete(b.lines, l)
		b.mu.Unlock()
	}, nil
}

// SyncSubject waits until all earlier events are in the lines of the subscribers, and then until the lines have
// delivered them.
func (b *chaosBus) SyncSubject(ctx context.Context, subject string) error {
	if err := b.memoryBus.SyncSubject(ctx, subject); err != nil {
		return err
	}
	var lines []*line[[]byte]
	b.mu.Lock()
	for l, about := range b.lines {
		if about == subject {
			lines = append(lines, l)
		}
	}
	b.mu.Unlock()
	for _, l := range lines {
		if err := l.flush(ctx); err != nil {
			return err
		}
	}
	return nil
}

// close ends the subscriptions that nobody has stopped.
func (b *chaosBus) close(ctx context.Context) error {
	b.mu.Lock()
	lines := b.lines
	b.lines = make(map[*line[[]byte]]string)
	b.mu.Unlock()
	var err error
	for l := range lines {
		if e := l.shutdown(ctx); e != nil {
			err = e // continue: the others must be stopped as well
		}
	}
	return err
}

// lateBy decides when a subscriber gets an event; zero means now.
func (c *chaos) lateBy(d digest, where string, data []byte) (due time.Time) {
	d, _ = c.meet(d)
	if !c.strikes(d, slowSubscriber) {
		return time.Time{}
	}
	late := d.upTo(c.faults.MaxDelay, slowSubscriber)
	c.note(fault{kind: slowSubscriber, what: "subscriber delayed", where: where, by: late, data: data})
	return time.Now().Add(late)
}

// line passes items to a function in order, some of them late, on its own goroutine, so that push does not wait. Its
// owner must stop it.
type line[T any] struct {
	box     *mailbox.Mailbox[T] // can stop a function that may stop itself
	arrived chan struct{}       // has a token when an item was pushed
	stopped chan struct{}
	once    sync.Once

	mu     sync.Mutex
	items  mailbox.Queue[*waiting[T]]
	values map[string]*waiting[T] // by key: the last item, if it is still waiting and is a value
}

// waiting is an item in a line.
type waiting[T any] struct {
	item        T
	due         time.Time // zero means now
	key         string
	value       bool          // may be omitted if the next item of its key is also a value
	overwritten bool          // that next value is waiting
	passed      chan struct{} // if not nil, this is not an item but a mark, which is closed when its turn comes
}

func newLine[T any](f func(T)) *line[T] {
	l := &line[T]{box: mailbox.New(f), arrived: make(chan struct{}, 1), stopped: make(chan struct{}), values: make(map[string]*waiting[T])}
	go l.run() // ends when the line is stopped
	return l
}

func (l *line[T]) push(item waiting[T]) {
	l.mu.Lock()
	l.items.Push(&item)
	if before := l.values[item.key]; before != nil && item.value {
		before.overwritten = true
	}
	delete(l.values, item.key)
	if item.value {
		l.values[item.key] = &item
	}
	l.mu.Unlock()
	l.bump()
}

func (l *line[T]) bump() {
	select {
	case l.arrived <- struct{}{}:
	default:
	}
}

// flush waits until the items that were pushed before have been handed over, the line is stopped, or ctx has ended.
func (l *line[T]) flush(ctx context.Context) error {
	mark := &waiting[T]{passed: make(chan struct{})}
	l.mu.Lock()
	l.items.Push(mark)
	clear(l.values) // a later value must not replace one before the mark
	l.mu.Unlock()
	l.bump()
	select {
	case <-mark.passed:
		return nil
	case <-l.stopped:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *line[T]) run() {
	for {
		select {
		case <-l.arrived:
		case <-l.stopped:
			return
		}
		for item := l.first(); item != nil; item = l.first() {
			if !l.wait(item.due) {
				return
			}
			switch wanted := l.pop(); {
			case item.passed != nil:
				close(item.passed)
			case wanted:
				l.box.Deliver(item.item)
			}
		}
	}
}

// first returns the first item without removing it.
func (l *line[T]) first() *waiting[T] {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.items.Len() == 0 {
		return nil
	}
	return l.items.Front()
}

// pop removes the first item, and reports whether it should be delivered.
func (l *line[T]) pop() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	item := l.items.Pop()
	if l.values[item.key] == item {
		delete(l.values, item.key)
	}
	return !item.overwritten
}

// wait waits until an item is due, and returns false if the line was stopped.
func (l *line[T]) wait(due time.Time) bool {
	if due.IsZero() {
		select {
		case <-l.stopped:
			return false
		default:
			return true
		}
	}
	return pause(context.Background(), l.stopped, time.Until(due))
}

// stop ends the line. When it returns the function is no longer running, unless the function itself calls stop.
func (l *line[T]) stop() { _ = l.shutdown(context.Background()) }

func (l *line[T]) shutdown(ctx context.Context) error {
	l.once.Do(func() { close(l.stopped) })
	return l.box.Shutdown(ctx)
}
