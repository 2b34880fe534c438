package streamclient

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Options configure a [Client]. The zero value means defaults. New copies it.
type Options struct {
	// HTTPClient makes the requests; a custom Transport can renew tokens. Its Timeout is ignored, since subscriptions
	// are endless. Default: a client with http.DefaultTransport.
	HTTPClient *http.Client
	// Token, if not empty, is sent as "Authorization: Bearer <token>"; the server finds it with motia.StreamToken.
	Token string
	// Header is sent with every request.
	Header http.Header
	// MinDelay is the delay before the first attempt to reconnect, unless the server sets another one (the retry of
	// server-sent events). The delay doubles with every further attempt, up to MaxDelay. All delays are reduced at
	// random by up to a half, so that the clients of a server do not all come back at once. Retry-After is respected.
	// Default: 500 ms.
	MinDelay time.Duration
	// MaxDelay is the longest delay. Default: 30 s.
	MaxDelay time.Duration
	// Silence is how long the server may send nothing until the connection counts as lost. Default: 75 s, for
	// servers with the default PingInterval of 30 s.
	Silence time.Duration
	// MaxEventSize bounds an event, in bytes; the snapshot of a group is one event. Default: 16 MiB.
	MaxEventSize int
	// Logger gets records of lost connections, with the reason and the time of the next attempt. Default:
	// slog.Default() at the time of New.
	Logger *slog.Logger
}

const (
	defaultMinDelay     = 500 * time.Millisecond
	defaultMaxDelay     = 30 * time.Second
	defaultSilence      = 75 * time.Second
	defaultMaxEventSize = 16 << 20
)

// Client is a client of one server. Make one with [New], and follow streams with [Subscribe]. It may be used
// concurrently, and need not be closed.
type Client struct {
	options Options // including defaults
	http    http.Client
	base    *url.URL
	mistake error // in the arguments of New
}

// New returns a client of the [motia.App.StreamHandler] at the URL, for example "https://example.com/streams". A
// query in the URL is sent with every request. Nil options mean defaults. Subscribe reports mistakes in the URL or
// the options.
func New(address string, opts *Options) *Client {
	c := new(Client)
	if opts != nil {
		c.options = *opts
	}
	o := &c.options
	if o.HTTPClient != nil {
		c.http = *o.HTTPClient
		c.http.Timeout = 0
	}
	o.Header = o.Header.Clone()
	if o.Header == nil {
		o.Header = make(http.Header)
	}
	o.Header.Set("Accept", "text/event-stream")
	if o.Token != "" {
		o.Header.Set("Authorization", "Bearer "+o.Token)
	}
	if o.MinDelay < 0 || o.MaxDelay < 0 || o.Silence < 0 || o.MaxEventSize < 0 {
		c.mistake = errors.New("option is negative")
	}
	setDefault(&o.MinDelay, defaultMinDelay)
	setDefault(&o.MaxDelay, defaultMaxDelay)
	setDefault(&o.Silence, defaultSilence)
	setDefault(&o.MaxEventSize, defaultMaxEventSize)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	base, err := url.Parse(address)
	switch {
	case err != nil:
		c.mistake = err
	case base.Scheme != "http" && base.Scheme != "https" || base.Host == "":
		c.mistake = fmt.Errorf("%q is not an absolute http or https URL", address)
	}
	c.base = base
	return c
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// url returns the URL of a group or an item, and the end of its path, which names the group or item.
func (c *Client) url(names ...string) (u *url.URL, room string) {
	copied := *c.base
	u = &copied
	var plain string
	for _, name := range names {
		plain += "/" + name
		room += "/" + escape(name)
	}
	u.Path = strings.TrimSuffix(c.base.Path, "/") + plain
	u.RawPath = strings.TrimSuffix(c.base.EscapedPath(), "/") + room
	return u, room
}

// escape turns a name into a segment of a path. Servers and proxies would resolve "." and ".." in the path.
func escape(name string) string {
	if name == "." || name == ".." {
		return strings.ReplaceAll(name, ".", "%2E")
	}
	return url.PathEscape(name)
}
