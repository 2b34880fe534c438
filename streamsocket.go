package motia

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"math"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/motia-go/motia/internal/hub"
	"github.com/motia-go/motia/internal/room"
)

const (
	// pongTimeout is how long a client has for its sign of life.
	pongTimeout = 10 * time.Second
	// closeTimeout is how long the closing handshake may take.
	closeTimeout = time.Second
	// maxCloseReason is what fits into a close frame, in bytes (RFC 6455, section 5.5).
	maxCloseReason = 123
	// rateBurst is for how many seconds' worth of frames a client may save up.
	rateBurst = 10
)

// socket is a WebSocket client. One goroutine reads its frames; another writes while there is something to write.
type socket struct {
	app       *App
	conn      *websocket.Conn
	net       net.Conn // below conn
	principal any

	box    hub.Outbox
	writes sync.WaitGroup
	ping   *time.Timer
	busy   atomic.Bool  // with a frame, so that pongs are not read
	sends  atomic.Int32 // writers, so that a ping has to wait; what bounds that is the write timeout

	// The following belong to the reader.
	rooms map[StreamJoin]*membership
	seats map[groupKey]*place
	joins int // subscriptions in all rooms
	rate  rate
}

// membership is a client's place in a room. Several subscriptions of the client may share it.
type membership struct {
	stream     *stream
	subscriber *hub.Subscriber
	ids        []string // of the subscriptions
}

// place is a client's seat in a group.
type place struct {
	hub.Seat
	rooms int    // that the client is in
	exit  func() // ends its presence
}

type groupKey struct{ stream, group string }

// errLeft says that the client has gone.
var errLeft = errors.New("client has left")

func (a *App) serveSocket(w http.ResponseWriter, r *http.Request, principal any) {
	hijacked := &hijacker{ResponseWriter: w}
	if canHijack(w) {
		w = hijacked
	} // else Accept answers that it cannot be done
	var c *socket
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		InsecureSkipVerify: true, // originAllowed has checked it
		Subprotocols:       subprotocols(r),
		OnPingReceived:     func(context.Context, []byte) bool { return c.pinged() },
	})
	if err != nil {
		a.log.InfoContext(r.Context(), "stream client is refused", "error", err)
		return // Accept has answered
	}
	conn.SetReadLimit(a.streamLimits.FrameSize)
	c = &socket{
		app:       a,
		conn:      conn,
		net:       hijacked.conn,
		principal: principal,
		rooms:     make(map[StreamJoin]*membership),
		seats:     make(map[groupKey]*place),
	}
	c.box.Limit = a.streamLimits.Buffer
	c.box.Wake = func() { c.writes.Go(c.write) }
	c.box.Cut = func() { time.AfterFunc(closeTimeout, func() { _ = c.net.Close() }) }
	a.clients.add(&c.box)
	c.ping = time.AfterFunc(math.MaxInt64, c.checkAlive)
	c.ping.Reset(a.streamLimits.PingInterval) // now that checkAlive can see the timer
	a.clients.count.Go(c.serve)               // the goroutine of the request has a large stack, which it may give back
}

// serve owns the connection until its end.
func (c *socket) serve() {
	defer c.end()
	defer func() {
		if v := recover(); v != nil { // a mistake of ours; net/http would not let it end the process either
			err := panicError(v)
			c.app.log.Error("stream client is cut off", "error", err, "stack", string(err.Stack))
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

// canHijack reports whether a connection can be had from w, as http.ResponseController finds it.
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
		if errors.Is(err, websocket.ErrMessageTooBig) { // which the client has been told; it cannot hear it unless the rest is read
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

// pinged reports whether a ping is to be answered. A flood of them cuts the client off.
func (c *socket) pinged() bool {
	if c.rate.allow(time.Now(), c.app.streamLimits.FrameRate) {
		return true
	}
	_ = c.net.Close() // a closing handshake cannot begin while a frame is read
	return false
}

// handle reports whether the connection goes on.
func (c *socket) handle(kind websocket.MessageType, text []byte) bool {
	if !c.rate.allow(time.Now(), c.app.streamLimits.FrameRate) {
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
	if c.joins == c.app.streamLimits.Joins {
		return c.close(websocket.StatusPolicyViolation, "too many subscriptions")
	}
	return c.join(request)
}

// join subscribes the client to a room.
func (c *socket) join(request room.Request) bool {
	key := StreamJoin{Stream: request.Stream, GroupID: request.Group, ItemID: request.Item}
	if m := c.rooms[key]; m != nil {
		if !slices.Contains(m.ids, request.Subscription) {
			m.ids = append(m.ids, request.Subscription)
			c.joins++
		}
		m.subscriber.Again()
		return true
	}
	st := c.app.streams[request.Stream]
	if st == nil {
		return c.refuse(request, "stream is not declared")
	}
	join := key
	join.Principal = c.principal
	ctx := context.Background()
	if err := c.app.mayJoin(ctx, st, join); err != nil {
		c.app.log.InfoContext(ctx, "join is refused", "stream", join.Stream, "group", join.GroupID, "item", join.ItemID, "error", err)
		return c.refuse(request, refusal(err, http.StatusForbidden, "join is refused").Detail)
	}
	group := groupKey{request.Stream, request.Group}
	t := c.seats[group]
	if t == nil {
		t = &place{Seat: hub.Seat{Box: &c.box}}
	}
	var item *string
	if request.Item != "" {
		item = &request.Item
	}
	s, err := st.hubs.Join(ctx, request.Group, item, &t.Seat)
	if err != nil {
		c.app.hasLeft(st, join)
		if errors.Is(err, ErrShutdown) {
			return c.close(websocket.StatusGoingAway, "server is shutting down")
		}
		c.app.log.ErrorContext(ctx, "client cannot follow the stream", "stream", join.Stream, "group", join.GroupID, "error", err)
		return c.refuse(request, "stream is not available")
	}
	c.rooms[key] = &membership{stream: st, subscriber: s, ids: []string{request.Subscription}}
	c.joins++
	if c.seats[group] == nil {
		c.seats[group] = t
		t.exit = c.app.enter(st, request.Group, c.principal)
	}
	t.rooms++
	return true
}

// leave ends a subscription, and with the last one of a room the membership.
func (c *socket) leave(request room.Request) {
	key := StreamJoin{Stream: request.Stream, GroupID: request.Group, ItemID: request.Item}
	m := c.rooms[key]
	if m == nil {
		return
	}
	i := slices.Index(m.ids, request.Subscription)
	if i < 0 {
		return
	}
	m.ids = slices.Delete(m.ids, i, i+1)
	c.joins--
	if len(m.ids) == 0 {
		c.drop(key, m)
	}
}

func (c *socket) drop(key StreamJoin, m *membership) {
	m.subscriber.Close(nil)
	delete(c.rooms, key)
	group := groupKey{key.Stream, key.GroupID}
	t := c.seats[group]
	if t.rooms--; t.rooms == 0 {
		delete(c.seats, group)
		c.box.Forget(&t.Seat)
		t.exit()
	}
	key.Principal = c.principal
	c.app.hasLeft(m.stream, key)
}

// refuse tells the client that it is not in the room: the protocol has no frame for that, so it is an event "error".
func (c *socket) refuse(request room.Request, message string) bool {
	payload, _ := json.Marshal(map[string]string{"message": message}) // strings always encode
	answer := (&room.Event{
		Timestamp: time.Now().UnixMilli(),
		Stream:    request.Stream,
		Group:     request.Group,
		Item:      request.Item,
		Type:      string(EventSent),
		Name:      "error",
		Payload:   payload,
	}).Append(nil)
	if !c.box.Answer(answer) {
		return c.close(websocket.StatusPolicyViolation, "too many frames")
	}
	return true
}

// write writes what waits, until nothing does.
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
		_ = c.net.SetWriteDeadline(time.Now().Add(c.app.streamLimits.WriteTimeout)) // what fails here fails below
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

// failed closes the connection because nothing comes any more.
func (c *socket) failed(err error) {
	switch {
	case errors.Is(err, errLeft):
	case errors.Is(err, ErrShutdown):
		c.close(websocket.StatusGoingAway, "server is shutting down")
	default:
		c.app.log.Error("stream client is cut off", "error", err)
		c.close(websocket.StatusInternalError, "stream has ended")
	}
}

// close ends the connection with a code as in RFC 6455, section 7.4. It returns false: the connection does not go on.
func (c *socket) close(code websocket.StatusCode, reason string) bool {
	if len(reason) > maxCloseReason {
		reason = strings.ToValidUTF8(reason[:maxCloseReason], "")
	}
	cut := time.AfterFunc(closeTimeout, func() { _ = c.net.Close() })
	defer cut.Stop()
	_ = c.conn.Close(code, reason) // the client may be gone
	return false
}

// checkAlive cuts off a client that gives no sign of life.
func (c *socket) checkAlive() {
	ctx, cancel := context.WithTimeout(context.Background(), pongTimeout)
	defer cancel()
	if err := c.conn.Ping(ctx); err != nil && !c.busy.Load() && c.sends.Load() == 0 {
		_ = c.net.Close()
		return
	}
	c.ping.Reset(c.app.streamLimits.PingInterval)
}

// end gives back everything that the client had.
func (c *socket) end() {
	c.ping.Stop()
	c.app.clients.drop(&c.box)
	c.box.Fail(errLeft)
	_ = c.net.Close()
	for key, m := range c.rooms {
		c.drop(key, m)
	}
	_ = c.conn.CloseNow()
	c.writes.Wait()
}

// rate is a token bucket. The zero value is full.
type rate struct {
	mu    sync.Mutex // pings may be read by who closes the connection
	last  time.Time
	spent float64
}

func (r *rate) allow(now time.Time, perSecond int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.spent = max(0, r.spent-now.Sub(r.last).Seconds()*float64(perSecond))
	r.last = now
	r.spent++
	return r.spent <= float64(perSecond*rateBurst)
}
