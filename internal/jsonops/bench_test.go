package jsonops_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/motia-go/motia/internal/jsonops"
)

// document returns about 1 KB of JSON as a program would store it: a record with a list of records.
func document() []byte {
	type line struct {
		SKU   string  `json:"sku"`
		Title string  `json:"title"`
		Qty   int     `json:"qty"`
		Price float64 `json:"price"`
	}
	type order struct {
		ID     string            `json:"id"`
		Lines  []line            `json:"lines"`
		Labels map[string]string `json:"labels"`
		Visits int               `json:"visits"`
		Status string            `json:"status"`
		Note   string            `json:"note"`
	}
	o := order{ID: "order-20260417-000123", Labels: map[string]string{}, Visits: 41, Status: "open", Note: "ring \"twice\"\n"}
	for i := range 9 {
		o.Lines = append(o.Lines, line{fmt.Sprintf("sku-%06d", i), "A thing with a name", i + 1, 9.99 * float64(i)})
		o.Labels[fmt.Sprintf("label-%d", i)] = "some value"
	}
	text, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	return text
}

var twoFields = []jsonops.Op{
	{Kind: jsonops.Increment, Path: "visits", Value: json.RawMessage(`1`)},
	{Kind: jsonops.Set, Path: "status", Value: json.RawMessage(`"paid"`)},
}

func BenchmarkTwoFieldsOf1KB(b *testing.B) {
	doc := document()
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := jsonops.Apply(doc, twoFields, jsonops.Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkTwoFieldsOf1KBByHand is the floor: the same change by decoding, changing and encoding.
func BenchmarkTwoFieldsOf1KBByHand(b *testing.B) {
	doc := document()
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		var value map[string]any
		if err := json.Unmarshal(doc, &value); err != nil {
			b.Fatal(err)
		}
		value["visits"] = value["visits"].(float64) + 1
		value["status"] = "paid"
		if _, err := json.Marshal(value); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEachKindOf1KB(b *testing.B) {
	doc := document()
	for _, op := range []jsonops.Op{
		{Kind: jsonops.Set, Path: "lines.4.title", Value: json.RawMessage(`"Another thing"`)},
		{Kind: jsonops.Set, Path: "a.b.c.d", Value: json.RawMessage(`true`)},
		{Kind: jsonops.Delete, Path: "lines.4"},
		{Kind: jsonops.Decrement, Path: "lines.4.price", Value: json.RawMessage(`0.5`)},
		{Kind: jsonops.Merge, Path: "labels", Value: json.RawMessage(`{"label-3":"new","label-x":"new"}`)},
		{Kind: jsonops.Append, Path: "lines", Value: json.RawMessage(`{"sku":"sku-000010"}`)},
	} {
		b.Run(fmt.Sprintf("%s %s", op.Kind, op.Path), func(b *testing.B) {
			ops := []jsonops.Op{op}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := jsonops.Apply(doc, ops, jsonops.Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkSkip skips large values of several shapes to reach a small one behind them.
func BenchmarkSkip(b *testing.B) {
	const size = 256 << 10
	for name, value := range map[string]string{
		"string":  `"` + strings.Repeat("x", size) + `"`,
		"escapes": `"` + strings.Repeat(`\"`, size/2) + `"`,
		"numbers": `[` + strings.Repeat("12345,", size/6) + `0]`,
		"objects": `[` + strings.Repeat(`{"key":"value"},`, size/16) + `{}]`,
		"nested":  strings.Repeat(`[`, 1000) + strings.Repeat(`"abcdefghij",`, size/13) + `0` + strings.Repeat(`]`, 1000),
	} {
		b.Run(name, func(b *testing.B) {
			doc := bytes.Join([][]byte{[]byte(`{"big":`), []byte(value), []byte(`,"visits":1}`)}, nil)
			b.SetBytes(int64(len(doc)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := jsonops.Apply(doc, twoFields[:1], jsonops.Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
