package testkit

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"testing"
)

// Pipes is an in-memory network that works within a synctest bubble: a listener and its dialer. Connections have no
// buffer: a write waits for its reader.
type Pipes struct {
	// Buffered makes writes of clients not wait, as with a kernel's buffers.
	Buffered bool

	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

// ErrRefused is the error of dialing a closed network.
var ErrRefused = errors.New("connection refused")

// NewPipes returns a network that accepts connections until it is closed.
func NewPipes() *Pipes {
	return &Pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
}

// Accept implements net.Listener.
func (p *Pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (p *Pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

// Addr implements net.Listener.
func (p *Pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

// Dial connects a client, as http.Transport.DialContext. The network and the address do not matter.
func (p *Pipes) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	if p.Buffered {
		client = newBufferedConn(client)
	}
	select {
	case p.conns <- server:
		return client, nil
	case <-p.closed:
		return nil, ErrRefused
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Client returns an HTTP client on the network.
func (p *Pipes) Client(t testing.TB) *http.Client {
	transport := &http.Transport{DialContext: p.Dial}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// bufferedConn is a connection whose writes do not wait.
type bufferedConn struct {
	net.Conn
	writes chan []byte
	closed chan struct{}
	once   sync.Once
}

func newBufferedConn(conn net.Conn) *bufferedConn {
	b := &bufferedConn{Conn: conn, writes: make(chan []byte, 1000), closed: make(chan struct{})}
	go func() { // it ends with the connection
		for {
			select {
			case p := <-b.writes:
				if _, err := conn.Write(p); err != nil {
					return
				}
			case <-b.closed:
				return
			}
		}
	}()
	return b
}

func (b *bufferedConn) Write(p []byte) (int, error) {
	select {
	case b.writes <- bytes.Clone(p):
		return len(p), nil
	case <-b.closed:
		return 0, net.ErrClosed
	}
}

func (b *bufferedConn) Close() error {
	b.once.Do(func() { close(b.closed) })
	return b.Conn.Close()
}
