package streamclient

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/motia-go/motia"
)

// follower is a subscription without its type. One goroutine reads from one connection after the other, and delivers
// each event before it reads the next.
type follower struct {
	client  *Client
	request *http.Request
	room    string          // the end of the URL's path
	ctx     context.Context // ends the subscription
	cancel  context.CancelCauseFunc
	events  chan event // closed when the subscription has ended
	err     error      // why events was closed; may be read after that

	// The following belong to the goroutine.
	id     string        // the id of the latest event
	synced bool          // there has been a snapshot
	first  time.Duration // delay
}

// leastDelay is a lower limit for delays that a server asks for, so that it is not overrun.
const leastDelay = 100 * time.Millisecond

// run follows the server until the subscription ends, beginning with the given connection.
func (f *follower) run(conn *connection) {
	defer close(f.events)
	defer f.cancel(nil)
	o := &f.client.options
	f.first = o.MinDelay
	attempts := 0
	for {
		heard, err := f.read(conn)
		if heard {
			attempts = 0
		}
		for conn = nil; conn == nil; attempts++ {
			if f.ctx.Err() != nil {
				f.err = context.Cause(f.ctx)
				return
			}
			if final(err) {
				f.err = err
				return
			}
			delay := f.delay(attempts, err)
			o.Logger.WarnContext(f.ctx, "stream connection is lost", "url", f.address(), "error", err, "next_attempt_in", delay)
			wait := time.NewTimer(delay)
			select {
			case <-wait.C:
				conn, err = f.connect()
			case <-f.ctx.Done():
				wait.Stop()
			}
		}
	}
}

// delay returns how long to wait before the next attempt, after the given number of failed ones.
func (f *follower) delay(attempts int, err error) time.Duration {
	longest := f.client.options.MaxDelay
	delay := min(f.first, longest)
	for ; attempts > 0 && delay < longest; attempts-- {
		delay = min(2*delay, longest)
	}
	jitter := rand.N(delay/2 + 1)
	var refused *Error
	if errors.As(err, &refused) && refused.retryAfter > delay-jitter {
		return refused.retryAfter + jitter
	}
	return delay - jitter
}

// address returns the URL for the log, without the query, which may hold a token.
func (f *follower) address() string {
	u := *f.request.URL
	u.RawQuery = ""
	return u.Redacted()
}

// connect makes a connection.
func (f *follower) connect() (*connection, error) {
	ctx, cancel := context.WithCancelCause(f.ctx)
	conn := &connection{ctx: ctx, cancel: cancel, silence: f.client.options.Silence}
	conn.timer = time.AfterFunc(conn.silence, func() { cancel(errSilent) })
	request := f.request.Clone(ctx)
	if f.id != "" {
		request.Header.Set("Last-Event-ID", f.id)
	}
	response, err := f.client.http.Do(request)
	if err != nil {
		var wrapped *url.Error // its text contains the query, which may hold a token
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		err = conn.cause(err)
		conn.close()
		return nil, err
	}
	conn.body = response.Body
	if err := refusal(response); err != nil {
		conn.close()
		return nil, err
	}
	if final := response.Request; final != nil && !strings.HasSuffix(final.URL.EscapedPath(), f.room) {
		conn.close()
		return nil, invalidAnswer{errors.New("server redirects to another path")} // as http.ServeMux does if a name is empty
	}
	conn.timer.Stop()
	return conn, nil
}

// read delivers the events of the connection until it is lost, and reports whether anything was received.
func (f *follower) read(conn *connection) (heard bool, err error) {
	defer conn.close()
	p := newParser(conn, f.client.options.MaxEventSize, f.id)
	defer func() {
		f.id = p.id
		if p.retry >= 0 {
			f.first = max(p.retry, leastDelay)
		}
		heard = p.heard
	}()
	for {
		kind, data, err := p.next()
		if err != nil {
			return false, err
		}
		e, ok, err := parseEvent(kind, data)
		if err != nil {
			return false, err
		}
		if !ok {
			continue
		}
		if e.Type == motia.EventSync {
			if f.synced { // the server keeps no history, so events in between were missed
				e.Type = motia.EventResync
			}
			f.synced = true
		}
		select {
		case f.events <- e:
		case <-f.ctx.Done():
			return false, nil
		}
	}
}

// connection is the body of a response. It counts as lost if the server is silent during a Read.
type connection struct {
	ctx     context.Context
	cancel  context.CancelCauseFunc
	body    io.ReadCloser
	silence time.Duration
	timer   *time.Timer
}

// Read implements io.Reader.
func (c *connection) Read(p []byte) (int, error) {
	c.timer.Reset(c.silence)
	n, err := c.body.Read(p)
	c.timer.Stop()
	return n, c.cause(err)
}

// cause returns errSilent if the connection was given up for that reason, otherwise the error.
func (c *connection) cause(err error) error {
	if err != nil && context.Cause(c.ctx) == errSilent {
		return errSilent
	}
	return err
}

func (c *connection) close() {
	c.timer.Stop()
	c.cancel(nil)
	if c.body != nil {
		_ = c.body.Close() // nothing follows
	}
}
