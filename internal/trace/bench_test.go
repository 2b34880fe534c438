package trace_test

import (
	"encoding/hex"
	"math/rand/v2"
	"testing"

	"github.com/motia-go/motia/internal/trace"
)

var sink string

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		p, _ := trace.Parse(valid)
		sink = p.TraceID
	}
}

func BenchmarkChild(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		sink = trace.Child(valid)
	}
}

// The floor is what one writes by hand: 16 random bytes in hex.
func BenchmarkNewTraceID(b *testing.B) {
	b.Run("floor", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var id [16]byte
			for i := 0; i < len(id); i += 8 {
				n := rand.Uint64()
				for j := range 8 {
					id[i+j] = byte(n >> (8 * j))
				}
			}
			sink = hex.EncodeToString(id[:])
		}
	})
	b.Run("motia", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			sink = trace.NewTraceID()
		}
	})
}
