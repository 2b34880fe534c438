package drivertest

import "testing"

// TestBus runs the cases of [driver.Bus] and, where it is implemented, [driver.SubjectSyncer]. Where an event is sent to a subscriber that keeps up, the cases expect it to
// arrive: a bus may lose events, but not as a rule.
func TestBus(t *testing.T, h Harness) {
	t.Helper()
	runCases(t, busCases(), h)
}

func busCases() []testCase {
	return []testCase{
		{Case{"bus/fan-out", "Every subscriber of a subject, in all processes, gets every event sent after Subscribe has returned, once.", nil}, busFanOut},
		{Case{"bus/data", "Any bytes are an event, also none.", nil}, busData},
		{Case{"bus/late", "Who was not subscribed when an event was sent misses it.", nil}, busLate},
		{Case{"bus/order", "A subscriber gets the events of each sender in order, at most once, one at a time.", nil}, busOrder},
		{Case{"bus/subjects", "Any string is a legal subject, none is a pattern, and no two collide.", nil}, busSubjects},
		{Case{"bus/long-subjects", "A subject of 64 KiB is refused with an error, or works like any other.", nil}, busLongSubjects},
		{Case{"bus/stop", "After stop has returned the function is not called again; the others go on.", nil}, busStop},
		{Case{"bus/stop-again", "stop may be called several times, and at once.", nil}, busStopAgain},
		{Case{"bus/stop-waits", "stop returns when the function does not run any more.", nil}, busStopWaits},
		{Case{"bus/stop-inside", "The function may call its own stop, and is not called again.", nil}, busStopInside},
		{Case{"bus/slow", "A slow subscriber holds up neither other subscribers nor other senders.", nil}, busSlow},
		{Case{"bus/sync", "When SyncSubject returns, every subscriber of the subject has been told of every event that was sent on this instance before, however busy the subscribers are.", []string{needBusSyncer}}, busSync},
		{Case{"bus/sync-others", "SyncSubject does not wait for subscribers of other subjects, and returns at once where nobody has subscribed.", []string{needBusSyncer}}, busSyncOthers},
		{Case{"bus/sync-end", "SyncSubject returns when a subscription that it waits for is stopped, and with the error of its context when that ends first.", []string{needBusSyncer}}, busSyncEnd},
		{Case{"bus/come-and-go", "Subscribers that come and go disturb nobody.", nil}, busComeAndGo},
		{Case{"bus/nobody", "An event that nobody listens to is no error.", nil}, busNobody},
		{Case{"bus/context", "Send and Subscribe return an error that wraps the context's when it has ended; a subscription outlives the context of its call.", nil}, busContext},
		{Case{"bus/closed", "After Close the methods return ErrClosed, and stop still returns.", []string{needClose}}, busClosed},
		{Case{"bus/close-busy", "Close returns soon after its context has ended, also while subscribers run.", []string{needClose}}, busCloseBusy},
	}
}
