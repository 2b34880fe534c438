// control runs official stream clients for a test. It takes commands and reports what the clients do:
//
//   {do: "open", url, protocols}                {frame}                   everything that the server sends
//   {do: "group", as, stream, group}            {as, state}               the client's state after every change of it
//   {do: "item", as, stream, group, id}         {as, event, data}
//   {do: "close", as}, {do: "shut"}             {closed: code}            the first connection has ended
export function control(Stream, report) {
  const subscriptions = {};
  let stream;
  return (command) => {
    switch (command.do) {
      case "open": {
        stream = new Stream(command.url, { protocols: command.protocols });
        const listener = stream.messageListener;
        stream.messageListener = (text) => {
          report({ frame: JSON.parse(text) });
          listener.call(stream, text);
        };
        stream.ws.ws.addEventListener("close", ({ code }) => report({ closed: code }));
        break;
      }
      case "group":
        follow(command.as, stream.subscribeGroup(command.stream, command.group));
        break;
      case "item":
        follow(command.as, stream.subscribeItem(command.stream, command.group, command.id));
        break;
      case "close":
        subscriptions[command.as].close();
        break;
      case "shut":
        stream.onSocketClose = () => {}; // otherwise it would reconnect
        stream.close();
        break;
    }
  };

  function follow(as, subscription) {
    subscriptions[as] = subscription;
    subscription.addChangeListener((state) => report({ as, state }));
    for (const event of ["typing", "error", "presence:list", "presence:join", "presence:leave"]) {
      subscription.onEvent(event, (data) => report({ as, event, data }));
    }
  }
}
