package tick_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/schedule"
	"github.com/motia-go/motia/internal/tick"
)

// queue keeps the published messages, and returns what answer says.
type queue struct {
	mu       sync.Mutex
	accepted []driver.Message
	offers   int
	answer   func(driver.Message) error // nil accepts everything
}

func (q *queue) Publish(_ context.Context, messages ...driver.Message) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, m := range messages {
		q.offers++
		if q.answer != nil {
			if err := q.answer(m); err != nil {
				return err
			}
		}
		q.accepted = append(q.accepted, m)
	}
	return nil
}

// ids are those of the accepted messages.
func (q *queue) ids() (ids []string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, m := range q.accepted {
		ids = append(ids, m.ID)
	}
	return ids
}

var errDown = errors.New("store is down")

// each is a schedule whose topic and name are its expression.
func each(t *testing.T, expression string) tick.Schedule {
	t.Helper()
	times, err := schedule.Parse(expression, time.UTC)
	require.NoError(t, err)
	return tick.Schedule{Times: times, Topic: expression, Attrs: []any{"step", expression}}
}

// run runs schedules for a while in a bubble, which begins on 2000-01-01, and returns the log.
func run(t *testing.T, q *queue, d time.Duration, schedules ...tick.Schedule) *records {
	t.Helper()
	log := new(records)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick.Run(ctx, tick.Config{Schedules: schedules, Publish: q.Publish, Log: slog.New(slog.NewJSONHandler(log, nil))})
	}()
	time.Sleep(d)
	cancel()
	began := time.Now()
	<-ended
	require.Zero(t, time.Since(began), "it ends at once")
	return log
}

// records are log records in JSON lines. A slog handler writes one at a time.
type records struct{ lines bytes.Buffer }

func (r *records) Write(line []byte) (int, error) { return r.lines.Write(line) }

func (r *records) of(t *testing.T, message string) (found []map[string]any) {
	t.Helper()
	for line := range strings.Lines(r.lines.String()) {
		var record map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &record))
		if record["msg"] == message {
			found = append(found, record)
		}
	}
	return found
}

func TestATickIsAMessageThatNamesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q queue
		log := run(t, &q, 2*time.Hour+time.Second, each(t, "0 * * * *"), each(t, "30 1 * * *"))
		require.Equal(t, []string{"2000-01-01T01:00:00Z", "2000-01-01T01:30:00Z", "2000-01-01T02:00:00Z"}, q.ids())
		require.Equal(t, []string{"0 * * * *", "30 1 * * *", "0 * * * *"}, []string{q.accepted[0].Topic, q.accepted[1].Topic, q.accepted[2].Topic})
		for _, m := range q.accepted {
			at, err := tick.At(m.Data)
			require.NoError(t, err)
			require.Equal(t, m.ID, at.Format(time.RFC3339Nano))
			require.NotEmpty(t, m.Header.TraceParent)
		}
		require.NotEqual(t, q.accepted[0].Header.TraceParent, q.accepted[1].Header.TraceParent)
		require.Empty(t, log.lines.String())
	})
}

func TestTheIDOfATickIsTheSameInEveryZone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tokyo, err := time.LoadLocation("Asia/Tokyo")
		require.NoError(t, err)
		times, err := schedule.Parse("0 10 * * *", tokyo)
		require.NoError(t, err)
		var q queue
		run(t, &q, 2*time.Hour, tick.Schedule{Times: times})
		require.Equal(t, []string{"2000-01-01T01:00:00Z"}, q.ids())
	})
}

func TestDataThatIsNotATickIsAnError(t *testing.T) {
	for _, data := range []string{"", "{}", "1", `"tomorrow"`, `"2000-01-01"`, `"2000-01-01T01:00:00Z`} {
		_, err := tick.At([]byte(data))
		require.Error(t, err, data)
	}
}

func TestATickThatFindsTheQueueFullIsSkippedAndLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := queue{answer: func(m driver.Message) error {
			if m.ID == "2000-01-01T00:02:00Z" {
				return fmt.Errorf("pending: %w", driver.ErrFull)
			}
			return nil
		}}
		log := run(t, &q, 3*time.Minute+time.Second, each(t, "* * * * *"))
		require.Equal(t, []string{"2000-01-01T00:01:00Z", "2000-01-01T00:03:00Z"}, q.ids())
		require.Equal(t, 3, q.offers, "it is not offered again")
		skipped := log.of(t, "tick skipped: the previous run has not finished")
		require.Len(t, skipped, 1)
		require.Equal(t, "INFO", skipped[0]["level"])
		require.Equal(t, "* * * * *", skipped[0]["step"])
		require.Equal(t, "2000-01-01T00:02:00Z", skipped[0]["tick"])
	})
}

func TestATickThatTheQueueDoesNotAcceptIsOfferedAgainUntilItDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var parents []string
		q := queue{answer: func(m driver.Message) error {
			parents = append(parents, m.Header.TraceParent)
			if time.Since(time.Date(2000, 1, 1, 1, 0, 0, 0, time.UTC)) < 30*time.Second {
				return errDown
			}
			return nil
		}}
		log := run(t, &q, 90*time.Minute, each(t, "0 1 * * *"))
		require.Equal(t, []string{"2000-01-01T01:00:00Z"}, q.ids())
		require.Greater(t, len(parents), 5)
		for _, parent := range parents {
			require.Equal(t, parents[0], parent, "all offers are one trace")
		}
		failed := log.of(t, "tick could not be enqueued, will be retried")
		require.Len(t, failed, 1, "once, not for each offer")
		require.Equal(t, "WARN", failed[0]["level"])
		require.Equal(t, "store is down", failed[0]["error"])
		require.Empty(t, log.of(t, "tick lost: it could not be enqueued"))
	})
}

func TestAQueueThatFailsHoldsUpNoOtherSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := queue{answer: func(m driver.Message) error {
			if m.Topic == "0 1 * * *" {
				return errDown
			}
			assert.Equal(t, m.ID, time.Now().UTC().Format(time.RFC3339Nano), "on time")
			return nil
		}}
		run(t, &q, time.Hour+30*time.Second+time.Millisecond, each(t, "0 1 * * *"), each(t, "* * * * * *"))
		require.Equal(t, 3630, len(q.ids()))
	})
}

func TestATickIsLostAfterAMinuteOrWhenTheNextOneIsDueAndTheLogSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := queue{answer: func(driver.Message) error { return errDown }}
		log := run(t, &q, 10*time.Minute+31*time.Second, each(t, "@every 5s"), each(t, "@every 10m"))
		lost := map[any]int{}
		for _, record := range log.of(t, "tick lost: it could not be enqueued") {
			require.Equal(t, "ERROR", record["level"])
			require.Equal(t, "store is down", record["error"])
			lost[record["step"]]++
		}
		require.Equal(t, map[any]int{"@every 5s": 125}, lost, "the last of each are still offered when the run ends")
	})
	synctest.Test(t, func(t *testing.T) {
		q := queue{answer: func(driver.Message) error { return errDown }}
		log := run(t, &q, 11*time.Minute+2*time.Second, each(t, "@every 5s"), each(t, "@every 10m"))
		require.Len(t, log.of(t, "tick lost: it could not be enqueued"), 131+1)
	})
}

func TestWithoutSchedulesRunReturnsAtOnce(t *testing.T) {
	tick.Run(t.Context(), tick.Config{})
}
