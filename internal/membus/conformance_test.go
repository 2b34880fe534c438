package membus_test

import (
	"testing"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/driver/drivertest"
	"github.com/motia-go/motia/internal/membus"
)

func TestConformance(t *testing.T) {
	drivertest.TestBus(t, drivertest.Harness{Open: func(testing.TB, string) *driver.Backend {
		b := membus.New()
		return &driver.Backend{Bus: b, Close: b.Close}
	}})
}
