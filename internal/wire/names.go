package wire

import (
	"fmt"
	"strconv"
	"strings"
)

// reserved is the prefix of topics of messages that were not enqueued by a user: changes, events and ticks. A user's
// topic with that prefix is renamed, so that the two cannot collide.
const reserved = "motia:"

// QueueTopic returns the name that a user's topic has in the backend.
func QueueTopic(topic string) string {
	if strings.HasPrefix(topic, reserved) {
		return reserved + "topic:" + topic
	}
	return topic
}

// UserTopic is the reverse of [QueueTopic]. It returns false for a topic that no user can enqueue to.
func UserTopic(name string) (topic string, ok bool) {
	if topic, ok := strings.CutPrefix(name, reserved+"topic:"); ok {
		return topic, true
	}
	return name, !strings.HasPrefix(name, reserved)
}

// StateTopic returns the topic that gets the changes of a scope.
func StateTopic(scope string) string { return reserved + "state:" + scope }

// StateTopicOfAll is the topic that gets the changes of all scopes.
const StateTopicOfAll = reserved + "state"

// StreamTopic returns the topic that gets the events of a stream.
func StreamTopic(stream string) string { return reserved + "stream:" + stream }

// CronTopic returns the topic that gets the ticks of a subscription to a schedule.
func CronTopic(subscription string) string { return reserved + "cron:" + subscription }

// StateBucket is the bucket of all state.
const StateBucket = "state"

// StreamBucket returns the bucket of a stream's items.
func StreamBucket(stream string) string { return streamBuckets + stream }

const (
	streamBuckets   = "stream:"
	presenceBuckets = "presence:"
)

// StreamOfBucket is the reverse of [StreamBucket]. It returns "" for other buckets.
func StreamOfBucket(bucket string) string {
	if stream, ok := strings.CutPrefix(bucket, streamBuckets); ok {
		return stream
	}
	return ""
}

// PresenceBucket returns the bucket of a stream's present members.
func PresenceBucket(stream string) string { return presenceBuckets + stream }

// StreamSubject returns the subject on the bus of the events sent to a group of a stream.
func StreamSubject(stream, group string) string { return JoinNames(stream, group) }

// JoinNames joins two names so that different pairs stay different.
func JoinNames(a, b string) string { return strconv.Itoa(len(a)) + ":" + a + b }

// Describe says in the words of users which value a key names, or which scope or group if key is nil.
func Describe(bucket, scope string, key *string) string {
	if stream := StreamOfBucket(bucket); stream != "" {
		if key == nil {
			return fmt.Sprintf("stream %q, group %q", stream, scope)
		}
		return fmt.Sprintf("item %q of stream %q, group %q", *key, stream, scope)
	}
	if stream, ok := strings.CutPrefix(bucket, presenceBuckets); ok {
		return fmt.Sprintf("members of stream %q, group %q", stream, scope)
	}
	if key == nil {
		return fmt.Sprintf("%s %q", bucket, scope)
	}
	return fmt.Sprintf("%s %q key %q", bucket, scope, *key)
}

// DescribeScopes says in the words of users what the scopes of a bucket are.
func DescribeScopes(bucket string) string {
	if stream := StreamOfBucket(bucket); stream != "" {
		return fmt.Sprintf("groups of stream %q", stream)
	}
	return "scopes of " + bucket
}
