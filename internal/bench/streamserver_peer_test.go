//go:build unix

package bench_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/motia-go/motia"
)

// The two ends of the connections are separate processes, so that the time of the server can be measured without that
// of the clients, and each can have as many open files as a process may have. Both run this test binary with a part
// to play; the benchmark exchanges lines with them.

// peerPart is the environment variable that names the part.
const peerPart = "MOTIA_TEST_STREAM_PART"

func TestMain(m *testing.M) {
	part := os.Getenv(peerPart)
	if part == "" {
		os.Exit(m.Run())
	}
	var err error
	switch part {
	case "floor":
		err = serve(newHub())
	case "motia":
		err = serve(newNetApp())
	default:
		err = readAll(part)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, part+":", err)
		os.Exit(1)
	}
}

// publisher is a server that sends orders to all its clients.
type publisher interface {
	serve(net.Listener) error
	publish(TimedOrder) error
}

// TimedOrder is an order that says when it was sent.
type TimedOrder struct {
	Order
	At int64 `json:"at"` // Unix nanoseconds
}

// serve runs a server until there are no more commands. "publish n window" sends n orders, and at most window of them
// at a time have not been received by all clients; it answers with its processor time. "memory" answers with the
// bytes that it uses.
func serve(p publisher) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- p.serve(listener) }()
	received := os.NewFile(3, "received") // gets a byte for every order that all clients have received
	order := TimedOrder{}
	if err := json.Unmarshal([]byte(orderText), &order); err != nil {
		return err
	}
	await := func(n int) error {
		for range n {
			if _, err := received.Read(make([]byte, 1)); err != nil {
				return err
			}
		}
		return nil
	}
	fmt.Println(listener.Addr())
	for commands := bufio.NewScanner(os.Stdin); commands.Scan(); {
		switch command := strings.Fields(commands.Text()); command[0] {
		case "publish":
			n, _ := strconv.Atoi(command[1])
			window, _ := strconv.Atoi(command[2])
			before := processorTime()
			for i := range n {
				order.At = time.Now().UnixNano()
				if err := p.publish(order); err != nil {
					return err
				}
				if i >= window-1 {
					if err := await(1); err != nil {
						return err
					}
				}
			}
			if err := await(min(n, window-1)); err != nil {
				return err
			}
			fmt.Println(int64(processorTime() - before))
		case "memory":
			fmt.Println(heapInUse())
		case "goroutines":
			fmt.Println(runtime.NumGoroutine())
		}
	}
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

// processorTime returns the processor time of the process, including the kernel's.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// hub is the floor: a map of connections, each with a channel and a goroutine that writes the frames from it.
type hub struct {
	mu      sync.Mutex
	items   map[string][]byte
	clients map[*websocket.Conn]chan []byte
}

func newHub() *hub {
	return &hub{items: make(map[string][]byte), clients: make(map[*websocket.Conn]chan []byte)}
}

func (h *hub) serve(l net.Listener) error {
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		gone, left := context.WithCancel(context.Background())
		go func() {
			defer left()
			for {
				if _, _, err := conn.Read(context.Background()); err != nil {
					return
				}
			}
		}()
		frames := make(chan []byte, 64)
		h.mu.Lock()
		h.clients[conn] = frames
		h.mu.Unlock()
		defer func() {
			h.mu.Lock()
			delete(h.clients, conn)
			h.mu.Unlock()
		}()
		if conn.Write(context.Background(), websocket.MessageText, []byte(`{"type":"sync"}`)) != nil {
			return
		}
		for {
			select {
			case frame := <-frames:
				if conn.Write(context.Background(), websocket.MessageText, frame) != nil {
					return
				}
			case <-gone.Done():
				return
			}
		}
	}))
}

func (h *hub) publish(order TimedOrder) error {
	data, err := json.Marshal(order)
	if err != nil {
		return err
	}
	frame := fmt.Appendf(nil, `{"timestamp":%d,"streamName":"orders","groupId":"group","id":"id","event":{"type":"update","data":%s}}`,
		time.Now().UnixMilli(), data)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.items["id"] = data
	for _, c := range h.clients {
		c <- frame
	}
	return nil
}

// netApp is an app that does the same.
type netApp struct {
	app  *motia.App
	host context.Context
}

const timedOrders motia.StreamName[TimedOrder] = "orders"

func newNetApp() *netApp {
	app := motia.New(&motia.Options{
		Logger:  slog.New(slog.DiscardHandler),
		Streams: []motia.StreamConfig{{Name: string(timedOrders)}},
		// The clients of the benchmark do not answer pings, and those that stall stay connected for the whole time.
		StreamServer: motia.StreamServerOptions{Limits: motia.StreamLimits{PingInterval: time.Hour, WriteTimeout: time.Hour}},
	})
	return &netApp{app, app.Context(context.Background())}
}

func (a *netApp) serve(l net.Listener) error {
	if err := a.app.Register(); err != nil {
		return err
	}
	return a.app.Serve(context.Background(), l)
}

func (a *netApp) publish(order TimedOrder) error {
	_, err := timedOrders.Set(a.host, "group", "id", order)
	return err
}
