// Package motia is an embeddable library for event-driven services. A service consists of steps; a step is a name,
// its triggers and a handler. A handler gets a typed [FlowContext] with queues, state, streams, a logger and the
// trace of the invocation.
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
// [State] and [Stream]. Steps are values: there is no global registry, and one process can have several apps.
//
// A handler takes its input and a *[Ctx]. The type parameter of Ctx is the type of the payload, the same for all
// triggers of the step, or [None]. Payloads are decoded from JSON and validated, by default by their `validate` tags,
// before the handler runs. Ctx is a [FlowContext] for handlers that enqueue to typed topics. Handlers that enqueue by
// topic name use the full form, which has a second type parameter.
//
// [Topic], [Scope] and [StreamName] tie a name to the type of its data, so that producers and consumers cannot
// disagree. Declare them as constants:
//
//	const OrderCreated motia.Topic[Order] = "order-created"
//
// Their methods take any context that derives from a FlowContext, so they work in helper functions and with
// context.WithTimeout. Code outside of steps gets such a context from [App.Context]. The untyped forms,
// [StateManager] and [Streams], have the same methods; their method With sets another context.
//
// # Guarantees
//
// The file docs/guarantees.md names the tests of each guarantee, and the cases of package driver/drivertest that test
// it on every backend.
//
// Delivery:
//
//   - Every step that is subscribed to a topic gets each of its messages, at least once.
//   - The messages of one Enqueue are accepted atomically, all or none, and no error is swallowed.
//   - A failed attempt (an error, a panic, an expired visibility timeout) is retried with backoff. When no attempts
//     are left, the message becomes a dead letter with the history of its attempts. A panic in a handler does not end
//     the process.
//   - An invalid payload never reaches the handler: a request is answered with 400, a message is dead-lettered.
//     (Bodies of GET and HEAD are not read.)
//   - What clients, logs, dead letters and errors say about JSON is the same on every supported Go release, although
//     encoding/json differs. Exceptions are what the methods of a type accept and say, and features that only one
//     release has, such as new options of json tags.
//   - A message with the ID of an earlier one is dropped within the deduplication window.
//   - Handlers may run more than once for one message. Make their effects idempotent, for example with [Message] IDs,
//     conditional writes or update operations.
//
// Order:
//
//   - Each subscribed step handles the messages of a group strictly one at a time, in the order they were enqueued. A
//     failing message delays only its own group. (The next message does not wait for a handler that goes on after its
//     visibility timeout, when its context has ended.)
//   - Triggers get the changes of a state value, and those of a stream item, in the order they were made.
//   - Messages without a group have no order, unless the trigger's queue is a [QueueFIFO].
//
// Atomicity:
//
//   - An Update is atomic: it applies all of its operations or none, as one change, also under concurrent writes.
//   - Of several conditional writes (Set, Update or Delete) with the same revision, one succeeds. The others change
//     nothing, fire no trigger and send nothing to subscribers.
//   - There are no transactions across keys, or across state and queues.
//
// Streams:
//
//   - A subscriber gets a snapshot and then every later change. A slow subscriber gets a new snapshot, marked as
//     such, in place of the changes that it missed. It delays nobody else.
//   - The snapshot holds every write that returned before it was requested. When the context of a subscription ends,
//     it still gets the events of every write that returned before, and those sent in the same process before. (This
//     needs a backend with [driver.WatchSyncer] and [driver.SubjectSyncer], such as the one in memory.)
//   - The timestamps of the events that a subscriber gets strictly increase.
//
// Network clients, see [App.StreamHandler]:
//
//   - Clients get the same as subscribers: a snapshot, every later event once, and a new snapshot in place of missed
//     events. One that reconnects in time gets the events that it missed.
//   - A client sees nothing before it is admitted, and nothing of groups that it has not joined. It is refused if
//     Auth or OnJoin returns an error, panics or does not answer in time.
//   - A client that does not read, sends too much or breaks the protocol costs a bounded amount of memory, disturbs
//     no other client, and leaves nothing behind.
//
// Durability:
//
//   - The default backend keeps everything in memory, and all of it is lost when the process ends. A durable
//     [driver.Backend] keeps what it has accepted.
//   - A new version of the program finds the waiting messages of a trigger by the trigger's name, see [Named], or
//     else by the name of the step and the trigger's settings, see [Trigger].
//   - A shutdown accepts nothing new and lets running handlers finish. The messages of handlers that it has to cancel
//     go back to their queues, without counting the attempt.
//
// # Errors
//
// [App.Register] reports all mistakes in steps at once, each as a *[StepError]. At run time there are sentinel errors
// such as [ErrQueueFull] for errors.Is, and error types such as *[UndeclaredTopicError] for errors.As. A handler
// returns [Permanent], [RetryAfter] or [HTTPError] to choose what follows an error. HTTP clients get a [Problem] as
// in RFC 9457; the text of an unexpected error is logged but not sent.
//
// # Testing
//
// The default backend needs no setup, and takes the time from package time: in a testing/synctest bubble, retries,
// delays and schedules run in virtual time. Package [github.com/motia-go/motia/motiatest] calls one handler or runs a
// whole app, records what happens, and has a backend that injects faults, which a seed makes repeatable.
//
// # Other backends
//
// Package [github.com/motia-go/motia/driver] is the contract between this package and its backends. Package
// driver/drivertest tests whether a backend keeps it.
package motia
