// Package motiatest tests steps without infrastructure: one handler alone, or a whole app in memory. It is for authors of steps.
//
// # One handler
//
// [NewContext] makes what a handler takes beside its input, so that the plain function can be called; [Invoke] runs a step as the app
// would, with validation, conditions and middleware. Inputs of all kinds are made by [HTTP], [Queue], [Cron], [State] and [Stream].
//
//	ctx, app := motiatest.NewContext[Email](t, motiatest.Queue(OrderCreated, order))
//	err := sendReceipt(order, ctx)
//	mails := motiatest.Enqueued(t, app, SendEmail)
//
// # A whole app
//
// [Run] starts steps in memory and stops them when the test ends. [App.Do] sends a request, [Enqueue], [SetState] and [App.Tick] set
// off the other triggers, and [App.Idle] returns when everything that this led to is done.
//
// In a testing/synctest bubble time is virtual: Idle lets it pass, so retries, delays and visibility timeouts take no time, and a schedule
// of days is a time.Sleep away. Make the app inside the bubble, with the bubble's t.
//
// # What happened
//
// Nothing is mocked; the kit writes down what passes between the app and its backend. [App.Events] is the list, in order, and [Enqueued],
// [StateChanges] and [StreamEvents] are the typed parts of it. As text it is the tree of what led to what, the same for every run whatever ran
// side by side; [Golden] compares that to a file. When a test fails its log ends with this text.
//
// # Chaos
//
// [Chaos] is a backend in memory that does what distributed ones do on a bad day: duplicates, crashed workers, other groups first, late
// acknowledgements, slow subscribers, writes that fail or only seem to, clocks that jump. It keeps every promise that steps may rely on, so what
// fails on it relies on more: mostly on being called once. The same seed makes the same faults again, in whatever order things happen,
// and is in the log of a test that fails; [Seeds] runs a test with many.
package motiatest
