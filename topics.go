package motia

import "strings"

// The core uses topics of its own for what travels through queues but was not enqueued. They begin with reserved, and
// topics of users that do so are moved out of the way.
const reserved = "motia:"

func topicName(topic string) string {
	if strings.HasPrefix(topic, reserved) {
		return reserved + "topic:" + topic
	}
	return topic
}

// userTopic is the reverse of topicName.
func userTopic(name string) string { return strings.TrimPrefix(name, reserved+"topic:") }

// stateTopic is where changes of a scope go, or of all scopes for nil.
func stateTopic(scope *string) string {
	if scope == nil {
		return reserved + "state"
	}
	return reserved + "state:" + *scope
}

func streamTopic(name string) string       { return reserved + "stream:" + name }
func cronTopic(subscription string) string { return reserved + "cron:" + subscription }
func streamBucket(name string) string      { return "stream:" + name }
func streamSubject(name, gr string) string { return joinNames(name, gr) }
