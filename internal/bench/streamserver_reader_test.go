//go:build unix

package bench_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// reader holds clients that count the orders they receive and note the delays.
type reader struct {
	clients  int64
	received atomic.Int64 // orders, by all clients together
	all      *os.File     // gets a byte when all clients have an order

	mu     sync.Mutex
	delays []time.Duration
}

// readAll plays "read <address> <clients> <stalled>": it connects clients, and others that never read, and answers
// each line with the 50th and the 99th percentile of the delays since the last one.
func readAll(part string) error {
	fields := strings.Fields(part)
	clients, _ := strconv.Atoi(fields[2])
	stalled, _ := strconv.Atoi(fields[3])
	r := &reader{clients: int64(clients), all: os.NewFile(3, "received")}
	conns := make([]net.Conn, clients+stalled)
	for i := range conns {
		conn, err := connect(fields[1], i < stalled)
		if err != nil {
			return fmt.Errorf("client %d: %w", i, err)
		}
		conns[i] = conn
		if i < stalled {
			continue
		}
		in := bufio.NewReaderSize(conn, 1024)
		if _, err := readFrame(in, nil); err != nil { // the snapshot
			return fmt.Errorf("client %d: %w", i, err)
		}
		go func() {
			fmt.Fprintln(os.Stderr, "client has ended:", r.read(in))
			os.Exit(1)
		}()
	}
	fmt.Println("connected")
	commands := bufio.NewScanner(os.Stdin)
	for commands.Scan() {
		r.mu.Lock()
		delays := r.delays
		r.delays = nil
		r.mu.Unlock()
		if len(delays) == 0 {
			delays = make([]time.Duration, 1)
		}
		fmt.Println(int64(quantile(delays, 0.5)), int64(quantile(delays, 0.99)))
	}
	runtime.KeepAlive(conns) // kept open until here; the end of the process closes them
	return nil
}

func connect(address string, stalls bool) (net.Conn, error) {
	var dialer net.Dialer
	if stalls {
		dialer.Control = func(_, _ string, c syscall.RawConn) error { // a small buffer, which is soon full
			return c.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096) })
		}
	}
	conn, err := dialer.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(conn, "GET /streams HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", address)
	if err != nil {
		return nil, err
	}
	var response []byte // must be read to its end and not beyond
	for b := make([]byte, 1); !bytes.HasSuffix(response, []byte("\r\n\r\n")); {
		if _, err := conn.Read(b); err != nil {
			return nil, err
		}
		response = append(response, b[0])
	}
	if !bytes.HasPrefix(response, []byte("HTTP/1.1 101")) {
		return nil, fmt.Errorf("refused: %s", response)
	}
	join := `{"type":"join","data":{"streamName":"orders","groupId":"group","subscriptionId":"1"}}`
	frame := []byte{0x81, 0x80 | byte(len(join)), 0, 0, 0, 0} // masked with zeros
	_, err = conn.Write(append(frame, join...))
	return conn, err
}

// read reads frames until the connection ends.
func (r *reader) read(in *bufio.Reader) error {
	var frame []byte
	for {
		var err error
		if frame, err = readFrame(in, frame[:0]); err != nil {
			return err
		}
		_, rest, ok := bytes.Cut(frame, []byte(`"at":`))
		if !ok {
			return fmt.Errorf("not an order: %s", frame)
		}
		at, err := strconv.ParseInt(string(rest[:bytes.IndexByte(rest, '}')]), 10, 64)
		if err != nil {
			return err
		}
		delay := time.Since(time.Unix(0, at))
		r.mu.Lock()
		r.delays = append(r.delays, delay)
		r.mu.Unlock()
		if r.received.Add(1)%r.clients == 0 {
			if _, err := r.all.Write([]byte{0}); err != nil {
				return err
			}
		}
	}
}

// readFrame reads a frame of up to 64 KiB from a server, appended to dst.
func readFrame(in *bufio.Reader, dst []byte) ([]byte, error) {
	var header [2]byte
	if _, err := io.ReadFull(in, header[:]); err != nil {
		return nil, err
	}
	n := int(header[1])
	if n == 126 {
		if _, err := io.ReadFull(in, header[:]); err != nil {
			return nil, err
		}
		n = int(binary.BigEndian.Uint16(header[:]))
	}
	dst = append(dst, make([]byte, n)...)
	_, err := io.ReadFull(in, dst)
	return dst, err
}
