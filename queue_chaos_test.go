package motia_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/testkit"
	"github.com/motia-go/motia/motiatest"
)

// The messages of the test below: number n is the (n / millionGroups)-th of group n % millionGroups.
const (
	millionMessages = 1_000_000
	millionGroups   = 1_000
	millionRetries  = 3
)

const millionTopic motia.Topic[int] = "million"

// A million messages, many of which fail, panic, stall, are permanently wrong or take their time, on a backend that stores some twice, crashes their
// workers, lets others go first and loses answers: nothing is lost, nothing is out of order within a group, and what became a dead letter is
// what had to.
func TestAMillionMessagesSurviveChaosInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMillion()
		faults := motiatest.Faults{
			Duplicates: 0.01, Crashes: 0.01, Reordering: 0.01, SlowAcks: 0.01, FailedWrites: 0.005, ClockJumps: 0.01,
			MaxDelay: 50 * time.Millisecond, MaxJump: time.Minute,
		}
		backend := motiatest.Chaos(t, 1, &faults)
		app := motia.New(&motia.Options{Backend: backend, Logger: slog.New(slog.DiscardHandler)})
		require.NoError(t, app.Register(motia.QueueStep(motia.StepConfig{
			Name:     "million",
			Triggers: []motia.Trigger{millionTopic.Trigger(motia.QueueConfig{Concurrency: 64, MaxAttempts: millionRetries + 1, VisibilityTimeout: time.Minute})},
		}, m.handle)))
		stop := testkit.Start(t, app)

		const producers = 4
		var producing sync.WaitGroup
		for p := range producers {
			producing.Go(func() { m.produce(app.Context(context.Background()), p, producers) })
		}
		producing.Wait()
		began := time.Now()
		for pending := 1; pending > 0; {
			require.Less(t, time.Since(began), 24*time.Hour, "%d messages do not end: %v", pending, m.violations)
			time.Sleep(time.Minute)
			s, err := backend.Queue.(driver.StatsReader).Stats(t.Context(), "million/queue/million")
			require.NoError(t, err)
			pending = s.Ready + s.Delayed + s.Running
		}
		m.collectDead(t, app)
		require.NoError(t, stop())
		m.check(t)
	})
}

// million keeps the books: a few bytes for each message, and no locks.
type million struct {
	groups  [millionGroups]millionGroup
	effects []atomic.Uint32 // how often each message was handled with success; or said to be permanently wrong
	dead    []uint32        // how many dead letters each message left

	starts, fails, panics, stalls, permanents atomic.Int64

	mu         sync.Mutex
	violations []string
}

// millionGroup is what has happened in a group. Nothing in it needs a lock while the library keeps its word, but is atomic for when it does not.
type millionGroup struct {
	running  atomic.Bool
	current  atomic.Int64 // number within the group of the message that started last
	finished atomic.Bool  // its last attempt was good, or the last that it gets
	effect   atomic.Int64 // number of the last one with a first effect
}

func newMillion() *million {
	m := &million{effects: make([]atomic.Uint32, millionMessages), dead: make([]uint32, millionMessages)}
	for g := range m.groups {
		m.groups[g].current.Store(-1)
		m.groups[g].finished.Store(true)
		m.groups[g].effect.Store(-1)
	}
	return m
}

// millionPlan is what becomes of a message, by a hash of its number.
type millionPlan struct {
	failures  int // so many attempts fail first; more than there are for those that must die
	panics    bool
	permanent bool
	stalls    bool // the first failure is an attempt that exceeds its visibility timeout
	slow      time.Duration
}

func planOfMillion(n int) millionPlan {
	h := uint64(n)*0x9e3779b97f4a7c15 + 0x7f4a7c15
	h = (h ^ h>>31) * 0xbf58476d1ce4e5b9
	h ^= h >> 29
	p := millionPlan{panics: h>>32&3 == 0}
	switch lot := h % 1000; {
	case lot < 2:
		p.permanent = true
	case lot < 4:
		p.failures = millionRetries + 1
	case lot < 30:
		p.failures = 1 + int(lot%millionRetries)
		p.stalls = lot == 4
	case lot < 40:
		p.slow = time.Duration(lot-29) * time.Millisecond
	}
	return p
}

// dies says whether the message has to become a dead letter.
func (p millionPlan) dies() bool { return p.permanent || p.failures > millionRetries }

// produce enqueues the messages of every so many-th group in their order. It sends again what may not have arrived.
func (m *million) produce(ctx context.Context, first, step int) {
	for number := range millionMessages / millionGroups {
		for g := first; g < millionGroups; g += step {
			group := motia.InGroup(strconv.Itoa(g))
			for {
				err := millionTopic.Enqueue(ctx, number*millionGroups+g, group)
				if err == nil {
					break
				}
				if !errors.Is(err, motiatest.ErrChaos) {
					m.violation("enqueue: %v", err)
					return
				}
			}
		}
	}
}

func (m *million) handle(n int, ctx *motia.FlowContext[motia.None, int]) error {
	m.starts.Add(1)
	g, number := &m.groups[n%millionGroups], int64(n/millionGroups)
	if !g.running.CompareAndSwap(false, true) {
		m.violation("message %d of group %d starts while message %d runs", number, n%millionGroups, g.current.Load())
		return nil
	}
	defer g.running.Store(false)
	switch current := g.current.Load(); {
	case number == current: // another attempt, or a duplicate
	case number != current+1:
		m.violation("message %d of group %d starts after message %d", number, n%millionGroups, current)
	case !g.finished.Load():
		m.violation("message %d of group %d starts while message %d waits for another attempt", number, n%millionGroups, current)
	}
	g.current.Store(number)
	attempt, plan := ctx.Trigger.Attempt, planOfMillion(n)
	g.finished.Store(plan.permanent || attempt > min(plan.failures, millionRetries))
	switch {
	case plan.permanent:
		m.permanents.Add(1)
		m.effects[n].Add(1)
		return motia.Permanent(errors.New("as planned"))
	case plan.stalls && attempt == 1:
		m.stalls.Add(1)
		<-ctx.Done()
		return ctx.Err()
	case attempt <= plan.failures && plan.panics:
		m.panics.Add(1)
		panic("as planned")
	case attempt <= plan.failures:
		m.fails.Add(1)
		return errors.New("as planned")
	}
	time.Sleep(plan.slow)
	if m.effects[n].Add(1) == 1 {
		if last := g.effect.Swap(number); last >= number {
			m.violation("message %d of group %d takes effect after message %d", number, n%millionGroups, last)
		}
	}
	return nil
}

// collectDead counts the dead letters of each message.
func (m *million) collectDead(t *testing.T, app *motia.App) {
	total := 0
	for query := (motia.DeadLetterQuery{Limit: 1000}); ; {
		page, err := app.DeadLetters().List(t.Context(), query)
		require.NoError(t, err)
		for _, letter := range page {
			var n int
			require.NoError(t, json.Unmarshal(letter.Payload, &n))
			m.dead[n]++
		}
		total += len(page)
		if len(page) < query.Limit {
			break
		}
		query.After = page[len(page)-1].ID
	}
	count, err := app.DeadLetters().Count(t.Context(), motia.DeadLetterQuery{})
	require.NoError(t, err)
	require.Equal(t, count, total)
}

// check compares what has happened with the plan.
func (m *million) check(t *testing.T) {
	again := 0
	for n := range millionMessages {
		plan, effects, died := planOfMillion(n), m.effects[n].Load(), m.dead[n]
		switch {
		case (died > 0) != plan.dies():
			m.violation("message %d: %d dead letters, and it had to die: %v", n, died, plan.dies())
		case plan.permanent && effects != died:
			m.violation("message %d was permanently wrong %d times, and has %d dead letters", n, effects, died)
		case !plan.permanent && (effects > 0) == plan.dies():
			m.violation("message %d was handled %d times with success, and had to die: %v", n, effects, plan.dies())
		}
		if effects > 1 {
			again++
		}
	}
	require.Empty(t, m.violations)
	// It was no easy day.
	require.Greater(t, m.starts.Load(), int64(millionMessages+millionMessages/20))
	require.Greater(t, again, millionMessages/200, "messages that came again after they had been handled")
	for what, n := range map[string]int64{"failures": m.fails.Load(), "panics": m.panics.Load(), "permanent errors": m.permanents.Load(), "stalls": m.stalls.Load()} {
		require.Greater(t, n, int64(millionMessages/2000), what)
	}
}

// violation keeps the first few.
func (m *million) violation(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.violations) < 10 {
		m.violations = append(m.violations, fmt.Sprintf(format, args...))
	}
}
