package memqueue_test

import (
	"testing"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/driver/drivertest"
	"github.com/motia-go/motia/internal/memqueue"
)

func TestConformance(t *testing.T) {
	drivertest.TestQueue(t, drivertest.Harness{Open: func(testing.TB, string) *driver.Backend {
		q := memqueue.New(memqueue.Options{})
		return &driver.Backend{Queue: q, Features: driver.Features{AtomicPublish: true}, Close: q.Close}
	}})
}
