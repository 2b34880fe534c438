package streamserver_test

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

// socketServed runs the app with a server of its own on a network within a bubble.
func socketServed(t testing.TB, app *motia.App) (l *testkit.Pipes, stop func() error) {
	t.Helper()
	l = testkit.NewPipes()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- app.Serve(ctx, l) }()
	ended := false
	stop = func() error {
		if ended {
			return nil
		}
		ended = true
		cancel()
		return <-done
	}
	t.Cleanup(func() { _ = stop() }) // tests that care call stop themselves
	synctest.Wait()
	return l, stop
}

// socketEnd reads until the server ends the connection, and returns when that was.
func socketEnd(r io.Reader) time.Duration {
	begin := time.Now()
	_, _ = io.Copy(io.Discard, r)
	return time.Since(begin)
}

func TestAHalfOpenSocketIsCutOff(t *testing.T) {
	for name, mute := range map[string]func(net.Conn){
		"silent":               func(net.Conn) {},
		"in the middle":        func(c net.Conn) { _, _ = io.WriteString(c, socketMasked(0x81, "{\"type\"")[:9]) },
		"pongs of other pings": func(c net.Conn) { _, _ = io.WriteString(c, socketMasked(0x8a, "x")) },
		"within fragments":     func(c net.Conn) { _, _ = io.WriteString(c, socketMasked(0x01, "{")) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				left := new(testkit.List[string])
				app, l, _ := socketApp(t, motia.Options{}, motia.StreamConfig{
					OnLeave:  func(context.Context, motia.StreamJoin) { left.Add("left") },
					Presence: func(any) motia.Member { return motia.Member{ID: "x"} },
				})
				conn, r := socketRaw(t, l)
				go func() {
					_, _ = io.WriteString(conn, socketMasked(0x81, socketRequest("join", "notes", "g", "", "s")))
					mute(conn)
				}()
				took := socketEnd(r)
				require.GreaterOrEqual(t, took, 30*time.Second)
				require.LessOrEqual(t, took, 41*time.Second)
				socketGone(t, app)
				require.Equal(t, []string{"left"}, left.All())
			})
		})
	}
}

// A frame that never ends keeps the pongs behind it from being read.
func TestAFrameThatComesByteByByteIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, l, _ := socketApp(t, motia.Options{}, motia.StreamConfig{})
		conn, r := socketRaw(t, l)
		var writer sync.WaitGroup
		writer.Go(func() {
			frame := socketMasked(0x81, string(make([]byte, 30_000)))
			for i := range frame {
				if _, err := io.WriteString(conn, frame[i:i+1]); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		})
		require.LessOrEqual(t, socketEnd(r), 41*time.Second)
		writer.Wait()
		socketGone(t, app)
	})
}

func TestAnIdleClientThatGivesSignsOfLifeStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, l, _ := socketApp(t, motia.Options{}, motia.StreamConfig{})
		c := socketDial(t, l)
		c.join("g", "")
		time.Sleep(24 * time.Hour)
		socketSet(t, app, "g", "i", `{}`)
		require.Equal(t, []string{"sync", "i create"}, c.kinds())
	})
}

func TestAClientThatReadsNothingIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, l, _ := socketApp(t, limited(motia.StreamLimits{Buffer: 4}), motia.StreamConfig{})
		conn, _ := socketRaw(t, l)
		_, err := io.WriteString(conn, socketMasked(0x81, socketRequest("join", "notes", "g", "", "s")))
		require.NoError(t, err)
		for n := range 100 { // the pipe holds nothing
			socketSend(t, app, "g", "", "x", n)
		}
		time.Sleep(9 * time.Second)
		synctest.Wait()
		require.NotEmpty(t, leftovers(app))
		time.Sleep(2 * time.Second)
		socketGone(t, app)
	})
}

func TestAnUpgradeThatComesByteByByteIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, _ := testkit.NewApp(t, &motia.Options{Streams: []motia.StreamConfig{{Name: "notes"}}})
		l, stop := socketServed(t, app)
		conn, err := l.Dial(t.Context(), "", "")
		require.NoError(t, err)
		defer conn.Close()
		var writer sync.WaitGroup
		writer.Go(func() {
			for _, b := range []byte("GET /streams/ HTTP/1.1\r\nHost: motia.test\r\nConnection: Upgrade\r\nX: " + string(make([]byte, 1000))) {
				if _, err := conn.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		})
		require.LessOrEqual(t, socketEnd(conn), 11*time.Second)
		writer.Wait()
		require.NoError(t, stop())
	})
}
