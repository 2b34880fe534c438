package webserver_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia/internal/testkit"
	"github.com/motia-go/motia/internal/webserver"
)

// running is a server at work.
type running struct {
	*webserver.Server
	t        *testing.T
	listener *testkit.Pipes
	served   chan error // the result of Serve
	log      bytes.Buffer
}

func serve(t *testing.T, ctx context.Context, handler http.HandlerFunc) *running {
	r := &running{t: t, listener: testkit.NewPipes(), served: make(chan error, 1)}
	r.Server = webserver.New(webserver.Config{Handler: handler, Context: ctx, Log: slog.NewTextHandler(&r.log, nil)})
	go func() { r.served <- r.Serve(r.listener) }()
	return r
}

// connect returns the client's end of a new connection.
func (r *running) connect() net.Conn {
	conn, err := r.listener.Dial(r.t.Context(), "", "")
	require.NoError(r.t, err)
	return conn
}

// get sends a request on a connection and returns the answer, or nil if there is none.
func (r *running) get(conn net.Conn) <-chan *http.Response {
	answer := make(chan *http.Response, 1)
	_, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: server\r\n\r\n")
	require.NoError(r.t, err)
	go func() {
		response, _ := http.ReadResponse(bufio.NewReader(conn), nil)
		answer <- response
	}()
	return answer
}

func TestDrainTakesNothingNewAndLetsRequestsFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := serve(t, t.Context(), func(http.ResponseWriter, *http.Request) { time.Sleep(time.Hour) })
		answer := server.get(server.connect())
		synctest.Wait()
		server.Drain()
		require.NoError(t, <-server.served)
		_, err := server.listener.Accept()
		require.ErrorIs(t, err, net.ErrClosed)
		response := <-answer
		require.Equal(t, 200, response.StatusCode)
		began := time.Now()
		server.Close(true)
		require.Less(t, time.Since(began), 50*time.Millisecond, "there is nothing to wait for")
	})
}

func TestCloseCutsOffRequestsThatHaveNotFinished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := serve(t, t.Context(), func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		answer := server.get(server.connect())
		synctest.Wait()
		server.Drain()
		began := time.Now()
		server.Close(false)
		require.Nil(t, <-answer)
		require.Zero(t, time.Since(began))
	})
}

func TestCloseGivesResponsesAMomentToLeaveAndNotMore(t *testing.T) {
	for name, c := range map[string]struct {
		client func(*running)
		wait   time.Duration
	}{
		"a client that reads slowly": {func(r *running) {
			answer := r.get(r.connect()) // reads 4096 bytes
			go func() {
				response := <-answer
				time.Sleep(200 * time.Millisecond)
				body, err := io.ReadAll(response.Body)
				require.NoError(r.t, err)
				require.Len(r.t, body, 1<<20)
			}()
		}, 200 * time.Millisecond},
		"a client that does not read":    {func(r *running) { r.get(r.connect()) }, 500 * time.Millisecond},
		"a connection without a request": {func(r *running) { r.connect() }, 500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := serve(t, t.Context(), func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 1<<20)) })
				c.client(server)
				synctest.Wait()
				server.Drain()
				began := time.Now()
				server.Close(true)
				require.GreaterOrEqual(t, time.Since(began), c.wait)
				require.LessOrEqual(t, time.Since(began), 500*time.Millisecond)
			})
		})
	}
}

func TestAListenerThatFailsEndsServeWithItsError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := serve(t, t.Context(), nil)
		require.NoError(t, server.listener.Close())
		require.ErrorIs(t, <-server.served, net.ErrClosed)
		server.Drain()
		server.Close(true)
	})
}

func TestADrainedServerClosesAListenerThatItServesTooLate(t *testing.T) {
	server := webserver.New(webserver.Config{Log: slog.DiscardHandler})
	server.Drain()
	server.Close(true)
	listener := testkit.NewPipes()
	require.NoError(t, server.Serve(listener))
	_, err := listener.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
}

func TestRequestsRunInTheContextOfTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
		server := serve(t, ctx, func(w http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			_, _ = io.WriteString(w, r.Context().Value(key{}).(string))
		})
		answer := server.get(server.connect())
		cancel()
		body, err := io.ReadAll((<-answer).Body)
		require.NoError(t, err)
		require.Equal(t, "value", string(body))
		server.Drain()
		server.Close(true)
	})
}

func TestPanicsOfTheHandlerAreLoggedAsErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := serve(t, t.Context(), func(http.ResponseWriter, *http.Request) { panic("broken") })
		require.Nil(t, <-server.get(server.connect()))
		server.Drain()
		server.Close(true)
		require.Contains(t, server.log.String(), "level=ERROR")
		require.Contains(t, server.log.String(), "panic serving pipe: broken")
	})
}

func TestClientsThatAreSilentForTooLongAreDisconnected(t *testing.T) {
	for name, c := range map[string]struct {
		talk  func(*running, net.Conn)
		after time.Duration
	}{
		"before the headers are complete": {func(_ *running, conn net.Conn) {
			_, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost:")
			require.NoError(t, err)
		}, 10 * time.Second},
		"after a response": {func(r *running, conn net.Conn) { <-r.get(conn) }, 2 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := serve(t, t.Context(), func(http.ResponseWriter, *http.Request) {})
				conn := server.connect()
				began := time.Now()
				c.talk(server, conn)
				_, err := conn.Read(make([]byte, 1))
				require.ErrorIs(t, err, io.EOF)
				require.Equal(t, c.after, time.Since(began))
				server.Drain()
				server.Close(true)
			})
		})
	}
}
