// Package streamclient follows the streams of a motia app over the network, from another Go program. What comes is what a
// subscription in the app's own process gets, see [motia.StreamName.Subscribe]: first the snapshot (sync), then every
// later event.
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
// A subscription outlives its connections. When one is lost, or the server falls silent, the next attempt follows after
// a while, see [Options.MinDelay], until there is one again. Then either the events that were missed follow, or a new
// snapshot (resync) comes in their place: there is never a silent gap, and nothing comes twice. What ends a subscription
// is its context, Close, an event that is too large or not valid, and the refusal of the server, an *[Error]: for example
// because the token has expired or the user may not see the group any more.
//
// A program that reads slowly slows down nobody but itself: the server leaves out updates that later ones have
// superseded, and then sends a resync.
//
// The package reads the server-sent events of [motia.App.StreamHandler].
package streamclient
