package drivertest

import "testing"

// TestBus runs the cases of [driver.Bus] and, if it is implemented, [driver.SubjectSyncer]. The cases expect every
// event to reach a subscriber that keeps up: a bus may lose events, but not regularly.
func TestBus(t *testing.T, h Harness) {
	t.Helper()
	runCases(t, busCases(), h)
}

func busCases() []testCase {
	return []testCase{
		{Case{"bus/fan-out", "Every subscriber of a subject, in all processes, gets every event sent after Subscribe has returned, once.", nil}, busFanOut},
		{Case{"bus/data", "An event may hold any bytes, or none.", nil}, busData},
		{Case{"bus/late", "A subscriber does not get events that were sent before it subscribed.", nil}, busLate},
		{Case{"bus/order", "A subscriber gets the events of each sender in order, at most once, one at a time.", nil}, busOrder},
		{Case{"bus/subjects", "Any string is a legal subject, none is a pattern, and no two collide.", nil}, busSubjects},
		{Case{"bus/long-subjects", "A subject of 64 KiB is refused with an error, or works like any other.", nil}, busLongSubjects},
		{Case{"bus/stop", "After stop has returned the function is not called again; other subscriptions continue.", nil}, busStop},
		{Case{"bus/stop-again", "stop may be called several times, also concurrently.", nil}, busStopAgain},
		{Case{"bus/stop-waits", "stop returns only when the function is no longer running.", nil}, busStopWaits},
		{Case{"bus/stop-inside", "The function may call its own stop, and is then not called again.", nil}, busStopInside},
		{Case{"bus/slow", "A slow subscriber delays neither other subscribers nor other senders.", nil}, busSlow},
		{Case{"bus/sync", "When SyncSubject returns, every subscriber of the subject has received every event that was sent before on this instance, however busy the subscribers are.", []string{needBusSyncer}}, busSync},
		{Case{"bus/sync-others", "SyncSubject does not wait for subscribers of other subjects, and returns at once if nobody has subscribed.", []string{needBusSyncer}}, busSyncOthers},
		{Case{"bus/sync-end", "SyncSubject returns when a subscription that it waits for is stopped. If its context ends first, it returns an error that wraps the context's.", []string{needBusSyncer}}, busSyncEnd},
		{Case{"bus/come-and-go", "Subscribers that come and go do not disturb others.", nil}, busComeAndGo},
		{Case{"bus/nobody", "Sending an event to a subject without subscribers is not an error.", nil}, busNobody},
		{Case{"bus/context", "When their context has ended, Send and Subscribe return an error that wraps the context's; a subscription outlives the context of its Subscribe.", nil}, busContext},
		{Case{"bus/closed", "After Close the methods return ErrClosed, and stop still returns.", []string{needClose}}, busClosed},
		{Case{"bus/close-busy", "Close returns soon after its context has ended, even while subscribers run.", []string{needClose}}, busCloseBusy},
	}
}
