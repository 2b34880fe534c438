// Package motiatest tests steps without infrastructure: one handler alone, or a whole app in memory. It is for
// authors of steps.
//
// # One handler
//
// [NewContext] makes the context for a handler, so that the plain function can be called; [Invoke] runs a step as the
// app would, with validation, conditions and middleware. Inputs of all kinds are made by [HTTP], [Queue], [Cron],
// [State] and [Stream].
//
//	ctx, app := motiatest.NewContext[Email](t, motiatest.Queue(OrderCreated, order))
//	err := sendReceipt(order, ctx)
//	mails := motiatest.Enqueued(t, app, SendEmail)
//
// # A whole app
//
// [Run] starts steps in memory and stops them when the test ends. [App.Do] sends a request, [Enqueue], [SetState] and
// [App.Tick] fire the other triggers, and [App.Idle] returns when everything that follows from these is done.
//
// In a testing/synctest bubble time is virtual: Idle lets it pass, so retries, delays and visibility timeouts take no
// time, and a schedule of days is a time.Sleep away. Make the app inside the bubble, with the bubble's t.
//
// # What happened
//
// Nothing is mocked; the kit records what passes between the app and its backend. [App.Events] is the list of events,
// in order, and [Enqueued], [StateChanges] and [StreamEvents] are typed parts of it. Its text is a tree of causes and
// effects, which is the same for every run, whatever ran concurrently; [Golden] compares it with a file. When a test
// fails its log ends with this text.
//
// # Chaos
//
// [Chaos] is an in-memory backend with the faults that distributed ones have on a bad day: duplicates, crashed
// workers, reordering between groups, late acknowledgements, slow subscribers, writes that fail or only seem to fail,
// clocks that jump. It keeps every promise that steps may rely on. So steps that fail on it rely on more, mostly on
// being called only once. The same seed causes the same faults again, whatever the order of events, and is in the log
// of a failed test; [Seeds] runs a test with many seeds.
package motiatest
