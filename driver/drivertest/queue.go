package drivertest

import "testing"

// TestQueue runs the cases of [driver.Queue] and, if they are implemented, [driver.DeadLetters] and
// [driver.StatsReader].
func TestQueue(t *testing.T, h Harness) {
	t.Helper()
	runCases(t, queueCases(), h)
}

func queueCases() []testCase {
	return []testCase{
		{Case{"queue/fields", "A delivery carries topic, id, group, not-before, header and data exactly as they were published, whatever the size.", nil}, deliveryFields},
		{Case{"queue/identity", "A message keeps its Sequence and Enqueued through all attempts, and no two messages of a subscription share a Sequence.", nil}, deliveryIdentity},
		{Case{"queue/fan-out", "Every subscription bound to a topic gets every message of it, and no other subscription does.", nil}, fanOut},
		{Case{"queue/compete", "The consumers of one subscription, in all processes, share its messages: none is lost, none is delivered twice.", nil}, compete},
		{Case{"queue/unbound-topic", "A message to a topic without subscriptions is dropped without an error, and a subscription that is bound later does not get it.", nil}, unboundTopic},
		{Case{"queue/several-topics", "A subscription bound to several topics gets the messages of each, with the name of the topic.", nil}, severalTopics},
		{Case{"queue/bind-again", "Binding again is harmless, keeps the messages and replaces the config.", nil}, bindAgain},
		{Case{"queue/bind-elsewhere", "When Bind has returned in one process, messages that another publishes reach the subscription.", nil}, bindElsewhere},
		{Case{"queue/slots", "Consume runs as many handlers at once as it has slots, and no more.", nil}, slots},
		{Case{"queue/slots-refused", "Consume without a slot returns an error.", nil}, slotsRefused},
		{Case{"queue/slice-stays-the-callers", "The slice of messages belongs to the caller again when Publish has returned, and may be changed.", nil}, sliceStaysTheCallers},

		{Case{"queue/group-order", "The messages of a group are handled one at a time and in order, across workers and instances, through failures and releases.", nil}, groupOrder},
		{Case{"queue/groups-independent", "While a message of a group runs, other groups and messages without a group are still delivered.", nil}, groupsIndependent},
		{Case{"queue/failing-holds-its-group", "A message that waits for a retry holds back only the later messages of its group.", nil}, failingHoldsItsGroup},
		{Case{"queue/ungrouped-concurrent", "Messages without a group do not wait for each other, whether they run or wait for a retry.", nil}, ungroupedConcurrent},
		{Case{"queue/ordered", "An ordered subscription handles messages without a group one at a time and in order.", nil}, orderedSubscription},
		{Case{"queue/ordered-and-grouped", "In an ordered subscription the groups are independent of the messages without one.", nil}, orderedAndGrouped},
		{Case{"queue/order-per-subscription", "A message that fails in one subscription does not hold back its group in another.", nil}, orderPerSubscription},

		{Case{"queue/retry-timing", "After the n-th failed attempt a message waits min(Base * Factor^(n-1), Cap).", nil}, retryTiming},
		{Case{"queue/retry-jitter", "Jitter shortens the pause by a random part of it, and never makes it longer.", nil}, retryJitter},
		{Case{"queue/retry-limit", "A message gets MaxRetries attempts after the first. Then it is no longer retried, and the next message of its group is delivered.", nil}, retryLimit},
		{Case{"queue/no-retries", "With MaxRetries 0 a message is not retried.", nil}, noRetries},
		{Case{"queue/retry-after", "OutcomeRetryAfter retries a message after the delay in the Result, within the policy's number of retries.", nil}, retryAfter},
		{Case{"queue/dead", "After OutcomeDead a message is not retried, whatever the policy, and the next message of its group is delivered.", nil}, deadAtOnce},
		{Case{"queue/release", "OutcomeRelease returns a message to the head of its group.", nil}, releaseKeepsItsPlace},
		{Case{"queue/attempts", "Attempt is 1 on the first delivery and grows with every failed attempt, but not with released ones.", nil}, attemptCount},

		{Case{"queue/visibility", "When the visibility bound has passed, the handler's context ends and the message is retried by the policy.", nil}, visibility},
		{Case{"queue/expired", "ConsumeOptions.Expired is called for each delivery whose visibility bound has passed, and for no other.", nil}, expiredTold},
		{Case{"queue/late-result", "The result of a handler that returns after its bound no longer counts: a late Done does not finish the message, and its group waits for the retry.", nil}, lateResult},
		{Case{"queue/late-failure", "The failure of a handler that returns after its bound no longer counts, and uses up no attempt.", nil}, lateFailure},
		{Case{"queue/extend", "Extend sets the end of the bound, and with it the context's deadline, to d from now.", nil}, extend},
		{Case{"queue/extend-late", "Extend returns ErrLeaseLost when the message belongs to another attempt.", nil}, extendLate},
		{Case{"queue/no-bound", "Without a visibility bound a handler may run as long as it likes, its context has no deadline, and Extend does nothing.", nil}, noBound},
		{Case{"queue/lost-attempts", "A lost lease is a failed attempt: a message that outlives its bound in every attempt is retried MaxRetries times.", nil}, lostAttemptsEnd},

		{Case{"queue/context-deadline", "The deadline of a handler's context is the end of the visibility bound, or the deadline of Consume's context if that is earlier.", nil}, contextDeadline},
		{Case{"queue/context-derived", "Contexts derived from a handler's context end with the lease.", nil}, contextDerived},
		{Case{"queue/context-values", "The context of a handler derives from the one given to Consume.", nil}, contextValues},

		{Case{"queue/not-before", "A message is not delivered before its NotBefore, and soon after it.", nil}, notBefore},
		{Case{"queue/subscription-delay", "The delay of a subscription holds back each message for at least that long, and longer if its NotBefore is later.", nil}, subscriptionDelay},
		{Case{"queue/delay-joins-group", "A delayed message joins its group when it is due, and does not hold it back before.", nil}, delayJoinsGroup},
		{Case{"queue/delayed-group-order", "Messages of a group with the same delay keep their order.", nil}, delayedGroupOrder},
		{Case{"queue/due-behind-running", "A message that becomes due while its group waits for a retry is delivered after the messages that are already in the group.", nil}, dueBehindRunning},

		{Case{"queue/dedup", "A message whose id was published within the window is dropped without an error, even when the first message is done.", nil}, dedup},
		{Case{"queue/dedup-in-one-call", "Duplicates within one call of Publish are dropped too; messages without an id are never duplicates.", nil}, dedupInOneCall},
		{Case{"queue/dedup-per-topic", "The same id on another topic is not a duplicate.", nil}, dedupPerTopic},
		{Case{"queue/dedup-window", "After the window the id may be used again; a duplicate does not renew it.", []string{needWindow}}, dedupWindow},
		{Case{"queue/dedup-when-full", "A duplicate is dropped without an error even when the queue is full.", nil}, dedupWhenFull},
		{Case{"queue/dedup-refused", "The id of a message that was refused with ErrFull is not remembered.", nil}, refusedNotRemembered},
		{Case{"queue/dedup-race", "If several publishers publish the same id at once, one message is accepted.", nil}, dedupRace},

		{Case{"queue/full", "Publish returns ErrFull when a bounded subscription has no room for all of its messages, and stores none of them anywhere.", nil}, fullRefusesAll},
		{Case{"queue/atomic-publish", "One call of Publish is accepted or refused as a whole, also across topics.", []string{needAtomic}}, atomicPublish},
		{Case{"queue/pending", "MaxPending counts messages that are ready, delayed, running or waiting for a retry, but not those that are done or dead letters; retries are not refused.", nil}, pendingCounts},
		{Case{"queue/full-race", "Concurrent publishers do not exceed MaxPending, and can use all of it.", nil}, boundUnderLoad},

		{Case{"queue/dead-fields", "A dead letter holds the message, the times when it was enqueued and died, and every attempt with its times and error.", []string{needDead}}, deadFields},
		{Case{"queue/dead-count", "CountDead returns the length of the list at every moment.", []string{needDead}}, deadCounts},
		{Case{"queue/dead-paging", "Dead lists the oldest first, in pages, which may also begin after an id that no longer exists.", []string{needDead}}, deadPaging},
		{Case{"queue/dead-frees-group", "A message is in the list of dead letters when the next of its group starts.", []string{needDead}}, deadFreesGroup},
		{Case{"queue/redrive-order", "Redrive moves dead letters back in the order given, and a group keeps that order.", []string{needDead}}, redriveOrder},
		{Case{"queue/redrive-history", "A redriven message has all its attempts ahead of it again, and keeps the history of the earlier ones.", []string{needDead}}, redriveHistory},
		{Case{"queue/redrive-full", "Redrive is never refused, but the messages it moves count as pending.", []string{needDead}}, redriveIntoFull},
		{Case{"queue/redrive-with-id", "Deduplication does not drop a redriven message.", []string{needDead}}, redriveWithID},
		{Case{"queue/dead-unknown-ids", "Redrive and Discard skip ids that do not exist, and return how many existed.", []string{needDead}}, unknownDeadIDs},
		{Case{"queue/discard", "Discard deletes the named dead letters and no others.", []string{needDead}}, discardForGood},
		{Case{"queue/dead-per-subscription", "Each subscription has its own dead letters.", []string{needDead}}, deadPerSubscription},
		{Case{"queue/stats", "Stats counts ready, delayed, running and dead messages.", []string{needStats}}, stats},

		{Case{"queue/drain", "After Drain is closed no handler starts, running handlers finish undisturbed, and then Consume returns nil.", nil}, drain},
		{Case{"queue/drain-unharmed", "Messages that have not reached a handler before a drain go to other consumers, in order and without an attempt counted.", nil}, drainUnharmed},
		{Case{"queue/drain-idle", "A drained consumer without work returns at once, and another consumer may follow.", nil}, drainIdle},
		{Case{"queue/kill", "When Consume's context ends, the contexts of its handlers end, and Consume returns an error that wraps the context's; released messages go to other consumers.", nil}, kill},
		{Case{"queue/kill-ignored", "Consume returns after its context has ended even if a handler does not; the message of the handler goes to another consumer, and its late result does not count.", nil}, killIgnored},
		{Case{"queue/crash", "The messages of a process that dies go to other processes, in order.", []string{needDistributed, needCrash}}, crashed},
		{Case{"queue/context", "A method whose context has ended returns an error that wraps the context's.", nil}, queueContext},
		{Case{"queue/closed", "After Close the methods return ErrClosed.", []string{needClose}}, queueClosed},
		{Case{"queue/close-busy", "Close returns soon after its context has ended, even while handlers run, and Consume returns as well.", []string{needClose}}, queueCloseBusy},
		{Case{"queue/durable", "Accepted messages survive the end of the process, with their order and their delay.", []string{needDurable}}, durableQueue},

		{Case{"queue/topic-names", "Any string is a legal topic, and no two collide.", nil}, strangeTopics},
		{Case{"queue/subscription-names", "Any string is a legal subscription, and no two collide.", nil}, strangeSubscriptions},
		{Case{"queue/group-names", "Any string is a legal group, and no two collide.", nil}, strangeGroups},
		{Case{"queue/id-names", "Any string is a legal id, and no two collide.", nil}, strangeIDs},
		{Case{"queue/joined-names", "Names do not collide when topic and id, or subscription and group, are joined.", nil}, queueJoinedNames},
		{Case{"queue/long-names", "A name of 64 KiB is refused with an error, or works like any other.", nil}, queueLongNames},
	}
}
