package streamserver_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

// socketGone checks that the app no longer holds anything for clients: hubs, clients, presence. It is for bubbles.
func socketGone(t testing.TB, app *motia.App) {
	t.Helper()
	synctest.Wait()
	require.Empty(t, leftovers(app))
	for _, stream := range []motia.StreamName[testkit.Note]{"notes", "others"} {
		members, err := stream.Members(app.Context(t.Context()), "g")
		require.NoError(t, err)
		require.Empty(t, members)
	}
}

// socketGoroutines counts the goroutines of the bubble.
func socketGoroutines() int {
	stacks := make([]byte, 1<<20)
	return bytes.Count(stacks[:runtime.Stack(stacks, true)], []byte(", synctest bubble "))
}

func TestAClientThatBreaksTheProtocolIsClosedWithACodeThatSaysWhy(t *testing.T) {
	for name, c := range map[string]struct {
		kind   websocket.MessageType
		frame  string
		code   websocket.StatusCode
		reason string
	}{
		"no JSON":             {websocket.MessageText, `{`, 1007, "frame is not a JSON object as the protocol requires"},
		"an array":            {websocket.MessageText, `[]`, 1007, "frame is not a JSON object as the protocol requires"},
		"empty":               {websocket.MessageText, ``, 1007, "frame is not a JSON object as the protocol requires"},
		"not UTF-8":           {websocket.MessageText, "{\"type\":\"\xff\"}", 1007, "frame is not valid UTF-8"},
		"unknown type":        {websocket.MessageText, `{"type":"shout"}`, 1007, `frame has unknown type "shout"`},
		"unknown, in letters": {websocket.MessageText, `{"type":"` + strings.Repeat("😀", 100) + `"}`, 1007, `frame has unknown type "` + strings.Repeat("😀", 24)},
		"no stream":           {websocket.MessageText, `{"type":"join","data":{"groupId":"g"}}`, 1007, "frame lacks streamName"},
		"no group":            {websocket.MessageText, `{"type":"leave","data":{"streamName":"notes"}}`, 1007, "frame lacks groupId"},
		"number for a name":   {websocket.MessageText, `{"type":"join","data":{"streamName":"notes","groupId":7}}`, 1007, "frame is not a JSON object as the protocol requires"},
		"deeply nested":       {websocket.MessageText, `{"x":` + strings.Repeat("[", 3_000), 1007, "frame is not a JSON object as the protocol requires"},
		"binary":              {websocket.MessageBinary, `{"type":"join","data":{"streamName":"notes","groupId":"g"}}`, 1003, "frame is not text"},
		"too big":             {websocket.MessageText, strings.Repeat(" ", 4<<10+1), 1009, "read limited at 4097 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app, l, _ := socketApp(t, motia.Options{}, motia.StreamConfig{Presence: func(any) motia.Member { return motia.Member{ID: "x"} }})
				client := socketDial(t, l)
				client.join("g", "")
				require.NoError(t, client.conn.Write(t.Context(), c.kind, []byte(c.frame)))
				begin := time.Now()
				require.Equal(t, c.code, client.closed())
				require.Less(t, time.Since(begin), 100*time.Millisecond)
				var closed websocket.CloseError
				require.ErrorAs(t, client.err, &closed)
				require.Equal(t, c.reason, closed.Reason)
				socketGone(t, app)
			})
		})
	}
}

func TestTheLargestFrameIsTakenAndTheNextLargerIsNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, l, _ := socketApp(t, limited(motia.StreamLimits{FrameSize: 200}), motia.StreamConfig{})
		frame := socketRequest("join", "notes", "g", "", "s")
		c := socketDial(t, l)
		c.send(frame + strings.Repeat(" ", 200-len(frame)))
		require.Equal(t, []string{"sync"}, c.kinds())
		c.send(frame + strings.Repeat(" ", 201-len(frame)))
		require.EqualValues(t, 1009, c.closed())
	})
}

// Over a real connection: the client must get the code although it is still sending.
func TestAFrameOfTenMebibytesIsRefused(t *testing.T) {
	app, _ := testkit.NewApp(t, &motia.Options{Streams: []motia.StreamConfig{{Name: "notes"}}})
	server := httptest.NewServer(app.StreamHandler())
	defer server.Close()
	for range 5 {
		conn, _, err := websocket.Dial(t.Context(), server.URL, nil)
		require.NoError(t, err)
		c := socketRead(t, conn)
		_ = conn.Write(t.Context(), websocket.MessageText, bytes.Repeat([]byte(" "), 10<<20)) // it may be cut off
		require.EqualValues(t, 1009, c.closed())
	}
}

// The answer to a frame that is too big is lost on a client that is cut off while it still sends.
func TestAClientCanSendAFrameThatIsTooBigToTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, l, _ := socketApp(t, motia.Options{}, motia.StreamConfig{})
		conn, r := socketRaw(t, l)
		frame := append(binary.BigEndian.AppendUint64([]byte{0x81, 0x80 | 127}, 10<<20), make([]byte, 4+10<<20)...)
		answer := make(chan []byte, 1)
		go func() {
			code := make([]byte, 4)
			_, _ = io.ReadFull(r, code) // what is missing is seen below
			answer <- code
			_, _ = io.Copy(io.Discard, r)
		}()
		_, err := conn.Write(frame)
		require.NoError(t, err)
		require.EqualValues(t, 1009, binary.BigEndian.Uint16((<-answer)[2:]))
		time.Sleep(2 * time.Second) // for the client's part of the closing handshake, which it does not do
		socketGone(t, app)
	})
}

func TestAClientMaySendAsManyFramesAsTheRateAllows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, l, _ := socketApp(t, limited(motia.StreamLimits{FrameRate: 10}), motia.StreamConfig{})
		leave := socketRequest("leave", "notes", "g", "", "s")
		c := socketDial(t, l)
		for range 2 {
			for range 100 { // the burst
				c.send(leave)
			}
			time.Sleep(10 * time.Second)
		}
		for range 600 { // for a minute
			time.Sleep(100 * time.Millisecond)
			c.send(leave)
		}
		c.open()
		time.Sleep(time.Second)
		for range 100 {
			c.send(leave)
		}
		c.open()
		c.send(leave)
		require.EqualValues(t, 1008, c.closed())
		require.ErrorContains(t, c.err, "too many frames")
	})
}

func TestASocketHasABoundedNumberOfSubscriptions(t *testing.T) {
	for name, rooms := range map[string]func(int) string{
		"groups":      func(i int) string { return socketRequest("join", "notes", fmt.Sprint(i), "", "s") },
		"items":       func(i int) string { return socketRequest("join", "notes", "g", fmt.Sprint(i), "s") },
		"of one room": func(i int) string { return socketRequest("join", "notes", "g", "", fmt.Sprint(i)) },
		"with leaves between": func(i int) string {
			return socketRequest([]string{"join", "leave"}[i%2&(i/2)%2], "notes", "g", fmt.Sprint(i/2), "s")
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var joins, most = new(atomic.Int64), int64(0) // rooms that the client is in
				app, l, _ := socketApp(t, limited(motia.StreamLimits{FrameRate: 100_000}), motia.StreamConfig{
					OnJoin: func(context.Context, motia.StreamJoin) error {
						most = max(most, joins.Add(1)) // one client, one call at a time
						return nil
					},
					OnLeave:  func(context.Context, motia.StreamJoin) { joins.Add(-1) },
					Presence: func(any) motia.Member { return motia.Member{ID: "x"} },
				})
				c := socketDial(t, l)
				sent := 0
				for range 10_000 {
					if c.conn.Write(t.Context(), websocket.MessageText, []byte(rooms(sent))) != nil {
						break
					}
					sent++
				}
				require.EqualValues(t, 1008, c.closed())
				require.ErrorContains(t, c.err, "too many subscriptions")
				require.GreaterOrEqual(t, sent, 1000)
				socketGone(t, app)
				require.Zero(t, joins.Load())
				require.LessOrEqual(t, most, int64(1000))
			})
		})
	}
}

func TestTenThousandJoinsEndAtTheRateByDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, l, _ := socketApp(t, motia.Options{}, motia.StreamConfig{})
		c := socketDial(t, l)
		for i := range 10_000 {
			if c.conn.Write(t.Context(), websocket.MessageText, []byte(socketRequest("join", "notes", fmt.Sprint(i), "", "s"))) != nil {
				break
			}
		}
		require.EqualValues(t, 1008, c.closed())
		socketGone(t, app)
	})
}

func TestHostileNamesAreNamesLikeOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, l, _ := socketApp(t, limited(motia.StreamLimits{FrameSize: 1 << 20}), motia.StreamConfig{})
		for _, name := range []string{
			"\x00", "a\x00b", "😀", "/", "//", "../..", `"`, `\`, "\n", "\u2028", "<script>", "__proto__", "constructor", "%2F", "*", ">", "a.b", " ",
			":group:x:item:y", "\u202e", "\ufffd", strings.Repeat("x", 64<<10), strings.Repeat("😀", 16<<10),
		} {
			c := socketDial(t, l)
			c.join(name, "")
			c.join(name, name)
			socketSet(t, app, name, name, `{}`)
			socketSend(t, app, name, name, name, name)
			frames := c.frames()
			require.Len(t, frames, 3, "%.20q", name)
			for i, f := range frames {
				require.Equal(t, name, f.GroupID)
				if i > 0 {
					require.Equal(t, name, f.ID)
				}
			}
			require.Equal(t, name, frames[2].Event.Event.Type)
			c.cut()
		}
		socketGone(t, app)
	})
}

// socketRaw connects without a WebSocket library, after the handshake. What the server sends can be read from it.
func socketRaw(t testing.TB, l *testkit.Pipes) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := l.Dial(t.Context(), "", "")
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: motia.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
	require.NoError(t, err)
	r := bufio.NewReader(conn)
	response, err := http.ReadResponse(r, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusSwitchingProtocols, response.StatusCode)
	return conn, r
}

// socketMasked is a frame with the first byte as given, masked with zeros.
func socketMasked(first byte, payload string) string {
	switch n := len(payload); {
	case n < 126:
		return string([]byte{first, 0x80 | byte(n), 0, 0, 0, 0}) + payload
	default:
		return string(binary.BigEndian.AppendUint16([]byte{first, 0x80 | 126}, uint16(n))) + "\x00\x00\x00\x00" + payload
	}
}

func TestFramesThatAreNoneEndTheConnection(t *testing.T) {
	join := socketRequest("join", "notes", "g", "", "s")
	for name, frame := range map[string]string{
		"unmasked":                string([]byte{0x81, byte(len(join))}) + join,
		"reserved bits":           socketMasked(0xf1, join),
		"unknown opcode":          socketMasked(0x83, join),
		"continuation of nothing": socketMasked(0x80, join),
		"ping in fragments":       socketMasked(0x09, "x"),
		"ping of 126 bytes":       socketMasked(0x89, strings.Repeat("x", 126)),
		"text within text":        socketMasked(0x01, "{") + socketMasked(0x81, "}"),
		"longer than can be":      "\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00",
		"close with a bad code":   socketMasked(0x88, "\x00\x01"),
		"close with half a code":  socketMasked(0x88, "\x03"),
		"HTTP":                    "GET / HTTP/1.1\r\nHost: motia.test\r\n\r\n",
		"a flood of pings":        strings.Repeat(socketMasked(0x89, "x"), 1001),
		"endless fragments":       socketMasked(0x01, "") + strings.Repeat(socketMasked(0x00, strings.Repeat(" ", 1000)), 40),
		"close in good order":     socketMasked(0x88, "\x03\xe8"),
		"end":                     "",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app, l, _ := socketApp(t, motia.Options{}, motia.StreamConfig{})
				conn, r := socketRaw(t, l)
				go func() {
					_, _ = io.WriteString(conn, socketMasked(0x81, join)+frame) // it may be cut off
					if frame == "" {
						_ = conn.Close()
					}
				}()
				begin := time.Now()
				_, _ = io.ReadAll(r) // it ends
				require.LessOrEqual(t, time.Since(begin), 2*time.Second)
				socketGone(t, app)
			})
		})
	}
}

// Whatever bytes follow the handshake, the server survives them and releases everything.
func TestRandomBytesAfterTheHandshakeLeaveNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, l, _ := socketApp(t, motia.Options{}, motia.StreamConfig{})
		random := rand.New(rand.NewPCG(1, 2))
		join := socketMasked(0x81, socketRequest("join", "notes", "g", "", "s"))
		for range 300 {
			conn, r := socketRaw(t, l)
			go func() { _, _ = io.Copy(io.Discard, r) }()
			bad := []byte(join + join + join)
			for range 1 + random.IntN(4) {
				bad[random.IntN(len(bad))] = byte(random.Uint32())
			}
			go func() { _, _ = conn.Write(bad) }()
			synctest.Wait()
			require.NoError(t, conn.Close())
		}
		socketGone(t, app)
	})
}

func TestAStormOfJoinsAndLeavesLeavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var joins, leaves testkit.List[string]
		app, l, _ := socketApp(t, limited(motia.StreamLimits{FrameRate: 1_000_000}), motia.StreamConfig{
			Presence: func(any) motia.Member { return motia.Member{ID: "x"} },
			OnJoin:   func(context.Context, motia.StreamJoin) error { joins.Add(""); return nil },
			OnLeave:  func(context.Context, motia.StreamJoin) { leaves.Add("") },
		})
		synctest.Wait()
		before := socketGoroutines()
		var storm sync.WaitGroup
		stop := make(chan struct{})
		storm.Go(func() { // somebody writes meanwhile
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
					socketSet(t, app, "g", fmt.Sprint(n%5), fmt.Sprint(n))
					runtime.Gosched()
				}
			}
		})
		var clients sync.WaitGroup
		for seed := range uint64(6) {
			clients.Go(func() {
				random := rand.New(rand.NewPCG(seed, 1))
				for range 5 {
					c := socketDial(t, l)
					for range 100 {
						kind := []string{"join", "leave"}[random.IntN(2)]
						c.send(socketRequest(kind, "notes", "g", []string{"", "1", "2"}[random.IntN(3)], fmt.Sprint(random.IntN(2))))
					}
					c.cut()
				}
			})
		}
		clients.Wait()
		close(stop)
		storm.Wait()
		socketGone(t, app)
		time.Sleep(time.Minute) // idle connections of the clients end
		synctest.Wait()
		require.Equal(t, before, socketGoroutines())
		require.NotEmpty(t, joins.All())
		require.Len(t, leaves.All(), len(joins.All()))
	})
}
