package drivertest_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/membus"
)

// bus is the in-memory bus with methods that can be replaced.
type bus struct {
	*membus.Bus
	send      func(ctx context.Context, subject string, data []byte) error
	subscribe func(ctx context.Context, subject string, f func([]byte)) (stop func(), err error)
	sync      func(ctx context.Context, subject string) error
	close     func(context.Context) error
}

func newBus() *bus {
	b := membus.New()
	return &bus{b, b.Send, b.Subscribe, b.SyncSubject, b.Close}
}

func (b *bus) Send(ctx context.Context, subject string, data []byte) error {
	return b.send(ctx, subject, data)
}

func (b *bus) Subscribe(ctx context.Context, subject string, f func([]byte)) (stop func(), err error) {
	return b.subscribe(ctx, subject, f)
}

func (b *bus) SyncSubject(ctx context.Context, subject string) error { return b.sync(ctx, subject) }

func (b *bus) backend() *driver.Backend { return &driver.Backend{Bus: b, Close: b.close} }

// subjects changes subjects.
func (b *bus) subjects(f func(string) string) {
	b.send = func(ctx context.Context, subject string, data []byte) error { return b.Bus.Send(ctx, f(subject), data) }
	b.subscribe = func(ctx context.Context, subject string, told func([]byte)) (func(), error) {
		return b.Bus.Subscribe(ctx, f(subject), told)
	}
}

// subscribers changes the functions of subscribers.
func (b *bus) subscribers(change func(f func([]byte)) func([]byte)) {
	b.subscribe = func(ctx context.Context, subject string, f func([]byte)) (func(), error) {
		return b.Bus.Subscribe(ctx, subject, change(f))
	}
}

// stops changes what stops a subscription.
func (b *bus) stops(change func(stop func()) func()) {
	b.subscribe = func(ctx context.Context, subject string, f func([]byte)) (func(), error) {
		stop, err := b.Bus.Subscribe(ctx, subject, f)
		if err != nil {
			return nil, err
		}
		return change(stop), nil
	}
}

func brokenBuses() []broken {
	var list []broken
	add := func(fault, cases string, breaks func(b *bus)) {
		list = append(list, broken{fault, func(testing.TB, string) *driver.Backend {
			b := newBus()
			breaks(b)
			return b.backend()
		}, cases})
	}
	list = append(list, forgetful("bus", "fan-out"))
	breakSend(add)
	breakStop(add)
	breakBusSync(add)
	return list
}

func breakSend(add func(fault, cases string, breaks func(b *bus))) {
	add("loses events", "fan-out late data", func(b *bus) {
		b.send = func(ctx context.Context, subject string, data []byte) error {
			if len(data) < 2 {
				return nil
			}
			return b.Bus.Send(ctx, subject, data)
		}
	})
	add("doubles events", "fan-out order late", func(b *bus) {
		b.subscribers(func(f func([]byte)) func([]byte) {
			return func(data []byte) { f(data); f(data) }
		})
	})
	add("sends the last event to new subscribers", "late nobody", func(b *bus) {
		last := make(map[string][]byte)
		b.send = func(ctx context.Context, subject string, data []byte) error {
			last[subject] = data
			return b.Bus.Send(ctx, subject, data)
		}
		b.subscribe = func(ctx context.Context, subject string, f func([]byte)) (func(), error) {
			if data, ok := last[subject]; ok {
				f(data)
			}
			return b.Bus.Subscribe(ctx, subject, f)
		}
	})
	add("calls subscribers for several events at once", "order", func(b *bus) {
		b.subscribers(func(f func([]byte)) func([]byte) {
			return func(data []byte) { go f(data) }
		})
	})
	add("swaps events", "order come-and-go", func(b *bus) {
		b.subscribers(func(f func([]byte)) func([]byte) {
			var held []byte
			return func(data []byte) {
				if held == nil {
					held = data
					return
				}
				f(data)
				f(held)
				held = nil
			}
		})
	})
	add("does not tell subjects apart by case", "subjects", func(b *bus) { b.subjects(lowered) })
	add("takes a subject for a pattern", "subjects", func(b *bus) {
		b.send = func(ctx context.Context, subject string, data []byte) error {
			return errors.Join(b.Bus.Send(ctx, subject, data), b.Bus.Send(ctx, "*", data))
		}
	})
	add("shortens subjects", "long-subjects", func(b *bus) { b.subjects(shortened) })
	add("calls all subscribers under one lock", "slow", func(b *bus) {
		lock := make(channelLock, 1)
		b.subscribers(func(f func([]byte)) func([]byte) {
			return func(data []byte) { lock.with(func() { f(data) }) }
		})
	})
	add("complains when nobody listens", "nobody", func(b *bus) {
		var subscribers atomic.Int32
		b.send = func(ctx context.Context, subject string, data []byte) error {
			if subscribers.Load() == 0 {
				return errors.New("nobody listens")
			}
			return b.Bus.Send(ctx, subject, data)
		}
		b.subscribe = func(ctx context.Context, subject string, f func([]byte)) (func(), error) {
			subscribers.Add(1)
			return b.Bus.Subscribe(ctx, subject, f)
		}
	})
}

func breakStop(add func(fault, cases string, breaks func(b *bus))) {
	add("does not stop", "stop stop-again stop-inside", func(b *bus) {
		b.stops(func(func()) func() { return func() {} })
	})
	add("takes its time to stop again", "stop-again", func(b *bus) {
		b.stops(func(stop func()) func() {
			var once sync.Once
			return func() {
				again := true
				once.Do(func() { stop(); again = false })
				if again {
					time.Sleep(ages)
				}
			}
		})
	})
	add("stops without waiting", "stop-waits", func(b *bus) {
		b.stops(func(stop func()) func() { return func() { go stop() } })
	})
	add("waits for itself", "stop-inside", func(b *bus) {
		b.subscribe = func(ctx context.Context, subject string, f func([]byte)) (func(), error) {
			var running atomic.Bool
			stop, err := b.Bus.Subscribe(ctx, subject, func(data []byte) {
				running.Store(true)
				defer running.Store(false)
				f(data)
			})
			return func() {
				if running.Load() {
					time.Sleep(ages)
				}
				stop()
			}, err
		}
	})
	add("stops all when one stops", "stop come-and-go stop-again", func(b *bus) {
		var mu sync.Mutex
		var all []func()
		b.stops(func(stop func()) func() {
			mu.Lock()
			defer mu.Unlock()
			all = append(all, stop)
			return func() {
				mu.Lock()
				list := all
				mu.Unlock()
				for _, stop := range list {
					stop()
				}
			}
		})
	})
	add("ends a subscription with the context of its call", "context", func(b *bus) {
		b.subscribe = func(ctx context.Context, subject string, f func([]byte)) (func(), error) {
			stop, err := b.Bus.Subscribe(ctx, subject, f)
			if err == nil {
				context.AfterFunc(ctx, stop)
			}
			return stop, err
		}
	})
	add("still works after Close", "closed", func(b *bus) { b.close = noClose })
	add("does not return from Close", "close-busy", func(b *bus) { b.close = patient(b.close) })
}
