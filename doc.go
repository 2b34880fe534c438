// Package motia runs event-driven steps: an embeddable library in which a step is a name, its triggers and a handler,
// and every handler gets a typed [FlowContext] with the queues, state, streams, logger and trace of the invocation at
// hand.
//
// A program makes an [App], registers steps and runs it:
//
//	app := motia.New(nil)
//	if err := app.Register(createOrder, sendReceipt); err != nil { ... }
//	err := app.ListenAndServe(ctx, ":8080")
//
// # Concepts
//
// A [Step] is made with [NewStep] from a [StepConfig] and a handler, or with [HTTPStep], [QueueStep], [CronStep],
// [StateStep] and [StreamStep] if it has one kind of trigger. Its triggers are made with [HTTP], [Queue], [Cron],
// [State] and [Stream]. Steps are values; there is no registry, and several apps can live in one process.
//
// A handler takes its input and a *[Ctx], whose type parameter is the payload that all of its triggers carry, or [None].
// Payloads are decoded from JSON and validated by their `validate` tags before the handler runs, whatever the trigger.
// Ctx is a [FlowContext] for handlers that enqueue to typed topics; the full form has a second type parameter for those
// that enqueue by name.
//
// Names with a type belong in constants. [Topic], [Scope] and [StreamName] tie a name to the type of what it carries,
// so that producers and consumers cannot disagree:
//
//	const OrderCreated motia.Topic[Order] = "order-created"
//
// Their methods take any context that derives from a FlowContext, so they work in helper functions and through
// context.WithTimeout. Code outside of steps gets such a context from [App.Context]. The untyped forms, [StateManager] and
// [Streams], have the same methods; they take a context by With.
//
// # Guarantees
//
// The file docs/guarantees.md names the tests that hold each of them, and the cases of package driver/drivertest by which it
// holds on any backend.
//
// Delivery:
//
//   - A message reaches every step that is subscribed to its topic, at least once each.
//   - The messages of one Enqueue are accepted together or not at all, and an error is never swallowed.
//   - A failed attempt (an error, a panic, the end of the visibility timeout) is repeated with backoff, and when the
//     retries are used up the message becomes a dead letter with the history of its attempts. No panic of a handler
//     ends the process.
//   - A payload that does not decode or validate never reaches the handler: it is answered with 400, or
//     dead-lettered. (Bodies of GET and HEAD are not read.)
//   - What clients, logs, dead letters and errors say about JSON is the same on every supported Go release, though
//     encoding/json is not. Up to a type are what its own methods accept and say, and up to a release are the
//     features that only it has, such as new options of json tags.
//   - A message with the ID of an earlier one is dropped within the deduplication window.
//   - Handlers may run more than once for one message. Make their effects idempotent, for example by [Message] IDs,
//     conditional writes or update operations.
//
// Order:
//
//   - The messages of a group run strictly one at a time and in the order they were enqueued, for each subscribed
//     step. A failing message holds back only its own group. (A handler that goes on after its visibility timeout,
//     whose context has ended, is not waited for.)
//   - Triggers see the changes of a state value and of a stream item in the order they were made.
//   - Messages without a group have no order, unless the trigger's queue is a [QueueFIFO].
//
// Atomicity:
//
//   - An Update applies all of its operations or none, as one change, whoever writes at the same time.
//   - A conditional write succeeds for one of those that compete, be it a Set, an Update or a Delete. For the others
//     nothing changes, fires or is told.
//   - There are no transactions over several keys, or over state and queues.
//
// Streams:
//
//   - A subscriber sees a snapshot and then every later change; what a slow one misses is replaced by a new snapshot
//     that says so, never by silence. A slow subscriber holds up nobody.
//   - The snapshot holds every write that has returned before. Before the end of a subscription's context come the
//     events of every write that has returned, and those that were sent in the same process. (This is for backends
//     that have [driver.WatchSyncer] and [driver.SubjectSyncer], as the one in memory has.)
//   - The timestamps of the events that a subscriber sees strictly increase.
//
// Clients on the network, see [App.StreamHandler]:
//
//   - What holds for subscribers holds for them: a snapshot, every later event once, a new snapshot in place of what
//     was missed. One that comes back in time gets what it missed.
//   - A client sees nothing before it is let in, and nothing of groups that it has not joined; an error, a panic or
//     no answer of Auth or OnJoin lets nobody in.
//   - One that does not read, sends too much or breaks the protocol costs a bounded amount of memory, harms no
//     other, and leaves nothing behind.
//
// Durability:
//
//   - The default backend keeps everything in memory: what was not handled ends with the process. A durable
//     [driver.Backend] keeps what was accepted.
//   - A new version of the program finds the messages of a trigger by the trigger's name, see [Named], or else by
//     the name of the step and what the trigger says, see [Trigger].
//   - A shutdown takes nothing new, lets running handlers finish, and gives back the messages of those it has to cut
//     off, without counting the attempt.
//
// # Errors
//
// Mistakes in steps are reported by [App.Register], all at once, each a *[StepError]. At run time there are sentinel
// errors such as [ErrQueueFull] and typed ones such as *[UndeclaredTopicError], for errors.Is and errors.As. A
// handler says more than "failed" with [Permanent], [RetryAfter] and [HTTPError]. HTTP clients get a [Problem] as in
// RFC 9457; the text of an unexpected error stays in the log.
//
// # Testing
//
// The default backend needs nothing, and tells time by package time only: run an app in a testing/synctest bubble,
// and retries, delays and schedules pass in virtual time. Package [github.com/motia-go/motia/motiatest] calls one
// handler alone or runs a whole app, records what happens, and has a backend that makes trouble by a seed.
//
// # Other backends
//
// Package [github.com/motia-go/motia/driver] is the contract between this package and its backends, and
// driver/drivertest the suite that says whether a backend keeps it.
package motia
