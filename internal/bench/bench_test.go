package bench_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/internal/testkit"
)

// Every benchmark has a floor: the same work written by hand with the standard library. BENCHMARKS.md has the ratios
// and the command that measures them.

// Order is about 300 bytes of JSON with three items.
type Order struct {
	ID       string `json:"id" validate:"required,max=64"`
	Customer string `json:"customer" validate:"required"`
	Email    string `json:"email" validate:"required"`
	Address  string `json:"address"`
	Total    int    `json:"total" validate:"gt=0"`
	Items    []Item `json:"items" validate:"min=1,dive"`
}

// Item is an item of an Order.
type Item struct {
	SKU      string `json:"sku" validate:"required"`
	Quantity int    `json:"quantity" validate:"gte=1"`
	Price    int    `json:"price" validate:"gte=0"`
}

// PlainOrder is an Order without rules.
type PlainOrder struct {
	ID       string      `json:"id"`
	Customer string      `json:"customer"`
	Email    string      `json:"email"`
	Address  string      `json:"address"`
	Total    int         `json:"total"`
	Items    []PlainItem `json:"items"`
}

type PlainItem struct {
	SKU      string `json:"sku"`
	Quantity int    `json:"quantity"`
	Price    int    `json:"price"`
}

const orderText = `{"id":"8f14e45f-ceea-467f-9c3d-6a1b2c3d4e5f","customer":"Grace Brewster Murray Hopper",` +
	`"email":"grace@example.com","address":"1 Infinite Loop, 95014 Cupertino, California","total":9084,"items":[` +
	`{"sku":"book-1234","quantity":1,"price":3999},{"sku":"pen-98765","quantity":12,"price":199},{"sku":"ink-55555","quantity":3,"price":899}]}`

func newOrder[T any](tb testing.TB) T {
	tb.Helper()
	var order T
	require.NoError(tb, json.Unmarshal([]byte(orderText), &order))
	return order
}

// newApp returns an app whose log goes nowhere, and a context for host code.
func newApp(tb testing.TB, opts *motia.Options, steps ...motia.Step) (*motia.App, context.Context) {
	tb.Helper()
	var o motia.Options
	if opts != nil {
		o = *opts
	}
	o.Logger = slog.New(slog.DiscardHandler)
	app, _ := testkit.NewApp(tb, &o, steps...)
	return app, app.Context(tb.Context())
}

// work does one thing n times.
type work func(n int)

// compare measures the floor and motia separately, and the ratio of the two. For the ratio they take turns many times
// within one run, so that other load on the machine affects both.
func compare(b *testing.B, floor, motia work) {
	b.Helper()
	alone := func(f work) func(*testing.B) {
		return func(b *testing.B) {
			b.ReportAllocs()
			f(b.N)
		}
	}
	b.Run("floor", alone(floor))
	b.Run("motia", alone(motia))
	b.Run("ratio", func(b *testing.B) {
		n := turn(floor)
		var ratios []float64
		for b.Loop() {
			first, second := floor, motia
			if len(ratios)%2 == 1 {
				first, second = second, first
			}
			x, y := elapsed(first, n), elapsed(second, n)
			if len(ratios)%2 == 1 {
				x, y = y, x
			}
			ratios = append(ratios, y.Seconds()/x.Seconds())
		}
		b.ReportMetric(quantile(ratios, 0.5), "ratio")
		b.ReportMetric(0, "ns/op") // hides the meaningless time of a turn
	})
}

// turn returns how often to do f in a turn, which lasts some milliseconds, so that it includes garbage collection.
func turn(f work) int {
	const least = 5 * time.Millisecond
	for n := 1; ; n *= 2 {
		if elapsed(f, n) >= least {
			return n
		}
	}
}

func elapsed(f work, n int) time.Duration {
	start := time.Now()
	f(n)
	return time.Since(start)
}

func quantile[T float64 | time.Duration](values []T, q float64) T {
	values = slices.Clone(values)
	slices.Sort(values)
	return values[min(int(q*float64(len(values))), len(values)-1)]
}

// requireExtraAllocs fails if motia needs more allocations beyond the floor than the budget allows.
func requireExtraAllocs(t *testing.T, budget float64, floor, motia work) {
	t.Helper()
	const each = 100
	count := func(f work) float64 { return testing.AllocsPerRun(20, func() { f(each) }) / each }
	var least, extra float64
	for range 10 { // repeated, since the race detector makes sync.Pool forget at times
		least, extra = count(floor), count(motia)-count(floor)
		if extra <= budget {
			t.Logf("%.2f allocations, by hand %.2f", least+extra, least)
			return
		}
	}
	t.Errorf("%.2f allocations, by hand %.2f: the difference is more than %v", least+extra, least, budget)
}

// heapInUse returns the bytes of live objects.
func heapInUse() int64 {
	runtime.GC()
	runtime.GC() // objects with a finalizer or in a pool take two collections
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
