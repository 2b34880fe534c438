package hub_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/internal/hub"
	"github.com/motia-go/motia/internal/membus"
	"github.com/motia-go/motia/internal/memkv"
	"github.com/motia-go/motia/internal/wire"
)

var errEnd = errors.New("it is over")

// newStream returns the stream "s", which ends with the test.
func newStream(t *testing.T, history hub.History) *hub.Stream {
	st := hub.New(hub.Config{Name: "s", KV: memkv.New(), Bus: membus.New(), Log: slog.New(slog.DiscardHandler), History: history})
	t.Cleanup(func() {
		st.Close(errEnd)
		st.Wait()
	})
	return st
}

// put stores an item of the group "g".
func put(t *testing.T, st *hub.Stream, id, value string) {
	t.Helper()
	key := driver.Key{Bucket: wire.StreamBucket("s"), Scope: "g", ID: id}
	_, _, err := st.KV.Put(t.Context(), key, []byte(value), driver.PutOptions{})
	require.NoError(t, err)
	synctest.Wait()
}

// send sends an event to the group "g".
func send(t *testing.T, st *hub.Stream, name string) {
	t.Helper()
	text, err := wire.StreamEvent{Type: wire.StreamSent, Stream: "s", Group: "g", Time: time.Now(), Name: name}.Encode()
	require.NoError(t, err)
	require.NoError(t, st.Bus.Send(t.Context(), wire.StreamSubject("s", "g"), text))
}

// text is an event in a few words.
func text(e *hub.Event) string {
	words := []string{e.Type, e.Item, e.Name, string(e.Data)}
	for _, item := range e.Items {
		words = append(words, item.ID+"="+string(item.Data))
	}
	return strings.Join(strings.Fields(strings.Join(words, " ")), " ")
}

// next returns the next event in a few words.
func next(t *testing.T, s *hub.Subscriber) string {
	t.Helper()
	e, err := s.Next(t.Context(), t.Context().Done())
	require.NoError(t, err)
	return text(e)
}

// taken returns what waits for a client.
func taken(t *testing.T, box *hub.Outbox) []string {
	t.Helper()
	var texts []string
	for {
		batch, err := box.Take(nil)
		require.NoError(t, err)
		if batch == nil {
			return texts
		}
		for _, p := range batch {
			texts = append(texts, text(p.Event))
		}
	}
}

func newOutbox() *hub.Outbox {
	return &hub.Outbox{Limit: 10, Wake: func() {}, Cut: func() {}}
}

func TestSubscribersAndClientsGetTheSnapshotAndThenEveryEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStream(t, hub.History{})
		put(t, st, "b", `2`)
		put(t, st, "a", `1`)
		group, err := st.Subscribe(t.Context(), "g", nil, 10)
		require.NoError(t, err)
		item, err := st.Subscribe(t.Context(), "g", new("a"), 10)
		require.NoError(t, err)
		box := newOutbox()
		_, err = st.Join(t.Context(), "g", nil, &hub.Seat{Box: box})
		require.NoError(t, err)
		put(t, st, "a", `3`)
		send(t, st, "ping")
		put(t, st, "c", `4`)

		all := []string{"sync a=1 b=2", "update a 3", "event ping", "create c 4"}
		for _, want := range all {
			require.Equal(t, want, next(t, group))
		}
		require.Equal(t, "sync a a=1", next(t, item))
		require.Equal(t, "update a 3", next(t, item))
		require.Equal(t, all, taken(t, box))
	})
}

func TestASubscriberThatMissesEventsGetsANewSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStream(t, hub.History{})
		s, err := st.Subscribe(t.Context(), "g", nil, 2)
		require.NoError(t, err)
		for _, value := range []string{"1", "2", "3", "4"} {
			put(t, st, "a", value)
		}
		require.Equal(t, "sync", next(t, s))
		require.Equal(t, "create a 1", next(t, s))
		require.Equal(t, "resync a=4", next(t, s))
		put(t, st, "a", `5`)
		require.Equal(t, "update a 5", next(t, s))
	})
}

func TestAGroupIsFollowedAsLongAsSomebodyIsThereOrMayComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStream(t, hub.History{Events: 10, Age: time.Minute})
		s, err := st.Subscribe(t.Context(), "g", nil, 1)
		require.NoError(t, err)
		require.Equal(t, []string{"g"}, st.Groups())
		s.Close(nil)
		require.Empty(t, st.Groups())

		client, err := st.Join(t.Context(), "g", nil, &hub.Seat{Box: newOutbox(), Returns: true})
		require.NoError(t, err)
		client.Close(nil)
		time.Sleep(59 * time.Second)
		require.Equal(t, []string{"g"}, st.Groups())
		time.Sleep(2 * time.Second)
		require.Empty(t, st.Groups())
	})
}

func TestCloseEndsEverybodyAndLetsNobodyIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStream(t, hub.History{})
		s, err := st.Subscribe(t.Context(), "g", nil, 10)
		require.NoError(t, err)
		box := newOutbox()
		_, err = st.Join(t.Context(), "g", nil, &hub.Seat{Box: box})
		require.NoError(t, err)
		put(t, st, "a", `1`)
		st.Close(errEnd)
		st.Wait()
		require.Equal(t, "sync", next(t, s))
		require.Equal(t, "create a 1", next(t, s))
		_, err = s.Next(t.Context(), nil)
		require.ErrorIs(t, err, errEnd)
		_, err = box.Take(nil)
		require.ErrorIs(t, err, errEnd)
		_, err = st.Subscribe(t.Context(), "g", nil, 10)
		require.ErrorIs(t, err, errEnd)
		require.Empty(t, st.Groups())
	})
}
