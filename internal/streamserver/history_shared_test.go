package streamserver_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

// The snapshot that a WebSocket client got is older than the history: a client that began with it could not come
// back.
func TestASnapshotFromBeforeTheHistoryIsNotShared(t *testing.T) {
	app := sseApp(t, motia.Options{}, motia.StreamConfig{})
	t.Cleanup(func() { testkit.ShutDown(t, app) })
	server := httptest.NewServer(app.StreamHandler())
	t.Cleanup(server.Close)
	testkit.SetNote(t, app, "g", "a", 1)
	conn, _, err := websocket.Dial(t.Context(), strings.Replace(server.URL, "http", "ws", 1), nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.CloseNow() })
	require.NoError(t, conn.Write(t.Context(), websocket.MessageText, []byte(`{"type":"join","data":{"streamName":"notes","groupId":"g","subscriptionId":"s"}}`)))
	_, frame, err := conn.Read(t.Context())
	require.NoError(t, err)
	require.Contains(t, string(frame), `"type":"sync"`)

	s := &sseServer{client: server.Client()}
	stream := sseOpenURL(t, s, server.URL+"/notes/g")
	id := stream.next(t).id
	stream.cut()
	testkit.SetNote(t, app, "g", "a", 2)
	require.Equal(t, `update a {"text":"","n":2}`, sseOpenURL(t, s, server.URL+"/notes/g", "Last-Event-ID", id).next(t).text(t))
}
