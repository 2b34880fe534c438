package browsertest_test

import (
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// proxy is a TCP proxy whose connections can be cut.
type proxy struct {
	listener net.Listener
	work     sync.WaitGroup

	mu     sync.Mutex
	target string // empty while connections are cut
	conns  map[net.Conn]bool
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{listener: listener, target: target, conns: make(map[net.Conn]bool)}
	p.work.Go(p.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		p.cut()
		p.work.Wait()
	})
	return p
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

// cut ends all connections and accepts none.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = ""
	for conn := range p.conns {
		_ = conn.Close()
	}
}

// mend accepts connections again, to the target.
func (p *proxy) mend(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
}

func (p *proxy) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.work.Go(func() { p.pass(conn) })
	}
}

func (p *proxy) pass(client net.Conn) {
	defer client.Close()
	server, ok := p.connect(client)
	if !ok {
		return
	}
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, client)
		delete(p.conns, server)
	}()
	defer server.Close()
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(client, server)
		_ = client.Close()
	})
	_, _ = io.Copy(server, client)
	_ = server.Close()
	back.Wait()
}

func (p *proxy) connect(client net.Conn) (server net.Conn, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.target == "" {
		return nil, false
	}
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return nil, false
	}
	p.conns[client], p.conns[server] = true, true
	return server, true
}
