package drivertest

import "testing"

// TestQueue runs the cases of [driver.Queue] and, where they are implemented, [driver.DeadLetters] and [driver.StatsReader].
func TestQueue(t *testing.T, h Harness) {
	t.Helper()
	runCases(t, queueCases(), h)
}

func queueCases() []testCase {
	return []testCase{
		{Case{"queue/fields", "A delivery carries topic, id, group, not-before, header and data exactly as they were published, whatever the size.", nil}, deliveryFields},
		{Case{"queue/identity", "A message keeps its Sequence and Enqueued through all attempts, and no two messages of a subscription share a Sequence.", nil}, deliveryIdentity},
		{Case{"queue/fan-out", "Every subscription bound to a topic gets every message of it, and no other subscription does.", nil}, fanOut},
		{Case{"queue/compete", "Consumers of one subscription, in whatever process, share its messages: none is lost, none comes twice.", nil}, compete},
		{Case{"queue/unbound-topic", "A message to a topic that nothing is bound to is dropped without an error, and a later binding does not get it.", nil}, unboundTopic},
		{Case{"queue/several-topics", "A subscription bound to several topics gets the messages of each, under the topic's own name.", nil}, severalTopics},
		{Case{"queue/bind-again", "Binding again is harmless, keeps the messages and replaces the config.", nil}, bindAgain},
		{Case{"queue/bind-elsewhere", "When Bind has returned in one process, messages that another publishes reach the subscription.", nil}, bindElsewhere},
		{Case{"queue/slots", "Consume runs as many handlers at once as it has slots, and no more.", nil}, slots},
		{Case{"queue/slots-refused", "Consume without a slot is an error.", nil}, slotsRefused},
		{Case{"queue/slice-stays-the-callers", "The slice given to Publish stays the caller's, to be changed when Publish has returned.", nil}, sliceStaysTheCallers},

		{Case{"queue/group-order", "The messages of a group are handled one at a time and in order, across workers and instances, through failures and releases.", nil}, groupOrder},
		{Case{"queue/groups-independent", "While a message of a group runs, other groups and messages without a group go on.", nil}, groupsIndependent},
		{Case{"queue/failing-holds-its-group", "A message that waits for a retry holds back the later ones of its group, and nothing else.", nil}, failingHoldsItsGroup},
		{Case{"queue/ungrouped-concurrent", "Messages without a group do not wait for each other, whether they run or wait for a retry.", nil}, ungroupedConcurrent},
		{Case{"queue/ordered", "An ordered subscription handles messages without a group one at a time and in order.", nil}, orderedSubscription},
		{Case{"queue/ordered-and-grouped", "In an ordered subscription the groups are independent of the messages without one.", nil}, orderedAndGrouped},
		{Case{"queue/order-per-subscription", "A message that fails in one subscription does not hold back its group in another.", nil}, orderPerSubscription},

		{Case{"queue/retry-timing", "After the n-th failed attempt a message waits min(Base * Factor^(n-1), Cap).", nil}, retryTiming},
		{Case{"queue/retry-jitter", "Jitter shortens the pause by a random part of it, and never makes it longer.", nil}, retryJitter},
		{Case{"queue/retry-limit", "A message gets MaxRetries attempts after the first; then it is given up, and its group goes on.", nil}, retryLimit},
		{Case{"queue/no-retries", "With MaxRetries 0 the first failure is the last.", nil}, noRetries},
		{Case{"queue/retry-after", "RetryAfter repeats a message after its own delay, within the policy's number of retries.", nil}, retryAfter},
		{Case{"queue/dead", "Dead gives a message up at once, whatever the policy, and its group goes on.", nil}, deadAtOnce},
		{Case{"queue/release", "Release gives a message back at the head of its group.", nil}, releaseKeepsItsPlace},
		{Case{"queue/attempts", "Attempt is 1 at first and counts failed attempts; released ones do not count.", nil}, attemptCount},

		{Case{"queue/visibility", "When the visibility bound has passed, the handler's context ends and the message is retried by policy.", nil}, visibility},
		{Case{"queue/expired", "ConsumeOptions.Expired is told of each delivery whose visibility bound has passed, and of no other.", nil}, expiredTold},
		{Case{"queue/late-result", "The result of a handler that returns after its bound no longer counts: a late Done does not finish the message, and its group waits for the retry.", nil}, lateResult},
		{Case{"queue/late-failure", "The failure of a handler that returns after its bound no longer counts: it burns no attempt.", nil}, lateFailure},
		{Case{"queue/extend", "Extend sets the end of the bound, and with it the context's deadline, to d from now.", nil}, extend},
		{Case{"queue/extend-late", "Extend returns ErrLeaseLost when the message belongs to another attempt.", nil}, extendLate},
		{Case{"queue/no-bound", "Without a visibility bound a handler may take its time, its context has no deadline, and Extend changes nothing.", nil}, noBound},
		{Case{"queue/lost-attempts", "A lost lease is a failed attempt: a message that always outlives its bound is given up after MaxRetries.", nil}, lostAttemptsEnd},

		{Case{"queue/context-deadline", "The deadline of a handler's context is the end of the visibility bound, or that of Consume's context if it is earlier.", nil}, contextDeadline},
		{Case{"queue/context-derived", "Contexts derived from a handler's context end with the lease.", nil}, contextDerived},
		{Case{"queue/context-values", "The context of a handler derives from the one given to Consume.", nil}, contextValues},

		{Case{"queue/not-before", "A message is not delivered before its NotBefore, and soon after it.", nil}, notBefore},
		{Case{"queue/subscription-delay", "The delay of a subscription holds back each message for at least that long; a later NotBefore counts.", nil}, subscriptionDelay},
		{Case{"queue/delay-joins-group", "A delayed message joins its group when it falls due, and does not hold it up before.", nil}, delayJoinsGroup},
		{Case{"queue/delayed-group-order", "Messages of a group with the same delay keep their order.", nil}, delayedGroupOrder},
		{Case{"queue/due-behind-running", "A message that falls due while its group waits for a retry is delivered after the messages that were there.", nil}, dueBehindRunning},

		{Case{"queue/dedup", "A message whose id was published within the window is dropped without an error, also after the first is done.", nil}, dedup},
		{Case{"queue/dedup-in-one-call", "Duplicates within one call of Publish are dropped too; messages without an id are never duplicates.", nil}, dedupInOneCall},
		{Case{"queue/dedup-per-topic", "The same id on another topic is no duplicate.", nil}, dedupPerTopic},
		{Case{"queue/dedup-window", "After the window the id may be used again; a duplicate does not renew it.", []string{needWindow}}, dedupWindow},
		{Case{"queue/dedup-when-full", "A duplicate is dropped without an error also when the queue is full.", nil}, dedupWhenFull},
		{Case{"queue/dedup-refused", "The id of a message that was refused with ErrFull is not remembered.", nil}, refusedNotRemembered},
		{Case{"queue/dedup-race", "Of several publishers of the same id at once, one is accepted.", nil}, dedupRace},

		{Case{"queue/full", "Publish returns ErrFull when a bounded subscription has no room for all of its messages, and stores none of them anywhere.", nil}, fullRefusesAll},
		{Case{"queue/atomic-publish", "One call of Publish is accepted or refused as a whole, also across topics.", []string{needAtomic}}, atomicPublish},
		{Case{"queue/pending", "MaxPending counts what is ready, delayed, running and waiting for a retry, and neither what is done nor dead letters; retries are not refused.", nil}, pendingCounts},
		{Case{"queue/full-race", "Publishers at once do not exceed MaxPending, and can use all of it.", nil}, boundUnderLoad},

		{Case{"queue/dead-fields", "A dead letter keeps the message, when it was enqueued and died, and every attempt with its times and error.", []string{needDead}}, deadFields},
		{Case{"queue/dead-count", "CountDead is the length of the list at every moment.", []string{needDead}}, deadCounts},
		{Case{"queue/dead-paging", "Dead lists oldest first, in pages, also beginning after an id that is gone.", []string{needDead}}, deadPaging},
		{Case{"queue/dead-frees-group", "A message is in the list of dead letters when the next of its group starts.", []string{needDead}}, deadFreesGroup},
		{Case{"queue/redrive-order", "Redrive moves dead letters back in the order given, and a group keeps that order.", []string{needDead}}, redriveOrder},
		{Case{"queue/redrive-history", "A redriven message has all its attempts before it, and the history of those before.", []string{needDead}}, redriveHistory},
		{Case{"queue/redrive-full", "Redrive is never refused, but what it moves counts as pending.", []string{needDead}}, redriveIntoFull},
		{Case{"queue/redrive-with-id", "A redriven message is no duplicate of itself.", []string{needDead}}, redriveWithID},
		{Case{"queue/dead-unknown-ids", "Redrive and Discard pass over ids that do not exist and return how many there were.", []string{needDead}}, unknownDeadIDs},
		{Case{"queue/discard", "Discard removes the named dead letters for good, and no others.", []string{needDead}}, discardForGood},
		{Case{"queue/dead-per-subscription", "Each subscription has its own dead letters.", []string{needDead}}, deadPerSubscription},
		{Case{"queue/stats", "Stats counts ready, delayed, running and dead messages.", []string{needStats}}, stats},

		{Case{"queue/drain", "After Drain is closed no handler starts, those that run finish in peace, and then Consume returns nil.", nil}, drain},
		{Case{"queue/drain-unharmed", "Messages that have not reached a handler before a drain go to others, in order and with no attempt burnt.", nil}, drainUnharmed},
		{Case{"queue/drain-idle", "A drained consumer without work returns at once, and others may follow it.", nil}, drainIdle},
		{Case{"queue/kill", "When Consume's context ends, those of its handlers end, and Consume returns an error that wraps the context's; what was released goes to others.", nil}, kill},
		{Case{"queue/kill-ignored", "Consume returns after its context has ended also when a handler does not; its message goes to others, and its late result does not count.", nil}, killIgnored},
		{Case{"queue/crash", "The messages of a process that dies go to others, in order.", []string{needDistributed, needCrash}}, crashed},
		{Case{"queue/context", "A method whose context has ended returns an error that wraps the context's.", nil}, queueContext},
		{Case{"queue/closed", "After Close the methods return ErrClosed.", []string{needClose}}, queueClosed},
		{Case{"queue/close-busy", "Close returns soon after its context has ended, also while handlers run, and Consume returns with it.", []string{needClose}}, queueCloseBusy},
		{Case{"queue/durable", "Accepted messages survive the end of the process, with their order and their delay.", []string{needDurable}}, durableQueue},

		{Case{"queue/topic-names", "Any string is a legal topic, and no two collide.", nil}, strangeTopics},
		{Case{"queue/subscription-names", "Any string is a legal subscription, and no two collide.", nil}, strangeSubscriptions},
		{Case{"queue/group-names", "Any string is a legal group, and no two collide.", nil}, strangeGroups},
		{Case{"queue/id-names", "Any string is a legal id, and no two collide.", nil}, strangeIDs},
		{Case{"queue/joined-names", "Names do not collide when topic and id, or subscription and group, are joined.", nil}, queueJoinedNames},
		{Case{"queue/long-names", "A name of 64 KiB is refused with an error, or works like any other.", nil}, queueLongNames},
	}
}
