package payload_test

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/go-playground/validator/v10"

	"github.com/motia-go/motia/internal/payload"
)

var orderSink Order

// tagValidator returns a validator and the tags that use it.
func tagValidator() (v *validator.Validate, tags *payload.Tags) {
	tags = payload.NewTags(func(own *validator.Validate) error {
		v = own
		return nil
	})
	return v, tags
}

// The floor is what a handler does by hand, with the same validator.
func BenchmarkDecode(b *testing.B) {
	data := []byte(goodOrder)
	v, tags := tagValidator()
	c, err := payload.For[Order](tags)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("floor", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var order Order
			if err := json.Unmarshal(data, &order); err != nil {
				b.Fatal(err)
			}
			if err := v.Struct(&order); err != nil {
				b.Fatal(err)
			}
			orderSink = order
		}
	})
	b.Run("motia", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			order, err := c.Decode(data)
			if err != nil {
				b.Fatal(err)
			}
			orderSink = order
		}
	})
}

func BenchmarkDecodeWithoutTags(b *testing.B) {
	data := []byte(`{"value":1,"next":[{"value":2},{"value":3}]}`)
	c := codec[branch](b)
	var sink branch
	b.Run("floor", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var value branch
			if err := json.Unmarshal(data, &value); err != nil {
				b.Fatal(err)
			}
			sink = value
		}
	})
	b.Run("motia", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			value, err := c.Decode(data)
			if err != nil {
				b.Fatal(err)
			}
			sink = value
		}
	})
	_ = sink
}

// The floor is io.ReadAll behind a limit.
func BenchmarkReadAll(b *testing.B) {
	r := strings.NewReader(goodOrder)
	b.Run("floor", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r.Reset(goodOrder)
			if _, err := io.ReadAll(io.LimitReader(r, 1<<20)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("motia", func(b *testing.B) {
		var buffers payload.Buffers
		b.ReportAllocs()
		for b.Loop() {
			r.Reset(goodOrder)
			buf := buffers.Get()
			if _, err := payload.ReadAll(r, 1<<20, buf); err != nil {
				b.Fatal(err)
			}
			buffers.Put(buf)
		}
	})
}

func TestDecodeAllocatesNoMoreThanDecodingByHand(t *testing.T) {
	data := []byte(goodOrder)
	v, tags := tagValidator()
	c, err := payload.For[Order](tags)
	if err != nil {
		t.Fatal(err)
	}
	var floor, got float64
	for range 10 { // the race detector makes the pools of both forget at times
		floor = testing.AllocsPerRun(200, func() {
			var order Order
			if json.Unmarshal(data, &order) != nil || v.Struct(&order) != nil {
				t.Error("invalid")
			}
			orderSink = order
		})
		got = testing.AllocsPerRun(200, func() {
			order, err := c.Decode(data)
			if err != nil {
				t.Error(err)
			}
			orderSink = order
		})
		if got <= floor {
			return
		}
	}
	t.Errorf("%v allocations, by hand %v", got, floor)
}

func TestReadAllIntoAUsedBufferDoesNotAllocate(t *testing.T) {
	var buf bytes.Buffer
	r := strings.NewReader(goodOrder)
	if got := testing.AllocsPerRun(200, func() {
		r.Reset(goodOrder)
		buf.Reset()
		if _, err := payload.ReadAll(r, 1<<20, &buf); err != nil {
			t.Error(err)
		}
	}); got != 0 {
		t.Errorf("%v allocations", got)
	}
}
