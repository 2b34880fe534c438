// Package trace reads and writes the headers of W3C Trace Context, https://www.w3.org/TR/trace-context/: traceparent,
// which names a trace and the caller's place in it, and tracestate, which carries what tracing systems add.
//
// Ids are random, from a source that cannot be predicted and needs no seed. All functions are safe for concurrent
// use.
package trace

import "math/rand/v2"

const (
	traceIDLen = 32
	spanIDLen  = 16

	// Offsets in a traceparent: version-traceid-spanid-flags.
	traceIDAt = 3
	spanIDAt  = traceIDAt + traceIDLen + 1
	flagsAt   = spanIDAt + spanIDLen + 1
	parentLen = flagsAt + 2
)

// Flags of a traceparent. Other flags are reserved: they are read, but never written.
const (
	Sampled byte = 1 << 0 // the caller records this trace
	Random  byte = 1 << 1 // the trace id is random; of level 2 of the specification
)

const knownFlags = Sampled | Random

// Parent is what a traceparent says.
type Parent struct {
	TraceID string // 32 lower-case hex digits, not all zero
	SpanID  string // 16 lower-case hex digits, not all zero; the specification calls it parent-id
	Flags   byte
}

// Parse reads a traceparent, and reports whether it is valid. It is strict: digits are lower case, there is no space
// around it, ids are not all zero. Version 00 must have exactly its length; what later versions append is ignored, as
// the specification requires. Parse does not allocate: the ids are parts of the argument, which they keep in memory.
func Parse(traceparent string) (Parent, bool) {
	if len(traceparent) < parentLen ||
		traceparent[2] != '-' || traceparent[spanIDAt-1] != '-' || traceparent[flagsAt-1] != '-' {
		return Parent{}, false
	}
	version, ok := parseByte(traceparent[:2])
	if !ok || version == 0xff {
		return Parent{}, false
	}
	if len(traceparent) > parentLen && (version == 0 || traceparent[parentLen] != '-') {
		return Parent{}, false
	}
	p := Parent{
		TraceID: traceparent[traceIDAt : traceIDAt+traceIDLen],
		SpanID:  traceparent[spanIDAt : spanIDAt+spanIDLen],
	}
	if p.Flags, ok = parseByte(traceparent[flagsAt:parentLen]); !ok || !validID(p.TraceID) || !validID(p.SpanID) {
		return Parent{}, false
	}
	return p, true
}

// ValidTraceID reports whether id is 32 lower-case hex digits that are not all zero.
func ValidTraceID(id string) bool { return len(id) == traceIDLen && validID(id) }

// ValidSpanID reports whether id is 16 lower-case hex digits that are not all zero.
func ValidSpanID(id string) bool { return len(id) == spanIDLen && validID(id) }

// NewTraceID returns a random trace id. It is never all zero.
func NewTraceID() string {
	var b [traceIDLen]byte
	putTraceID(b[:])
	return string(b[:])
}

// NewSpanID returns a random span id. It is never all zero.
func NewSpanID() string {
	var b [spanIDLen]byte
	putSpanID(b[:])
	return string(b[:])
}

// Format returns the traceparent, of version 00, for ids and flags; reserved flags are omitted. If an id is invalid
// it returns the empty string, which means no traceparent.
func Format(traceID, spanID string, flags byte) string {
	if !ValidTraceID(traceID) || !ValidSpanID(spanID) {
		return ""
	}
	var b [parentLen]byte
	copy(b[traceIDAt:], traceID)
	copy(b[spanIDAt:], spanID)
	return finish(&b, flags)
}

// NewTraceParent returns the traceparent of a new trace, sampled.
func NewTraceParent() string {
	var b [parentLen]byte
	putTraceID(b[traceIDAt : traceIDAt+traceIDLen])
	putSpanID(b[spanIDAt : spanIDAt+spanIDLen])
	return finish(&b, Sampled)
}

// Child returns the traceparent to propagate: the trace id and flags of the given one, with a new span id. If the
// given one is invalid, a new trace begins, as the specification requires.
func Child(traceparent string) string {
	p, ok := Parse(traceparent)
	if !ok {
		return NewTraceParent()
	}
	var b [parentLen]byte
	copy(b[traceIDAt:], p.TraceID)
	putSpanID(b[spanIDAt : spanIDAt+spanIDLen])
	return finish(&b, p.Flags)
}

// finish fills in everything except the ids.
func finish(b *[parentLen]byte, flags byte) string {
	b[0], b[1], b[2] = '0', '0', '-'
	b[spanIDAt-1], b[flagsAt-1] = '-', '-'
	flags &= knownFlags
	b[flagsAt], b[flagsAt+1] = digits[flags>>4], digits[flags&0xf]
	return string(b[:])
}

const digits = "0123456789abcdef"

func putTraceID(b []byte) {
	high, low := rand.Uint64(), rand.Uint64()
	for high == 0 && low == 0 {
		low = rand.Uint64()
	}
	putHex(b, high)
	putHex(b[16:], low)
}

func putSpanID(b []byte) {
	id := rand.Uint64()
	for id == 0 {
		id = rand.Uint64()
	}
	putHex(b, id)
}

func putHex(b []byte, n uint64) {
	_ = b[15]
	for i := 15; i >= 0; i-- {
		b[i] = digits[n&0xf]
		n >>= 4
	}
}

// validID reports whether s is lower-case hex and not all zero.
func validID(s string) bool {
	zero := true
	for i := range len(s) {
		if !isHex(s[i]) {
			return false
		}
		zero = zero && s[i] == '0'
	}
	return !zero
}

func parseByte(s string) (byte, bool) {
	if !isHex(s[0]) || !isHex(s[1]) {
		return 0, false
	}
	return hexValue(s[0])<<4 | hexValue(s[1]), true
}

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' }

func hexValue(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c - 'a' + 10
}
