package payload_test

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/motia-go/motia/internal/payload"
)

func TestReadAllReadsUpToTheLimitInclusive(t *testing.T) {
	const limit = 5000
	for _, size := range []int{0, 1, 511, 512, 513, limit - 1, limit, limit + 1, limit + 2, 10 * limit} {
		text := strings.Repeat("x", size)
		for name, r := range map[string]io.Reader{
			"plain":        strings.NewReader(text),
			"byte by byte": iotest.OneByteReader(strings.NewReader(text)),
			"with EOF":     iotest.DataErrReader(strings.NewReader(text)),
		} {
			got, err := payload.ReadAll(r, limit, new(bytes.Buffer))
			if size <= limit {
				if err != nil || string(got) != text {
					t.Errorf("%d bytes, %s: got %d bytes, %v", size, name, len(got), err)
				}
				continue
			}
			tooLarge, ok := errors.AsType[*payload.TooLargeError](err)
			if !ok || tooLarge.Limit != limit || got != nil {
				t.Errorf("%d bytes, %s: got %d bytes, %v", size, name, len(got), err)
			}
		}
	}
}

func TestReadAllStopsReadingAtTheLimit(t *testing.T) {
	r := strings.NewReader(strings.Repeat("x", 1000))
	_, err := payload.ReadAll(r, 10, new(bytes.Buffer))
	if err == nil || err.Error() != "body is larger than 10 bytes" {
		t.Errorf("got %v", err)
	}
	if r.Len() != 1000-11 {
		t.Errorf("%d bytes are left, want all but eleven", r.Len())
	}
}

func TestReadAllWithLimitsAtTheEdge(t *testing.T) {
	for _, limit := range []int64{0, -1, math.MinInt64} {
		if got, err := payload.ReadAll(strings.NewReader(""), limit, new(bytes.Buffer)); err != nil || len(got) != 0 {
			t.Errorf("limit %d: got %q, %v", limit, got, err)
		}
		if _, err := payload.ReadAll(strings.NewReader("x"), limit, new(bytes.Buffer)); err == nil {
			t.Errorf("limit %d: one byte passed", limit)
		}
	}
	if got, err := payload.ReadAll(strings.NewReader("x"), math.MaxInt64, new(bytes.Buffer)); err != nil || string(got) != "x" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestReadAllDoesNotReserveMemoryForTheLimit(t *testing.T) {
	var buf bytes.Buffer
	if _, err := payload.ReadAll(strings.NewReader("small"), 1<<40, &buf); err != nil || buf.Cap() > 4096 {
		t.Errorf("capacity is %d, %v", buf.Cap(), err)
	}
}

func TestReadAllReturnsTheErrorOfTheReader(t *testing.T) {
	broken := errors.New("connection lost")
	r := io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(broken))
	if got, err := payload.ReadAll(r, 10, new(bytes.Buffer)); err != broken || got != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

type emptyReader struct{}

func (emptyReader) Read([]byte) (int, error) { return 0, nil }

func TestReadAllGivesUpOnAReaderThatReturnsNothing(t *testing.T) {
	if _, err := payload.ReadAll(emptyReader{}, 10, new(bytes.Buffer)); err != io.ErrNoProgress {
		t.Errorf("got %v", err)
	}
}

func TestBuffersComeBackEmptyAndLargeOnesNotAtAll(t *testing.T) {
	var buffers payload.Buffers
	for range 100 {
		buf := buffers.Get()
		if buf.Len() != 0 || buf.Cap() > 64<<10 {
			t.Fatalf("got a buffer of length %d, capacity %d", buf.Len(), buf.Cap())
		}
		buf.WriteString("leftovers")
		buffers.Put(buf)

		large := buffers.Get()
		large.Grow(1 << 20)
		buffers.Put(large)
	}
}
