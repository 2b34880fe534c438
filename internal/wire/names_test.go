package wire_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia/internal/wire"
)

func TestATopicOfAUserCollidesWithNoOther(t *testing.T) {
	seen := make(map[string]string)
	add := func(what, topic string) {
		require.Empty(t, seen[topic], "%s has the topic %q as well", what, topic)
		seen[topic] = what
	}
	for _, name := range hostile {
		add("the queue topic "+name, wire.QueueTopic(name))
		add("the scope "+name, wire.StateTopic(name))
		add("the stream "+name, wire.StreamTopic(name))
		add("the schedule "+name, wire.CronTopic(name))
	}
	add("all scopes", wire.StateTopicOfAll)
}

func TestAUserSeesTheTopicsOfUsersOnly(t *testing.T) {
	for _, name := range hostile {
		topic, ok := wire.UserTopic(wire.QueueTopic(name))
		require.True(t, ok)
		require.Equal(t, name, topic)
		for _, other := range []string{wire.StateTopic(name), wire.StreamTopic(name), wire.CronTopic(name), wire.StateTopicOfAll} {
			_, ok := wire.UserTopic(other)
			require.False(t, ok, other)
		}
	}
}

func TestABucketTellsItsStream(t *testing.T) {
	for _, name := range hostile {
		require.Equal(t, name, wire.StreamOfBucket(wire.StreamBucket(name)))
		require.Empty(t, wire.StreamOfBucket(wire.PresenceBucket(name)))
	}
	require.Empty(t, wire.StreamOfBucket(wire.StateBucket))
}

func TestJoinedNamesOfDifferentPairsDiffer(t *testing.T) {
	seen := make(map[string][2]string)
	for _, a := range hostile {
		for _, b := range hostile {
			joined := wire.JoinNames(a, b)
			require.NotContains(t, seen, joined)
			seen[joined] = [2]string{a, b}
		}
	}
}

func TestValuesAreDescribedInTheWordsOfUsers(t *testing.T) {
	key := "k"
	for want, got := range map[string]string{
		`state "orders" key "k"`:            wire.Describe(wire.StateBucket, "orders", &key),
		`state "orders"`:                    wire.Describe(wire.StateBucket, "orders", nil),
		`item "k" of stream "s", group "g"`: wire.Describe(wire.StreamBucket("s"), "g", &key),
		`stream "s", group "g"`:             wire.Describe(wire.StreamBucket("s"), "g", nil),
		`members of stream "s", group "g"`:  wire.Describe(wire.PresenceBucket("s"), "g", nil),
		`scopes of state`:                   wire.DescribeScopes(wire.StateBucket),
		`groups of stream "s"`:              wire.DescribeScopes(wire.StreamBucket("s")),
	} {
		require.Equal(t, want, got)
	}
}
