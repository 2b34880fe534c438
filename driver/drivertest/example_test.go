package drivertest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/motia-go/motia"
	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/driver/drivertest"
)

// This is the test of a driver that lives in the process. In the driver's package it is:
//
//	func TestConformance(t *testing.T) { drivertest.TestQueue(t, harness) }
func Example() {
	harness := drivertest.Harness{
		Open: func(testing.TB, string) *driver.Backend { return motia.InMemory(nil) },
	}
	test := func(t *testing.T) {
		drivertest.TestQueue(t, harness)
		drivertest.TestKV(t, harness)
		drivertest.TestBus(t, harness)
	}
	_ = test // go test calls it
}

// This is the test of a driver for a server: in real time, with a schema for each case.
func Example_server() {
	harness := drivertest.Harness{
		Open: func(tb testing.TB, store string) *driver.Backend {
			b, err := connect(tb.Context(), "postgres://localhost/test?schema="+store)
			if err != nil {
				tb.Fatal(err)
			}
			return b
		},
		Settle:     func() { time.Sleep(200 * time.Millisecond) },
		Unit:       500 * time.Millisecond,
		Increments: 200,
		Parallel:   true,
	}
	test := func(t *testing.T) { drivertest.TestQueue(t, harness) }
	_ = test // go test calls it
}

// connect stands for the driver's own function.
func connect(context.Context, string) (*driver.Backend, error) { return motia.InMemory(nil), nil }

// Documentation can name the cases that prove its promises, and a test can check that they exist.
func ExampleCases() {
	for _, c := range drivertest.Cases() {
		if c.Name == "queue/release" || c.Name == "kv/lock-renewal" {
			fmt.Printf("%s: %s\n", c.Name, c.Rule)
		}
	}
	// Output:
	// queue/release: OutcomeRelease returns a message to the head of its group.
	// kv/lock-renewal: A lock is renewed by compare-and-set, which fails if it has expired or has another holder.
}
