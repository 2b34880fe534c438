package streamserver

import (
	"bufio"
	"context"
	"errors"
	"math"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/motia-go/motia/internal/hub"
	"github.com/motia-go/motia/internal/room"
)

const (
	// pongTimeout is how long a client has to answer a ping.
	pongTimeout = 10 * time.Second
	// closeTimeout is how long the closing handshake may take.
	closeTimeout = time.Second
	// maxCloseReason is how many bytes fit into a close frame (RFC 6455, section 5.5).
	maxCloseReason = 123
)

// socket is a WebSocket client. One goroutine reads its frames; another writes while there is something to write.
type socket struct {
	server    *Server
	conn      *websocket.Conn
	net       net.Conn // the connection below conn
	principal any

	box    hub.Outbox
	writes sync.WaitGroup
	ping   *time.Timer
	busy   atomic.Bool  // the reader is handling a frame, so it reads no pongs
	sends  atomic.Int32 // running writers, for which a ping has to wait; the write timeout bounds that

	// The following belong to the reader.
	rooms map[Join]*membership
	seats map[groupKey]*place
	joins int // subscriptions in all rooms
	rate  rate
}

// errLeft says that the client has left.
var errLeft = errors.New("client has left")

func (s *Server) serveSocket(w http.ResponseWriter, r *http.Request, principal any) {
	hijacked := &hijacker{ResponseWriter: w}
	if canHijack(w) {
		w = hijacked
	} // otherwise Accept answers that it is impossible
	var c *socket
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		InsecureSkipVerify: true, // originAllowed has checked the origin
		Subprotocols:       subprotocols(r),
		OnPingReceived:     func(context.Context, []byte) bool { return c.pinged() },
	})
	if err != nil {
		s.Log.InfoContext(r.Context(), "stream client is refused", "error", err)
		return // Accept has answered
	}
	conn.SetReadLimit(s.Limits.FrameSize)
	c = &socket{
		server:    s,
		conn:      conn,
		net:       hijacked.conn,
		principal: principal,
		rooms:     make(map[Join]*membership),
		seats:     make(map[groupKey]*place),
	}
	c.box.Limit = s.Limits.Buffer
	c.box.Wake = func() { c.writes.Go(c.write) }
	c.box.Cut = func() { time.AfterFunc(closeTimeout, func() { _ = c.net.Close() }) }
	s.clients.add(&c.box)
	c.ping = time.AfterFunc(math.MaxInt64, c.checkAlive)
	c.ping.Reset(s.Limits.PingInterval) // now that checkAlive can see the timer
	s.clients.count.Go(c.serve)         // not on the goroutine of the request, so that its large stack can be freed
}

// serve owns the connection until its end.
func (c *socket) serve() {
	defer c.end()
	defer func() {
		if v := recover(); v != nil { // a bug in this package must not end the process; net/http would recover from it as well
			c.server.Log.Error("stream client is cut off", "error", panicError(v), "stack", string(debug.Stack()))
		}
	}()
	c.read()
}

// hijacker lets serveSocket see the connection below the WebSocket.
type hijacker struct {
	http.ResponseWriter
	conn net.Conn
}

func (h *hijacker) Hijack() (conn net.Conn, buffered *bufio.ReadWriter, err error) {
	conn, buffered, err = http.NewResponseController(h.ResponseWriter).Hijack()
	h.conn = conn
	return conn, buffered, err
}

// canHijack reports whether http.ResponseController can hijack the connection of w.
func canHijack(w http.ResponseWriter) bool {
	for {
		switch inner := w.(type) {
		case http.Hijacker:
			return true
		case interface{ Unwrap() http.ResponseWriter }:
			w = inner.Unwrap()
		default:
			return false
		}
	}
}

// read handles the frames of the client until the connection ends.
func (c *socket) read() {
	for {
		kind, text, err := c.conn.Read(context.Background())
		if errors.Is(err, websocket.ErrMessageTooBig) { // the client has been told, but receives that only if the rest of the frame is read, which close does
			c.close(websocket.StatusMessageTooBig, "")
		}
		if err != nil {
			return
		}
		c.busy.Store(true)
		ok := c.handle(kind, text)
		c.busy.Store(false)
		if !ok {
			return
		}
	}
}

// pinged reports whether a ping should be answered. It cuts off a client that sends too many.
func (c *socket) pinged() bool {
	if c.rate.allow(time.Now(), c.server.Limits.FrameRate) {
		return true
	}
	_ = c.net.Close() // a closing handshake cannot begin while a frame is read
	return false
}

// handle handles a frame and reports whether the connection continues.
func (c *socket) handle(kind websocket.MessageType, text []byte) bool {
	if !c.rate.allow(time.Now(), c.server.Limits.FrameRate) {
		return c.close(websocket.StatusPolicyViolation, "too many frames")
	}
	if kind != websocket.MessageText {
		return c.close(websocket.StatusUnsupportedData, "frame is not text")
	}
	request, err := room.Parse(text)
	if err != nil {
		return c.close(websocket.StatusInvalidFramePayloadData, err.Error())
	}
	if request.Type == room.Leave {
		c.leave(request)
		return true
	}
	if c.joins == c.server.Limits.Joins {
		return c.close(websocket.StatusPolicyViolation, "too many subscriptions")
	}
	return c.join(request)
}

// write writes the waiting events until there are no more.
func (c *socket) write() {
	c.sends.Add(1)
	defer c.sends.Add(-1)
	var batch []hub.Parcel
	for {
		var err error
		if batch, err = c.box.Take(batch); err != nil {
			c.failed(err)
			return
		}
		if batch == nil {
			return
		}
		_ = c.net.SetWriteDeadline(time.Now().Add(c.server.Limits.WriteTimeout)) // if it fails, so does the write below
		for _, p := range batch {
			frame := p.Event.RoomFrame()
			if frame == nil {
				continue
			}
			if err := c.conn.Write(context.Background(), websocket.MessageText, frame); err != nil {
				_ = c.net.Close() // so that the reader ends
				return
			}
		}
		_ = c.net.SetWriteDeadline(time.Time{})
	}
}

// failed closes the connection after the outbox has ended with the error.
func (c *socket) failed(err error) {
	switch {
	case errors.Is(err, errLeft):
	case errors.Is(err, c.server.Shutdown):
		c.close(websocket.StatusGoingAway, "server is shutting down")
	default:
		c.server.Log.Error("stream client is cut off", "error", err)
		c.close(websocket.StatusInternalError, "stream has ended")
	}
}

// close ends the connection with a code as in RFC 6455, section 7.4. It returns false, which means that the
// connection does not continue.
func (c *socket) close(code websocket.StatusCode, reason string) bool {
	if len(reason) > maxCloseReason {
		reason = strings.ToValidUTF8(reason[:maxCloseReason], "")
	}
	cut := time.AfterFunc(closeTimeout, func() { _ = c.net.Close() })
	defer cut.Stop()
	_ = c.conn.Close(code, reason) // the client may be gone
	return false
}

// checkAlive cuts off a client that does not answer a ping.
func (c *socket) checkAlive() {
	ctx, cancel := context.WithTimeout(context.Background(), pongTimeout)
	defer cancel()
	if err := c.conn.Ping(ctx); err != nil && !c.busy.Load() && c.sends.Load() == 0 {
		_ = c.net.Close()
		return
	}
	c.ping.Reset(c.server.Limits.PingInterval)
}

// end releases everything that the client had.
func (c *socket) end() {
	c.ping.Stop()
	c.server.clients.drop(&c.box)
	c.box.Fail(errLeft)
	_ = c.net.Close()
	for key, m := range c.rooms {
		c.drop(key, m)
	}
	_ = c.conn.CloseNow()
	c.writes.Wait()
}
