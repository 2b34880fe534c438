package motia

import "time"

// StreamLimits bound what a client of [App.StreamHandler] may do and cost. Zero fields have their defaults.
type StreamLimits struct {
	// FrameSize is the largest frame that a client may send, in bytes: the names of a room fit into it. Default: 4 KiB.
	FrameSize int64
	// FrameRate is how many frames per second a client may send, pings among them, with bursts of ten seconds' worth.
	// Default: 100.
	FrameRate int
	// Joins is how many subscriptions a connection may have. Default: 1,000.
	Joins int
	// Buffer is how many events a client may lag behind before it is resynchronised. Default: 256.
	Buffer int
	// PingInterval is how often clients on WebSockets are asked for a sign of life, which they have 10 seconds to give, and
	// how often those of server-sent events get a comment. Default: 30 s.
	PingInterval time.Duration
	// WriteTimeout is how long a client may take to receive what waits for it; then it is cut off. Default: 10 s.
	WriteTimeout time.Duration
	// AuthTimeout is how long StreamAuth, OnJoin and OnLeave may take. Default: 10 s.
	AuthTimeout time.Duration
}

func (l StreamLimits) withDefaults() StreamLimits {
	setDefault(&l.FrameSize, 4<<10)
	setDefault(&l.FrameRate, 100)
	setDefault(&l.Joins, 1000)
	setDefault(&l.Buffer, 256)
	setDefault(&l.PingInterval, 30*time.Second)
	setDefault(&l.WriteTimeout, 10*time.Second)
	setDefault(&l.AuthTimeout, 10*time.Second)
	return l
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
