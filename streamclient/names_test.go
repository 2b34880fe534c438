package streamclient_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
	"github.com/motia-go/motia/streamclient"
)

// http.ServeMux redirects to the path that it considers clean, which is that of another room.
func TestNamesReachTheServerThroughAServeMuxOrAreAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, handler := newApp(t, motia.Options{}, motia.StreamConfig{})
		mux := http.NewServeMux()
		mux.Handle("/streams/", handler)
		client := newNetwork(t, mux).client(t, streamclient.Options{})
		for i, name := range []string{".", "..", "a/b", "...", " ", "%2E"} {
			testkit.SetNote(t, app, name, name, i)
			require.Equal(t, text(motia.StreamInput[testkit.Note]{Stream: "notes", GroupID: name, ItemID: name, Event: motia.StreamEvent[testkit.Note]{
				Type: motia.EventSync, Items: []motia.StreamItem[testkit.Note]{{ID: name, Data: testkit.Note{N: i}}},
			}}), next(t, subscribe(t, client, name, streamclient.ForItem(name))))
		}
		_, err := streamclient.Subscribe(t.Context(), client, testkit.Notes, "", streamclient.ForItem("x"))
		require.EqualError(t, err, `streamclient: subscribe to stream "notes": server redirects to another path`)
	})
}

func TestATokenInTheQueryIsNeitherLoggedNorInErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, handler := newApp(t, motia.Options{}, motia.StreamConfig{})
		n := newNetwork(t, handler)
		var log bytes.Buffer
		client := streamclient.New("http://app.test/streams?authToken=secret", &streamclient.Options{
			HTTPClient: &http.Client{Transport: &http.Transport{DialContext: n.dial, DisableKeepAlives: true}},
			Logger:     slog.New(slog.NewTextHandler(&log, nil)),
		})
		sub := subscribe(t, client, "g")
		require.Equal(t, "sync notes/g/", next(t, sub))
		require.Equal(t, "secret", n.asked()[0].URL.Query().Get("authToken"))
		n.refuse(true)
		n.cut()
		time.Sleep(time.Minute)
		_, err := streamclient.Subscribe(t.Context(), client, testkit.Notes, "g")
		require.ErrorContains(t, err, "connection refused")
		require.NotContains(t, err.Error(), "secret")
		sub.Close() // after this nobody writes to the log
		require.Contains(t, log.String(), "connection refused")
		require.NotContains(t, log.String(), "secret")
	})
}
