package payload

import (
	"bytes"
	"fmt"
	"io"
	"sync"
)

// TooLargeError says that a body is larger than the limit. How much larger is unknown, since reading stopped at the
// limit.
type TooLargeError struct {
	Limit int64 // in bytes
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("body is larger than %d bytes", e.Limit)
}

const (
	// readSize is the least room for a read.
	readSize = 512
	// maxEmptyReads is how often a reader may return nothing, as in package bufio.
	maxEmptyReads = 100
)

// ReadAll reads r to its end, appends what it reads to buf, and returns the contents of buf, which are valid until
// buf is used again. A body of exactly limit bytes is accepted. Of a larger one, limit+1 bytes are read, and the
// error is a [*TooLargeError]. A limit below zero counts as zero. Other errors are those of r.
//
// Memory grows with what has arrived, not with what the sender announces. A caller that knows the length and trusts
// it may call buf.Grow first.
func ReadAll(r io.Reader, limit int64, buf *bytes.Buffer) ([]byte, error) {
	limit = max(limit, 0)
	var total int64
	for empty := 0; ; {
		buf.Grow(readSize)
		room := buf.AvailableBuffer()
		room = room[:cap(room)]
		// One byte more than the limit distinguishes a body that is too large from one that just fits.
		if left := limit - total; left < int64(len(room)) {
			room = room[:left+1]
		}
		n, err := r.Read(room)
		buf.Write(room[:n]) // does not copy, since room is that of buf
		total += int64(n)
		switch {
		case total > limit:
			return nil, &TooLargeError{Limit: limit}
		case err == io.EOF:
			return buf.Bytes(), nil
		case err != nil:
			return nil, err
		case n > 0:
			empty = 0
		default:
			if empty++; empty >= maxEmptyReads {
				return nil, io.ErrNoProgress
			}
		}
	}
}

// maxPooled is the capacity above which a buffer is left to the garbage collector, so that one large body does not
// stay in memory forever.
const maxPooled = 64 << 10

// Buffers is a pool of buffers for [ReadAll]. The zero value is ready to use, and safe for concurrent use.
type Buffers struct {
	pool sync.Pool
}

// Get returns an empty buffer.
func (b *Buffers) Get() *bytes.Buffer {
	if buf, ok := b.pool.Get().(*bytes.Buffer); ok {
		return buf
	}
	return new(bytes.Buffer)
}

// Put returns a buffer to the pool. Neither the buffer nor its contents may be used after that.
func (b *Buffers) Put(buf *bytes.Buffer) {
	if buf.Cap() > maxPooled {
		return
	}
	buf.Reset()
	b.pool.Put(buf)
}
