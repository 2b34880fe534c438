package memkv_test

import (
	"testing"

	"github.com/motia-go/motia/driver"
	"github.com/motia-go/motia/driver/drivertest"
	"github.com/motia-go/motia/internal/memkv"
)

func TestConformance(t *testing.T) {
	drivertest.TestKV(t, drivertest.Harness{Open: func(testing.TB, string) *driver.Backend {
		k := memkv.New()
		return &driver.Backend{KV: k, Close: k.Close}
	}})
}
