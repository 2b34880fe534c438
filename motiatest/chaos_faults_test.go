package motiatest_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/testkit"
	"github.com/motia-go/motia/motiatest"
)

// Each fault of a Chaos backend alone, at the level of drivers.

// chaosConsume consumes the topic "t" in the bubble of the test until its end, with a policy of 3 retries after a
// second each.
func chaosConsume(t *testing.T, b *driver.Backend, slots int, handle driver.Handler) {
	t.Helper()
	config := driver.SubscriptionConfig{Retry: driver.RetryPolicy{MaxRetries: 3, Base: time.Second}, Visibility: time.Minute}
	require.NoError(t, b.Queue.Bind(t.Context(), "t", "s", config))
	drain, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- b.Queue.Consume(context.Background(), "s", driver.ConsumeOptions{Slots: slots, Drain: drain}, handle)
	}()
	t.Cleanup(func() {
		close(drain)
		require.NoError(t, <-ended)
	})
}

// chaosPass lets time pass, and waits for what happens meanwhile.
func chaosPass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// chaosLog is what handlers saw.
type chaosLog struct {
	testkit.List[string]
}

func (l *chaosLog) add(format string, args ...any) { l.Add(fmt.Sprintf(format, args...)) }

func (l *chaosLog) String() string { return strings.Join(l.All(), " ") }

func chaosMessage(group, text string) driver.Message {
	return driver.Message{Topic: "t", Group: group, Data: []byte(text)}
}

func TestADuplicateComesRightBehindItsMessageAndAnIDPreventsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := motiatest.Chaos(t, 1, &motiatest.Faults{Duplicates: 1})
		var log chaosLog
		chaosConsume(t, b, 4, func(_ context.Context, d *driver.Delivery) driver.Result {
			log.add("%s%d", d.Data, d.Attempt)
			return driver.Result{}
		})
		identified := chaosMessage("g", "c")
		identified.ID = "id"
		require.NoError(t, b.Queue.Publish(t.Context(), chaosMessage("g", "a"), chaosMessage("g", "b"), identified))
		synctest.Wait()
		require.Equal(t, "a1 a1 b1 b1 c1", log.String())
	})
}

func TestADuplicateNeverMakesAQueueFull(t *testing.T) {
	b := motiatest.Chaos(t, 1, &motiatest.Faults{Duplicates: 1})
	require.NoError(t, b.Queue.Bind(t.Context(), "t", "s", driver.SubscriptionConfig{MaxPending: 2}))
	require.NoError(t, b.Queue.Publish(t.Context(), chaosMessage("", "a"), chaosMessage("", "b")))
	require.ErrorIs(t, b.Queue.Publish(t.Context(), chaosMessage("", "c")), driver.ErrFull)
}

func TestAChangeThatIsHandedOverTwiceFiresItsTriggerOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := motiatest.Chaos(t, 1, &motiatest.Faults{Duplicates: 1})
		log := b.KV.(driver.ChangeLog)
		require.NoError(t, log.Track(t.Context(), "state"))
		_, _, err := b.KV.Put(t.Context(), driver.Key{Bucket: "state"}, []byte("1"), driver.PutOptions{})
		require.NoError(t, err)
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		var revisions []uint64
		require.NoError(t, log.Changes(ctx, "state", func(_ context.Context, c driver.Change) error {
			revisions = append(revisions, c.New.Revision)
			return nil
		}))
		require.Equal(t, []uint64{1, 1}, revisions)

		app := motiatest.Run(t, &motia.Options{Backend: motiatest.Chaos(t, 1, &motiatest.Faults{Duplicates: 1}), Streams: withLive().Streams}, publishStatus)
		motiatest.SetState(app, Statuses, "o-1", Status{"confirmed"})
		app.Idle()
		require.Len(t, app.Events().Step("publish-status").Kind(motiatest.KindEnd), 1)
	})
}

func TestACrashCostsAnAttemptButNeverTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := motiatest.Chaos(t, 1, &motiatest.Faults{Crashes: 1})
		var mu sync.Mutex
		last, calls := make(map[string]int), 0
		chaosConsume(t, b, 4, func(_ context.Context, d *driver.Delivery) driver.Result {
			mu.Lock()
			defer mu.Unlock()
			last[string(d.Data)] = d.Attempt
			calls++
			if string(d.Data) == "0" && d.Attempt == 4 {
				return driver.Result{Outcome: driver.OutcomeRetry, Error: "fails by itself"}
			}
			return driver.Result{}
		})
		const n = 50
		want := make(map[string]int)
		for i := range n {
			want[strconv.Itoa(i)] = 4
			require.NoError(t, b.Queue.Publish(t.Context(), chaosMessage("", strconv.Itoa(i))))
		}
		chaosPass(time.Minute)
		require.Equal(t, want, last)
		require.Greater(t, calls, n+n/2, "some crash after their handler")
		require.Less(t, calls, 4*n-n/2, "some before it")

		letters, err := b.Queue.(driver.DeadLetters).Dead(t.Context(), "s", "", 100)
		require.NoError(t, err)
		require.Len(t, letters, 1, "crashes alone make none")
		for _, attempt := range letters[0].Attempts[:3] {
			require.Regexp(t, "^motiatest: chaos: the worker crashed (before the handler began|after the handler had returned)$", attempt.Error)
		}
		require.Equal(t, "fails by itself", letters[0].Attempts[3].Error)
	})
}

func TestACrashLeavesTheLastWordToDeadAndRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := motiatest.Chaos(t, 1, &motiatest.Faults{Crashes: 1})
		var log chaosLog
		seen := make(map[string]int)
		chaosConsume(t, b, 1, func(_ context.Context, d *driver.Delivery) driver.Result {
			log.add("%s%d", d.Data, d.Attempt)
			if seen[string(d.Data)]++; seen[string(d.Data)] == 1 {
				return driver.Result{Outcome: driver.OutcomeRelease}
			}
			return driver.Result{Outcome: driver.OutcomeDead, Error: "enough"}
		})
		for i := range 20 {
			require.NoError(t, b.Queue.Publish(t.Context(), chaosMessage("g", strconv.Itoa(i))))
			chaosPass(time.Minute)
		}
		for i := range 20 {
			require.Equal(t, 2, seen[strconv.Itoa(i)], "handled once more than released: %s", &log)
		}
		letters, err := b.Queue.(driver.DeadLetters).Dead(t.Context(), "s", "", 100)
		require.NoError(t, err)
		require.Len(t, letters, 20)
	})
}

func TestReorderingLetsOtherGroupsOvertakeAndKeepsEachInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := motiatest.Chaos(t, 1, &motiatest.Faults{Reordering: 0.5, MaxDelay: time.Second})
		var log chaosLog
		chaosConsume(t, b, 16, func(_ context.Context, d *driver.Delivery) driver.Result {
			log.add("%s/%s", d.Group, d.Data)
			if d.Attempt != 1 {
				t.Errorf("%s has attempt %d: a wait or a release is not a failed attempt", d.Data, d.Attempt)
			}
			return driver.Result{}
		})
		var want []string
		next := make(map[string]int)
		for i := range 100 {
			group := strconv.Itoa(i % 10)
			require.NoError(t, b.Queue.Publish(t.Context(), chaosMessage(group, strconv.Itoa(i/10))))
			want = append(want, fmt.Sprintf("%s/%d", group, i/10))
		}
		chaosPass(time.Hour)
		require.ElementsMatch(t, want, log.All())
		require.NotEqual(t, want, log.All())
		for _, line := range log.All() {
			group, number, _ := strings.Cut(line, "/")
			require.Equal(t, strconv.Itoa(next[group]), number, "group %s: %s", group, &log)
			next[group]++
		}
	})
}

func TestAMessageThatWaitsWhenTheIntakeEndsIsGivenBackUnharmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := motiatest.Chaos(t, 3, &motiatest.Faults{Reordering: 1, MaxDelay: time.Hour})
		require.NoError(t, b.Queue.Bind(t.Context(), "t", "s", driver.SubscriptionConfig{}))
		require.NoError(t, b.Queue.Publish(t.Context(), chaosMessage("", "a")))
		drain := make(chan struct{})
		time.AfterFunc(time.Second, func() { close(drain) })
		start := time.Now()
		require.NoError(t, b.Queue.Consume(t.Context(), "s", driver.ConsumeOptions{Slots: 1, Drain: drain}, func(context.Context, *driver.Delivery) driver.Result {
			t.Error("the handler began after the end of the intake")
			return driver.Result{}
		}))
		require.Equal(t, time.Second, time.Since(start))
		stats, err := b.Queue.(driver.StatsReader).Stats(t.Context(), "s")
		require.NoError(t, err)
		require.Equal(t, driver.SubscriptionStats{Ready: 1}, stats)
	})
}

func TestAnAcknowledgementIsLateButWithinTheVisibilityTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := motiatest.Chaos(t, 1, &motiatest.Faults{SlowAcks: 1, MaxDelay: time.Hour}) // the timeout is a minute
		var log chaosLog
		chaosConsume(t, b, 1, func(_ context.Context, d *driver.Delivery) driver.Result {
			log.add("%s%d", d.Data, d.Attempt)
			return driver.Result{}
		})
		require.NoError(t, b.Queue.Publish(t.Context(), chaosMessage("g", "a"), chaosMessage("g", "b")))
		synctest.Wait()
		require.Equal(t, "a1", log.String(), "b waits for the acknowledgement of a")
		chaosPass(59 * time.Second)
		require.Equal(t, "a1 b1", log.String())
	})
}

func TestSubscribersLearnLateAndInOrderAndNotLessThanTheLastValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := motiatest.Chaos(t, 1, &motiatest.Faults{SlowSubscribers: 0.5, MaxDelay: time.Second})
		var watched, sent chaosLog
		ctx, end := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		key := driver.Key{Bucket: "state", Scope: "s", ID: "k"}
		write := func(i int) {
			_, _, err := b.KV.Put(t.Context(), key, []byte(strconv.Itoa(i)), driver.PutOptions{})
			require.NoError(t, err)
			require.NoError(t, b.Bus.Send(t.Context(), "subject", []byte(strconv.Itoa(i))))
		}
		write(-1)
		go func() {
			ended <- b.KV.Watch(ctx, "state", "s", func(e driver.Entry) { watched.add("%d:%s", e.Revision, e.Value) })
		}()
		stop, err := b.Bus.Subscribe(t.Context(), "subject", func(data []byte) { sent.add("%s", data) })
		require.NoError(t, err)
		synctest.Wait()
		require.Equal(t, "1:-1 0:", watched.String(), "the snapshot is as it should be")

		start := time.Now()
		for i := range 100 {
			write(i)
		}
		require.Equal(t, start, time.Now(), "writers do not wait")
		synctest.Wait()
		require.Less(t, len(sent.All()), 100, "not all of it is known at once")
		chaosPass(time.Second)
		require.Len(t, sent.All(), 100, "nothing is later than a second")
		for i, line := range sent.All() {
			require.Equal(t, strconv.Itoa(i), line)
		}
		require.Less(t, len(watched.All()), 100, "overwritten values were omitted")
		require.Equal(t, "101:99", watched.All()[len(watched.All())-1])
		last := 0
		for _, line := range watched.All()[2:] {
			revision, _, _ := strings.Cut(line, ":")
			n, err := strconv.Atoi(revision)
			require.NoError(t, err)
			require.Greater(t, n, last)
			last = n
		}
		write(100)
		stop()
		end()
		require.NoError(t, <-ended)
		before := watched.String() + sent.String()
		chaosPass(time.Minute)
		require.Equal(t, before, watched.String()+sent.String(), "nothing comes after the end")
	})
}

func TestASubscriptionThatNobodyStopsEndsWithTheBackend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the bubble reports goroutines that are left
		b := motiatest.Chaos(t, 1, &motiatest.Faults{SlowSubscribers: 1, MaxDelay: time.Hour})
		_, err := b.Bus.Subscribe(t.Context(), "subject", func([]byte) { t.Error("heard after the end") })
		require.NoError(t, err)
		require.NoError(t, b.Bus.Send(t.Context(), "subject", []byte("1")))
		require.NoError(t, b.Close(t.Context()))
		chaosPass(2 * time.Hour)
	})
}

func TestAWriteThatFailsMayHaveBeenMade(t *testing.T) {
	b := motiatest.Chaos(t, 1, &motiatest.Faults{FailedWrites: 1})
	require.NoError(t, b.Queue.Bind(t.Context(), "t", "s", driver.SubscriptionConfig{}))
	heard := 0
	stop, err := b.Bus.Subscribe(t.Context(), "subject", func([]byte) { heard++ })
	require.NoError(t, err)
	defer stop()
	const n = 200
	made := map[string]int{}
	for i := range n {
		data := []byte(strconv.Itoa(i))
		require.ErrorIs(t, b.Queue.Publish(t.Context(), driver.Message{Topic: "t", Data: data}), motiatest.ErrChaos)
		require.ErrorIs(t, b.Bus.Send(t.Context(), "subject", data), motiatest.ErrChaos)
		put, updated := driver.Key{Bucket: "b", Scope: "put", ID: string(data)}, driver.Key{Bucket: "b", Scope: "updated", ID: string(data)}
		_, _, err := b.KV.Put(t.Context(), put, data, driver.PutOptions{})
		require.ErrorIs(t, err, motiatest.ErrChaos)
		_, _, err = b.KV.(driver.Updater).Update(t.Context(), updated, driver.Header{}, func([]byte) ([]byte, error) { return data, nil })
		require.ErrorIs(t, err, motiatest.ErrChaos)
		for what, key := range map[string]driver.Key{"put": put, "update": updated} {
			if _, err := b.KV.Get(t.Context(), key); !errors.Is(err, driver.ErrNotFound) {
				require.NoError(t, err)
				made[what]++
			}
		}
	}
	stats, err := b.Queue.(driver.StatsReader).Stats(t.Context(), "s")
	require.NoError(t, err)
	made["publish"], made["send"] = stats.Ready, heard
	for what, n := range made {
		require.InDelta(t, 100, n, 30, what)
	}
	require.Len(t, made, 4)
	refused := errors.New("refused")
	_, _, err = b.KV.(driver.Updater).Update(t.Context(), driver.Key{}, driver.Header{}, func([]byte) ([]byte, error) { return nil, refused })
	require.Equal(t, refused, err, "as it is")
}

func TestAClockThatIsOffDelaysAndNeverHastens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const jump = time.Hour
		b := motiatest.Chaos(t, 1, &motiatest.Faults{ClockJumps: 1, MaxJump: jump})
		var last driver.Entry
		off := make(map[time.Duration]bool)
		for i := range 300 {
			key := driver.Key{Bucket: "b", Scope: "s", ID: strconv.Itoa(i % 7)}
			expires := time.Now().Add(24 * time.Hour).Round(0)
			_, e, err := b.KV.Put(t.Context(), key, []byte(strconv.Itoa(i)), driver.PutOptions{Expires: expires})
			require.NoError(t, err)
			require.True(t, e.Time.After(last.Time), "time grows strictly: %v after %v", e.Time, last.Time)
			require.True(t, e.Expires.Equal(expires), "the expiry is the one that the caller has set")
			read, err := b.KV.Get(t.Context(), key)
			require.NoError(t, err)
			require.Equal(t, e, read, "a time is the same for all who see it")
			off[time.Since(e.Time).Round(time.Minute)] = true
			require.LessOrEqual(t, time.Since(e.Time).Abs(), jump+time.Second)
			last = e
		}
		require.Greater(t, len(off), 3, "it jumps now and then: %v", off)
		chaosPass(24*time.Hour - time.Nanosecond)
		list, err := b.KV.List(t.Context(), "b", "s", nil, 10)
		require.NoError(t, err)
		require.Len(t, list, 7, "nothing expires early")
		chaosPass(jump + time.Nanosecond)
		list, err = b.KV.List(t.Context(), "b", "s", nil, 10)
		require.NoError(t, err)
		require.Empty(t, list)

		start := time.Now()
		var late, times []time.Duration
		chaosConsume(t, b, 4, func(_ context.Context, d *driver.Delivery) driver.Result {
			late = append(late, time.Since(d.NotBefore))
			times = append(times, d.Enqueued.Sub(start))
			if len(late) == 1 {
				return driver.Result{Outcome: driver.OutcomeRetry}
			}
			return driver.Result{}
		})
		m := chaosMessage("g", "a")
		m.NotBefore = start.Add(time.Minute).Round(0)
		require.NoError(t, b.Queue.Publish(t.Context(), m))
		chaosPass(3 * jump)
		require.Len(t, late, 2)
		require.Positive(t, late[0])
		require.LessOrEqual(t, late[0], jump)
		require.NotZero(t, times[0])
		require.Equal(t, times[0], times[1], "a message keeps the time at which it was enqueued")
	})
}
