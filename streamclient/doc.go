// Package streamclient follows the streams of a motia app over the network, from another Go program. A subscription
// gets the same events as one in the app's own process, see [motia.StreamName.Subscribe]: first the snapshot (sync),
// then every later event.
//
//	const Chat motia.StreamName[Message] = "chat"
//
//	client := streamclient.New("https://example.com/streams", &streamclient.Options{Token: token})
//	messages, err := streamclient.Subscribe(ctx, client, Chat, "room-1")
//	if err != nil {
//		return err
//	}
//	defer messages.Close()
//	for event, err := range messages.Events(ctx) {
//		...
//	}
//
// # Lost connections
//
// A subscription outlives its connections. When a connection is lost, or the server becomes silent, the client tries
// to reconnect until it succeeds, see [Options.MinDelay]. Then it gets either the events that it missed, or a new
// snapshot (resync) instead: no event is lost silently or delivered twice. A subscription ends with its context, with
// Close, with an event that is too large or invalid, and when the server refuses it with an *[Error], for example
// because the token has expired or the user may no longer see the group.
//
// A program that reads slowly does not slow down others: the server drops updates that later ones supersede, and if
// that is not enough it sends a resync.
//
// The package reads the server-sent events of [motia.App.StreamHandler].
package streamclient
